package interop

import (
	"testing"
	"time"

	"restante/test/demo"
)

// TestContract holds the demo to what every other test relies on: 1,000 accounts
// within five seconds, an end within two, and all mail on the next start.
func TestContract(t *testing.T) {
	s := demo.Start(t, 1000)
	if s.Startup > 5*time.Second {
		t.Errorf("1,000 accounts took %v, want 5 s at most", s.Startup)
	}
	deliver(t, s, "u1000", letters(3)...)
	login(t, s, "u1") // a session that is open must not hold up the end
	begin := time.Now()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("SIGTERM took %v, want 2 s at most", took)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if s.Startup > 5*time.Second {
		t.Errorf("the next start took %v, want 5 s at most", s.Startup)
	}
	if n := count(t, login(t, s, "u1000"), "INBOX", "MESSAGES"); n != 3 {
		t.Errorf("after the restart there are %d messages, want 3", n)
	}
}
