package tlspolicy

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"restante/internal/base/dns"
)

// The fields of TLSA records (RFC 6698 2.1, by the names of RFC 7218). Usages 0 and 1 are of no use between mail servers (RFC 7672 3.1.3).
const (
	usageTA = 2 // DANE-TA: the authority
	usageEE = 3 // DANE-EE: the host itself

	selectCert = 0
	selectSPKI = 1

	matchFull   = 0
	matchSHA256 = 1
	matchSHA512 = 2
)

// maxTLSA bounds the records that certificates are held against.
const maxTLSA = 50

// DANE is what the DNS says of the keys of one host. The zero value says nothing.
type DANE struct {
	// Base is the name that the records belong to, the TLSA base domain (RFC 7672 2.2.3); empty where there are none.
	Base string
	// Records are all there are, usable or not.
	Records []dns.Record
	// Failed, if set, says that nobody could tell: the host must not be used (RFC 7672 2.1.2).
	Failed *Error
}

// Usable says whether one of the records at least is one to check certificates by.
func (d DANE) Usable() bool { return slices.ContainsFunc(d.Records, usable) }

// usable says whether a record can be understood (RFC 6698 4.1).
func usable(r dns.Record) bool {
	if r.Usage != usageTA && r.Usage != usageEE || r.Selector > selectSPKI {
		return false
	}
	switch r.Matching {
	case matchFull:
		return len(r.Data) > 0
	case matchSHA256:
		return len(r.Data) == sha256.Size
	case matchSHA512:
		return len(r.Data) == sha512.Size
	}
	return false
}

// LookupDANE asks for the TLSA records of a host at a port, where that makes sense. sure says whether the host's name itself is known for sure: it came from
// an authentic set of exchangers, or from the operator; where it did not, nothing is asked, and DANE says nothing.
func LookupDANE(ctx context.Context, r dns.Resolver, host dns.Addresses, port uint16, sure bool) DANE {
	if !sure || host.Name == "" {
		return DANE{}
	}
	// Only where the addresses are signed: other servers stumble over the question itself (RFC 7672 2.2.2).
	bases := []string{host.Name, host.Host}
	if !host.Authentic {
		if host.Name == host.Host {
			return DANE{}
		}
		alias, err := r.Query(ctx, host.Host, dns.CNAME)
		switch {
		case err != nil && !dns.Absent(err):
			return DANE{Failed: daneFailure(err)}
		case err != nil || !alias.Authentic:
			return DANE{}
		}
		bases = bases[1:]
	}
	for _, base := range slices.Compact(bases) {
		a, err := r.Query(ctx, fmt.Sprintf("_%d._tcp.%s", port, base), dns.TLSA)
		switch {
		case err != nil && !dns.Absent(err):
			return DANE{Failed: daneFailure(err)}
		case err == nil && a.Authentic:
			return DANE{Base: base, Records: a.Records}
		}
	}
	return DANE{}
}

func daneFailure(err error) *Error {
	return &Error{Policy: PolicyTLSA, Failure: FailureDNSSEC, Status: "7.5", Err: fmt.Errorf("TLSA records cannot be looked up: %w", err)}
}

// VerifyTLSA checks a connection's certificates against TLSA records, of which one at least is usable; names are what the certificate must be for one of where a
// record names an authority (DANE-TA, RFC 7672 3.2.2). All errors are *Error.
func VerifyTLSA(cs tls.ConnectionState, records []dns.Record, names []string, now time.Time) error {
	fail := func(f FailureType, err error) error {
		return &Error{Policy: PolicyTLSA, Failure: f, Status: "7.5", Err: err}
	}
	chain := cs.PeerCertificates
	if len(chain) == 0 {
		return fail(FailureTLSA, errors.New("the host shows no certificate"))
	}
	var last error
	for _, r := range records[:min(len(records), maxTLSA)] {
		if !usable(r) {
			continue
		}
		if r.Usage == usageEE {
			// Neither names nor dates matter (RFC 7672 3.1.1).
			if fits(r, chain[0]) {
				return nil
			}
			continue
		}
		switch err := verifyAnchor(chain, r, names, now); {
		case err == nil:
			return nil
		case !errors.Is(err, errNoMatch):
			last = err
		}
	}
	if last == nil {
		return fail(FailureTLSA, errors.New("the host's certificate is none of those that its TLSA records name"))
	}
	return fail(failureOf(last), last)
}

// errNoMatch means that a record has nothing to do with a chain.
var errNoMatch = errors.New("no certificate of the chain is the one that the record names")

// verifyAnchor checks a chain by a record that names an authority: it must be in the chain, or in the record (RFC 7672 3.1.2).
func verifyAnchor(chain []*x509.Certificate, r dns.Record, names []string, now time.Time) error {
	anchors, rest := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range chain {
		if fits(r, c) {
			anchors.AddCert(c)
			found = true
			continue
		}
		rest.AddCert(c)
	}
	if r.Matching == matchFull && r.Selector == selectCert {
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			anchors.AddCert(c)
			found = true
		}
	}
	if !found {
		return errNoMatch
	}
	opts := x509.VerifyOptions{Roots: anchors, Intermediates: rest, CurrentTime: now}
	if _, err := chain[0].Verify(opts); err != nil {
		return err
	}
	return checkNames(chain[0], names, true)
}

// fits says whether a certificate is what a record names.
func fits(r dns.Record, c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == selectSPKI {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case matchSHA256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case matchSHA512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return subtle.ConstantTimeCompare(data, r.Data) == 1
}

// checkNames says whether a certificate is for one of names. "*.example.org" among them is any name right below example.org. cn says
// whether the subject's common name counts where there are no other names (RFC 7672 3.2.3).
func checkNames(c *x509.Certificate, names []string, cn bool) error {
	for _, name := range names {
		// Operators name relays by address, too. VerifyHostname then looks at addresses alone.
		if _, err := netip.ParseAddr(name); err == nil && c.VerifyHostname(name) == nil {
			return nil
		}
	}
	shown := c.DNSNames
	if cn && len(shown) == 0 && c.Subject.CommonName != "" {
		shown = []string{c.Subject.CommonName}
	}
	for _, s := range shown {
		s = strings.TrimSuffix(s, ".")
		for _, name := range names {
			if matches(s, name) || strings.HasPrefix(name, "*.") && (matches(name, s) || lower(s) == lower(name)) {
				return nil
			}
		}
	}
	return nameError{names, shown}
}

// nameError means that a certificate is for other names.
type nameError struct{ want, have []string }

func (e nameError) Error() string {
	have := "nobody"
	if len(e.have) > 0 {
		have = strings.Join(e.have, ", ")
	}
	if len(have) > 150 {
		have = have[:150] + "..."
	}
	return fmt.Sprintf("the certificate is for %q, and not for %s", have, strings.Join(e.want, " or "))
}

// failureOf is the report's word for what is wrong with a certificate.
func failureOf(err error) FailureType {
	var names nameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &names):
		return FailureHostMismatch
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return FailureExpired
	}
	return FailureNotTrusted
}
