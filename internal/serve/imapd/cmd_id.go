package imapd

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"restante/internal/proto/imapwire"
)

// ID: RFC 2971. Strangers are told the name only; what clients say of themselves is noted for the owner of the device.
//
//	id = "ID" SP id-params-list
func cmdID(s *session, ctx context.Context, c *imapwire.ID) (done, error) {
	params := []imapwire.IDParam{{Field: "name", Value: "Restante"}}
	if s.state != stateNotAuthenticated {
		if v := s.srv.opts.Version; v != "" {
			params = append(params, imapwire.IDParam{Field: "version", Value: v})
		}
	}
	s.noteClient(ctx, clientName(c.Params))
	s.out().ID(params)
	s.identified(c.Params)
	return done{}, nil
}

// maxClientName is the longest name of a client that is noted, in octets.
const maxClientName = 200

// clientName is what a program says of itself, its name and version, as people can be shown it. Nobody has checked it.
func clientName(id []imapwire.IDParam) string {
	var words []string
	for _, field := range []string{"name", "version"} {
		for _, p := range id {
			if strings.EqualFold(p.Field, field) {
				words = append(words, p.Value)
			}
		}
	}
	s := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.Join(words, " "))
	return strings.TrimSpace(strings.ToValidUTF8(s[:min(len(s), maxClientName)], ""))
}

// noteClient notes what the client calls itself, for its owner: with the login, or now if it has logged in.
func (s *session) noteClient(ctx context.Context, client string) {
	if client == "" || client == s.client {
		return
	}
	s.client = client
	s.conn.Log().Debug("client", slog.String("id", client))
	if s.state == stateNotAuthenticated {
		return
	}
	if err := s.account.NoteClient(ctx, s.who.Device, client); err != nil {
		s.conn.Log().Warn("client not noted", slog.Any("error", err))
	}
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
