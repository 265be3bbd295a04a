// Package dmarcreport is the format of DMARC's aggregate reports: who has sent mail that says to be from a domain, and whether it was (RFC 9990, before that
// RFC 7489 7.2 and Appendix C).
//
// Append writes a Report as XML of RFC 9990; Parse reads that and its forerunners, in whatever order and namespace. Both sides are bounded: the depth of
// elements, their number, and what is kept of texts; entities that a document defines for itself are not known.
//
// It packs and unpacks nothing (proto/packed), and knows no transport but the names that files and subjects have.
package dmarcreport

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Namespace is that of RFC 9990 A.
const Namespace = "urn:ietf:params:xml:ns:dmarc-2.0"

// Bounds of what Parse reads.
const (
	MaxText    = 16 << 20 // octets of XML
	MaxRecords = 20_000
	maxDepth   = 20
	maxString  = 500 // octets of a text
	maxErrors  = 20
	maxPerRow  = 20 // signatures, reasons and the like of a record
)

// ErrReport means that a text is no report.
var ErrReport = errors.New("dmarcreport: not a report")

// Report is what one receiver has seen of one domain (RFC 9990 3.1).
type Report struct {
	Organization string
	Email        string
	Contact      string // more about it; may be empty
	ID           string
	Generator    string // may be empty
	Begin, End   time.Time
	Errors       []string
	Policy       Policy
	Records      []Record
}

// Policy is what the receiver found published. Values are those of the DNS; "" where nothing is said.
type Policy struct {
	Domain     string // where the record is
	Policy     string // p
	Subdomains string // sp
	Absent     string // np
	DKIM, SPF  string // adkim, aspf: "r", "s"
	Testing    string // t: "y", "n"
	Discovery  string // "treewalk", "psl"
	Options    string // fo
}

// Record counts messages that are alike.
type Record struct {
	Source      netip.Addr
	Count       int64
	Disposition string // what was done with them: "none", "pass", "quarantine", "reject"
	// DKIM and SPF say whether they stood for the author's domain: "pass" or "fail".
	DKIM, SPF  string
	Reasons    []Reason
	HeaderFrom string // the domain of From
	// EnvelopeFrom is that of the reverse-path, EnvelopeTo that of the recipient; they may be empty.
	EnvelopeFrom, EnvelopeTo string
	Signatures               []Signature
	Senders                  []Sender
}

// Reason is why something else was done than the policy says (RFC 9990 3.1.6).
type Reason struct{ Type, Comment string }

// Signature is what became of a DKIM signature.
type Signature struct{ Domain, Selector, Result, Text string }

// Sender is what SPF said.
type Sender struct{ Domain, Scope, Result, Text string }

// Passed says whether DMARC passed.
func (r *Record) Passed() bool { return r.DKIM == "pass" || r.SPF == "pass" }

// Filename is that of a packed report (RFC 9990 3.5.2, RFC 7489 7.2.1.1). unique has letters and digits only; it may be empty.
func Filename(receiver, domain string, begin, end time.Time, unique string) string {
	if unique != "" {
		unique = "!" + unique
	}
	return fmt.Sprintf("%s!%s!%d!%d%s.xml.gz", receiver, domain, begin.Unix(), end.Unix(), unique)
}

// Subject is that of a message with a report, folded.
func Subject(domain, submitter, id string) string {
	return fmt.Sprintf("Report Domain: %s\r\n\tSubmitter: %s\r\n\tReport-ID: <%s>", domain, submitter, id)
}

// clean makes one line of at most maxString octets of a text, without anything that a terminal would obey.
func clean(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > maxString {
		s = s[:maxString]
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return strings.Join(strings.Fields(s), " ")
}
