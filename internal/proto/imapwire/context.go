package imapwire

// CancelUpdate is CANCELUPDATE (RFC 5267 4.3.5).
type CancelUpdate struct{ Tags []string }

// CommandName is CANCELUPDATE.
func (*CancelUpdate) CommandName() string { return "CANCELUPDATE" }

// command-select =/ "CANCELUPDATE" 1*(SP quoted)
//
// Tags are taken without quotes, too.
func (d *Decoder) parseCancelUpdate() Command {
	var c CancelUpdate
	for {
		d.sp()
		tag, ok := d.astring("a tag")
		if !ok || !d.item() {
			return nil
		}
		c.Tags = append(c.Tags, tag)
		if d.peek() != ' ' {
			return done(d, &c)
		}
	}
}

func (c *CancelUpdate) appendArgs(w wire, b []byte) []byte {
	for _, tag := range c.Tags {
		b = w.string(append(b, ' '), tag)
	}
	return b
}

// CodeNoUpdate is NOUPDATE: the results of that command are not kept up to date (RFC 5267 4.3.1).
func CodeNoUpdate(tag string) Code {
	return Code(wire{}.string([]byte("NOUPDATE "), tag))
}

// Comparator is COMPARATOR (RFC 5255 4.7): patterns of collations, the preferred ones first. Without any it asks for the active one.
type Comparator struct{ Order []string }

// CommandName is COMPARATOR.
func (*Comparator) CommandName() string { return "COMPARATOR" }

// comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)
func (d *Decoder) parseComparator() Command {
	var c Comparator
	for d.try(' ') {
		name, ok := d.astring("a comparator")
		if !ok || !d.item() {
			return nil
		}
		c.Order = append(c.Order, name)
	}
	return done(d, &c)
}

func (c *Comparator) appendArgs(w wire, b []byte) []byte {
	for _, name := range c.Order {
		b = w.string(append(b, ' '), name)
	}
	return b
}

// Comparator writes a COMPARATOR response (RFC 5255 4.8): the active comparator, and all that matched when there are several.
//
//	comparator-data = "COMPARATOR" SP comp-sel-quoted [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]
func (e *Encoder) Comparator(active string, matched []string) {
	e.start("COMPARATOR ")
	e.buf = e.wire.astring(e.buf, active)
	if len(matched) > 1 {
		e.buf = append(e.buf, ' ')
		for i, name := range matched {
			e.buf = e.wire.astring(listSep(e.buf, i), name)
		}
		e.buf = append(e.buf, ')')
	}
	e.end()
}
