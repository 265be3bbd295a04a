// Package dns asks the DNS: one question at a time, with an answer that says whether it was validated.
//
// # Model
//
// A Resolver is asked for the records of one type under one name, and follows aliases. Everything that speaks of
// names (the way to other hosts, SPF, DKIM, DMARC, block lists, policies) takes a Resolver and nothing else, so that a fake can stand
// in its place (dnstest).
//
// # Invariants
//
//   - Answers are bounded: at most MaxRecords records, texts of at most MaxText octets; what is more is an error, not a cut.
//   - Authentic is the word of a validating resolver on this machine, or one that the operator has named as such; it is never taken from
//     any other (RFC 6698 A.3, RFC 7672 2.1).
//   - That there is no such name, no such record, and that nobody knows are three different errors: the first two are answers, the last one
//     is temporary.
//
// # What it does not do
//
// It does not decide anything, and does not remember failures for long.
package dns

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// Type is a type of records.
type Type uint16

// The types; the numbers are the DNS's.
const (
	A     Type = 1
	NS    Type = 2
	CNAME Type = 5
	SOA   Type = 6
	PTR   Type = 12
	MX    Type = 15
	TXT   Type = 16
	AAAA  Type = 28
	SRV   Type = 33
	TLSA  Type = 52
	CAA   Type = 257
)

// Bounds of an answer.
const (
	MaxRecords = 500
	MaxText    = 16 << 10
)

// Record is one record; only the fields of its type are set. Names have no dot at the end and are in lower case.
type Record struct {
	Addr netip.Addr // A, AAAA
	Host string     // MX, PTR, CNAME, NS, SRV: the name that it leads to; "" is the root (null MX, RFC 7505)
	Text string     // TXT: its strings, joined; CAA: the value of its property

	Preference uint16 // MX; the priority of SRV
	Weight     uint16 // SRV
	Port       uint16 // SRV

	Usage, Selector, Matching uint8  // TLSA (RFC 6698 2.1)
	Data                      []byte // TLSA: certificate association data

	Tag      string // CAA: its property, in lower case (RFC 8659 4.1)
	Critical bool   // CAA: who does not understand the property must not issue
}

// Answer is what the DNS says. It is shared: do not change it.
type Answer struct {
	// Name is where the records lie, after all aliases.
	Name string
	// Records are those of the type that was asked for, at least one where there is no error.
	Records []Record
	// Authentic says that the answer, aliases and absence too, was validated by DNSSEC.
	Authentic bool
	// TTL is how long the answer holds.
	TTL time.Duration
}

var (
	// ErrNoName says that the name does not exist (NXDOMAIN).
	ErrNoName = errors.New("dns: no such name")
	// ErrNoRecord says that the name has no record of the type.
	ErrNoRecord = errors.New("dns: no such record")
	// ErrTemporary says that nobody could tell: a timeout, SERVFAIL, which is also what a validating resolver says of forged answers, or
	// an answer that is out of bounds or makes no sense.
	ErrTemporary = errors.New("dns: no answer")
)

// Absent says whether an error is an answer: there is nothing.
func Absent(err error) bool { return errors.Is(err, ErrNoName) || errors.Is(err, ErrNoRecord) }

// Resolver answers questions. It is safe for concurrent use.
type Resolver interface {
	// Query asks for the records of a type under a name, which may have a dot at the end, and U-labels. Where the error is ErrNoName or
	// ErrNoRecord, the Answer says whether that is authentic, and for how long it holds. All other errors are ErrTemporary or the context's.
	Query(ctx context.Context, name string, t Type) (Answer, error)
}
