package interop

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"restante/test/demo"
)

// TestImapFlow runs imapflow, a library of many Node.js programs: CONDSTORE, QRESYNC, IDLE, COMPRESS, OBJECTID, special uses.
func TestImapFlow(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("imapflow/node_modules"); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("imapflow is not installed: run make deps")
	}
	s := demo.Start(t, 1)
	run(t, program{name: "node", args: []string{"imapflow/session.mjs"}, env: []string{
		"IMAP=" + s.Port(demo.IMAP), "IMAPS=" + s.Port(demo.IMAPS),
	}})
}
