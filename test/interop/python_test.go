package interop

import (
	"testing"

	"restante/test/demo"
)

// TestPython runs the scripts under testdata, which use Python's own mail
// libraries and check what they get.
func TestPython(t *testing.T) {
	s := demo.Start(t, 3)
	for _, script := range []string{"smtp.py", "pop3.py", "imap.py", "submit.py"} {
		t.Run(script, func(t *testing.T) {
			run(t, program{name: "python3", args: []string{"testdata/" + script}, env: []string{
				"SMTP=" + s.Port(demo.SMTP), "LMTP=" + s.Port(demo.LMTP), "POP3=" + s.Port(demo.POP3),
				"POP3S=" + s.Port(demo.POP3S), "SUBMISSION=" + s.Port(demo.Submission), "SUBMISSIONS=" + s.Port(demo.Submissions), "IMAP=" + s.Port(demo.IMAP), "IMAPS=" + s.Port(demo.IMAPS),
				"PYTHONDONTWRITEBYTECODE=1",
			}})
		})
	}
}
