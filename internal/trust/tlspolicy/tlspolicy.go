// Package tlspolicy says how well a connection to another mail server must be protected, and checks whether it is.
//
// # Model
//
// What a receiving domain promises is found beforehand: its MTA-STS policy by STSCache (RFC 8461), the TLSA records of one of its hosts by
// LookupDANE (RFC 7672). A Hop holds that together with what the operator and the sender of a message want, and Decide makes one Decision of
// it for one host. The Decision's Config is what crypto/tls then needs; its Results are what TLS reports count (RFC 8460).
//
// # Invariants
//
//   - Decide is a pure function. Promises add up: where a domain has a policy and its host has TLSA records, both must hold, so that neither
//     overrides a failure of the other (RFC 8461 2).
//   - A promise that cannot be read now is never taken for none where DNSSEC or a cached policy says that there was one.
//   - Nothing here is trusted for being encrypted alone: only names and keys that were checked count as Authenticated.
//
// # What it does not do
//
// It opens no connections: the resolver, the getter of policy files and the store are given to it, and so is the time.
package tlspolicy

import (
	"restante/internal/base/dns"
)

// Level is the least that a connection must offer.
type Level uint8

// The levels, in ascending order.
const (
	// None is no TLS at all, because an operator said so.
	None Level = iota
	// Opportunistic is TLS where it is offered, with anybody (RFC 7435); in the clear where it is not, or fails.
	Opportunistic
	// Encrypt is TLS, with anybody.
	Encrypt
	// Authenticated is TLS with the host itself.
	Authenticated
)

// String is the level's name in configuration, logs and traces.
func (l Level) String() string {
	switch l {
	case None:
		return "none"
	case Opportunistic:
		return "opportunistic"
	case Encrypt:
		return "encrypt"
	case Authenticated:
		return "authenticated"
	}
	return "?"
}

// Rule is an operator's word on a next hop. It adds to what the domain promises; only None and Opportunistic take from it.
type Rule struct {
	Level Level
	// Names are what the certificate must be for one of, by an authority that this host trusts, where Level is Authenticated;
	// "*.example.org" is any name right below. Without names DANE counts as well, and the name is the host's if it is known for sure,
	// and the next hop's otherwise.
	Names []string
}

// Sender is what a message says about TLS (RFC 8689).
type Sender uint8

const (
	// SenderSilent says nothing.
	SenderSilent Sender = iota
	// SenderRequires is REQUIRETLS: only by authenticated hosts that promise the same.
	SenderRequires
	// SenderWaives is "TLS-Required: No": rather without protection than not at all.
	SenderWaives
)

// Hop is all that is known of one host of a next hop.
type Hop struct {
	// Domain is the next hop: the recipients' domain, or the relay that an operator named; A-labels in lower case.
	Domain string
	// Exchangers are the domain's; nil where an operator named the host itself.
	Exchangers *dns.Exchangers
	// Host is the one to connect to.
	Host dns.Addresses
	// DANE is what LookupDANE found for the host; the zero value is nothing.
	DANE DANE
	// STS is what STSCache found for the domain; the zero value is nothing.
	STS STS
	// Sender is what the message says.
	Sender Sender
	// Rule is the operator's; nil is none.
	Rule *Rule
}

// Decision is how one host may be used. Its zero value is no TLS.
type Decision struct {
	Level Level
	// Refused, if set, says why the host must not be used now.
	Refused *Error
	// RequireTLS says that the host must offer REQUIRETLS inside TLS, and MAIL must ask for it (RFC 8689 4.2.1).
	RequireTLS bool
	// ServerName is what the client asks for in TLS (SNI).
	ServerName string
	// Reasons say in plain words where Level comes from, for traces.
	Reasons []string

	hop    Hop
	checks []check // what the host's certificate must pass
}

// check is something that a certificate must pass.
type check struct {
	policy PolicyType
	// names are what an authority that is trusted here must have certified one of; with policy TLSA the records say who, and names are for DANE-TA.
	names []string
}

// FailureType is why TLS failed, as reports call it (RFC 8460 4.3).
type FailureType string

// The failure types. The comments say who finds them.
const (
	FailureStartTLS     FailureType = "starttls-not-supported"    // who connects
	FailureHostMismatch FailureType = "certificate-host-mismatch" // Verify, Decide
	FailureExpired      FailureType = "certificate-expired"       // Verify
	FailureNotTrusted   FailureType = "certificate-not-trusted"   // Verify
	FailureValidation   FailureType = "validation-failure"        // who connects: any other failure of TLS
	FailureTLSA         FailureType = "tlsa-invalid"              // Verify: no record matches
	FailureDNSSEC       FailureType = "dnssec-invalid"            // LookupDANE
	FailureDANERequired FailureType = "dane-required"             // Decide
	FailureSTSFetch     FailureType = "sts-policy-fetch-error"    // STSCache
	FailureSTSInvalid   FailureType = "sts-policy-invalid"        // STSCache
	FailureSTSWebPKI    FailureType = "sts-webpki-invalid"        // STSCache
)

// PolicyType is what a domain promises by, as reports call it (RFC 8460 4.2).
type PolicyType string

// The policy types.
const (
	PolicyNone PolicyType = "no-policy-found"
	PolicySTS  PolicyType = "sts"
	PolicyTLSA PolicyType = "tlsa"
)

// Error is a failure to protect a connection as the policy says.
type Error struct {
	// Policy is whose promise was broken; empty where it is the operator's rule, the sender's wish, or all.
	Policy PolicyType
	// Failure is the report's word; empty where reports have none, since the receiving domain has nothing to do with it.
	Failure FailureType
	// Permanent says that another try makes no sense: the sender demanded what this domain does not have (RFC 8689 4.2.1). All else is
	// tried again, on other hosts at once.
	Permanent bool
	// Status is the enhanced status code without its class: "7.5".
	Status string
	Err    error
}

// Error says what failed.
func (e *Error) Error() string { return "tls: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary says whether another try may help.
func (e *Error) Temporary() bool { return !e.Permanent }
