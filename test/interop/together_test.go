package interop

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestSnapshot has IMAP expunge 100 messages while a POP3 session is open: the
// session RETRs all of them; after QUIT and a new login they are gone.
func TestSnapshot(t *testing.T) {
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letters(100)...)
	p := maildrop(t, s, "u1")
	sizes, err := p.List()
	if err != nil || len(sizes) != 100 {
		t.Fatalf("LIST: %d messages (%v)", len(sizes), err)
	}
	c := login(t, s, "u1")
	do(t, c, "SELECT INBOX")
	do(t, c, `STORE 1:* +FLAGS.SILENT (\Deleted)`)
	do(t, c, "EXPUNGE")
	if n := count(t, c, "INBOX", "MESSAGES"); n != 0 {
		t.Fatalf("IMAP still has %d messages", n)
	}
	for n, size := range sizes {
		text, err := p.Retr(n + 1)
		if err != nil || int64(len(text)) != size || !bytes.HasSuffix(text, letter(n+1)) {
			t.Fatalf("message %d after the EXPUNGE: %q (%v)", n+1, text, err)
		}
	}
	if err := p.Quit(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := maildrop(t, s, "u1").Stat(); err != nil || n != 0 {
		t.Errorf("the next session has %d messages (%v)", n, err)
	}
}

// TestQuitIsTheWord kills the server between DELE and QUIT, after which all is
// still there, and after QUIT's +OK, after which all that was marked is gone.
func TestQuitIsTheWord(t *testing.T) {
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letters(20)...)
	dele := func() {
		t.Helper()
		p := maildrop(t, s, "u1")
		for n := range 10 {
			if _, err := p.Command(fmt.Sprintf("DELE %d", n+1)); err != nil {
				t.Fatal(err)
			}
		}
		if n, _, err := p.Stat(); err != nil || n != 10 {
			t.Fatalf("STAT after DELE: %d (%v)", n, err)
		}
		t.Cleanup(func() { p.Close() })
	}
	restart := func() {
		t.Helper()
		s.Kill()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	dele()
	restart()
	p := maildrop(t, s, "u1")
	if n, _, err := p.Stat(); err != nil || n != 20 {
		t.Fatalf("killed before QUIT: %d messages are left (%v)", n, err)
	}
	for n := range 10 {
		if _, err := p.Command(fmt.Sprintf("DELE %d", n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Quit(); err != nil {
		t.Fatal(err)
	}
	restart()
	if n, _, err := maildrop(t, s, "u1").Stat(); err != nil || n != 10 {
		t.Errorf("killed after QUIT: %d messages are left, want 10 (%v)", n, err)
	}
}

// TestCertificate believes the demo's certificate and nothing else: its name and
// signature hold on every port.
func TestCertificate(t *testing.T) {
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letter(1))
	const host = "mail.demo.test"
	for url, port := range map[string]string{
		"imaps://%s:%s/INBOX;MAILINDEX=1": s.Port(demo.IMAPS), "pop3s://%s:%s/1": s.Port(demo.POP3S),
		"imap://%s:%s/INBOX;MAILINDEX=1": s.Port(demo.IMAP), "pop3://%s:%s/1": s.Port(demo.POP3),
	} {
		got := run(t, program{name: "curl", args: []string{"-sS", "--ssl-reqd", "--cacert", filepath.Join(s.Dir(), "tls", "self-signed.pem"),
			"--resolve", host + ":" + port + ":127.0.0.1", "--user", "u1:pass", fmt.Sprintf(url, host, port)}})
		if !strings.HasSuffix(got, string(letter(1))) {
			t.Errorf("%s: %q", url, got)
		}
	}
}
