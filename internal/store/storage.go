package store

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/retention"
)

// StorageOptions say how much a storage report tells; the zero value works.
type StorageOptions struct {
	Top  int            // how many messages and senders are named; 0: 10, at most 1000
	Zone *time.Location // whose days releases are told by; nil: UTC
}

// maxTop bounds StorageOptions.Top.
const maxTop = 1000

// StorageReport says what an account's mail takes, and what will leave by itself.
type StorageReport struct {
	At          time.Time
	Used, Limit Quota
	Mailboxes   []MailboxUse   // in the order of View.Mailboxes, without names that hold only others
	Largest     []LargeMessage // the largest first
	Senders     []SenderUse    // whose mail takes most first
	SenderCount int            // of all
	Removed     RemovedUse
	Releases    []ReleaseDay // by day, and then by what becomes of the messages
	// RuleEnds says that some POP device's rule lets go of messages after a period; without it nothing is ever released.
	RuleEnds bool
}

// MailboxUse is what a mailbox takes. A message that lies in two mailboxes counts in both of them.
type MailboxUse struct {
	ID        MailboxID
	Path      string
	Role      Role
	Messages  int
	Octets    uint64
	Retention Retention // For 0: messages stay
	// Leaving is what retention removes in the next 7 and 30 days, if nothing changes.
	Leaving7, Leaving30 Sum
}

// Sum is some messages and their octets.
type Sum struct {
	Messages int
	Octets   uint64
}

func (u *Sum) add(octets uint64) { u.Messages, u.Octets = u.Messages+1, u.Octets+octets }

// LargeMessage is one of the largest messages.
type LargeMessage struct {
	ID      MessageID
	Size    uint64
	Mailbox string // path of the first that it lies in
	UID     UID
	Date    time.Time // internal date
	Subject string    // as it stands in the header, encoded words and all
	From    string    // see SenderOf
}

// SenderUse is what mail from one address takes.
type SenderUse struct {
	Address string // see SenderOf; empty: of those who do not say
	Sum
}

// RemovedUse is what can be put back. It is not charged to the quota.
type RemovedUse struct {
	Sum
	// First and Last are when the first and the last of it are erased; zero when there is nothing.
	First, Last time.Time
}

// ReleaseDay is what leaves the mailboxes on one day because POP devices have taken it.
type ReleaseDay struct {
	Day  time.Time // when it begins
	Then retention.Then
	Sum
}

// Storage makes a storage report as of now. It reads the sizes of the account's messages, 64 to a row, and of mailboxes that have a retention, or
// whose messages are to be released, the pages; never the messages, but for those that it names. Its memory is bounded by 100 octets a message.
func (h *Account) Storage(ctx context.Context, o StorageOptions) (StorageReport, error) {
	if o.Top <= 0 {
		o.Top = 10
	}
	o.Top = min(o.Top, maxTop)
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	s := &surveying{h: h, opts: o, view: h.View(), now: h.store.now()}
	s.out = StorageReport{At: s.now, Used: s.view.Used(), Limit: s.view.Quota()}
	snap, err := h.store.engine.Snapshot()
	if err != nil {
		return s.out, fmt.Errorf("store: storage report of account %d: %w", h.id, err)
	}
	defer snap.Close()
	s.snap = snap
	for _, step := range []func(context.Context) error{s.sizes, s.name, s.removed, s.prepareReleases, s.mailboxes, s.releases} {
		if err := step(ctx); err != nil {
			return s.out, fmt.Errorf("store: storage report of account %d: %w", h.id, err)
		}
	}
	return s.out, nil
}

// surveying is a storage report in the making.
type surveying struct {
	h    *Account
	opts StorageOptions
	view *View
	snap kv.Snapshot
	now  time.Time
	out  StorageReport

	largest sizeHeap
	senders []senderSum
	popping
}

// sizedMessage is a message in the running for the largest.
type sizedMessage struct {
	id   MessageID
	size uint64
}

// sizeHeap has the smallest on top.
type sizeHeap []sizedMessage

func (h sizeHeap) Len() int           { return len(h) }
func (h sizeHeap) Less(i, j int) bool { return h[i].size < h[j].size }
func (h sizeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *sizeHeap) Push(x any) { *h = append(*h, x.(sizedMessage)) }

// Pop implements heap.Interface.
func (h *sizeHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// senderSum is what one sender's mail comes to.
type senderSum struct {
	Sum
	example MessageID // has the address
}

// sizes finds the largest messages, and sums by sender.
func (s *surveying) sizes(ctx context.Context) error {
	var p keys.SizesPage
	at := make(map[SenderID]int32) // in s.senders
	err := s.snap.Scan(ctx, kv.Prefix(keys.OfAccount(keys.TableSizes, s.h.id)), func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		if err == nil {
			err = p.Decode(v)
		}
		if err != nil {
			return false, corrupt("sizes of messages", err)
		}
		i := 0
		for id := range p.Each(n) {
			one := &p.Sizes[i]
			i++
			s.consider(sizedMessage{id, one.Size})
			place, ok := at[one.Sender]
			if !ok {
				place = int32(len(s.senders))
				at[one.Sender] = place
				s.senders = append(s.senders, senderSum{example: id})
			}
			s.senders[place].add(one.Size)
		}
		return true, nil
	})
	s.out.SenderCount = len(s.senders)
	slices.SortFunc(s.largest, func(a, b sizedMessage) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.id, b.id))
	})
	slices.SortFunc(s.senders, func(a, b senderSum) int {
		return cmp.Or(cmp.Compare(b.Octets, a.Octets), cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.example, b.example))
	})
	s.senders = s.senders[:min(len(s.senders), s.opts.Top)]
	return err
}

func (s *surveying) consider(m sizedMessage) {
	switch {
	case len(s.largest) < s.opts.Top:
		heap.Push(&s.largest, m)
	case m.size > s.largest[0].size:
		s.largest[0] = m
		heap.Fix(&s.largest, 0)
	}
}

// name reads what is to be told of the messages and senders that are named.
func (s *surveying) name(ctx context.Context) error {
	for _, m := range s.largest {
		out := LargeMessage{ID: m.id, Size: m.size}
		rec, err := s.record(ctx, m.id)
		if err != nil {
			return err
		}
		if e := rec.Envelope; e != nil {
			out.Subject, out.From = e.Subject, SenderOf(e)
		}
		if err := s.place(ctx, &out); err != nil {
			return err
		}
		s.out.Largest = append(s.out.Largest, out)
	}
	for _, sum := range s.senders {
		rec, err := s.record(ctx, sum.example)
		if err != nil {
			return err
		}
		s.out.Senders = append(s.out.Senders, SenderUse{SenderOf(rec.Envelope), sum.Sum})
	}
	return nil
}

func (s *surveying) record(ctx context.Context, id MessageID) (keys.Message, error) {
	v, err := s.snap.Get(ctx, keys.OfMessage(keys.TableMessage, s.h.id, id))
	if err != nil {
		return keys.Message{}, corrupt(fmt.Sprintf("message %d", id), err)
	}
	return keys.DecodeMessage(v, keys.WantEnvelope)
}

// place says where a message lies.
func (s *surveying) place(ctx context.Context, out *LargeMessage) error {
	v, err := s.snap.Get(ctx, keys.OfMessage(keys.TableMembers, s.h.id, out.ID))
	if err != nil {
		return corrupt(fmt.Sprintf("memberships of message %d", out.ID), err)
	}
	ms, err := keys.DecodeMembers(v)
	if err != nil || len(ms) == 0 {
		return corrupt(fmt.Sprintf("memberships of message %d", out.ID), err)
	}
	out.UID = ms[0].UID
	if m, _ := s.view.state.mailbox(ms[0].Mailbox); m != nil {
		out.Mailbox = s.view.state.path(m)
	}
	n := uint32(out.UID) >> keys.PageBits
	if v, err = s.snap.Get(ctx, keys.PageKey(s.h.id, ms[0].Mailbox, n)); err != nil {
		return corrupt(fmt.Sprintf("page of message %d", out.ID), err)
	}
	p, err := keys.DecodePage(n, v)
	if err != nil {
		return corrupt(fmt.Sprintf("page of message %d", out.ID), err)
	}
	if i, ok := p.Index(out.UID); ok {
		out.Date = InternalDate(&p.Entries[i])
	}
	return nil
}

// removed counts what can be put back. How long it can is the same for all but those that went before the operator changed it.
func (s *surveying) removed(ctx context.Context) error {
	out := &s.out.Removed
	err := s.snap.Scan(ctx, kv.Prefix(keys.OfAccount(keys.TableRemoved, s.h.id)), func(_, v []byte) (bool, error) {
		g, err := keys.DecodeRemoved(v)
		if err != nil {
			return false, corrupt("removed row", err)
		}
		out.add(g.Size)
		until := time.UnixMilli(g.Until)
		if out.First.IsZero() || until.Before(out.First) {
			out.First = until
		}
		if until.After(out.Last) {
			out.Last = until
		}
		return true, nil
	})
	return err
}

// mailboxes tells of each mailbox, and looks through those that something may leave.
func (s *surveying) mailboxes(ctx context.Context) error {
	for _, m := range s.view.Mailboxes() {
		if m.NoSelect() {
			continue
		}
		use := MailboxUse{ID: m.ID(), Path: m.Path(), Role: m.Role(), Messages: m.Len(), Octets: m.Bytes()}
		use.Retention, _ = m.Retention()
		pop := s.anyTaken && s.rules.holds(m.box)
		if m.Len() > 0 && (use.Retention.For > 0 || pop) {
			if err := s.look(ctx, m.box, &use, pop); err != nil {
				return err
			}
		}
		s.out.Mailboxes = append(s.out.Mailboxes, use)
	}
	return nil
}

// look goes through a mailbox's messages.
func (s *surveying) look(ctx context.Context, m *mailbox, use *MailboxUse, pop bool) error {
	days := func(n int) int64 { return s.now.Add(time.Duration(n)*24*time.Hour - use.Retention.For).UnixMilli() }
	until7, until30 := days(7), days(30)
	return s.snap.Scan(ctx, kv.Prefix(keys.OfMailbox(keys.TablePage, s.h.id, m.id)), func(k, v []byte) (bool, error) {
		n, err := keys.Tail32(k)
		if err != nil {
			return false, err
		}
		p, err := keys.DecodePage(n, v)
		if err != nil {
			return false, corrupt(fmt.Sprintf("page %d of mailbox %d", n, m.id), err)
		}
		later := false
		for i := range p.Entries {
			e := &p.Entries[i]
			if pop {
				s.note(m, e)
			}
			if use.Retention.For <= 0 || !expires(m, e, use.Retention) {
				continue
			}
			if later = e.Saved > until30; later {
				continue
			}
			use.Leaving30.add(e.Size)
			if e.Saved <= until7 {
				use.Leaving7.add(e.Size)
			}
		}
		return pop || !later, nil // UIDs grow with the save date
	})
}
