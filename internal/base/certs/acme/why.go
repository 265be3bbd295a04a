package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/mholt/acmez/v3/acme"

	"restante/internal/base/dns"
)

// fault is why an attempt failed.
type fault struct {
	text, advice string
	// whole says that it is not about the name, so that others would fail, too.
	whole bool
	// unheard says that the authority has not heard of the name yet.
	unheard bool
	// until is when the authority wants to be asked again; zero: it has not said.
	until time.Time
}

// ErrForbidden says that CAA records let another authority issue, and not this one.
var ErrForbidden = errors.New("CAA records in the DNS let others issue certificates, and not this authority")

// whyNot explains an error. retry is what the authority has said of the time, in Unix seconds.
func whyNot(err error, name string, retry int64, zones bool) fault {
	var p acme.Problem
	var f fault
	switch {
	case errors.Is(err, ErrForbidden):
		return fault{text: err.Error(), advice: fmt.Sprintf("add a CAA record at the name that it says for this authority, or remove those that are there: restante dns check tells which (%s)", name)}
	case errors.Is(err, ErrWrong):
		return fault{text: err.Error(), advice: "tell the authority, or take another one (acme.directory)", whole: true}
	case errors.Is(err, errZone):
		return fault{text: err.Error(), advice: "look at acme.dns_server and acme.dns_key, at the log of that name server, and at the resolver ([dns])"}
	case errors.As(err, &p):
		f = problem(&p, name, zones)
		f.text = detail(&p)
	case unreachable(err, &f):
	case errors.Is(err, dns.ErrTemporary), errors.Is(err, dns.ErrNoRecord):
		return fault{text: err.Error(), advice: "look at the resolver ([dns]) and at the name servers of the domain"}
	default:
		f = fault{text: err.Error(), advice: "look at what the authority is: acme.directory has to be the URL of its ACME directory", whole: true}
	}
	if retry > 0 {
		f.until = time.Unix(retry, 0)
	}
	return f
}

// unreachable explains why the authority could not be spoken to.
func unreachable(err error, f *fault) bool {
	var ca x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var network net.Error
	f.text, f.whole, f.unheard = "the authority cannot be reached: "+err.Error(), true, true
	switch {
	case errors.As(err, &ca), errors.As(err, &host), errors.As(err, &invalid):
		f.advice = "its certificate is not trusted here: name those who vouch for it (acme.roots), and look at the clock"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network):
		f.advice = "look at acme.directory, and whether this machine gets to it: curl -I and its URL"
	default:
		*f = fault{}
		return false
	}
	return true
}

// detail is what the authority says, in one line.
func detail(p *acme.Problem) string {
	text := p.Detail
	for _, s := range p.Subproblems {
		text += "; " + s.Detail
	}
	if text == "" {
		text = strings.TrimPrefix(p.Type, acme.ProblemTypeNamespace)
	}
	return clip("the authority says: " + strings.ToValidUTF8(text, "?"))
}

// clip keeps texts of others in bounds.
func clip(s string) string {
	const most = 500
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// problem says what to do about what the authority has said (RFC 8555 6.7).
func problem(p *acme.Problem, name string, zones bool) fault {
	see := "it connects from the Internet to ports 80 and 443 of every address of " + name + ", IPv6 too: let it through firewalls to listen.http and listen.https, and see that no other server answers there"
	if zones {
		see = "look at the zone: whether acme.dns_server is its primary, and whether its other name servers follow within acme.dns_wait"
	}
	switch p.Type {
	case acme.ProblemTypeConnection, acme.ProblemTypeUnauthorized, acme.ProblemTypeIncorrectResponse, acme.ProblemTypeTLS:
		if _, challenge := p.Resource.(acme.Authorization); !challenge && p.Type == acme.ProblemTypeUnauthorized {
			return fault{advice: "the account is not known or not allowed there: look at acme.eab_key_id and acme.eab_key", whole: true}
		}
		return fault{advice: see}
	case acme.ProblemTypeDNS:
		return fault{advice: "the authority cannot find " + name + " in the DNS: look at its A and AAAA records, and at the name servers of the domain"}
	case acme.ProblemTypeCAA:
		return fault{advice: "CAA records in the DNS forbid it: restante dns check tells which"}
	case acme.ProblemTypeRejectedIdentifier:
		return fault{advice: "the authority issues nothing for this name: take another one (acme.directory), or the name out of the DNS"}
	case acme.ProblemTypeRateLimited:
		return fault{advice: "nothing: it is tried again when the authority wants it; more certificates in a short time are not to be had", whole: true}
	case acme.ProblemTypeExternalAccountRequired:
		return fault{advice: "this authority wants an account that you have with it: acme.eab_key_id and acme.eab_key", whole: true}
	case acme.ProblemTypeUserActionRequired:
		return fault{advice: "the authority has new terms: read them at " + clip(p.Instance), whole: true}
	case acme.ProblemTypeInvalidContact, acme.ProblemTypeUnsupportedContact:
		return fault{advice: "another address: acme.email", whole: true}
	}
	return fault{advice: "if that stays, look at what the authority says of itself", whole: p.Status >= 500 || p.Type == acme.ProblemTypeServerInternal}
}
