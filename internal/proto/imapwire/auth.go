package imapwire

import (
	"encoding/base64"
	"strings"
)

// Login is LOGIN (RFC 9051 6.2.3). The strings are octets as sent; valid UTF-8 is not promised.
type Login struct{ User, Password string }

// CommandName is LOGIN.
func (*Login) CommandName() string { return "LOGIN" }

// login    = "LOGIN" SP userid SP password
// userid   = astring
// password = astring
func (d *Decoder) parseLogin() Command {
	var c Login
	d.sp()
	c.User, _ = d.astring("a user name")
	d.sp()
	c.Password, _ = d.astring("a password")
	return done(d, &c)
}

func (c *Login) appendArgs(w wire, b []byte) []byte {
	b = w.string(append(b, ' '), c.User)
	return w.string(append(b, ' '), c.Password)
}

// Authenticate is AUTHENTICATE (RFC 9051 6.2.2) with the initial response of RFC 4959, already decoded. Mechanism is in capitals.
// The rest of the exchange goes through [Decoder.ReadSASL].
type Authenticate struct {
	Mechanism  string
	Initial    []byte
	HasInitial bool // "=" gives an empty one
}

// CommandName is AUTHENTICATE.
func (*Authenticate) CommandName() string { return "AUTHENTICATE" }

// authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
// auth-type    = atom
// initial-resp = (base64 / "=")
func (d *Decoder) parseAuthenticate() Command {
	var c Authenticate
	d.sp()
	mech, _ := d.atom("a SASL mechanism")
	c.Mechanism = strings.ToUpper(mech)
	if d.try(' ') {
		c.HasInitial = true
		if raw := d.run(isBase64Char); len(raw) == 0 {
			d.fail("expected an initial response at column %d", d.pos+1)
		} else if string(raw) != "=" {
			var err error
			if c.Initial, err = base64.StdEncoding.Strict().AppendDecode(nil, raw); err != nil {
				d.fail("invalid base64")
			}
		}
	}
	return done(d, &c)
}

func (c *Authenticate) appendArgs(_ wire, b []byte) []byte {
	b = append(b, ' ')
	b = append(b, c.Mechanism...)
	if !c.HasInitial {
		return b
	}
	b = append(b, ' ')
	if len(c.Initial) == 0 {
		return append(b, '=')
	}
	return base64.StdEncoding.AppendEncode(b, c.Initial)
}

func isBase64Char(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || isDigit(c) || c == '+' || c == '/' || c == '='
}

// Enable is ENABLE (RFC 5161). The capabilities are in capitals.
type Enable struct{ Capabilities []string }

// CommandName is ENABLE.
func (*Enable) CommandName() string { return "ENABLE" }

// enable = "ENABLE" 1*(SP capability)
func (d *Decoder) parseEnable() Command {
	var c Enable
	for d.sp() && d.item() {
		name, ok := d.atom("a capability")
		if !ok {
			break
		}
		c.Capabilities = append(c.Capabilities, strings.ToUpper(name))
		if d.peek() != ' ' {
			break
		}
	}
	return done(d, &c)
}

func (c *Enable) appendArgs(_ wire, b []byte) []byte {
	for _, name := range c.Capabilities {
		b = append(b, ' ')
		b = append(b, name...)
	}
	return b
}

// ID is ID (RFC 2971). Params is empty for NIL and for ().
type ID struct{ Params []IDParam }

// IDParam is a field of ID and its value. Null says that the value was NIL.
type IDParam struct {
	Field, Value string
	Null         bool
}

// CommandName is ID.
func (*ID) CommandName() string { return "ID" }

// Bounds of ID (RFC 2971 3.3).
const (
	maxIDParams = 30
	maxIDField  = 30
	maxIDValue  = 1024
)

// id             = "ID" SP id-params-list
// id-params-list = "(" [string SP nstring *(SP string SP nstring)] ")" / nil
func (d *Decoder) parseID() Command {
	var c ID
	d.sp()
	if d.peek() != '(' {
		if string(d.keyword()) != "NIL" {
			d.fail("expected a list or NIL")
		}
		return done(d, &c)
	}
	d.list(func() bool {
		var p IDParam
		var ok bool
		if p.Field, ok = d.string("a field name"); !ok || !d.sp() {
			return false
		}
		if p.Value, p.Null, ok = d.nstring("a value"); !ok {
			return false
		}
		if len(c.Params) == maxIDParams || len(p.Field) > maxIDField || len(p.Value) > maxIDValue {
			return d.fail("ID is for 30 fields, their names of 30 octets, their values of 1024")
		}
		c.Params = append(c.Params, p)
		return true
	})
	return done(d, &c)
}

func (c *ID) appendArgs(w wire, b []byte) []byte { return w.idParams(append(b, ' '), c.Params) }

// idParams appends an id-params-list, as both sides send it.
func (w wire) idParams(b []byte, params []IDParam) []byte {
	if len(params) == 0 {
		return append(b, "NIL"...)
	}
	for i, p := range params {
		b = listSep(b, i)
		b = w.string(b, p.Field)
		b = append(b, ' ')
		if p.Null {
			b = append(b, "NIL"...)
		} else {
			b = w.string(b, p.Value)
		}
	}
	return append(b, ')')
}
