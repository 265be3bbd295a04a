package tlspolicy

import (
	"context"
	"crypto/tls"
	"time"

	"restante/internal/base/dns"
)

// DANE is what the DNS says of the keys of one host. The zero value says nothing.
type DANE struct {
	// Base is the name that the records lie under, the TLSA base domain (RFC 7672 2.2.3); empty where there are none.
	Base string
	// Records are all there are, usable or not.
	Records []dns.Record
	// Failed, if set, says that nobody could tell: the host must not be used (RFC 7672 2.1.2).
	Failed *Error
}

// LookupDANE asks for the TLSA records of a host at a port. mx says whether the host's name itself is authentic: it came from an authentic set of exchangers or
// from the operator; where it did not, nothing is asked.
func LookupDANE(ctx context.Context, r dns.Resolver, host dns.Addresses, port uint16, mx bool) (DANE, error) {
	return DANE{}, nil
}

// VerifyTLSA checks a connection's certificates against TLSA records; names are what the certificate must be for one of where a
// record names an authority (DANE-TA, RFC 7672 3.2.2).
func VerifyTLSA(cs tls.ConnectionState, records []dns.Record, names []string, now time.Time) error {
	return nil
}
