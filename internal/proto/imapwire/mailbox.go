package imapwire

import (
	"strings"
	"unicode/utf8"
)

// Mailbox is a mailbox name in UTF-8 as people read it, the hierarchy separators in it included. On the wire it is modified UTF-7
// (RFC 3501 5.1.3) until the client enables IMAP4rev2 or UTF8=ACCEPT, UTF-8 after. It holds no control characters.
// "INBOX" in any case of letters is read as [Inbox] (RFC 9051 5.1).
type Mailbox string

// Inbox is the name of the mailbox that every account has.
const Inbox Mailbox = "INBOX"

// canonicalMailbox gives INBOX its one spelling.
func canonicalMailbox(name string) Mailbox {
	if len(name) == len(Inbox) && strings.EqualFold(name, string(Inbox)) {
		return Inbox
	}
	return Mailbox(name)
}

// mailbox = "INBOX" / astring
func (d *Decoder) mailbox() (Mailbox, bool) {
	raw, ok := d.astring("a mailbox name")
	if !ok {
		return "", false
	}
	name, ok := d.mailboxName(raw)
	return canonicalMailbox(name), ok
}

// spMailbox is SP mailbox.
func (d *Decoder) spMailbox() Mailbox {
	if !d.sp() {
		return ""
	}
	m, _ := d.mailbox()
	return m
}

// mailboxName decodes a name. What is none is answered with NO, as a mailbox that cannot exist: the syntax was right.
func (d *Decoder) mailboxName(raw string) (string, bool) {
	name, text := d.decodeName(raw)
	if text != "" {
		return "", d.failWith(&Error{Status: NO, Code: CodeCannot, Text: text})
	}
	return name, true
}

// decodeName decodes a name or a pattern, or says what is wrong with it.
func (d *Decoder) decodeName(raw string) (name, wrong string) {
	name, wrong = raw, "mailbox name is not valid UTF-8"
	ok := utf8.ValidString(raw)
	if !d.utf8 && !(ok && has8Bit(raw)) {
		// UTF-8 is taken also from those who have not enabled it: RFC 6855 3 wants it, and no modified UTF-7 looks so.
		wrong = "mailbox name is not valid modified UTF-7"
		name, ok = DecodeUTF7(raw)
	}
	if ok {
		wrong = "mailbox name holds a control character"
		ok = strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
	}
	if !ok {
		return "", wrong
	}
	return name, ""
}

func has8Bit(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
}

// Select is SELECT or EXAMINE (RFC 9051 6.3.2, 6.3.3; parameters: RFC 7162).
type Select struct {
	Mailbox   Mailbox
	Examine   bool
	CondStore bool
	QResync   *QResync // nil: not given
}

// QResync is the parameter of that name (RFC 7162 3.2.5). Sets that were not given are empty.
type QResync struct {
	UIDValidity uint32
	ModSeq      ModSeq
	Known       UIDSet
	MatchSeqs   SeqSet // with MatchUIDs: numbers and UIDs of messages that the client is sure of, pair by pair
	MatchUIDs   UIDSet
}

// CommandName is SELECT or EXAMINE.
func (c *Select) CommandName() string {
	if c.Examine {
		return "EXAMINE"
	}
	return "SELECT"
}

// select        = "SELECT" SP mailbox [select-params]
// select-params = SP "(" select-param *(SP select-param) ")"
// select-param  = "CONDSTORE" / "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
func (d *Decoder) parseSelect(examine bool) Command {
	c := Select{Examine: examine, Mailbox: d.spMailbox()}
	if d.try(' ') {
		d.list1("SELECT parameters", func() bool {
			switch w := d.keyword(); string(w) {
			case "CONDSTORE":
				c.CondStore = true
				return true
			case "QRESYNC":
				return d.sp() && d.qresync(&c)
			default:
				return d.fail("unknown SELECT parameter")
			}
		})
	}
	return done(d, &c)
}

// seq-match-data = "(" known-sequence-set SP known-uid-set ")"
func (d *Decoder) qresync(c *Select) bool {
	if c.QResync != nil {
		return d.fail("QRESYNC given twice")
	}
	q := new(QResync)
	c.QResync = q
	var ok bool
	if !d.expect('(') {
		return false
	}
	if q.UIDValidity, ok = d.nzNumber("UIDVALIDITY"); !ok || !d.sp() {
		return false
	}
	if q.ModSeq, ok = d.modSeq(); !ok {
		return false
	}
	if d.try(')') {
		return true
	}
	if !d.sp() {
		return false
	}
	if d.peek() != '(' {
		if q.Known, ok = concreteSet[UID](d); !ok {
			return false
		}
		if d.try(')') {
			return true
		}
		if !d.sp() {
			return false
		}
	}
	if !d.expect('(') {
		return false
	}
	if q.MatchSeqs, ok = concreteSet[Seq](d); !ok || !d.sp() {
		return false
	}
	if q.MatchUIDs, ok = concreteSet[UID](d); !ok || !d.expect(')') {
		return false
	}
	return d.expect(')')
}

func (c *Select) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	if !c.CondStore && c.QResync == nil {
		return b
	}
	b = append(b, " ("...)
	if c.CondStore {
		b = append(b, "CONDSTORE"...)
	}
	if q := c.QResync; q != nil {
		if c.CondStore {
			b = append(b, ' ')
		}
		b = append(b, "QRESYNC ("...)
		b = appendUint(b, uint64(q.UIDValidity))
		b = appendUint(append(b, ' '), uint64(q.ModSeq))
		if !q.Known.Empty() {
			b = q.Known.AppendTo(append(b, ' '))
		}
		if !q.MatchSeqs.Empty() {
			b = q.MatchSeqs.AppendTo(append(b, " ("...))
			b = q.MatchUIDs.AppendTo(append(b, ' '))
			b = append(b, ')')
		}
		b = append(b, ')')
	}
	return append(b, ')')
}

// Create is CREATE (RFC 9051 6.3.4) with the special uses of RFC 6154 3, written as attributes (AttrSent).
type Create struct {
	Mailbox Mailbox
	Use     []Flag
}

// CommandName is CREATE.
func (*Create) CommandName() string { return "CREATE" }

// create        = "CREATE" SP mailbox [create-params]
// create-params = SP "(" create-param *(SP create-param) ")"
// create-param  = "USE" SP "(" [use-attr *(SP use-attr)] ")"
func (d *Decoder) parseCreate() Command {
	c := Create{Mailbox: d.spMailbox()}
	if d.try(' ') {
		d.list1("CREATE parameters", func() bool {
			if string(d.keyword()) != "USE" {
				return d.fail("unknown CREATE parameter")
			}
			return d.sp() && d.list(func() bool {
				f, ok := d.flag()
				c.Use = append(c.Use, f)
				return ok
			})
		})
	}
	return done(d, &c)
}

func (c *Create) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	if len(c.Use) > 0 {
		b = flagList(append(b, " (USE "...), c.Use)
		b = append(b, ')')
	}
	return b
}

// Delete is DELETE (RFC 9051 6.3.5).
type Delete struct{ Mailbox Mailbox }

// CommandName is DELETE.
func (*Delete) CommandName() string { return "DELETE" }

func (c *Delete) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

// Rename is RENAME (RFC 9051 6.3.6).
type Rename struct{ From, To Mailbox }

// CommandName is RENAME.
func (*Rename) CommandName() string { return "RENAME" }

func (c *Rename) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.From))
	return w.mailbox(append(b, ' '), string(c.To))
}

// Subscribe is SUBSCRIBE (RFC 9051 6.3.7).
type Subscribe struct{ Mailbox Mailbox }

// CommandName is SUBSCRIBE.
func (*Subscribe) CommandName() string { return "SUBSCRIBE" }

func (c *Subscribe) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

// Unsubscribe is UNSUBSCRIBE (RFC 9051 6.3.8).
type Unsubscribe struct{ Mailbox Mailbox }

// CommandName is UNSUBSCRIBE.
func (*Unsubscribe) CommandName() string { return "UNSUBSCRIBE" }

func (c *Unsubscribe) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}
