package imapd

import (
	"context"
	"strconv"

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

// capabilities are those that the session has now. ENABLE does not change them (RFC 9051 6.3.1).
func (s *session) capabilities() []string {
	list := []string{"IMAP4rev1", "IMAP4rev2", "SASL-IR", "LITERAL+", "ID", "ENABLE"}
	if s.state == stateNotAuthenticated {
		return append(list, s.loginCapabilities()...)
	}
	return append(list,
		"IDLE", "NAMESPACE", "CHILDREN", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "CREATE-SPECIAL-USE", "STATUS=SIZE",
		"UIDPLUS", "UNSELECT", "MOVE", "MULTIAPPEND", "APPENDLIMIT="+strconv.FormatInt(s.srv.opts.MaxAppend, 10), "BINARY",
		"ESEARCH", "SEARCHRES", "WITHIN", "CONDSTORE", "OBJECTID", "SAVEDATE", "PREVIEW", "UTF8=ACCEPT",
	)
}

// loginCapabilities say how to log in.
func (s *session) loginCapabilities() []string {
	var list []string
	if s.conn.HasTLS() {
		list = append(list, "STARTTLS")
	}
	if !s.plaintext() {
		list = append(list, "LOGINDISABLED")
	}
	c := s.saslConfig(nil)
	for _, name := range c.Mechanisms() {
		list = append(list, "AUTH="+name)
	}
	return list
}

// plaintext says that passwords may come as they are.
func (s *session) plaintext() bool { return s.conn.TLS() != nil || s.srv.opts.AllowPlainLogin }

// saslConfig is what can be had at this moment.
func (s *session) saslConfig(b sasl.Backend) *sasl.Config {
	c := &sasl.Config{Backend: b, Hashes: s.srv.opts.Auth.Hashes(), Plaintext: s.plaintext()}
	if s.conn.TLS() != nil {
		c.Binding = s.conn.ChannelBinding
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
