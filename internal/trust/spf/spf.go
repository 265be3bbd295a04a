// Package spf says whether a host may send mail for a domain (RFC 7208).
//
// It is the adapter of blitiri.com.ar/go/spf to our resolver: the library has
// the language of the records; what may be asked, how often and how long is
// decided here.
//
// # Invariants
//
//   - At most ten terms of a record and of those that it includes lead to
//     questions, at most two of them without an answer (RFC 7208 4.6.4); MaxQuestions
//     bounds what they ask in all.
//   - Texts of others are not in a Result: reasons are ours.
package spf

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	library "blitiri.com.ar/go/spf"

	"restante/internal/base/dns"
	"restante/internal/proto/addr"
)

// MaxQuestions bounds what one check asks of the DNS: ten terms "mx" with ten hosts of two kinds of addresses, and as much for "ptr".
const MaxQuestions = 250

// Status is the outcome, in the words of RFC 7208 2.6.
type Status string

// The statuses.
const (
	None      Status = "none"
	Neutral   Status = "neutral"
	Pass      Status = "pass"
	Fail      Status = "fail"
	SoftFail  Status = "softfail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Result is what a domain says of a host.
type Result struct {
	Status Status
	Domain addr.Domain // whose word it is; "" where there is none to ask
	Hello  bool        // it is the domain of the greeting, since the reverse-path is null (RFC 7208 2.4)
	Reason string      // what led there, for logs
}

// Query is what is asked.
type Query struct {
	IP    netip.Addr
	Hello string       // the name in the greeting, as it came
	From  addr.Address // the reverse-path; zero for the null one
}

// Check finds out what the domain of the reverse-path says of the host. ctx bounds how long it takes: what is not known by then is TempError.
func Check(ctx context.Context, r dns.Resolver, q Query) Result {
	out := Result{Status: None, Domain: q.From.Domain}
	sender := q.From.String()
	if q.From.IsZero() {
		out.Hello = true
		domain, err := addr.ParseDomain(q.Hello)
		if err != nil {
			out.Reason = "no domain in the greeting"
			return out
		}
		out.Domain, sender = domain, "postmaster@"+string(domain)
	}
	// RFC 7208 4.3: not a name of more than one label.
	if out.Domain.IsLiteral() || !strings.Contains(string(out.Domain), ".") {
		out.Domain, out.Reason = "", "no domain to ask"
		return out
	}
	if i := strings.LastIndexByte(sender, '@'); strings.IndexByte(sender, '@') != i {
		sender = strings.ReplaceAll(sender[:i], "@", "_") + sender[i:] // the library takes the first "@" for the one before the domain
	}
	a := &adapter{resolver: r, left: MaxQuestions}
	status, err := library.CheckHostWithSender(net.IP(q.IP.Unmap().AsSlice()), q.Hello, sender, library.WithContext(ctx), library.WithResolver(a))
	out.Status = Status(status)
	out.Reason = reason(err)
	if a.failed && out.Status != Pass && ctx.Err() != nil {
		out.Status = TempError
	}
	return out
}

// reason says in our words what the library says in its own.
func reason(err error) string {
	if err == nil {
		return "nothing in the record fits"
	}
	for _, known := range []error{library.ErrUnknownField, library.ErrInvalidIP, library.ErrInvalidMask, library.ErrInvalidMacro, library.ErrInvalidDomain,
		library.ErrNoResult, library.ErrLookupLimitReached, library.ErrVoidLookupLimitReached, library.ErrTooManyMXRecords, library.ErrMultipleRecords,
		library.ErrMatchedAll, library.ErrMatchedA, library.ErrMatchedIP, library.ErrMatchedMX, library.ErrMatchedPTR, library.ErrMatchedExists} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if errors.Is(err, errSyntax) {
		return errSyntax.Error()
	}
	var failed *net.DNSError
	if errors.As(err, &failed) && !failed.IsNotFound {
		return "the DNS has no answer now"
	}
	return "the record cannot be used"
}

// errSyntax makes a PermError of a record that is not well-formed, as every error does that is not of the DNS.
var errSyntax = errors.New("the record has a mistake")

// isRecord says whether a text is meant for SPF (RFC 7208 4.5).
func isRecord(text string) bool {
	return len(text) >= len(version) && strings.EqualFold(text[:len(version)], version) && (len(text) == len(version) || text[len(version)] == ' ')
}

// adapter asks our resolver in the library's way. It serves one check.
type adapter struct {
	resolver dns.Resolver
	left     int
	failed   bool // a question had no answer
}

// ask asks one question. The library looks for a *net.DNSError itself, not behind wraps.
func (a *adapter) ask(ctx context.Context, name string, t dns.Type) ([]dns.Record, error) {
	if a.left--; a.left < 0 {
		return nil, library.ErrLookupLimitReached
	}
	answer, err := a.resolver.Query(ctx, strings.TrimSuffix(name, "."), t)
	switch {
	case err == nil:
		return answer.Records, nil
	case dns.Absent(err):
		return nil, &net.DNSError{Err: "nothing there", Name: name, IsNotFound: true}
	}
	a.failed = true
	return nil, &net.DNSError{Err: "no answer", Name: name, IsTemporary: true}
}

// LookupTXT implements the library's interface.
func (a *adapter) LookupTXT(ctx context.Context, name string) ([]string, error) {
	records, err := a.ask(ctx, name, dns.TXT)
	out := make([]string, len(records))
	for i := range records {
		out[i] = records[i].Text
		if isRecord(out[i]) && !wellFormed(out[i]) {
			return nil, errSyntax
		}
	}
	return out, err
}

// LookupMX implements the library's interface.
func (a *adapter) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	records, err := a.ask(ctx, name, dns.MX)
	out := make([]*net.MX, len(records))
	for i := range records {
		out[i] = &net.MX{Host: records[i].Host, Pref: records[i].Preference}
	}
	return out, err
}

// LookupIPAddr implements the library's interface.
func (a *adapter) LookupIPAddr(ctx context.Context, name string) ([]net.IPAddr, error) {
	var out []net.IPAddr
	var failed error
	for _, t := range []dns.Type{dns.A, dns.AAAA} {
		records, err := a.ask(ctx, name, t)
		var answer *net.DNSError
		if err != nil && (!errors.As(err, &answer) || !answer.IsNotFound) {
			failed = err
		}
		for i := range records {
			out = append(out, net.IPAddr{IP: records[i].Addr.AsSlice()})
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case failed != nil:
		return nil, failed
	}
	return nil, &net.DNSError{Err: "nothing there", Name: name, IsNotFound: true}
}

// LookupAddr implements the library's interface.
func (a *adapter) LookupAddr(ctx context.Context, address string) ([]string, error) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return nil, &net.DNSError{Err: "not an address", IsNotFound: true}
	}
	records, err := a.ask(ctx, dns.ReverseName(ip.Unmap()), dns.PTR)
	out := make([]string, len(records))
	for i := range records {
		out[i] = records[i].Host
	}
	return out, err
}
