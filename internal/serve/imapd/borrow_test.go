package imapd_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// looked counts how often somebody has begun to read an engine.
type looked struct {
	kv.Engine
	n atomic.Int64
}

func (l *looked) Snapshot() (kv.Snapshot, error) {
	l.n.Add(1)
	return l.Engine.Snapshot()
}

// TestBorrowedAccountsAreGivenBack: after a command nobody holds the accounts of others that it looked into, refused or not, but for that of
// the mailbox that is selected.
func TestBorrowedAccountsAreGivenBack(t *testing.T) { synctest.Test(t, borrowedAccountsAreGivenBack) }

func borrowedAccountsAreGivenBack(t *testing.T) {
	engine := &looked{Engine: memkv.New()}
	o := plain()
	o.engine, o.store = engine, store.Options{CacheBytes: 1} // what nobody holds is not kept
	h := newHouse(t, o)
	defer h.stop()
	held := func() bool {
		synctest.Wait()
		a := h.open("u1")
		box, err := a.View().Lookup("INBOX")
		h.must(err)
		h.must(box.Load(t.Context())) // so that it is too large to be kept
		a.Close()
		before := engine.n.Load()
		h.open("u1").Close()
		return engine.n.Load() == before
	}
	owner := h.login("u1")
	owner.ok("SETACL INBOX u2 lr")
	owner.ok("APPEND INBOX {20+}\r\nSubject: x\r\n\r\nabcd\r\n")
	owner.ok("LOGOUT")
	owner.close()
	c := h.login("u2")
	defer c.close()
	for _, command := range []string{
		`ESEARCH IN (mailboxes ("Other Users/u1@demo.test/INBOX" "Other Users/U1@demo.test/INBOX" INBOX)) RETURN (COUNT) ALL`,
		`ESEARCH IN (mailboxes "Other Users/u1@demo.test/Sent") ALL`,
		`ESEARCH IN (mailboxes "Other Users/u1@demo.test/INBOX") CHARSET x-unknown BODY abc`,
		`APPEND Archive CATENATE (URL "/Other%20Users/u1@demo.test/INBOX/;UID=1")`,
		`APPEND Archive CATENATE (URL "/Other%20Users/u1@demo.test/Sent/;UID=1")`,
		`STATUS "Other Users/u1@demo.test/INBOX" (MESSAGES)`,
		`URLFETCH "imap://u1@mail.demo.test/INBOX/;UID=1;urlauth=anonymous:internal:01"`,
		`LIST "" "*" RETURN (STATUS (MESSAGES))`,
	} {
		c.do("%s", command)
		if held() {
			t.Errorf("the account is held after %s", command)
		}
	}
	c.ok(`EXAMINE "Other Users/u1@demo.test/INBOX"`)
	c.ok(`ESEARCH IN (selected mailboxes ("Other Users/u1@demo.test/INBOX" INBOX)) RETURN (COUNT) ALL`)
	if !held() {
		t.Error("the account of the selected mailbox was given back")
	}
	c.ok("UNSELECT")
	if held() {
		t.Error("the account is held after UNSELECT")
	}
}
