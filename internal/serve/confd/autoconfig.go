package confd

import (
	"encoding/xml"
	"net/http"
	"strings"

	"restante/internal/proto/addr"
)

// clientConfig is Mozilla's format, version 1.1; the order of servers is what programs prefer.
type clientConfig struct {
	XMLName  xml.Name      `xml:"clientConfig"`
	Version  string        `xml:"version,attr"`
	Provider emailProvider `xml:"emailProvider"`
}

type emailProvider struct {
	ID        string `xml:"id,attr"`
	Domain    string `xml:"domain"`
	Name      string `xml:"displayName"`
	ShortName string `xml:"displayShortName"`
	Incoming  []mailServer
	Outgoing  []mailServer
}

type mailServer struct {
	XMLName        xml.Name
	Type           string `xml:"type,attr"`
	Host           string `xml:"hostname"`
	Port           uint16 `xml:"port"`
	Socket         string `xml:"socketType"`
	Authentication string `xml:"authentication"`
	Username       string `xml:"username"`
}

// autoconfig answers Thunderbird and the many that took its format over. The login is left for the program to fill in, so the document is
// the same for every address of a domain.
func (s *Server) autoconfig(q *question) *http.Response {
	domain, err := s.whose(q, q.URL.Query().Get("emailaddress"))
	switch {
	case err != nil:
		return problem(http.StatusServiceUnavailable, "try again later")
	case domain == "":
		return problem(http.StatusNotFound, "mail for this domain is not kept here")
	}
	name := string(domain)
	p := emailProvider{ID: name, Domain: name, Name: domain.Unicode(), ShortName: domain.Unicode()}
	for _, service := range s.opts.Services {
		m := mailServer{
			Type: string(service.Kind), Host: s.opts.Host, Port: service.Port, Socket: "SSL",
			Authentication: "password-cleartext", // in TLS
			Username:       "%EMAILADDRESS%",
		}
		if service.StartTLS {
			m.Socket = "STARTTLS"
		}
		if service.Kind == SMTP {
			m.XMLName.Local = "outgoingServer"
			p.Outgoing = append(p.Outgoing, m)
		} else {
			m.XMLName.Local = "incomingServer"
			p.Incoming = append(p.Incoming, m)
		}
	}
	return replyXML(clientConfig{Version: "1.1", Provider: p})
}

func replyXML(v any) *http.Response {
	b, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("confd: " + err.Error()) // our own structs
	}
	return reply(http.StatusOK, "text/xml; charset=utf-8", []byte(xml.Header+string(b)+"\n"))
}

// printable says whether an address may go back into a document: XML has no control characters.
func printable(address string) bool {
	return !strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd || r == 0xfffe || r == 0xffff })
}

// parseAddress reads the address of a person.
func parseAddress(text string) (addr.Address, bool) {
	a, err := addr.Parse(text)
	return a, err == nil && printable(text) && !a.Domain.IsLiteral()
}
