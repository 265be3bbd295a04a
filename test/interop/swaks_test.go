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

	refused := swaks([]int{24}, "--port", smtp, "--to", "nobody@demo.test") // 24: no recipient was accepted
	if !strings.Contains(refused, "550 5.1.1") {
		t.Errorf("an unknown user: want 550 5.1.1:\n%s", refused)
	}
	refused = swaks([]int{24}, "--port", smtp, "--to", "somebody@elsewhere.example")
	if !strings.Contains(refused, "550 5.7.1") {
		t.Errorf("relaying: want 550 5.7.1:\n%s", refused)
	}
	for user, want := range map[string]int{"u1": 6, "u2": 2, "u3": 1} {
		p := maildrop(t, s, user)
		n, _, err := p.Stat()
		if err != nil || n != want {
			t.Errorf("%s has %d messages (%v), want %d", user, n, err, want)
		}
		for i := range n {
			text, err := p.Retr(i + 1)
			if err != nil || !strings.HasSuffix(string(text), "Subject: Grüße\r\n\r\n.\r\n..dots\r\nGrüße aus Köln\r\n") {
				t.Errorf("%s: message %d came as %q (%v)", user, i+1, text, err)
			}
		}
	}
}
