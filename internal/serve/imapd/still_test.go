package imapd_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestStillHere: where an operator wants it, a client in IDLE hears that the connection stands, and nothing else of a session changes.
func TestStillHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := plain()
		o.imap.StillHere = 2 * time.Minute
		h := newHouse(t, o)
		defer h.stop()
		c := h.login("u1")
		began := time.Now()
		c.do("IDLE")
		for i := 1; i < 15; i++ {
			if res := c.read(); res.Raw != "* OK Still here" || time.Since(began) != time.Duration(i)*2*time.Minute {
				t.Fatalf("%s after %v", res.Raw, time.Since(began))
			}
		}
		if res := c.read(); res.Name != "BYE" || time.Since(began) != 30*time.Minute {
			t.Errorf("%s after %v", res.Raw, time.Since(began))
		}
		c.close()
	})
}
