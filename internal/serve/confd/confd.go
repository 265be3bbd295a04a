// Package confd tells mail programs how to reach the server, and other mail servers how to reach it safely: small documents over HTTP.
//
// # Model
//
// A connection is one request and one answer. Which domain is meant says the Host field: the domain itself, or the name that a kind of document
// has below it (autoconfig.example.org, autodiscover.example.org, mta-sts.example.org). At the server's own name it is the domain of the
// address that the request names.
//
//	/.well-known/autoconfig/mail/config-v1.1.xml, /mail/config-v1.1.xml   Thunderbird and many others
//	/autodiscover/autodiscover.xml, /autodiscover/autodiscover.json       Outlook: POX, and version 2
//	/apple.mobileconfig?email=anna@example.org                            macOS and iOS
//	/.well-known/mta-sts.txt                                              MTA-STS policy (RFC 8461)
//	/.well-known/acme-challenge/TOKEN                                     that a name is ours (RFC 8555), at any name
//
// # Invariants
//
//   - Nobody learns here whether an account exists: only domains are looked up, and the part of an address before the "@" goes back as it came.
//   - A request is bounded: MaxRequest octets in all, Patience from its first octet to the last one of the answer.
//   - Over plain HTTP there is only what does no harm when somebody on the way changes it as well, and what programs ask for there first; the rest is
//     at HTTPS.
//
// # What it does not do
//
// It serves no files, and keeps no connections open.
package confd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"restante/internal/base/metrics"
	"restante/internal/proto/addr"
	"restante/internal/serve/listen"
	"restante/internal/trust/tlspolicy"
)

// Bounds of a request.
const (
	// MaxRequest is the most octets of one, its body included.
	MaxRequest = 64 << 10
	// Patience is how long one may take, with its answer.
	Patience = 20 * time.Second
)

// Kind is what a service is for.
type Kind string

// The kinds, in the order in which programs are told of them.
const (
	IMAP Kind = "imap"
	POP3 Kind = "pop3"
	SMTP Kind = "smtp" // submission
)

// Service is something that mail programs use. StartTLS says that TLS begins after a command and not with the first octet.
type Service struct {
	Kind     Kind
	Port     uint16
	StartTLS bool
}

// Options of a Server. Host and Hosts are needed.
type Options struct {
	// Host is the server's name, at which its services are.
	Host string
	// Hosts says whether mail for a domain is kept here.
	Hosts func(ctx context.Context, domain addr.Domain) (bool, error)
	// Services are told in this order: what is best first.
	Services []Service
	// Token is what an authority is to find that looks whether a host is ours (RFC 8555 8.3); ok is false if it has not been asked to.
	// Nil: none is asked.
	Token func(host, token string) (content string, ok bool)
	// Sign signs a profile for Apple's systems (CMS); nil where there is nothing to sign with. Nil: none are signed.
	Sign func(profile []byte) (signed []byte, err error)
	// Policy is the MTA-STS policy of every domain; the zero value is none.
	Policy tlspolicy.Policy

	Clock   func() time.Time // nil is time.Now
	Metrics *metrics.Registry
}

// Server answers requests. Make it with New. It is safe for concurrent use.
type Server struct {
	opts   Options
	counts map[string]*metrics.Counter // by document
}

// New returns a Server.
func New(o Options) *Server {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Server{opts: o, counts: make(map[string]*metrics.Counter)}
	for _, d := range append(documents(), document{name: "none"}, document{name: "acme"}) {
		s.counts[d.name] = o.Metrics.Counter("restante_setup_requests_total", "Requests for documents that set up mail programs and servers.",
			metrics.Label{Name: "document", Value: d.name})
	}
	return s
}

// Handle serves a connection: it is a listen.Options.Handler.
func (s *Server) Handle(ctx context.Context, c *listen.Conn) {
	c.LimitUntil(time.Now().Add(Patience))
	r, body, err := read(c.Reader(), func() error {
		_, err := io.WriteString(c.Writer(), "HTTP/1.1 100 Continue\r\n\r\n")
		return errors.Join(err, c.Flush())
	})
	if errors.Is(err, io.EOF) { // nothing, or a half: nobody waits for an answer
		return
	}
	var reply *http.Response
	if err != nil {
		reply = problem(http.StatusBadRequest, "this is not a request that is understood here")
		var refused *statusError
		if errors.As(err, &refused) {
			reply = problem(refused.status, refused.text)
		}
	} else {
		reply = s.answer(r.WithContext(ctx), body, c.Secret())
		c.TraceIn(r.Method + " " + r.URL.Path)
	}
	c.TraceOut(http.StatusText(reply.StatusCode))
	reply.Request = r
	_ = reply.Write(c.Writer()) // comes up in Flush
	_ = c.Flush()               // the client went away
}

// statusError is a request that is refused before it is looked at.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// read reads a request whole. goOn is called before a body that the client does not send without being told to (RFC 9110 10.1.1).
func read(in io.Reader, goOn func() error) (*http.Request, []byte, error) {
	bounded := &io.LimitedReader{R: in, N: MaxRequest}
	tooLarge := &statusError{http.StatusRequestEntityTooLarge, "the request is too large"}
	r, err := http.ReadRequest(bufio.NewReader(bounded))
	if err != nil {
		if bounded.N <= 0 {
			return nil, nil, tooLarge
		}
		return nil, nil, err
	}
	if r.ContentLength > MaxRequest {
		return r, nil, tooLarge
	}
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") && r.ContentLength != 0 {
		if err := goOn(); err != nil {
			return r, nil, err
		}
	}
	body, err := io.ReadAll(r.Body)
	if bounded.N <= 0 {
		return r, nil, tooLarge
	}
	return r, body, err
}

// document is one kind of answer.
type document struct {
	name    string
	paths   []string // in small letters: Outlook asks for /Autodiscover/Autodiscover.xml
	methods string
	secure  bool // only where nobody can change it on its way
	answer  func(s *Server, q *question) *http.Response
}

func documents() []document {
	return []document{
		{"autoconfig", []string{"/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"}, "GET, HEAD", false, (*Server).autoconfig},
		{"autodiscover", []string{"/autodiscover/autodiscover.xml"}, "GET, HEAD, POST", false, (*Server).autodiscover},
		{"autodiscover-v2", []string{"/autodiscover/autodiscover.json"}, "GET, HEAD", true, (*Server).autodiscoverV2},
		{"apple", []string{"/apple.mobileconfig"}, "GET, HEAD", true, (*Server).apple},
		{"mta-sts", []string{"/.well-known/mta-sts.txt"}, "GET, HEAD", true, (*Server).mtaSTS},
	}
}

// question is a request to a document.
type question struct {
	*http.Request
	body   []byte
	secure bool
	prefix string      // of Host before the domain: "mta-sts", or ""
	domain addr.Domain // of Host, hosted here; none at the server's own name
}

// answer answers a request. secure says that it came by HTTPS.
func (s *Server) answer(r *http.Request, body []byte, secure bool) *http.Response {
	if token, ok := strings.CutPrefix(r.URL.Path, tokenPath); ok && s.opts.Token != nil {
		return s.token(r, token)
	}
	d, ok := find(strings.ToLower(r.URL.Path))
	s.counts[d.name].Inc()
	if !ok {
		return problem(http.StatusNotFound, "there is nothing here")
	}
	if !contains(d.methods, r.Method) {
		reply := problem(http.StatusMethodNotAllowed, "use "+d.methods)
		reply.Header.Set("Allow", d.methods) // RFC 9110 15.5.6
		return reply
	}
	q := &question{Request: r, body: body, secure: secure}
	var err error
	if q.prefix, q.domain, err = s.host(r.Context(), r.Host); err != nil {
		return problem(http.StatusServiceUnavailable, "try again later")
	}
	if q.domain == "" && !s.own(r.Host) {
		// RFC 9110 15.5.20: what is asked for under a foreign name is none of ours.
		return problem(http.StatusMisdirectedRequest, "this name is not served here")
	}
	if d.secure && !secure {
		return redirect("https://" + plainHost(r.Host) + r.URL.RequestURI())
	}
	return d.answer(s, q)
}

// tokenPath is where authorities look (RFC 8555 8.3).
const tokenPath = "/.well-known/acme-challenge/"

// token answers an authority. Whose names those are that it may ask for is known to who has asked it.
func (s *Server) token(r *http.Request, token string) *http.Response {
	s.counts["acme"].Inc()
	content, ok := s.opts.Token(plainHost(r.Host), token)
	if !ok || !contains("GET, HEAD", r.Method) {
		return problem(http.StatusNotFound, "there is nothing here")
	}
	return reply(http.StatusOK, "application/octet-stream", []byte(content))
}

func find(path string) (document, bool) {
	// Outlook's version 2 has the address in the path, too.
	if strings.HasPrefix(path, "/autodiscover/autodiscover.json/") {
		path = "/autodiscover/autodiscover.json"
	}
	for _, d := range documents() {
		for _, p := range d.paths {
			if p == path {
				return d, true
			}
		}
	}
	return document{name: "none"}, false
}

func contains(methods, method string) bool {
	for m := range strings.SplitSeq(methods, ", ") {
		if m == method {
			return true
		}
	}
	return false
}

// plainHost is a Host field without its port.
func plainHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func (s *Server) own(host string) bool { return strings.EqualFold(plainHost(host), s.opts.Host) }

// host finds the hosted domain that a Host field is of; none if it is of no such.
func (s *Server) host(ctx context.Context, field string) (prefix string, domain addr.Domain, err error) {
	name := plainHost(field)
	for _, prefix := range []string{"autoconfig", "autodiscover", "mta-sts", ""} {
		rest := name
		if prefix != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(name, prefix+"."); !ok {
				continue
			}
		}
		if d, ok, err := s.hosted(ctx, rest); ok || err != nil {
			return prefix, d, err
		}
	}
	return "", "", nil
}

func (s *Server) hosted(ctx context.Context, name string) (addr.Domain, bool, error) {
	d, err := addr.ParseDomain(name)
	if err != nil || d.IsLiteral() {
		return "", false, nil
	}
	ok, err := s.opts.Hosts(ctx, d)
	if !ok || err != nil {
		return "", false, err
	}
	return d, true, nil
}

// whose finds the domain that a question is about: the Host's, or at the server's own name that of the address.
func (s *Server) whose(q *question, address string) (addr.Domain, error) {
	if q.domain != "" {
		return q.domain, nil
	}
	a, err := addr.Parse(address)
	if err != nil {
		return "", nil
	}
	d, _, err := s.hosted(q.Context(), string(a.Domain))
	return d, err
}

// reply is an answer.
func reply(status int, contentType string, body []byte) *http.Response {
	h := make(http.Header)
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Close: true,
	}
}

func problem(status int, text string) *http.Response {
	return reply(status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func redirect(url string) *http.Response {
	r := problem(http.StatusFound, "it is at "+url)
	r.Header.Set("Location", url)
	return r
}

// mtaSTS answers with the policy of a domain.
func (s *Server) mtaSTS(q *question) *http.Response {
	// RFC 8461 3.3: it is at mta-sts.DOMAIN, and nowhere else.
	if s.opts.Policy.Mode == "" || q.prefix != "mta-sts" {
		return problem(http.StatusNotFound, "there is no policy")
	}
	return reply(http.StatusOK, "text/plain; charset=utf-8", s.opts.Policy.AppendTo(nil)) // RFC 8461 3.2: text/plain
}
