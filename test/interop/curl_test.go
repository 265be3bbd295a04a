package interop

import (
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestCurl sends and reads by curl, in the clear and over TLS.
func TestCurl(t *testing.T) {
	s := demo.Start(t, 2)
	curl := func(args ...string) string {
		return run(t, program{name: "curl", args: append([]string{"-sS", "--insecure", "--user", "u1:pass"}, args...)})
	}
	file := write(t, filepath.Join(t.TempDir(), "letter"), string(letter(1)))
	send := []string{"--mail-from", "a@example.org", "--mail-rcpt", "u1@demo.test", "--mail-rcpt", "u2@demo.test", "--upload-file", file}
	run(t, program{name: "curl", args: append([]string{"-sS", "smtp://" + s.Addr(demo.SMTP)}, send...)})
	run(t, program{name: "curl", args: append([]string{"-sS", "--insecure", "--ssl-reqd", "smtp://" + s.Addr(demo.SMTP)}, send...)})

	for _, url := range []string{"pop3://" + s.Addr(demo.POP3), "pop3s://" + s.Addr(demo.POP3S)} {
		if got := curl(url + "/"); len(strings.Fields(got)) != 4 {
			t.Errorf("%s lists %q, want two messages", url, got)
		}
		if got := curl(url + "/1"); !strings.HasSuffix(got, string(letter(1))) {
			t.Errorf("%s/1 is %q", url, got)
		}
		if got := curl("--request", "CAPA", url); !strings.Contains(got, "UIDL") {
			t.Errorf("%s: CAPA is %q", url, got)
		}
	}
	if got := curl("--ssl-reqd", "pop3://"+s.Addr(demo.POP3)+"/2"); !strings.HasSuffix(got, string(letter(1))) {
		t.Errorf("over STLS message 2 is %q", got)
	}
	for _, url := range []string{"imap://" + s.Addr(demo.IMAP), "imaps://" + s.Addr(demo.IMAPS)} {
		if got := curl(url + "/INBOX;MAILINDEX=1"); !strings.HasSuffix(got, string(letter(1))) {
			t.Errorf("%s: message 1 is %q", url, got)
		}
		if got := curl(url); !strings.Contains(got, "Drafts") {
			t.Errorf("%s lists %q", url, got)
		}
		curl("--upload-file", file, url+"/Drafts")
	}
	if got := curl("--ssl-reqd", "--request", "EXAMINE Drafts", "imap://"+s.Addr(demo.IMAP)); !strings.Contains(got, "2 EXISTS") {
		t.Errorf("over STARTTLS, Drafts is %q", got)
	}
}
