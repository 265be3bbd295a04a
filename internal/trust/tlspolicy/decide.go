package tlspolicy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Status codes of RFC 3463 and RFC 5248, without their class.
const (
	statusFeature    = "7.4"  // security features not supported
	statusCrypto     = "7.5"  // cryptographic failure
	statusEncryption = "7.10" // encryption needed
	statusRequireTLS = "7.30" // REQUIRETLS support required (RFC 8689 7)
)

// Decide says how a host may be used.
func Decide(hop Hop) Decision {
	d := Decision{Level: Opportunistic, hop: hop, ServerName: hop.Host.Host}
	if _, err := netip.ParseAddr(d.ServerName); err == nil {
		d.ServerName = "" // RFC 6066 3: no addresses
	}
	if r := hop.Rule; r != nil && r.Level <= Opportunistic {
		d.Level = r.Level
		d.because("the operator's rule for %s says %s", hop.Domain, r.Level)
	} else {
		d.promises()
	}
	if hop.Sender == SenderWaives && d.Level > Opportunistic || d.Refused != nil && hop.Sender == SenderWaives {
		d.Level, d.Refused, d.checks = Opportunistic, nil, nil
		d.because("the sender rather has the message arrive without protection (TLS-Required: No)")
	}
	if r := hop.Rule; r != nil && r.Level > Opportunistic {
		d.rule(r)
	}
	if hop.Sender == SenderRequires {
		d.require()
	}
	if len(d.Reasons) == 0 {
		d.because("%s promises nothing", hop.Domain)
	}
	return d
}

func (d *Decision) because(format string, args ...any) {
	d.Reasons = append(d.Reasons, fmt.Sprintf(format, args...))
}

// want raises the level; a check makes it Authenticated.
func (d *Decision) want(l Level, checks ...check) {
	d.Level = max(d.Level, l)
	for _, c := range checks {
		if !slices.ContainsFunc(d.checks, func(o check) bool { return o.policy == c.policy && slices.Equal(o.names, c.names) }) {
			d.checks = append(d.checks, c)
		}
	}
}

func (d *Decision) refuse(e *Error) {
	if d.Refused == nil || e.Permanent {
		d.Refused = e
	}
}

// promises adds what the receiving domain says by DANE and MTA-STS.
func (d *Decision) promises() {
	hop := d.hop
	switch dane := hop.DANE; {
	case dane.Failed != nil:
		d.refuse(dane.Failed)
		d.because("%v", dane.Failed.Err)
	case dane.Usable():
		d.ServerName = dane.Base // RFC 7672 8.1
		d.want(Authenticated, check{PolicyTLSA, hop.anchored()})
		d.because("%s has TLSA records (DANE)", dane.Base)
	case len(dane.Records) > 0:
		d.want(Encrypt) // RFC 7672 2.2
		d.because("%s has TLSA records, none of which can be used (DANE)", dane.Base)
	}
	policy := hop.STS.Policy
	switch match := policy.Match(hop.Host.Host); {
	case policy.Mode == ModeEnforce && !match:
		d.because("%s is not among the hosts of the MTA-STS policy of %s", hop.Host.Host, hop.Domain)
		d.refuse(hop.foreign())
	case policy.Mode == ModeEnforce:
		d.want(Authenticated, check{PolicySTS, []string{hop.Host.Host}})
		d.because("%s has an MTA-STS policy", hop.Domain)
	case policy.Mode == ModeTesting:
		d.because("%s tests an MTA-STS policy", hop.Domain)
	}
	if f := hop.STS.Failed; f != nil {
		d.because("the MTA-STS policy of %s: %v", hop.Domain, f.Err)
	}
}

// foreign is the failure of a host that the policy does not name. RFC 8460 4.3.3 has this word for what has no other.
func (hop Hop) foreign() *Error {
	return &Error{Policy: PolicySTS, Failure: FailureValidation, Status: statusCrypto,
		Err: fmt.Errorf("%s is not among the hosts of the MTA-STS policy", hop.Host.Host)}
}

// anchored are the names that a certificate may be for where TLSA records name an authority (RFC 7672 3.2.2).
func (hop Hop) anchored() []string {
	names := []string{hop.DANE.Base}
	if x := hop.Exchangers; x != nil && x.Authentic {
		names = append(names, hop.Domain, x.Name)
	} else if x == nil {
		names = append(names, hop.Host.Host)
	}
	out := names[:0]
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// sure says whether the host's name is known for sure to be the next hop's: by DNSSEC, an MTA-STS policy, or the operator.
func (hop Hop) sure() bool {
	return hop.Exchangers == nil || hop.Exchangers.Authentic || hop.STS.Policy.Active() && hop.STS.Policy.Match(hop.Host.Host)
}

// rule adds an operator's rule that asks for something.
func (d *Decision) rule(r *Rule) {
	d.because("the operator's rule for %s says %s", d.hop.Domain, r.Level)
	if r.Level < Authenticated {
		d.want(r.Level)
		return
	}
	switch {
	case len(r.Names) > 0:
		d.want(Authenticated, check{"", r.Names})
	case d.hop.DANE.Usable():
		d.want(Authenticated, check{PolicyTLSA, d.hop.anchored()})
	case d.hop.sure():
		d.want(Authenticated, check{"", []string{d.hop.Host.Host}})
	default:
		d.want(Authenticated, check{"", []string{d.hop.Domain}})
	}
}

// require adds what REQUIRETLS asks for (RFC 8689 4.2.1): a host whose name is sure, with a certificate for it.
func (d *Decision) require() {
	d.RequireTLS = true
	d.because("the sender requires TLS all the way (REQUIRETLS)")
	hop := d.hop
	switch {
	case d.Level == None:
		d.refuse(&Error{Permanent: true, Status: statusEncryption,
			Err: errors.New("the sender requires TLS, and the operator's rule says none")})
	case !hop.sure():
		// A policy that could not be fetched now may be there next time.
		d.refuse(&Error{Permanent: hop.STS.Failed == nil, Status: statusEncryption,
			Err: fmt.Errorf("the sender requires TLS, and neither DNSSEC nor an MTA-STS policy says that %s is a host of %s", hop.Host.Host, hop.Domain)})
	case hop.DANE.Usable():
		d.want(Authenticated, check{PolicyTLSA, hop.anchored()})
	default:
		d.want(Authenticated, check{"", []string{hop.Host.Host}})
	}
}

// Fail is the error of a connection that does not get as far as Verify: the host offers no STARTTLS, refuses it, or TLS itself fails (FailureStartTLS,
// FailureValidation). It is for Results, and, from Encrypt on, for the attempt.
func (d Decision) Fail(failure FailureType, err error) *Error {
	e := &Error{Failure: failure, Status: statusCrypto, Permanent: d.RequireTLS, Err: err}
	switch {
	case d.RequireTLS:
		e.Status = statusEncryption
	case failure == FailureStartTLS:
		e.Status = statusFeature
	}
	return e
}

// FailRequireTLS is the error of a host that does not offer REQUIRETLS to a message that needs it (RFC 8689 4.2.1).
func (d Decision) FailRequireTLS() *Error {
	return &Error{Permanent: true, Status: statusRequireTLS, Err: fmt.Errorf("%s does not offer REQUIRETLS, which the sender requires", d.hop.Host.Host)}
}

// String is the decision in one line, for logs and traces.
func (d Decision) String() string { return d.Level.String() + ": " + strings.Join(d.Reasons, "; ") }
