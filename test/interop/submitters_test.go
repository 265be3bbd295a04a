package interop

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestSubmitters sends by programs that people and machines send with, by both doors and after a login: what u1 sends comes to u2 once, whole,
// and lies in u1's Sent once.
func TestSubmitters(t *testing.T) {
	s := demo.Start(t, 3)
	home := t.TempDir()
	message := func(subject string) string {
		return fmt.Sprintf("From: Zoë <u1@demo.test>\nTo: u2@demo.test\nBcc: u3@demo.test\nSubject: %s\n\nGrüße.\n.\n..dots\n", subject)
	}
	sent := 0
	sends := func(t *testing.T, n int, p program) {
		t.Helper()
		p.env = append(p.env, "HOME="+home, "LC_ALL=C.UTF-8")
		run(t, p)
		sent += n
		within(t, "what was sent is with u2 and u3, and in Sent", func() bool {
			u1, u2, u3 := login(t, s, "u1"), login(t, s, "u2"), login(t, s, "u3")
			defer u1.Close()
			defer u2.Close()
			defer u3.Close()
			return count(t, u2, "INBOX", "MESSAGES") == int64(sent) && count(t, u3, "INBOX", "MESSAGES") == int64(sent) && count(t, u1, "Sent", "MESSAGES") == int64(sent)
		})
	}
	for _, mechanism := range []string{"plain", "login", "scram-sha-256"} {
		for door, starttls := range map[int]string{demo.Submissions: "off", demo.Submission: "on"} {
			t.Run(fmt.Sprintf("msmtp %s %d", mechanism, door), func(t *testing.T) {
				rc := write(t, filepath.Join(home, "msmtprc"), fmt.Sprintf("account default\nhost 127.0.0.1\nport %s\ntls on\ntls_starttls %s\ntls_certcheck off\n"+
					"auth %s\nuser u1\npassword %s\nfrom u1@demo.test\nset_from_header off\n", s.Port(door), starttls, mechanism, demo.Password))
				sends(t, 1, program{name: "msmtp", args: []string{"-C", rc, "-t"}, in: message("msmtp " + mechanism)})
			})
		}
	}
	file := write(t, filepath.Join(home, "letter"), strings.ReplaceAll(message("curl"), "\n", "\r\n"))
	for _, url := range []string{"smtps://" + s.Addr(demo.Submissions), "smtp://" + s.Addr(demo.Submission)} {
		for _, how := range []string{"AUTH=PLAIN", "AUTH=LOGIN"} {
			t.Run("curl "+url[:5]+" "+how, func(t *testing.T) {
				sends(t, 1, program{name: "curl", args: []string{"-sS", "--insecure", "--ssl-reqd", "--user", "u1:" + demo.Password, "--login-options", how, "--mail-from", "u1@demo.test",
					"--mail-rcpt", "u2@demo.test", "--mail-rcpt", "u3@demo.test", "--upload-file", file, url + "/client.example"}})
			})
		}
	}
	for door, scheme := range map[int]string{demo.Submissions: "smtps", demo.Submission: "smtp"} {
		t.Run("neomutt "+scheme, func(t *testing.T) {
			rc := write(t, filepath.Join(home, "muttrc"), fmt.Sprintf("set smtp_url=\"%s://u1@%s/\" smtp_pass=%s smtp_authenticators=\"plain\"\n"+
				"set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no ssl_verify_dates=no certificate_file=%s\n"+
				"set from=u1@demo.test realname=\"Zoë\" hostname=client.example use_envelope_from=yes record=\"\"\n",
				scheme, s.Addr(door), demo.Password, certificate(t, s, home)))
			sends(t, 1, program{name: "neomutt", args: []string{"-n", "-F", rc, "-s", "By neomutt: Grüße", "-b", "u3@demo.test", "--", "u2@demo.test"}, in: "Grüße.\n.\n"})
		})
	}
	t.Run("nodemailer", func(t *testing.T) {
		sends(t, 6, program{name: "node", args: []string{"imapflow/send.mjs"}, env: []string{
			"SUBMISSION=" + s.Port(demo.Submission), "SUBMISSIONS=" + s.Port(demo.Submissions)}})
	})
	p := maildrop(t, s, "u2")
	for i := range sent {
		text, err := p.Retr(i + 1)
		if err != nil || strings.Contains(string(text), "\r\nBcc:") || !strings.Contains(string(text), "\r\nMessage-ID: ") && !strings.Contains(string(text), "\r\nMessage-Id: ") {
			t.Errorf("message %d came as %.400q (%v)", i+1, text, err)
		}
	}
}

// certificate is the file of the server's own, for programs that ask a person otherwise.
func certificate(t *testing.T, s *demo.Server, home string) string {
	t.Helper()
	text := run(t, program{name: "openssl", args: []string{"s_client", "-connect", s.Addr(demo.Submissions), "-showcerts"}, in: "\n"})
	begin, end := strings.Index(text, "-----BEGIN"), strings.Index(text, "-----END CERTIFICATE-----")
	if begin < 0 || end < begin {
		t.Fatal("no certificate: " + text)
	}
	return write(t, filepath.Join(home, "certificates"), text[begin:end]+"-----END CERTIFICATE-----\n")
}
