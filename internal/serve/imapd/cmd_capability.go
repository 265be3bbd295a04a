package imapd

import (
	"context"
	"strconv"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/sasl"
)

// CAPABILITY: RFC 9051 6.1.1.
//
//	capability-data = "CAPABILITY" *(SP capability) SP "IMAP4rev2" *(SP capability)
func cmdCapability(s *session, _ context.Context, _ imapwire.Bare) (done, error) {
	s.out().Capability(s.capabilities())
	return done{}, nil
}

// capability is an extension that is offered, by its name in CAPABILITY.
type capability struct {
	name   string
	states state                 // in which it is told
	value  func(*session) string // what stands behind "=", for those that have something there
	unless func(*session) bool   // hides it
}

// capabilityTable is everything that is offered but the ways to log in, in the order in which it is told.
func capabilityTable() []capability {
	return []capability{
		{name: "IMAP4rev1", states: stateAny},
		{name: "IMAP4rev2", states: stateAny},
		{name: "SASL-IR", states: stateAny},
		{name: "LITERAL+", states: stateAny},
		{name: "LITERAL-", states: stateAny, unless: func(s *session) bool { return !s.off.has("LITERAL+") }},
		{name: "ID", states: stateAny},
		{name: "ENABLE", states: stateAny},
		{name: "LANGUAGE", states: stateAny},

		{name: "IDLE", states: stateLogin},
		{name: "NAMESPACE", states: stateLogin},
		{name: "CHILDREN", states: stateLogin},
		{name: "LIST-EXTENDED", states: stateLogin},
		{name: "LIST-STATUS", states: stateLogin},
		{name: "SPECIAL-USE", states: stateLogin},
		{name: "CREATE-SPECIAL-USE", states: stateLogin},
		{name: "STATUS=SIZE", states: stateLogin},
		{name: "UIDPLUS", states: stateLogin},
		{name: "UNSELECT", states: stateLogin},
		{name: "MOVE", states: stateLogin},
		{name: "MULTIAPPEND", states: stateLogin},
		{name: "REPLACE", states: stateLogin},
		{name: "CATENATE", states: stateLogin},
		{name: "URL-PARTIAL", states: stateLogin},
		{name: "URLAUTH", states: stateLogin},
		{name: "URLAUTH=BINARY", states: stateLogin},
		{name: "APPENDLIMIT", states: stateLogin, value: func(s *session) string { return strconv.FormatInt(s.srv.opts.MaxAppend, 10) }},
		{name: "BINARY", states: stateLogin},
		{name: "ESEARCH", states: stateLogin},
		{name: "SEARCHRES", states: stateLogin},
		{name: "WITHIN", states: stateLogin},
		{name: "SEARCH=FUZZY", states: stateLogin},
		{name: "SORT", states: stateLogin},
		{name: "SORT=DISPLAY", states: stateLogin},
		{name: "ESORT", states: stateLogin},
		{name: "THREAD=ORDEREDSUBJECT", states: stateLogin},
		{name: "THREAD=REFERENCES", states: stateLogin},
		{name: "THREAD=REFS", states: stateLogin},
		{name: "PARTIAL", states: stateLogin},
		{name: "MULTISEARCH", states: stateLogin},
		{name: "CONTEXT=SEARCH", states: stateLogin},
		{name: "CONTEXT=SORT", states: stateLogin},
		{name: "I18NLEVEL=1", states: stateLogin},
		{name: "I18NLEVEL=2", states: stateLogin},
		{name: "CONDSTORE", states: stateLogin},
		{name: "QRESYNC", states: stateLogin},
		{name: "UIDONLY", states: stateLogin},
		{name: "UIDBATCHES", states: stateLogin},
		{name: "MESSAGELIMIT", states: stateLogin, value: limitValue(func(o *Options) int { return o.MessageLimit })},
		{name: "SAVELIMIT", states: stateLogin, value: limitValue(func(o *Options) int { return o.SaveLimit })},
		{name: "INPROGRESS", states: stateLogin},
		{name: "OBJECTID", states: stateLogin},
		{name: "SAVEDATE", states: stateLogin},
		{name: "PREVIEW", states: stateLogin},
		{name: "UTF8=ACCEPT", states: stateLogin},
		{name: "ACL", states: stateLogin},
		{name: "RIGHTS=texk", states: stateLogin}, // RFC 4314 2.2
		{name: "LIST-MYRIGHTS", states: stateLogin},
		{name: "METADATA", states: stateLogin},
		{name: "LIST-METADATA", states: stateLogin},
		{name: "FILTERS", states: stateLogin},
		{name: "QUOTA", states: stateLogin},
		{name: "QUOTASET", states: stateLogin},
		{name: "QUOTA=RES-STORAGE", states: stateLogin},
		{name: "QUOTA=RES-MESSAGE", states: stateLogin},
		{name: "QUOTA=RES-MAILBOX", states: stateLogin},
		{name: "NOTIFY", states: stateLogin},
		{name: "COMPRESS=DEFLATE", states: stateLogin, unless: func(s *session) bool { return s.conn.Deflating() }},
		{name: "UNAUTHENTICATE", states: stateLogin},
		{name: "X-GM-EXT-1", states: stateLogin},
		{name: "XLIST", states: stateLogin},
	}
}

// capabilities are those that the session has now. ENABLE does not change them (RFC 9051 6.3.1).
func (s *session) capabilities() []string {
	list := make([]string, 0, len(s.srv.capabilities)+4)
	for _, c := range s.srv.capabilities {
		switch {
		case c.states&s.state == 0, s.off != nil && s.off.has(strings.ToUpper(c.name)), c.unless != nil && c.unless(s):
		case c.value != nil:
			list = append(list, c.name+"="+c.value(s))
		default:
			list = append(list, c.name)
		}
	}
	if s.state == stateNotAuthenticated {
		list = append(list, s.loginCapabilities()...)
	}
	return list
}

// loginCapabilities say how to log in.
func (s *session) loginCapabilities() []string {
	var list []string
	if s.conn.HasTLS() && !s.off.has("STARTTLS") {
		list = append(list, "STARTTLS")
	}
	c := s.saslConfig(nil)
	if !c.Plaintext || !c.Offer.Has(sasl.Plain) {
		list = append(list, "LOGINDISABLED")
	}
	for _, name := range c.Mechanisms() {
		list = append(list, "AUTH="+name)
	}
	return list
}

// plaintext says that passwords may come as they are.
func (s *session) plaintext() bool { return s.conn.Secret() || s.srv.opts.AllowPlainLogin }

// saslConfig is what can be had at this moment.
func (s *session) saslConfig(b sasl.Backend) *sasl.Config {
	c := &sasl.Config{Backend: b, Offer: s.srv.opts.Auth.Offer(), Plaintext: s.plaintext()}
	if s.conn.TLS() != nil {
		c.Binding, c.Names = s.conn.ChannelBinding, s.conn.ClientNames()
	}
	if s.off != nil {
		s.off.mechanisms(c)
	}
	return c
}

// NOOP: RFC 9051 6.1.2; CHECK: RFC 3501 6.4.1, which durable changes leave nothing to do for. The dispatcher does the rest.
func cmdNoop(*session, context.Context, imapwire.Bare) (done, error) { return done{}, nil }

// LOGOUT: RFC 9051 6.1.3.
func cmdLogout(s *session, _ context.Context, _ imapwire.Bare) (done, error) {
	s.out().Status("", imapwire.BYE, "", "logging out")
	return done{then: func() error {
		s.ending = true
		return nil
	}}, nil
}
