package imapwire

// SetACL is SETACL (RFC 4314 3.1). Rights are letters, of which only lower-case ones and digits are let through.
type SetACL struct {
	Mailbox    Mailbox
	Identifier string
	Mode       RightsMode
	Rights     string
}

// RightsMode says what SETACL does with the rights that there are.
type RightsMode uint8

// Modes of SETACL.
const (
	RightsReplace RightsMode = iota
	RightsAdd
	RightsRemove
)

// DeleteACL is DELETEACL (RFC 4314 3.2).
type DeleteACL struct {
	Mailbox    Mailbox
	Identifier string
}

// GetACL is GETACL (RFC 4314 3.3).
type GetACL struct{ Mailbox Mailbox }

// ListRights is LISTRIGHTS (RFC 4314 3.4).
type ListRights struct {
	Mailbox    Mailbox
	Identifier string
}

// MyRights is MYRIGHTS (RFC 4314 3.5).
type MyRights struct{ Mailbox Mailbox }

// ACLEntry is an identifier and its rights.
type ACLEntry struct{ Identifier, Rights string }

// CommandName is SETACL.
func (*SetACL) CommandName() string { return "SETACL" }

// CommandName is DELETEACL.
func (*DeleteACL) CommandName() string { return "DELETEACL" }

// CommandName is GETACL.
func (*GetACL) CommandName() string { return "GETACL" }

// CommandName is LISTRIGHTS.
func (*ListRights) CommandName() string { return "LISTRIGHTS" }

// CommandName is MYRIGHTS.
func (*MyRights) CommandName() string { return "MYRIGHTS" }

// setacl     = "SETACL" SP mailbox SP identifier SP mod-rights
// mod-rights = astring ;; +rights to add, -rights to remove, rights to replace
func (d *Decoder) parseSetACL() Command {
	c := SetACL{Mailbox: d.spMailbox(), Identifier: d.spIdentifier()}
	d.sp()
	rights, ok := d.astring("rights")
	switch {
	case !ok:
	case rights != "" && rights[0] == '+':
		c.Mode, rights = RightsAdd, rights[1:]
	case rights != "" && rights[0] == '-':
		c.Mode, rights = RightsRemove, rights[1:]
	}
	for i := range len(rights) {
		if r := rights[i]; !('a' <= r && r <= 'z' || isDigit(r)) {
			d.fail("rights are lower-case letters") // RFC 4314 3.1
			break
		}
	}
	c.Rights = rights
	return done(d, &c)
}

// spIdentifier is SP identifier, an astring.
func (d *Decoder) spIdentifier() string {
	if !d.sp() {
		return ""
	}
	s, _ := d.astring("an identifier")
	return s
}

func (c *SetACL) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	b = w.astring(append(b, ' '), c.Identifier)
	return w.astring(append(b, ' '), [...]string{"", "+", "-"}[c.Mode]+c.Rights)
}

func (c *DeleteACL) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	return w.astring(append(b, ' '), c.Identifier)
}

func (c *GetACL) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

func (c *ListRights) appendArgs(w wire, b []byte) []byte {
	b = w.mailbox(append(b, ' '), string(c.Mailbox))
	return w.astring(append(b, ' '), c.Identifier)
}

func (c *MyRights) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

// ACL writes an ACL response (RFC 4314 3.6).
//
//	acl-data = "ACL" SP mailbox *(SP identifier SP rights)
func (e *Encoder) ACL(m Mailbox, list []ACLEntry) {
	e.start("ACL ")
	e.buf = e.wire.mailbox(e.buf, string(m))
	for _, a := range list {
		e.buf = e.wire.astring(append(e.buf, ' '), a.Identifier)
		e.buf = e.wire.astring(append(e.buf, ' '), a.Rights)
	}
	e.end()
}

// ListRights writes a LISTRIGHTS response: the rights that the identifier always has, and those that it can be granted, tied ones together
// (RFC 4314 3.7).
//
//	listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights)
func (e *Encoder) ListRights(m Mailbox, identifier, required string, optional []string) {
	e.start("LISTRIGHTS ")
	e.buf = append(e.wire.mailbox(e.buf, string(m)), ' ')
	e.buf = e.wire.astring(e.buf, identifier)
	e.buf = e.wire.astring(append(e.buf, ' '), required)
	for _, r := range optional {
		e.buf = e.wire.astring(append(e.buf, ' '), r)
	}
	e.end()
}

// MyRights writes a MYRIGHTS response (RFC 4314 3.8).
//
//	myrights-data = "MYRIGHTS" SP mailbox SP rights
func (e *Encoder) MyRights(m Mailbox, rights string) {
	e.start("MYRIGHTS ")
	e.buf = e.wire.mailbox(e.buf, string(m))
	e.buf = e.wire.astring(append(e.buf, ' '), rights)
	e.end()
}
