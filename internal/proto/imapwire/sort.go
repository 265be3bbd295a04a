package imapwire

import (
	"iter"
	"strings"
)

// Sort is SORT or UID SORT (RFC 5256 3), with result options the extended one (RFC 5267 3). Charset is always given.
type Sort struct {
	Search
	Criteria []SortCriterion // at least one
}

// SortCriterion is what to sort by.
type SortCriterion struct {
	Key     SortKey
	Reverse bool
}

// SortKey is a property of messages that has an order.
type SortKey uint8

// Sort keys.
const (
	SortArrival     SortKey = iota + 1
	SortCc                  //
	SortDate                //
	SortFrom                //
	SortSize                //
	SortSubject             //
	SortTo                  //
	SortDisplayFrom         // RFC 5957
	SortDisplayTo           // RFC 5957
	SortRelevancy           // RFC 6203 6; the best first, and only with a FUZZY among the keys
)

var sortNames = [...]string{
	SortArrival:     "ARRIVAL",
	SortCc:          "CC",
	SortDate:        "DATE",
	SortFrom:        "FROM",
	SortSize:        "SIZE",
	SortSubject:     "SUBJECT",
	SortTo:          "TO",
	SortDisplayFrom: "DISPLAYFROM",
	SortDisplayTo:   "DISPLAYTO",
	SortRelevancy:   "RELEVANCY",
}

// String is the name of the key.
func (k SortKey) String() string { return sortNames[k] }

// CommandName is SORT or UID SORT.
func (c *Sort) CommandName() string { return uidName(c.UID, "UID SORT") }

// sort          = ["UID" SP] "SORT" SP sort-criteria SP search-criteria
// extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria
// sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"
func (d *Decoder) parseSort(uid bool) Command {
	c := Sort{Search: Search{UID: uid}}
	d.sp()
	if d.peek() != '(' {
		word := d.searchWord()
		if string(word) != "RETURN" {
			d.fail("expected a list of sort criteria")
		}
		d.searchReturns(&c.Search, word)
	}
	d.list1("the sort criteria", func() bool { return d.sortCriterion(&c) })
	d.searchCriteria(&c.Search)
	for _, by := range c.Criteria {
		if by.Key == SortRelevancy && !c.Fuzzy() {
			d.fail("RELEVANCY needs a FUZZY key") // RFC 6203 6
		}
	}
	return done(d, &c)
}

// sort-criterion = ["REVERSE" SP] sort-key
func (d *Decoder) sortCriterion(c *Sort) bool {
	var by SortCriterion
	w := d.keyword()
	if by.Reverse = string(w) == "REVERSE"; by.Reverse {
		d.sp()
		w = d.keyword()
	}
	for key, name := range sortNames {
		if key > 0 && string(w) == name {
			by.Key = SortKey(key)
			c.Criteria = append(c.Criteria, by)
			return true
		}
	}
	return d.fail("unknown sort key")
}

// searchCriteria reads SP search-criteria = SP charset 1*(SP search-key).
func (d *Decoder) searchCriteria(c *Search) {
	d.sp()
	name, _ := d.astring("a charset")
	c.Charset = strings.ToUpper(name)
	d.sp()
	d.searchKeys(c, d.searchWord())
}

func (c *Search) appendCriteria(w wire, b []byte) []byte {
	return c.appendProgram(w, w.astring(append(b, ' '), c.Charset))
}

func (c *Sort) appendArgs(w wire, b []byte) []byte {
	b = append(c.appendReturn(b), ' ')
	for i, by := range c.Criteria {
		b = listSep(b, i)
		if by.Reverse {
			b = append(b, "REVERSE "...)
		}
		b = append(b, by.Key.String()...)
	}
	return c.appendCriteria(w, append(b, ')'))
}

// Thread is THREAD or UID THREAD (RFC 5256 3). Charset is always given, and there are no result options.
type Thread struct {
	Search
	Algorithm string // in capitals; not yet known to exist
}

// CommandName is THREAD or UID THREAD.
func (c *Thread) CommandName() string { return uidName(c.UID, "UID THREAD") }

// thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
func (d *Decoder) parseThread(uid bool) Command {
	c := Thread{Search: Search{UID: uid}}
	d.sp()
	name, _ := d.atom("a threading algorithm")
	c.Algorithm = strings.ToUpper(name)
	d.searchCriteria(&c.Search)
	return done(d, &c)
}

func (c *Thread) appendArgs(w wire, b []byte) []byte {
	return c.appendCriteria(w, append(append(b, ' '), c.Algorithm...))
}

// Sorted is numbers in an order of their own. Ranges are written where it ascends without a gap (RFC 5267 3.2).
type Sorted []uint32

// Empty reports whether there are none.
func (s Sorted) Empty() bool { return len(s) == 0 }

// AppendTo appends the wire form.
func (s Sorted) AppendTo(b []byte) []byte {
	for i := 0; i < len(s); i++ {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUint(b, uint64(s[i]))
		first := i
		for i+1 < len(s) && s[i+1] == s[i]+1 {
			i++
		}
		if i > first {
			b = appendUint(append(b, ':'), uint64(s[i]))
		}
	}
	return b
}

func (s Sorted) numbers() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, n := range s {
			if !yield(n) {
				return
			}
		}
	}
}

// ThreadNode is a message in a THREAD response, followed by its children, each followed by its own. A number of 0 stands for
// a message that is not there.
type ThreadNode struct {
	Number   uint32
	Children int32
}

// Thread writes a THREAD response (RFC 5256 4) of threads one after the other.
//
//	thread-data    = "THREAD" [SP 1*thread-list]
//	thread-list    = "(" (thread-members / thread-nested) ")"
//	thread-members = nz-number *(SP nz-number) [SP thread-nested]
//	thread-nested  = 2*thread-list
func (e *Encoder) Thread(nodes []ThreadNode) {
	e.start("THREAD")
	if len(nodes) > 0 {
		e.buf = append(e.buf, ' ')
	}
	var open []int32 // for each list that is split into others, how many of those are still to come or to be closed
	list := true     // the node begins a list
	for _, n := range nodes {
		switch {
		case list:
			e.buf = append(e.buf, '(')
		default:
			e.buf = append(e.buf, ' ')
		}
		if n.Number != 0 {
			e.buf = appendUint(e.buf, uint64(n.Number))
		}
		if list = n.Children != 1; n.Children > 1 {
			open = append(open, n.Children)
			if n.Number != 0 {
				e.buf = append(e.buf, ' ')
			}
		}
		if n.Children == 0 {
			e.buf = append(e.buf, ')')
			for len(open) > 0 {
				if open[len(open)-1]--; open[len(open)-1] > 0 {
					break
				}
				open = open[:len(open)-1]
				e.buf = append(e.buf, ')')
			}
		}
		if len(e.buf) > spillAt {
			e.spill()
		}
	}
	e.end()
}
