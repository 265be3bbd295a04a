package pop3d

import (
	"context"
	"fmt"
	"iter"

	"restante/internal/directory"
	"restante/internal/store"
)

// maildrop is what one session sees and has marked.
type maildrop struct {
	account *store.Account
	inbox   *store.MailboxView
	seed    store.Seed
	origin  store.Origin
	unpin   func()

	// places are the entries by message-number where a message lies in the
	// mailbox twice: it is listed once (store.md, Memberships). nil, as
	// almost always: every entry, in order.
	places []uint32
	size   uint64 // of all listed, in octets

	marks  []uint64 // one bit for each deleted message; nil before the first DELE
	marked int
	freed  uint64 // octets of the marked
}

// openMaildrop takes the snapshot.
func openMaildrop(ctx context.Context, s *store.Store, id directory.Identity) (*maildrop, error) {
	account, err := s.Account(ctx, id.Account)
	if err != nil {
		return nil, fmt.Errorf("opening the maildrop: %w", err)
	}
	d := &maildrop{
		account: account,
		unpin:   account.Pin(), // before the view: what it shows must stay
		origin:  store.Origin{Device: id.Device, Protocol: store.ProtocolPOP3},
	}
	view := account.View()
	d.seed = view.Seed()
	if d.inbox, err = view.ByRole(store.RoleInbox); err == nil {
		err = d.inbox.Load(ctx)
	}
	if err != nil {
		d.close()
		return nil, fmt.Errorf("opening the maildrop: %w", err)
	}
	d.size = d.inbox.Bytes()
	d.hideDoubles()
	return d, nil
}

func (d *maildrop) close() {
	d.unpin()
	d.account.Close()
}

// hideDoubles finds messages that lie in the mailbox more than once. Ids grow
// with time, as UIDs do: where they ascend there are none, and that is the end
// of it.
func (d *maildrop) hideDoubles() {
	var last store.MessageID
	ascending := true
	for e := range d.inbox.All() {
		if e.Message <= last {
			ascending = false
			break
		}
		last = e.Message
	}
	if ascending {
		return
	}
	seen := make(map[store.MessageID]struct{}, d.inbox.Len())
	places := make([]uint32, 0, d.inbox.Len())
	size := uint64(0)
	at := uint32(0)
	for e := range d.inbox.All() {
		if _, double := seen[e.Message]; !double {
			seen[e.Message] = struct{}{}
			places = append(places, at)
			size += e.Size
		}
		at++
	}
	if len(places) < d.inbox.Len() {
		d.places, d.size = places, size
	}
}

// total is the number of messages at login, and so the highest number.
func (d *maildrop) total() int {
	if d.places != nil {
		return len(d.places)
	}
	return d.inbox.Len()
}

// count and octets are RFC 1939 5's drop listing: without the deleted.
func (d *maildrop) count() int     { return d.total() - d.marked }
func (d *maildrop) octets() uint64 { return d.size - d.freed }

// entry is the message of number n, from 1 to total.
func (d *maildrop) entry(n int) *store.Entry {
	if d.places != nil {
		return d.inbox.At(int(d.places[n-1]))
	}
	return d.inbox.At(n - 1)
}

func (d *maildrop) isMarked(n int) bool {
	return d.marks != nil && d.marks[(n-1)/64]&(1<<((n-1)%64)) != 0
}

// mark deletes message n for this session.
func (d *maildrop) mark(n int) {
	if d.marks == nil {
		d.marks = make([]uint64, (d.total()+63)/64)
	}
	d.marks[(n-1)/64] |= 1 << ((n - 1) % 64)
	d.marked++
	d.freed += d.entry(n).Size
}

func (d *maildrop) unmarkAll() { d.marks, d.marked, d.freed = nil, 0, 0 }

// listed yields the messages that are not deleted, by number.
func (d *maildrop) listed() iter.Seq2[int, *store.Entry] {
	return func(yield func(int, *store.Entry) bool) {
		if d.places != nil {
			for n := 1; n <= len(d.places); n++ {
				if !d.isMarked(n) && !yield(n, d.entry(n)) {
					return
				}
			}
			return
		}
		n := 0
		for e := range d.inbox.All() {
			if n++; !d.isMarked(n) && !yield(n, e) {
				return
			}
		}
	}
}

// commit is the UPDATE state: it removes what is marked, and returns after the
// sync. What somebody else has removed meanwhile is removed all the same.
func (d *maildrop) commit(ctx context.Context) error {
	if d.marked == 0 {
		return nil
	}
	if _, err := d.account.Expunge(ctx, d.origin, d.inbox, d.markedRanges()); err != nil {
		return fmt.Errorf("removing %d messages: %w", d.marked, err)
	}
	return nil
}

// markedRanges are the UIDs of the deleted messages, doubles included. A range
// runs over neighbours in the snapshot: what came between them later is not in
// the snapshot, and Expunge keeps to that.
func (d *maildrop) markedRanges() []store.UIDRange {
	doomed := make(map[store.MessageID]struct{})
	if d.places != nil {
		for n := range d.places {
			if d.isMarked(n + 1) {
				doomed[d.entry(n+1).Message] = struct{}{}
			}
		}
	}
	var ranges []store.UIDRange
	n, open := 0, false
	for e := range d.inbox.All() {
		n++
		in := d.places == nil && d.isMarked(n)
		if d.places != nil {
			_, in = doomed[e.Message]
		}
		switch {
		case in && open:
			ranges[len(ranges)-1].Hi = e.UID
		case in:
			ranges = append(ranges, store.UIDRange{Lo: e.UID, Hi: e.UID})
		}
		open = in
	}
	return ranges
}
