package imapd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/sasl"
)

// Switches are what an operator has switched off, for everybody and for clients that say by ID who they are. The zero value switches
// nothing off. Sessions that have begun keep what they had.
type Switches struct {
	Disable []string // capabilities, by name
	Clients []Client
}

// Client is a program, by what it says in ID (RFC 2971), and what it is not to have. In the patterns "*" stands for anything and case does
// not matter; an empty one asks for nothing. A client to whom several apply loses what any of them says.
type Client struct {
	Name, Version, Vendor string
	Disable               []string
}

// Check says what is wrong with Switches: names that there are not, or nothing left to speak.
func (sw *Switches) Check() error {
	if err := checkNames(sw.Disable, nil); err != nil {
		return err
	}
	for i, c := range sw.Clients {
		if c.Name == "" && c.Version == "" && c.Vendor == "" {
			return fmt.Errorf("client %d: it has neither name, version nor vendor", i+1)
		}
		if err := checkNames(c.Disable, sw.Disable); err != nil {
			return fmt.Errorf("client %d: %w", i+1, err)
		}
	}
	return nil
}

func checkNames(names, more []string) error {
	o := newOff(names, more)
	for _, name := range names {
		if !switchable(name) {
			return fmt.Errorf("%q is no capability that can be switched off", name)
		}
	}
	if o.has("IMAP4REV1") && o.has("IMAP4REV2") {
		return errors.New("one of IMAP4rev1 and IMAP4rev2 must stay")
	}
	return nil
}

// switchable says whether a name is that of a capability, or of a way to log in, which may be none that is offered today.
func switchable(name string) bool {
	name = strings.ToUpper(name)
	if mechanism, ok := strings.CutPrefix(name, "AUTH="); ok {
		return sasl.Known(mechanism)
	}
	_, ok := featureTable()[name]
	return ok
}

// SetSwitches replaces the switches, for sessions that begin from now on. They must have been checked.
func (srv *Server) SetSwitches(sw Switches) { srv.switches.Store(&sw) }

// off is what a session does without. A nil off does without nothing.
type off struct {
	names    map[string]bool // in capitals
	features []feature
}

// newOff is nil when there is nothing to do without.
func newOff(lists ...[]string) *off {
	o := &off{names: make(map[string]bool)}
	table := featureTable()
	names := slices.Concat(lists...)
	for i := 0; i < len(names); i++ {
		name := strings.ToUpper(names[i])
		if f, ok := table[name]; ok && !o.names[name] {
			o.features = append(o.features, f)
			names = append(names, f.with...)
		}
		o.names[name] = true
	}
	if len(o.names) == 0 {
		return nil
	}
	return o
}

// has says whether a capability is switched off. Its name must be in capitals.
func (o *off) has(name string) bool { return o != nil && o.names[name] }

// command says whether a command is.
func (o *off) command(name string) bool {
	return o != nil && slices.ContainsFunc(o.features, func(f feature) bool { return slices.Contains(f.commands, name) })
}

// refuses says whether a command that there is uses what is switched off.
func (o *off) refuses(c imapwire.Command) bool {
	return o != nil && slices.ContainsFunc(o.features, func(f feature) bool { return f.uses != nil && f.uses(c) })
}

// hides says whether a response code is not to be told.
func (o *off) hides(code imapwire.Code) bool {
	return o != nil && slices.ContainsFunc(o.features, func(f feature) bool { return slices.Contains(f.codes, code.Name()) })
}

// mechanisms takes those that are switched off out of what is offered. A client that could bind, and is not offered to, is no sign of
// an attack then, so both of -PLUS go together, and with them the binding.
func (o *off) mechanisms(c *sasl.Config) {
	c.Offer.Mechanisms = slices.DeleteFunc(slices.Clone(c.Offer.Mechanisms), func(name string) bool { return o.names["AUTH="+name] })
	if o.names["AUTH="+sasl.ScramSHA256Plus] || o.names["AUTH="+sasl.ScramSHA1Plus] {
		c.Binding = nil
	}
}

// message refuses a message to be appended, the nth of its command, if it comes in a way that is switched off.
func (o *off) message(m *imapwire.AppendMessage, nth int) error {
	for _, use := range []struct {
		name string
		is   bool
	}{
		{"MULTIAPPEND", nth > 0}, {"CATENATE", m.Catenate}, {"UTF8=ACCEPT", m.UTF8}, {"BINARY", m.Binary && !m.UTF8},
	} {
		if use.is && o.has(use.name) {
			return errSwitchedOff()
		}
	}
	return nil
}

func errSwitchedOff() error { return badCommand("an argument that is not known here") }

// chooseSwitches finds out what the session does without. It is asked at its beginning, and when the client says who it is.
func (s *session) chooseSwitches(id []imapwire.IDParam) {
	if s.switches == nil {
		s.switches = s.srv.switches.Load()
	}
	lists := [][]string{s.switches.Disable}
	for _, c := range s.switches.Clients {
		if c.is(id) {
			lists = append(lists, c.Disable)
		}
	}
	s.off = newOff(lists...)
}

// is says whether a client that says this of itself is the one.
func (c *Client) is(id []imapwire.IDParam) bool {
	field := func(name string) string {
		for _, p := range id {
			if strings.EqualFold(p.Field, name) {
				return p.Value
			}
		}
		return ""
	}
	return len(id) > 0 && fits(c.Name, field("name")) && fits(c.Version, field("version")) && fits(c.Vendor, field("vendor"))
}

// fits matches a pattern of Client.
func fits(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(strings.ToLower(pattern), "*")
	s = strings.ToLower(s)
	last := len(parts) - 1
	if last == 0 {
		return s == parts[0]
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	for _, p := range parts[1:last] {
		var found bool
		_, rest, found = strings.Cut(rest, p)
		ok = ok && found
	}
	return ok && strings.HasSuffix(rest, parts[last])
}
