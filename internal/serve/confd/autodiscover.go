package confd

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Schemas of Microsoft's plain old XML (MS-OXDSCLI).
const (
	schemaOutlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

// poxRequest is what counts of a request.
type poxRequest struct{ Address, Schema string }

// maxDepth is how deep elements of a request may nest; it has three levels.
const maxDepth = 8

var errPOX = errors.New("confd: not an Autodiscover request")

// parsePOX reads a request. Document types are refused with all that can be in them; entities but XML's own five are errors.
func parsePOX(body []byte) (poxRequest, error) {
	var out poxRequest
	dec := xml.NewDecoder(bytes.NewReader(body))
	var path []string
	var text []byte
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return poxRequest{}, errors.Join(errPOX, err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return poxRequest{}, errPOX
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > maxDepth {
				return poxRequest{}, errPOX
			}
			text = nil
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			switch strings.Join(path, "/") {
			case "Autodiscover/Request/EMailAddress":
				out.Address = strings.TrimSpace(string(text))
			case "Autodiscover/Request/AcceptableResponseSchema":
				out.Schema = strings.TrimSpace(string(text))
			}
			path, text = path[:len(path)-1], nil
		}
	}
	if out.Address == "" {
		return poxRequest{}, errPOX
	}
	return out, nil
}

type poxResponse struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Settings *poxSettings
	Failure  *poxFailure
}

type poxSettings struct {
	XMLName  xml.Name      `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
	Name     string        `xml:"User>DisplayName"`
	Type     string        `xml:"Account>AccountType"`
	Action   string        `xml:"Account>Action"`
	Protocol []poxProtocol `xml:"Account>Protocol"`
}

type poxProtocol struct {
	Type           string
	Server         string
	Port           uint16
	DomainRequired string
	LoginName      string
	SPA            string
	SSL            string
	Encryption     string
	AuthRequired   string
	UsePOPAuth     string `xml:",omitempty"`
	SMTPLast       string `xml:",omitempty"`
}

type poxFailure struct {
	XMLName xml.Name `xml:"Response"`
	Error   struct {
		Time      string `xml:",attr"`
		ID        string `xml:"Id,attr"`
		ErrorCode int
		Message   string
		DebugData string
	}
}

// autodiscover answers Outlook.
func (s *Server) autodiscover(q *question) *http.Response {
	if !q.secure || q.Method != http.MethodPost {
		// Outlook asks http://autodiscover.DOMAIN with GET where to go, and then shows the name to its user.
		return redirect(s.discoverURL())
	}
	r, err := parsePOX(q.body)
	if err != nil {
		return s.poxError(600, "Invalid Request")
	}
	if r.Schema != "" && r.Schema != schemaOutlook {
		return s.poxError(601, "Provider is not available")
	}
	a, ok := parseAddress(r.Address)
	if !ok {
		return s.poxError(500, "The email address can't be found.")
	}
	// The address counts, not the Host: Outlook asks where a redirection or an SRV record has led it.
	_, hosted, err := s.hosted(q.Context(), string(a.Domain))
	switch {
	case err != nil:
		return problem(http.StatusServiceUnavailable, "try again later")
	case !hosted:
		return s.poxError(500, "The email address can't be found.")
	}
	out := poxSettings{Name: r.Address, Type: "email", Action: "settings"}
	for _, service := range s.opts.Services {
		p := poxProtocol{
			Type: strings.ToUpper(string(service.Kind)), Server: s.opts.Host, Port: service.Port,
			DomainRequired: "off", LoginName: r.Address, SPA: "off", SSL: "on", Encryption: "SSL", AuthRequired: "on",
		}
		if service.StartTLS {
			p.Encryption = "TLS"
		}
		if service.Kind == SMTP {
			p.UsePOPAuth, p.SMTPLast = "on", "off"
		}
		out.Protocol = append(out.Protocol, p)
	}
	return replyXML(poxResponse{Settings: &out})
}

func (s *Server) poxError(code int, text string) *http.Response {
	now := s.opts.Clock().UTC()
	var f poxFailure
	f.Error.Time = now.Format("15:04:05.0000000")
	f.Error.ID = strconv.FormatInt(now.Unix()%1e9, 10)
	f.Error.ErrorCode, f.Error.Message = code, text
	return replyXML(poxResponse{Failure: &f})
}

func (s *Server) discoverURL() string {
	return "https://" + s.opts.Host + "/autodiscover/autodiscover.xml"
}

// autodiscoverV2 answers newer ones of Microsoft's programs with where the other document is.
func (s *Server) autodiscoverV2(q *question) *http.Response {
	values := make(map[string]string) // names in small letters: programs do not agree on them
	for name, v := range q.URL.Query() {
		values[strings.ToLower(name)] = v[0]
	}
	email := values["email"]
	if email == "" {
		email, _ = url.PathUnescape(q.URL.EscapedPath()[strings.LastIndexByte(q.URL.EscapedPath(), '/')+1:])
	}
	a, ok := parseAddress(email)
	if !ok {
		return replyJSON(http.StatusBadRequest, map[string]string{"ErrorCode": "InvalidUserId", "ErrorMessage": "Name an address: ?Email=anna@example.org"})
	}
	_, hosted, err := s.hosted(q.Context(), string(a.Domain))
	switch {
	case err != nil:
		return problem(http.StatusServiceUnavailable, "try again later")
	case !hosted:
		return replyJSON(http.StatusNotFound, map[string]string{"ErrorCode": "UserNotFound", "ErrorMessage": "Mail for this domain is not kept here."})
	case !strings.EqualFold(values["protocol"], "AutodiscoverV1"):
		return replyJSON(http.StatusNotFound, map[string]string{"ErrorCode": "ProtocolNotSupported", "ErrorMessage": "There is AutodiscoverV1."})
	}
	return replyJSON(http.StatusOK, map[string]string{"Protocol": "AutodiscoverV1", "Url": s.discoverURL()})
}

func replyJSON(status int, v map[string]string) *http.Response {
	b, err := json.Marshal(v)
	if err != nil {
		panic("confd: " + err.Error()) // strings
	}
	return reply(status, "application/json; charset=utf-8", append(b, '\n'))
}
