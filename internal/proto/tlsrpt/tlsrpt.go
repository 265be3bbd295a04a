// Package tlsrpt is the format of reports on TLS among mail servers (RFC 8460 4, 5).
//
// A Report has the sessions of one sender with the hosts of one domain on one day, counted by policy. Append writes it as JSON; Parse reads what others
// write, which is more than the RFC has: single strings where lists belong, numbers in quotes. Both sides are bounded.
//
// It packs and unpacks nothing (proto/packed), and knows no transport but the names that files and subjects have.
package tlsrpt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Media types (RFC 8460 6.4, 6.5).
const (
	TypeJSON = "application/tlsrpt+json"
	TypeGzip = "application/tlsrpt+gzip"
)

// Bounds of what Parse reads.
const (
	MaxText      = 16 << 20 // octets of JSON
	MaxPolicies  = 200
	MaxFailures  = 1000 // of one policy
	maxAll       = 10_000
	maxStrings   = 200  // of a list
	maxString    = 1000 // octets
	maxTextTotal = 1 << 20
)

// ErrReport means that a text is no report.
var ErrReport = errors.New("tlsrpt: not a report")

// Report is what one sender has seen (RFC 8460 4.4).
type Report struct {
	Organization string
	Contact      string // an address
	ID           string
	Start, End   time.Time // to seconds, UTC
	Policies     []Policy
}

// Policy is what came of one policy of a domain.
type Policy struct {
	Type    string   // "sts", "tlsa", "no-policy-found"
	Text    []string // policy-string: the lines of an MTA-STS policy, or the TLSA records
	Domain  string
	MXHosts []string // mx-host: the patterns of an MTA-STS policy
	// Successes and Failures count sessions.
	Successes, Failures int64
	Details             []Failure
}

// Failure is one way in which sessions have failed.
type Failure struct {
	Type        string // RFC 8460 4.3
	SendingIP   string // may be empty, as all below
	MX          string
	Hello       string
	ReceivingIP string
	Sessions    int64
	More        string // a URI
	Reason      string
}

// The same with the names of RFC 8460 4.4.
type (
	jsonReport struct {
		Organization text      `json:"organization-name"`
		Range        jsonRange `json:"date-range"`
		Contact      text      `json:"contact-info"`
		ID           text      `json:"report-id"`
		Policies     policies  `json:"policies"`
	}
	jsonRange struct {
		Start date `json:"start-datetime"`
		End   date `json:"end-datetime"`
	}
	jsonPolicy struct {
		Policy  jsonPolicyIs `json:"policy"`
		Summary jsonSummary  `json:"summary"`
		Details failures     `json:"failure-details,omitempty"`
	}
	jsonPolicyIs struct {
		Type    text  `json:"policy-type"`
		Text    texts `json:"policy-string,omitempty"`
		Domain  text  `json:"policy-domain"`
		MXHosts texts `json:"mx-host,omitempty"`
	}
	jsonSummary struct {
		Successes count `json:"total-successful-session-count"`
		Failures  count `json:"total-failure-session-count"`
	}
	jsonFailure struct {
		Type        text  `json:"result-type"`
		SendingIP   text  `json:"sending-mta-ip,omitempty"`
		MX          text  `json:"receiving-mx-hostname,omitempty"`
		Hello       text  `json:"receiving-mx-helo,omitempty"`
		ReceivingIP text  `json:"receiving-ip,omitempty"`
		Sessions    count `json:"failed-session-count"`
		More        text  `json:"additional-information,omitempty"`
		Reason      text  `json:"failure-reason-code,omitempty"`
	}
)

// Append appends the report as JSON.
func (r *Report) Append(b []byte) ([]byte, error) {
	out := jsonReport{
		Organization: text(r.Organization), Contact: text(r.Contact), ID: text(r.ID),
		Range: jsonRange{date(r.Start), date(r.End)}, Policies: policies{},
	}
	for i := range r.Policies {
		p := &r.Policies[i]
		one := jsonPolicy{
			Policy:  jsonPolicyIs{text(p.Type), listOf(p.Text), text(p.Domain), listOf(p.MXHosts)},
			Summary: jsonSummary{count(p.Successes), count(p.Failures)},
		}
		for _, f := range p.Details {
			one.Details = append(one.Details, jsonFailure{
				text(f.Type), text(f.SendingIP), text(f.MX), text(f.Hello), text(f.ReceivingIP), count(f.Sessions), text(f.More), text(f.Reason),
			})
		}
		out.Policies = append(out.Policies, one)
	}
	j, err := json.MarshalIndent(&out, "", "  ")
	if err != nil {
		return b, fmt.Errorf("tlsrpt: %w", err)
	}
	return append(append(b, j...), '\n'), nil
}

// Parse reads a report. The error wraps ErrReport. Texts have no control characters, and at most 1000 octets; who shows them need only look at what they say.
func Parse(data []byte) (Report, error) {
	if len(data) > MaxText {
		return Report{}, fmt.Errorf("%w: longer than %d octets", ErrReport, MaxText)
	}
	var in jsonReport
	if err := json.Unmarshal(data, &in); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	if in.Policies == nil || time.Time(in.Range.Start).IsZero() || !time.Time(in.Range.End).After(time.Time(in.Range.Start)) {
		return Report{}, fmt.Errorf("%w: it has no policies or no time", ErrReport)
	}
	out := Report{
		Organization: string(in.Organization), Contact: string(in.Contact), ID: string(in.ID),
		Start: time.Time(in.Range.Start), End: time.Time(in.Range.End),
	}
	details, octets := 0, 0
	for _, p := range in.Policies {
		one := Policy{
			Type: string(p.Policy.Type), Text: p.Policy.Text, Domain: strings.ToLower(string(p.Policy.Domain)), MXHosts: p.Policy.MXHosts,
			Successes: int64(p.Summary.Successes), Failures: int64(p.Summary.Failures),
		}
		octets += one.texts()
		if details += len(p.Details); details > maxAll || octets > maxTextTotal {
			return Report{}, fmt.Errorf("%w: it has too much in it", ErrReport)
		}
		for _, f := range p.Details {
			one.Details = append(one.Details, Failure{
				string(f.Type), string(f.SendingIP), string(f.MX), string(f.Hello), string(f.ReceivingIP), int64(f.Sessions), string(f.More), string(f.Reason),
			})
		}
		out.Policies = append(out.Policies, one)
	}
	return out, nil
}

// texts is how many octets the lists have.
func (p *Policy) texts() (n int) {
	for _, list := range [][]string{p.Text, p.MXHosts} {
		for _, s := range list {
			n += len(s)
		}
	}
	return n
}
