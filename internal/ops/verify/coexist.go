package verify

import (
	"fmt"
	"math/bits"

	"restante/internal/store/keys"
)

// readUIDLs checks that messages have UIDLs from elsewhere, and UIDLs their messages, both ways the same.
func (a *accountCheck) readUIDLs() error {
	of := make(map[keys.MessageID]string)
	err := a.scan(keys.OfAccount(keys.TableUIDL, a.id), func(k, v []byte) error {
		n, err := keys.Tail64(k)
		id := keys.MessageID(n)
		if _, ok := a.messages[id]; !ok || err != nil || !keys.GoodUIDL(string(v)) {
			a.bad(msg(id), "has UIDL %q, which cannot be, or does not exist", v)
		}
		of[id] = string(v)
		return nil
	})
	if err != nil {
		return err
	}
	prefix := keys.OfAccount(keys.TableUIDLOwner, a.id)
	err = a.scan(prefix, func(k, v []byte) error {
		n, err := keys.DecodeID(v)
		id, uidl := keys.MessageID(n), string(k[len(prefix):])
		if err != nil || of[id] != uidl {
			a.bad(msg(id), "UIDL %q is said to be its own and is not", uidl)
			return nil
		}
		delete(of, id)
		return nil
	})
	for id, uidl := range of {
		a.bad(msg(id), "its UIDL %q could be given to another", uidl)
	}
	return err
}

// sharedDevice has the marks of those that share a view; it never logs in itself.
const sharedDevice keys.DeviceID = 1<<32 - 1

// readDevices checks what devices have done: the marks of what they have taken are of messages that there are, and they are counted.
func (a *accountCheck) readDevices() error {
	counts := make(map[keys.DeviceID]uint64)
	rows := keys.OfAccount(keys.TableDevice, a.id)
	err := a.scan(rows, func(k, v []byte) error {
		dev, counter, err := keys.DeviceOf(k)
		if err == nil && counter {
			counts[dev], err = keys.DecodeID(v)
		} else if err == nil {
			_, err = keys.DecodeDevice(v)
		}
		if err != nil {
			a.bad(device(dev), "what it has done cannot be read")
		}
		return nil
	})
	if err != nil {
		return err
	}
	marks := make(map[keys.DeviceID]uint64)
	err = a.scan(keys.OfAccount(keys.TableTaken, a.id), func(k, v []byte) error {
		_, dev, page, err := keys.TakenOf(k)
		p, derr := keys.DecodeTakenPage(v)
		if err != nil || derr != nil || p.Present == 0 {
			a.bad(device(dev), "marks %d of what it has taken cannot be read or are none", page)
			return nil
		}
		for rest := p.Present; rest != 0; rest &= rest - 1 {
			id := keys.MessageID(page<<keys.TakenBits) | keys.MessageID(bits.TrailingZeros64(rest))
			if _, ok := a.messages[id]; !ok {
				a.bad(device(dev), "has taken message %d, which does not exist", id)
			}
		}
		marks[dev] += uint64(len(p.Times))
		return nil
	})
	for dev, n := range marks {
		if dev != sharedDevice && n > counts[dev] {
			a.bad(device(dev), "has marks of %d messages and has taken %d", n, counts[dev])
		}
	}
	return err
}

func device(id keys.DeviceID) string { return fmt.Sprintf("device %d", id) }

// compareRetention checks that somebody will look at what a mailbox's own retention removes. Those of the server's can change at
// any time, and are looked at daily.
func (a *accountCheck) compareRetention() {
	waits := make(map[keys.MailboxID]bool)
	for at, e := range a.entries {
		m := a.mailboxes[at.Mailbox]
		rule, own := keys.DecodeRetention(m.props.Retention)
		if !own || rule.Seconds == 0 || e.Flags&keys.Flagged != 0 && !rule.Flagged || m.props.Role == keys.RoleInbox && e.Flags&keys.Seen == 0 {
			continue
		}
		waits[at.Mailbox] = true
	}
	for id := range waits {
		if !a.retains[retained{a.id, id}] {
			a.bad(box(id), "its retention is never due")
		}
	}
}

// retained is a mailbox of which a hint says that its retention may be due.
type retained struct {
	account keys.AccountID
	mailbox keys.MailboxID
}

// due checks the hints of what is due. Those of an account that has been erased stay until their time.
func (c *checker) due() error {
	next := keys.AccountID(0)
	if v, err := c.r.Get(c.ctx, keys.StoreKey("accounts")); err == nil {
		n, _ := keys.DecodeID(v)
		next = keys.AccountID(n)
	}
	return c.scan([]byte{byte(keys.TableDue)}, func(k, v []byte) error {
		due, acct, kind, mbox, id, err := keys.DueOf(k)
		removed, derr := keys.DecodeID(v)
		switch {
		case err != nil || derr != nil || kind < keys.DueErase || kind > keys.DueWarn:
			c.found(acct, "sweep hints", "a row cannot be read: %x", k)
		case !c.accounts[acct] && acct >= next:
			c.found(acct, "sweep hints", "the account has never been")
		case !c.accounts[acct]:
		case kind == keys.DueRetain:
			c.retains[retained{acct, mbox}] = true
		case kind == keys.DueErase:
			g, err := c.r.Get(c.ctx, keys.RemovedKey(acct, removed, id, mbox))
			row, derr := keys.DecodeRemoved(g)
			if err != nil || derr != nil || uint64(row.Until) != due {
				c.found(acct, msg(id), "is due to be erased, and has not been removed or not until then")
			}
		}
		return nil
	})
}
