package interop

import (
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestSwaks sends by the tool that postmasters test with.
func TestSwaks(t *testing.T) {
	s := demo.Start(t, 3)
	message := write(t, filepath.Join(t.TempDir(), "message"), "From: Zoë <a@example.org>\nSubject: Grüße\n\n.\n..dots\nGrüße aus Köln") // swaks ends the line
	swaks := func(ok []int, args ...string) string {
		return run(t, program{name: "swaks", ok: ok, args: append([]string{
			"--server", "127.0.0.1", "--from", "a@example.org", "--helo", "client.example", "--data", "@" + message}, args...)})
	}
	smtp, lmtp := s.Port(demo.SMTP), s.Port(demo.LMTP)
	swaks(nil, "--port", smtp, "--to", "u1@demo.test")
	swaks(nil, "--port", smtp, "--to", "u1@demo.test,u2@demo.test,u3+tag@demo.test", "--pipeline")
	swaks(nil, "--port", smtp, "--to", "u1@demo.test", "--tls")
	swaks(nil, "--port", lmtp, "--to", "u1@demo.test,u2@demo.test", "--protocol", "LMTP")
	swaks(nil, "--port", lmtp, "--to", "u1@demo.test", "--protocol", "LMTP", "--pipeline")
	swaks(nil, "--port", smtp, "--to", "u1@demo.test", "--from", "<>")

	write(t, message, "From: Zoë <u3@demo.test>\nSubject: Grüße\n\n.\n..dots\nGrüße aus Köln")
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		with := []string{"--from", "u3@demo.test", "--to", "u2@demo.test", "--auth", mechanism, "--auth-user", "u3", "--auth-password", demo.Password}
		swaks(nil, append(with, "--port", s.Port(demo.Submissions), "--tls-on-connect")...)
		swaks(nil, append(with, "--port", s.Port(demo.Submission), "--tls")...)
		wrong := swaks([]int{28}, append(with[:len(with)-1:len(with)-1], "wrong", "--port", s.Port(demo.Submission), "--tls")...) // 28: no authentication
		if !strings.Contains(wrong, "535 5.7.8") {
			t.Errorf("a wrong password: want 535 5.7.8:\n%s", wrong)
		}
	}
	within(t, "what was submitted is in the mailbox", func() bool { return count(t, login(t, s, "u2"), "INBOX", "MESSAGES") == 6 })
	refused := swaks([]int{24}, "--port", smtp, "--to", "nobody@demo.test") // 24: no recipient was accepted
	if !strings.Contains(refused, "550 5.1.1") {
		t.Errorf("an unknown user: want 550 5.1.1:\n%s", refused)
	}
	refused = swaks([]int{24}, "--port", smtp, "--to", "somebody@elsewhere.example")
	if !strings.Contains(refused, "550 5.7.1") {
		t.Errorf("relaying: want 550 5.7.1:\n%s", refused)
	}
	for user, want := range map[string]int{"u1": 6, "u2": 6, "u3": 1} {
		p := maildrop(t, s, user)
		n, _, err := p.Stat()
		if err != nil || n != want {
			t.Errorf("%s has %d messages (%v), want %d", user, n, err, want)
		}
		for i := range n {
			text, err := p.Retr(i + 1)
			if err != nil || !strings.Contains(string(text), "\r\nSubject: Grüße\r\n") || !strings.HasSuffix(string(text), "\r\n\r\n.\r\n..dots\r\nGrüße aus Köln\r\n") {
				t.Errorf("%s: message %d came as %q (%v)", user, i+1, text, err)
			}
		}
	}
}
