package store

import "sync"

// recent remembers which messages have been \Recent for somebody (RFC 3501
// 2.3.2). A claim costs no commit: it goes to disk with the mailbox's next
// change, and a crash before that only shows some messages as recent twice.
type recent struct {
	mu     sync.Mutex
	floors map[MailboxID]UID
}

func (r *recent) floor(id MailboxID) UID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.floors[id]
}

// ClaimRecent returns the UID from which on messages of the mailbox view are
// \Recent, and makes them recent for nobody else: what SELECT does.
func (h *Account) ClaimRecent(m *MailboxView) UID {
	r := &h.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	floor := max(m.box.ctr.RecentFloor, r.floors[m.ID()])
	if r.floors == nil {
		r.floors = make(map[MailboxID]UID)
	}
	r.floors[m.ID()] = max(floor, m.UIDNext())
	return floor
}

// RecentFloor is ClaimRecent without the claim: what EXAMINE and STATUS see.
func (h *Account) RecentFloor(m *MailboxView) UID {
	return max(m.box.ctr.RecentFloor, h.recent.floor(m.ID()))
}
