package store

import (
	"slices"
	"strings"
	"sync/atomic"

	"restante/internal/store/keys"
)

// state is an account as of one operation. It is immutable once published: an
// operation makes a new one that shares what it did not touch, and that is what
// lets a session keep a view for hours and still compare it in microseconds.
type state struct {
	row       keys.Account
	mailboxes []*mailbox // by id
	tree      *tree      // of their names; another one when they change
	keywords  *keywordTable
	subs      []string // subscribed names, sorted
	notes     annotations
}

func (s *state) mailbox(id MailboxID) (*mailbox, int) {
	i, ok := slices.BinarySearchFunc(s.mailboxes, id, func(m *mailbox, id MailboxID) int { return int(m.id) - int(id) })
	if !ok {
		return nil, i
	}
	return s.mailboxes[i], i
}

// mailbox is a mailbox as of one operation; immutable once published, but for
// counts and pages that are read in when first needed.
type mailbox struct {
	id    MailboxID
	props keys.Mailbox
	ctr   keys.Counters
	pages pageTable

	// counted says that pages knows how many messages each page has. An operation
	// counts a mailbox before it changes it, so what is not counted is as the
	// engine has it.
	counted atomic.Bool
	// recount says that the rows of counts in the engine are missing or wrong; the
	// next operation that changes the mailbox writes them all.
	recount bool
	// complete says that every page is in memory.
	complete atomic.Bool
}

func (m *mailbox) copy() *mailbox {
	c := &mailbox{id: m.id, props: m.props, ctr: m.ctr, pages: m.pages.copy(), recount: m.recount}
	c.counted.Store(m.counted.Load())
	c.complete.Store(m.complete.Load())
	return c
}

// keywordTable maps keyword numbers to names; immutable.
type keywordTable struct {
	names  []string          // by number
	number map[string]uint16 // by name in lower case
}

func (t *keywordTable) with(name string) (*keywordTable, uint16) {
	n := &keywordTable{names: append(slices.Clip(t.names), name), number: make(map[string]uint16, len(t.number)+1)}
	for k, v := range t.number {
		n.number[k] = v
	}
	kw := uint16(len(t.names))
	n.number[strings.ToLower(name)] = kw
	return n, kw
}
