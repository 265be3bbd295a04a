package imapd

import (
	"cmp"
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// A search is a program of tests, each with its cost. A message is first put through the whole program with nothing but its entry at
// hand: what needs more is undecided, and undecided things combine like truth values. Only messages for which the whole
// is undecided have their header read, and only those that are undecided still, their body.

// verdict is the outcome of a test.
type verdict uint8

const (
	undecided verdict = iota
	rejected
	matched
)

func verdictOf(b bool) verdict {
	if b {
		return matched
	}
	return rejected
}

// cost is what a test needs to decide.
type cost uint8

const (
	costEntry  cost = iota // the entry in the mailbox
	costHeader             // the header, which is in the record
	costBody               // the body
)

// test is a search key.
type test struct {
	cost  cost
	check func(*candidate) verdict
}

// candidate is a message that is looked at.
type candidate struct {
	have   cost // what of it has been read
	seq    imapwire.Seq
	entry  *store.Entry
	header []byte
	found  []bool // of the program's texts, those that are in the message

	verdict verdict
}

// program is a compiled search.
type program struct {
	root  test
	texts []searchText // what BODY and TEXT look for
	spans []span       // where to look
	keys  int          // tests in all
	heads int          // those that read headers

	modSeq bool // there is a MODSEQ among them

	scanner scanner
}

// Bounds of a search.
const (
	maxTexts    = 64          // BODY and TEXT
	maxHeads    = 500         // keys that read headers
	maxTests    = 500_000_000 // keys by messages
	searchBatch = 1000        // records asked for at once
)

func errTooMuch() error { return no(imapwire.CodeLimit, "the search asks for too much at once") }

// when is a test that needs c: before that is read it is undecided.
func when(c cost, check func(*candidate) bool) test {
	return test{c, func(m *candidate) verdict {
		if m.have < c {
			return undecided
		}
		return verdictOf(check(m))
	}}
}

// all matches when every test does. The cheap ones are tried first.
func all(tests []test) test {
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(a.cost, b.cost) })
	return test{highest(tests), func(m *candidate) verdict {
		out := matched
		for i := range tests {
			switch tests[i].check(m) {
			case rejected:
				return rejected
			case undecided:
				out = undecided
			}
		}
		return out
	}}
}

func either(a, b test) test {
	if b.cost < a.cost {
		a, b = b, a
	}
	return test{b.cost, func(m *candidate) verdict {
		va := a.check(m)
		if va == matched {
			return matched
		}
		vb := b.check(m)
		if vb == matched || va == rejected {
			return vb
		}
		return undecided
	}}
}

func not(t test) test {
	return test{t.cost, func(m *candidate) verdict {
		switch t.check(m) {
		case matched:
			return rejected
		case rejected:
			return matched
		}
		return undecided
	}}
}

func highest(tests []test) cost {
	c := costEntry
	for _, t := range tests {
		c = max(c, t.cost)
	}
	return c
}

// run puts the messages through the program and adds the places of those that match.
func (p *program) run(ctx context.Context, s *session, found *placeSet) error {
	var batch []candidate
	var m candidate
	for i, e := range s.sel.each(p.spans) {
		m = candidate{seq: imapwire.Seq(i + 1), entry: e}
		m.verdict = p.root.check(&m)
		switch {
		case m.verdict == rejected:
			continue
		case m.verdict == matched && len(batch) == 0:
			found.add(i)
			continue
		}
		// One that matches waits for its turn behind those that are undecided.
		if batch = append(batch, m); len(batch) == searchBatch {
			if err := p.read(ctx, s, batch, found); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return p.read(ctx, s, batch, found)
}

// read decides about messages for which the entry was not enough. One whose record is gone does not match (RFC 2180 4.3).
func (p *program) read(ctx context.Context, s *session, batch []candidate, found *placeSet) error {
	var ids []store.MessageID
	var asked []*candidate
	for i := range batch {
		if m := &batch[i]; m.verdict == undecided {
			ids, asked = append(ids, m.entry.Message), append(asked, m)
		}
	}
	want := store.Want(0)
	if len(p.texts) > 0 {
		want = store.WantStructure
	}
	err := s.sel.account.Messages(ctx, ids, want, func(i int, m *store.Message) error {
		return p.readOne(ctx, asked[i], m)
	})
	if err != nil {
		return err
	}
	for i := range batch {
		if batch[i].verdict == matched {
			found.add(int(batch[i].seq) - 1)
		}
	}
	return nil
}

// readOne decides about one message.
func (p *program) readOne(ctx context.Context, c *candidate, m *store.Message) error {
	header, err := m.Header(ctx)
	if err != nil {
		return err
	}
	c.have, c.header = costHeader, header
	if c.verdict = p.root.check(c); c.verdict == undecided {
		if c.found, err = p.scan(ctx, m, header); err != nil {
			return err
		}
		c.have = costBody
		c.verdict = p.root.check(c)
	}
	c.header, c.found = nil, nil // what they hold is good only now
	return nil
}
