package imapwire

// Store is STORE or UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3).
type Store struct {
	UID            bool
	Set            NumSet
	Action         StoreAction
	Silent         bool
	Flags          []Flag
	OfLabels       bool     // X-GM-LABELS in the place of FLAGS
	Labels         []string // with OfLabels; in UTF-8
	UnchangedSince ModSeq
	Conditional    bool // UNCHANGEDSINCE was given; zero is a value of its own there
}

// StoreAction says what STORE does with its flags.
type StoreAction uint8

// Actions of STORE.
const (
	StoreReplace StoreAction = iota // FLAGS
	StoreAdd                        // +FLAGS
	StoreRemove                     // -FLAGS
)

// CommandName is STORE or UID STORE.
func (c *Store) CommandName() string { return uidName(c.UID, "UID STORE") }

// store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
// store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"
// store-modifier  = "UNCHANGEDSINCE" SP mod-sequence-valzer
// store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
func (d *Decoder) parseStore(uid bool) Command {
	c := Store{UID: uid, Set: d.spNumSet()}
	d.sp()
	if d.peek() == '(' {
		d.list1("STORE modifiers", func() bool { return d.unchangedSince(&c) })
		d.sp()
	}
	switch {
	case d.try('+'):
		c.Action = StoreAdd
	case d.try('-'):
		c.Action = StoreRemove
	}
	switch w := d.keyword(); string(w) {
	case "FLAGS":
	case "FLAGS.SILENT":
		c.Silent = true
	case "X-GM-LABELS", "X-GM-LABELS.SILENT":
		c.OfLabels, c.Silent = true, len(w) > len("X-GM-LABELS")
		if d.sp() {
			c.Labels = d.labels()
		}
		return done(d, &c)
	default:
		d.fail("STORE is for FLAGS")
	}
	d.sp()
	if d.peek() == '(' {
		c.Flags, _ = d.flagList()
		return done(d, &c)
	}
	for d.item() {
		f, ok := d.flag()
		if !ok {
			break
		}
		c.Flags = append(c.Flags, f)
		if !d.try(' ') {
			break
		}
	}
	return done(d, &c)
}

func (d *Decoder) unchangedSince(c *Store) bool {
	if string(d.keyword()) != "UNCHANGEDSINCE" || c.Conditional {
		return d.fail("STORE knows one modifier, UNCHANGEDSINCE, once")
	}
	c.Conditional = true
	if !d.sp() {
		return false
	}
	n, ok := d.number64("a mod-sequence")
	c.UnchangedSince = ModSeq(n)
	return ok
}

// flag-list = "(" [flag *(SP flag)] ")"
func (d *Decoder) flagList() ([]Flag, bool) {
	var flags []Flag
	ok := d.list(func() bool {
		f, ok := d.flag()
		flags = append(flags, f)
		return ok
	})
	return flags, ok
}

func (c *Store) appendArgs(w wire, b []byte) []byte {
	b = c.Set.AppendTo(append(b, ' '))
	if c.Conditional {
		b = append(b, " (UNCHANGEDSINCE "...)
		b = append(appendUint(b, uint64(c.UnchangedSince)), ')')
	}
	switch b = append(b, ' '); c.Action {
	case StoreAdd:
		b = append(b, '+')
	case StoreRemove:
		b = append(b, '-')
	}
	name := "FLAGS"
	if c.OfLabels {
		name = "X-GM-LABELS"
	}
	b = append(b, name...)
	if c.Silent {
		b = append(b, ".SILENT"...)
	}
	if c.OfLabels {
		return w.labels(append(b, ' '), c.Labels)
	}
	return flagList(append(b, ' '), c.Flags)
}

// Copy is COPY or UID COPY (RFC 9051 6.4.7).
type Copy struct {
	UID     bool
	Set     NumSet
	Mailbox Mailbox
}

// CommandName is COPY or UID COPY.
func (c *Copy) CommandName() string { return uidName(c.UID, "UID COPY") }

// copy = "COPY" SP sequence-set SP mailbox
func (d *Decoder) parseCopy(uid bool) Command {
	return done(d, &Copy{UID: uid, Set: d.spNumSet(), Mailbox: d.spMailbox()})
}

func (c *Copy) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(c.Set.AppendTo(append(b, ' ')), ' '), string(c.Mailbox))
}

// Move is MOVE or UID MOVE (RFC 9051 6.4.8, RFC 6851).
type Move struct {
	UID     bool
	Set     NumSet
	Mailbox Mailbox
}

// CommandName is MOVE or UID MOVE.
func (c *Move) CommandName() string { return uidName(c.UID, "UID MOVE") }

// move = "MOVE" SP sequence-set SP mailbox
func (d *Decoder) parseMove(uid bool) Command {
	return done(d, &Move{UID: uid, Set: d.spNumSet(), Mailbox: d.spMailbox()})
}

func (c *Move) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(c.Set.AppendTo(append(b, ' ')), ' '), string(c.Mailbox))
}

// UIDExpunge is UID EXPUNGE (RFC 9051 6.4.9, RFC 4315 2.1). EXPUNGE without a set is [Bare].
type UIDExpunge struct{ Set NumSet }

// CommandName is UID EXPUNGE.
func (*UIDExpunge) CommandName() string { return "UID EXPUNGE" }

// uid-expunge = "EXPUNGE" SP sequence-set
func (d *Decoder) parseUIDExpunge() Command { return done(d, &UIDExpunge{Set: d.spNumSet()}) }

func (c *UIDExpunge) appendArgs(_ wire, b []byte) []byte { return c.Set.AppendTo(append(b, ' ')) }
