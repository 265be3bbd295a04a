package imapd

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
)

// ID: RFC 2971. Strangers are told the name only; what clients say of themselves goes to the log.
//
//	id = "ID" SP id-params-list
func cmdID(s *session, _ context.Context, c *imapwire.ID) (done, error) {
	params := []imapwire.IDParam{{Field: "name", Value: "Restante"}}
	if s.state != stateNotAuthenticated {
		if v := s.srv.opts.Version; v != "" {
			params = append(params, imapwire.IDParam{Field: "version", Value: v})
		}
		var client []string
		for _, p := range c.Params {
			if f := strings.ToLower(p.Field); f == "name" || f == "version" {
				client = append(client, p.Value)
			}
		}
		s.conn.Log().Debug("client", slog.String("id", strings.Join(client, " ")))
	}
	s.out().ID(params)
	s.identified(c.Params)
	return done{}, nil
}

// identified notes who the client is. It may be one that is better off without something: then it learns at once what there is.
func (s *session) identified(id []imapwire.IDParam) {
	before := s.capabilities()
	s.chooseSwitches(id)
	if after := s.capabilities(); !slices.Equal(before, after) {
		s.out().SetHidden(s.off.hides)
		s.in().SetOptions(s.decoderOptions())
		s.out().Capability(after)
	}
}

// ENABLE: RFC 9051 6.3.1, RFC 5161. What is not known is passed over.
//
//	enable = "ENABLE" 1*(SP capability)
func cmdEnable(s *session, _ context.Context, c *imapwire.Enable) (done, error) {
	var enabled []string
	set := func(flag *bool, name string) {
		if !*flag {
			*flag = true
			enabled = append(enabled, name)
		}
	}
	for _, name := range c.Capabilities {
		if s.off.has(name) {
			continue
		}
		switch name {
		case "IMAP4REV2":
			set(&s.rev2, "IMAP4rev2")
		case "UTF8=ACCEPT": // RFC 6855 3
			set(&s.utf8, "UTF8=ACCEPT")
		case "METADATA", "METADATA-SERVER": // RFC 5464 4.1
			if !s.notes.on {
				s.notes.on = true
				s.watchMetadata()
				enabled = append(enabled, name)
			}
		case "CONDSTORE": // RFC 7162 3.1
			if !s.condStore {
				enabled = append(enabled, "CONDSTORE")
				s.enableCondStore()
			}
		case "UIDONLY": // RFC 9586 3.1
			set(&s.uidOnly, "UIDONLY")
		case "QRESYNC": // RFC 7162 3.2.3: it enables CONDSTORE too
			set(&s.qresync, "QRESYNC")
			s.enableCondStore()
		}
	}
	s.out().Enabled(enabled)
	s.out().SetUTF8(s.unicode())
	s.in().SetUTF8(s.unicode())
	return done{}, nil
}

// NAMESPACE: RFC 9051 6.3.10.
func cmdNamespace(s *session, _ context.Context, _ imapwire.Bare) (done, error) {
	personal, others := namespaces()
	s.out().Namespace(personal, others, nil)
	return done{}, nil
}

// separator is the hierarchy separator, store.Separator as an octet.
const separator = '/'
