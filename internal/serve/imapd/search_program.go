package imapd

import (
	"cmp"
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
	"restante/internal/store/search"
)

// A search is a program of tests, each with its cost. A message is first put through the whole program with nothing but its entry and
// what the text index knows at hand: what needs more is undecided, and undecided things combine like truth values. For messages for
// which the whole is undecided the index is asked to look into their texts; those that it does not have get their header read, and only
// those that are undecided still, their body.

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
	looked []bool // the same, by the index

	verdict verdict
}

// program is a compiled search.
type program struct {
	sel    *selected // where to look: the selected mailbox, or another as if it were
	root   test
	texts  []search.Key // what BODY, SUBJECT and their like look for
	spans  []span       // the places there
	keys   int          // tests in all
	heads  int          // those that read headers
	bodies int          // those that read bodies

	modSeq bool         // there is a MODSEQ among them
	fuzzy  bool         // there is a FUZZY among them
	asked  []search.Key // the texts under FUZZY as they were given
	strict bool         // the comparator is not that of the index, which finds too much for it

	hits    *search.Hits // what the index knows; nil without one
	scanner search.Scanner
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

// indexed is a test of the n-th text for which the index is asked first.
func (p *program) indexed(n int, t test) test {
	return test{t.cost, func(m *candidate) verdict {
		switch {
		case m.looked != nil && !(p.strict && m.looked[n]):
			return verdictOf(m.looked[n])
		case p.hits == nil || m.have > costEntry:
			return t.check(m)
		}
		switch p.hits.Lookup(n, m.entry.Message) {
		case search.Yes:
			if !p.strict {
				return matched
			}
		case search.No:
			return rejected
		}
		return t.check(m)
	}}
}

// run puts the messages through the program and adds the places of those that match.
func (p *program) run(ctx context.Context, s *session, found *placeSet) error {
	var err error
	if index := s.srv.opts.Index; index != nil && len(p.texts) > 0 {
		if p.hits, err = index.Search(ctx, p.sel.account, p.texts); err != nil {
			return err
		}
		defer p.hits.Close()
	}
	var batch []candidate
	var m candidate
	for i, e := range p.sel.each(p.spans) {
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
			if err := p.decide(ctx, batch, found); err != nil {
				return err
			}
			s.progress(i, p.sel.len())
			batch = batch[:0]
		}
	}
	if err := p.decide(ctx, batch, found); err != nil || !p.fuzzy {
		return err
	}
	found.scores, err = p.score(ctx, s, found.spans)
	return err
}

// decide decides about messages for which the entry was not enough.
func (p *program) decide(ctx context.Context, batch []candidate, found *placeSet) error {
	err := p.look(ctx, batch)
	if err == nil {
		err = p.read(ctx, batch)
	}
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

// pending are the candidates of a batch about which nothing is known yet, and their messages.
func pending(batch []candidate) (asked []*candidate, ids []store.MessageID) {
	for i := range batch {
		if m := &batch[i]; m.verdict == undecided {
			ids, asked = append(ids, m.entry.Message), append(asked, m)
		}
	}
	return asked, ids
}

// look has the index look into the texts of those that it has.
func (p *program) look(ctx context.Context, batch []candidate) error {
	if p.hits == nil {
		return nil
	}
	asked, ids := pending(batch)
	return p.hits.Look(ctx, ids, func(i int, found []bool) {
		c := asked[i]
		c.looked = found
		c.verdict = p.root.check(c)
		if c.verdict != undecided {
			c.looked = nil
		} else {
			c.looked = slices.Clone(found)
		}
	})
}

// read reads the records of messages. One whose record is gone does not match (RFC 2180 4.3).
func (p *program) read(ctx context.Context, batch []candidate) error {
	asked, ids := pending(batch)
	want := store.Want(0)
	if p.bodies > 0 {
		want = store.WantStructure
	}
	return p.sel.account.Messages(ctx, ids, want, func(i int, m *store.Message) error {
		return p.readOne(ctx, asked[i], m)
	})
}

// readOne decides about one message.
func (p *program) readOne(ctx context.Context, c *candidate, m *store.Message) error {
	header, err := m.Header(ctx)
	if err != nil {
		return err
	}
	c.have, c.header = costHeader, header
	if c.verdict = p.root.check(c); c.verdict == undecided {
		if c.found, err = p.scanner.Scan(ctx, m, header, p.texts); err != nil {
			return err
		}
		c.have = costBody
		c.verdict = p.root.check(c)
	}
	c.header, c.found = nil, nil // what they hold is good only now
	return nil
}
