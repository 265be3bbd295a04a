package internet

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"restante/test/client"
)

// harmless is a message that all take.
const harmless = "\r\n..\r\n"

// TestSmuggling sends messages with something in them that a careless host takes for their end, so that what follows would be commands (SMTP smuggling). They
// are refused, or arrive so that nobody can take it for that.
func TestSmuggling(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	there := &stranger{keep: true}
	w.stranger(t, "there.test", there)
	end := regexp.MustCompile(`(?:^|[\r\n])\.(?:[\r\n]|$)`)
	n := 0
	for _, door := range []string{"DATA", "BDAT"} {
		for _, trick := range []string{harmless, "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n.\r", "\r.\r\n", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\r\n.\r\r\n"} {
			n++
			subject := fmt.Sprintf("smuggled %d", n)
			t.Run(fmt.Sprintf("%s %q", door, trick), func(t *testing.T) {
				m, err := a.login()
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				evil := trick + "MAIL FROM:<admin@a.test>\r\nRCPT TO:<x@there.test>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n"
				taken, err := smuggle(m, door, string(letter("anna@a.test", "x@there.test", subject, "Hello."+evil)))
				if err != nil {
					t.Fatal(err)
				}
				if !taken {
					if trick == harmless {
						t.Error("a message without tricks is refused")
					}
					return
				}
				a.drained(t)
				raw := there.raw(subject)
				if loc := end.FindStringIndex(raw); loc == nil || loc[1] < len(raw)-1 {
					t.Errorf("it went out as %q", raw)
				}
			})
		}
	}
	if there.taken("evil") > 0 {
		t.Error("what was smuggled has gone out")
	}
}

// smuggle sends a message as it is. The line end of the final dot comes after it.
func smuggle(m *client.Mailer, door, message string) (taken bool, err error) {
	for _, line := range []string{"MAIL FROM:<anna@a.test>", "RCPT TO:<x@there.test>"} {
		if r, err := m.Command(line); err != nil || !r.OK() {
			return false, fmt.Errorf("%s: %v %w", line, r, err)
		}
	}
	var r client.Reply
	if door == "BDAT" {
		r, err = m.Command(fmt.Sprintf("BDAT %d LAST\r\n%s", len(message), strings.TrimSuffix(message, "\r\n")))
		return r.OK(), err
	}
	if r, err = m.Command("DATA"); err != nil || r.Code != 354 {
		return false, fmt.Errorf("DATA: %v %w", r, err)
	}
	r, err = m.Command(message + ".")
	return r.OK(), err
}
