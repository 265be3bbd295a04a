package confd

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// apple answers with a configuration profile for one address. It has no password: the device asks for it.
func (s *Server) apple(q *question) *http.Response {
	email := q.URL.Query().Get("email")
	a, ok := parseAddress(email)
	if !ok {
		return problem(http.StatusBadRequest, "name an address: ?email=anna@example.org")
	}
	domain, hosted, err := s.hosted(q.Context(), string(a.Domain))
	switch {
	case err != nil:
		return problem(http.StatusServiceUnavailable, "try again later")
	case !hosted:
		return problem(http.StatusNotFound, "mail for this domain is not kept here")
	}
	incoming, outgoing := s.first(IMAP, POP3), s.first(SMTP)
	if incoming == nil || outgoing == nil {
		return problem(http.StatusNotFound, "the server does not serve what a profile needs: a mailbox, and submission")
	}
	var p plist
	p.begin()
	p.key("PayloadContent", "<array>")
	p.open("<dict>")
	p.text("EmailAccountDescription", domain.Unicode())
	p.text("EmailAccountName", email)
	p.text("EmailAccountType", map[Kind]string{IMAP: "EmailTypeIMAP", POP3: "EmailTypePOP"}[incoming.Kind])
	p.text("EmailAddress", email)
	for _, side := range []struct {
		name string
		*Service
	}{{"IncomingMailServer", incoming}, {"OutgoingMailServer", outgoing}} {
		p.text(side.name+"Authentication", "EmailAuthPassword")
		p.text(side.name+"HostName", s.opts.Host)
		p.key(side.name+"PortNumber", fmt.Sprintf("<integer>%d</integer>", side.Port))
		p.key(side.name+"UseSSL", "<true/>") // both ways: it tries what the port speaks
		p.text(side.name+"Username", email)
	}
	p.key("OutgoingPasswordSameAsIncomingPassword", "<true/>")
	name := reversed(s.opts.Host) + "." + strings.ReplaceAll(email, "@", ".")
	p.payload("com.apple.mail.managed", name+".mail", "Mail of "+email)
	p.close("</dict>", "</array>")
	p.payload("Configuration", name, "Mail of "+email)
	profile, kind := p.end(), "application/x-apple-aspen-config; charset=utf-8"
	if s.opts.Sign != nil {
		signed, err := s.opts.Sign(profile)
		switch {
		case err != nil:
			return problem(http.StatusServiceUnavailable, "try again later")
		case signed != nil:
			profile, kind = signed, "application/x-apple-aspen-config"
		}
	}
	r := reply(http.StatusOK, kind, profile)
	r.Header.Set("Content-Disposition", `attachment; filename="mail.mobileconfig"`)
	return r
}

// first is the service that is best of a kind, of the first kind that there is.
func (s *Server) first(kinds ...Kind) *Service {
	for _, kind := range kinds {
		for i := range s.opts.Services {
			if s.opts.Services[i].Kind == kind {
				return &s.opts.Services[i]
			}
		}
	}
	return nil
}

// reversed writes a host name as identifiers have it: "org.example.mail".
func reversed(host string) string {
	out := ""
	for label := range strings.SplitSeq(host, ".") {
		out = strings.TrimSuffix(label+"."+out, ".")
	}
	return out
}

// plist writes a property list.
type plist struct {
	b     bytes.Buffer
	depth int
}

func (p *plist) begin() {
	p.b.WriteString(xml.Header)
	p.b.WriteString(`<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n")
	p.b.WriteString("<plist version=\"1.0\">\n")
	p.open("<dict>")
}

func (p *plist) end() []byte {
	p.close("</dict>")
	p.b.WriteString("</plist>\n")
	return p.b.Bytes()
}

func (p *plist) line(text string) {
	p.b.WriteString(strings.Repeat("  ", p.depth) + text + "\n")
}

func (p *plist) open(tag string) {
	p.line(tag)
	p.depth++
}

func (p *plist) close(tags ...string) {
	for _, tag := range tags {
		p.depth--
		p.line(tag)
	}
}

// key writes a key and its value, or what begins it.
func (p *plist) key(name, value string) {
	p.line("<key>" + name + "</key>")
	p.line(value)
	if value == "<array>" {
		p.depth++
	}
}

func (p *plist) text(name, value string) {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(value)) // a Buffer takes everything
	p.key(name, "<string>"+escaped.String()+"</string>")
}

// payload writes what every payload has. Its UUID is made of its name, so that a profile that is fetched again takes the place of the old one.
func (p *plist) payload(kind, name, title string) {
	sum := sha256.Sum256([]byte(name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // version 8: of the maker's own
	p.text("PayloadDisplayName", title)
	p.text("PayloadIdentifier", name)
	p.text("PayloadType", kind)
	p.text("PayloadUUID", strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])))
	p.key("PayloadVersion", "<integer>1</integer>")
}
