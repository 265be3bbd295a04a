package imapd

import (
	"time"

	"restante/internal/proto/collation"
	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
	"restante/internal/store"
	"restante/internal/store/search"
)

// compiler turns a search key into a program.
type compiler struct {
	s   *session
	p   *program
	now time.Time

	loosely bool // within FUZZY
}

// compile compiles a search over a mailbox.
func (s *session) compile(sel *selected, key imapwire.SearchKey) (*program, error) {
	c := &compiler{s: s, p: &program{sel: sel, spans: []span{{0, sel.len()}}, strict: s.collation != collation.Default}, now: time.Now()}
	c.p.root = c.key(key)
	c.narrow(key)
	n := 0
	for _, r := range c.p.spans {
		n += r.hi - r.lo
	}
	if c.p.bodies > maxTexts || c.p.heads > maxHeads || c.p.keys > maxTests/max(n, 1) {
		return nil, errTooMuch()
	}
	return c.p, nil
}

// narrow looks only where a set that must match in any case says.
func (c *compiler) narrow(key imapwire.SearchKey) {
	switch k := key.(type) {
	case imapwire.SearchNum:
		c.p.spans = intersect(c.p.spans, c.places(k))
	case imapwire.SearchAnd:
		for _, sub := range k {
			c.narrow(sub)
		}
	}
}

// intersect is the places of both, which are ascending.
func intersect(a, b []span) []span {
	var out []span
	for len(a) > 0 && len(b) > 0 {
		if lo, hi := max(a[0].lo, b[0].lo), min(a[0].hi, b[0].hi); lo < hi {
			out = append(out, span{lo, hi})
		}
		if a[0].hi < b[0].hi {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// places are those of a set. Numbers of messages that there are not match nothing, as UIDs do.
func (c *compiler) places(k imapwire.SearchNum) []span {
	p := &c.p.sel.picture
	var out []span
	if k.UID {
		out = p.ofUIDs(imapwire.Resolve(k.Set, imapwire.UID(p.lastUID())))
	} else {
		out = p.ofSeqs(imapwire.Resolve(k.Set, imapwire.Seq(p.len())))
	}
	if k.Set.Saved() {
		out = union(out, p.ofUIDs(c.p.sel.saved))
	}
	return out
}

// key compiles one key.
func (c *compiler) key(key imapwire.SearchKey) test {
	c.p.keys++
	switch k := key.(type) {
	case imapwire.SearchAnd:
		tests := make([]test, len(k))
		for i := range k {
			tests[i] = c.key(k[i])
		}
		return all(tests)
	case imapwire.SearchOr:
		return either(c.key(k.A), c.key(k.B))
	case imapwire.SearchNot:
		return not(c.key(k.Key))
	case imapwire.SearchFuzzy:
		c.p.fuzzy = true
		before := c.loosely
		c.loosely = !c.p.strict // RFC 6203 3 allows to ignore the comparator; one that a client has chosen is what it wants
		defer func() { c.loosely = before }()
		return c.key(k.Key)
	case imapwire.SearchNum:
		var set imapwire.SeqSet
		for _, r := range c.places(k) {
			set.AddRange(imapwire.Seq(r.lo+1), imapwire.Seq(r.hi))
		}
		return when(costEntry, func(m *candidate) bool { return set.Contains(m.seq) })
	case imapwire.SearchText:
		return c.text(k)
	case imapwire.SearchHeader:
		return c.look(search.Field(k.Field, k.Text), k.Text)
	case imapwire.SearchDate:
		return c.date(k)
	}
	return c.entryKey(key)
}

// entryKey compiles a key that the entry alone decides.
func (c *compiler) entryKey(key imapwire.SearchKey) test {
	seed := c.p.sel.box.View().Seed()
	check := func(*candidate) bool { return true } // SearchAll, SearchSaveDateSupported
	switch k := key.(type) {
	case imapwire.SearchFlag:
		return c.flag(k.Flag)
	case imapwire.SearchSize:
		check = func(m *candidate) bool { return m.entry.Size < k.Octets }
		if k.Larger {
			check = func(m *candidate) bool { return m.entry.Size > k.Octets }
		}
	case imapwire.SearchAge:
		// RFC 5032 3: to the second, and a message of that very second is both.
		then := c.now.Unix() - int64(k.Seconds)
		check = func(m *candidate) bool { return floorDiv(m.entry.Internal, 1000) >= then }
		if k.Older {
			check = func(m *candidate) bool { return floorDiv(m.entry.Internal, 1000) <= then }
		}
	case imapwire.SearchModSeq: // RFC 7162 3.1.5: there is one mod-sequence a message, so the entry does not count
		c.p.modSeq = true
		check = func(m *candidate) bool { return m.entry.ModSeq >= store.ModSeq(k.ModSeq) }
	case imapwire.SearchEmailID:
		id := messageID(seed, k.ID)
		check = func(m *candidate) bool { return id != 0 && m.entry.Message == id }
	case imapwire.SearchThreadID:
		id := threadID(seed, k.ID)
		check = func(m *candidate) bool { return id != 0 && m.entry.Thread == id }
	}
	return when(costEntry, check)
}

// flag compiles ANSWERED, KEYWORD and the like.
func (c *compiler) flag(f imapwire.Flag) test {
	for _, sys := range systemFlags() {
		if f == sys.flag {
			return when(costEntry, func(m *candidate) bool { return m.entry.Flags&sys.bit != 0 })
		}
	}
	if f == imapwire.FlagRecent {
		recent := c.p.sel.recent
		return when(costEntry, func(m *candidate) bool { return recent.Contains(imapwire.UID(m.entry.UID)) })
	}
	kw, ok := c.p.sel.box.View().Keyword(string(f))
	return when(costEntry, func(m *candidate) bool { return ok && store.HasKeyword(m.entry, kw) })
}

// text compiles BODY, TEXT, FROM and the like. The last look at the field of the header as it is, decoded: that is what the
// envelope was made from, and what the sender's mailbox list says and the envelope leaves out can be found too.
func (c *compiler) text(k imapwire.SearchText) test {
	field := ""
	switch k.In {
	case imapwire.InFrom:
		field = "From"
	case imapwire.InTo:
		field = "To"
	case imapwire.InCc:
		field = "Cc"
	case imapwire.InBcc:
		field = "Bcc"
	case imapwire.InSubject:
		field = "Subject"
	case imapwire.InText:
		return c.look(search.Text(k.Text), k.Text)
	default:
		return c.look(search.Body(k.Text), k.Text)
	}
	if k.Text == "" { // every message contains nothing, with the field or without
		return when(costEntry, func(*candidate) bool { return true })
	}
	return c.look(search.Field(field, k.Text), k.Text)
}

// look compiles a text to look for. Where the index knows, the entry is enough.
func (c *compiler) look(key search.Key, text string) test {
	if c.p.strict {
		key = key.Under(c.s.collation, text)
	}
	if c.loosely {
		return c.words(key)
	}
	return c.find(key)
}

// find compiles one key of a text.
func (c *compiler) find(key search.Key) test {
	n := len(c.p.texts)
	c.p.texts = append(c.p.texts, key)
	if key.InHeader() {
		c.p.heads++
		return c.p.indexed(n, when(costHeader, func(m *candidate) bool { return key.MatchHeader(m.header) }))
	}
	c.p.bodies++
	return c.p.indexed(n, when(costBody, func(m *candidate) bool { return m.found[n] }))
}

// date compiles BEFORE, SENTON and the like. Days are compared, without time and zone (RFC 9051 6.4.4): the day is that of the date in its
// own zone.
func (c *compiler) date(k imapwire.SearchDate) test {
	day := dayNumber(time.Date(k.Date.Year, k.Date.Month, k.Date.Day, 0, 0, 0, 0, time.UTC).Unix())
	compare := func(d int64) bool {
		switch k.When {
		case imapwire.Before:
			return d < day
		case imapwire.On:
			return d == day
		}
		return d >= day
	}
	switch k.Of {
	case imapwire.SentDate:
		c.p.heads++
		return when(costHeader, func(m *candidate) bool {
			value, _ := mime.Get(m.header, "Date")
			t, ok := mime.ParseDate(value)
			if !ok {
				return false // a message without a date was sent on no day
			}
			_, zone := t.Zone()
			return compare(dayNumber(t.Unix() + int64(zone)))
		})
	case imapwire.SaveDate:
		return when(costEntry, func(m *candidate) bool { return compare(dayNumber(floorDiv(m.entry.Saved, 1000))) })
	}
	return when(costEntry, func(m *candidate) bool {
		return compare(dayNumber(floorDiv(m.entry.Internal, 1000) + int64(m.entry.Zone)*60))
	})
}

// dayNumber counts days from the beginning of 1970.
func dayNumber(seconds int64) int64 { return floorDiv(seconds, 24*60*60) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
