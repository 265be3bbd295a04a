package tlspolicy

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/base/dns"
)

// Config is what crypto/tls needs for a connection under this decision. roots may be nil: the system's. now is the clock.
func (d Decision) Config(roots *x509.CertPool, now func() time.Time) *tls.Config {
	return &tls.Config{
		ServerName: d.ServerName,
		MinVersion: tls.VersionTLS12, // RFC 8996, RFC 8461 7.2
		// The checks are Verify's: most hosts have none to pass, some have others than crypto/tls knows.
		InsecureSkipVerify: true,
		VerifyConnection:   func(cs tls.ConnectionState) error { return d.Verify(cs, roots, now()) },
		Time:               now,
	}
}

// Verify checks a connection; all errors are *Error. Config's does that already. Below Authenticated everybody is welcome.
func (d Decision) Verify(cs tls.ConnectionState, roots *x509.CertPool, now time.Time) error {
	for _, c := range d.checks {
		var err error
		if c.policy == PolicyTLSA {
			err = VerifyTLSA(cs, d.hop.DANE.Records, c.names, now)
		} else {
			err = verifyPKIX(cs, c, roots, now)
		}
		var e *Error
		if errors.As(err, &e) {
			if d.RequireTLS { // RFC 8689 4.2.1
				e.Permanent, e.Status = true, statusEncryption
			}
			return e
		}
	}
	return nil
}

// verifyPKIX checks a chain up to the authorities that are trusted here, and the names (RFC 8461 4.2, RFC 9525).
func verifyPKIX(cs tls.ConnectionState, c check, roots *x509.CertPool, now time.Time) error {
	fail := func(f FailureType, err error) error {
		return &Error{Policy: c.policy, Failure: f, Status: statusCrypto, Err: err}
	}
	chain := cs.PeerCertificates
	if len(chain) == 0 {
		return fail(FailureNotTrusted, errors.New("the host shows no certificate"))
	}
	rest := x509.NewCertPool()
	for _, c := range chain[1:] {
		rest.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: rest, CurrentTime: now})
	if err == nil {
		err = checkNames(chain[0], c.names, false)
	}
	if err != nil {
		return fail(failureOf(err), err)
	}
	return nil
}

// Result is the outcome of one attempt to protect a connection to a host, under one policy of the domain's.
type Result struct {
	NextHop string // the recipients' domain, which says where reports go
	Domain  string // the policy's: the next hop; of TLSA records, the host that has them
	Policy  PolicyType
	// PolicyText has the policy's lines or the TLSA records, and MXHosts the policy's patterns (RFC 8460 4.4: policy-string, mx-host).
	PolicyText, MXHosts []string
	Host                string // receiving-mx-hostname
	// From and To are the addresses of the connection's ends, set by who connects; empty where there was none.
	From, To string
	// Failure is empty for success.
	Failure FailureType
	// Reason is in plain words; empty for success.
	Reason string
}

// Results are what reports count: one for each policy of the domain's, and one for a policy that could not be fetched. state is nil where
// no TLS came about; where the handshake failed at Verify, it is what the connection then says of itself. err is why the attempt failed, nil if it was protected as far as Decide asks: d.Refused, Verify's, or Fail's. What is no *Error,
// such as a host that does not answer, is not reported (RFC 8460 4.3.4). A policy that is only tested is judged here, too.
func (d Decision) Results(state *tls.ConnectionState, err error, roots *x509.CertPool, now time.Time) []Result {
	var cause *Error
	if err != nil && !errors.As(err, &cause) || d.Level == None {
		return nil
	}
	if state == nil && err == nil { // in the clear, which was good enough for Decide
		cause = &Error{Failure: FailureStartTLS, Err: errors.New("STARTTLS is not offered")}
	}
	hop := d.hop
	var out []Result
	add := func(r Result, e *Error) {
		r.NextHop, r.Host = hop.Domain, hop.Host.Host
		if e != nil {
			r.Failure, r.Reason = e.Failure, short(e.Err)
		}
		out = append(out, r)
	}
	if dane := hop.DANE; len(dane.Records) > 0 || dane.Failed != nil {
		if e, counts := d.judge(state, cause, dane.Failed, check{PolicyTLSA, hop.anchored()}, roots, now); counts {
			add(Result{Domain: cmp.Or(dane.Base, hop.Host.Host), Policy: PolicyTLSA, PolicyText: tlsaTexts(dane.Records)}, e)
		}
	}
	if policy := hop.STS.Policy; policy.Active() {
		var foreign *Error
		if !policy.Match(hop.Host.Host) {
			foreign = hop.foreign()
		}
		if e, counts := d.judge(state, cause, foreign, check{PolicySTS, []string{hop.Host.Host}}, roots, now); counts {
			add(Result{Domain: hop.Domain, Policy: PolicySTS, PolicyText: policy.lines(), MXHosts: policy.MX}, e)
		}
	}
	if f := hop.STS.Failed; f != nil {
		add(Result{Domain: hop.Domain, Policy: PolicySTS}, f)
	}
	if none := (Result{Domain: hop.Domain, Policy: PolicyNone}); len(out) == 0 && state != nil {
		add(none, nil) // What an operator's rule makes of the certificate is not the domain's matter.
	} else if len(out) == 0 && cause.Policy == "" && cause.Failure != "" {
		add(none, cause)
	}
	return out
}

// judge says what became of one policy: what was wrong before the connection, in it, and with the certificate. counts is false if another policy, or
// the operator's or the sender's own wish, has stopped the attempt before this one was put to the test.
func (d Decision) judge(state *tls.ConnectionState, cause, before *Error, c check, roots *x509.CertPool, now time.Time) (e *Error, counts bool) {
	switch {
	case before != nil:
		return before, true
	case state == nil:
		return cause, cause.Policy == "" && cause.Failure != ""
	case c.policy != PolicyTLSA:
		errors.As(verifyPKIX(*state, c, roots, now), &e)
	case d.hop.DANE.Usable():
		errors.As(VerifyTLSA(*state, d.hop.DANE.Records, c.names, now), &e)
	}
	return e, true
}

// tlsaTexts are records as reports show them (RFC 8460 4.5).
func tlsaTexts(records []dns.Record) []string {
	var out []string
	for _, r := range records[:min(len(records), maxTLSA)] {
		out = append(out, fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.Matching, strings.ToUpper(hex.EncodeToString(r.Data))))
	}
	return out
}

// short is an error's text as far as a report shows it.
func short(err error) string {
	s := strings.ToValidUTF8(err.Error(), "?")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}
