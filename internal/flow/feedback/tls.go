package feedback

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"restante/internal/proto/tlsrpt"
	"restante/internal/trust/tlspolicy"
)

// tlsSeen is what TLS sessions have in common that are counted as one.
type tlsSeen struct {
	Policy  string `json:"p"`
	Domain  string `json:"d"`
	Text    string `json:"t,omitempty"` // lines
	MX      string `json:"m,omitempty"` // lines
	Failure string `json:"f,omitempty"`
	Host    string `json:"h,omitempty"` // of failures only, as all below
	From    string `json:"a,omitempty"`
	To      string `json:"b,omitempty"`
	Reason  string `json:"r,omitempty"`
}

// maxPolicyText bounds what is kept of a policy's text; those of the world have some hundred octets.
const maxPolicyText = 2 << 10

// CountTLS counts what came of attempts to protect connections. It is relay's Options.Results.
func (c *Courier) CountTLS(list []tlspolicy.Result) {
	if !c.opts.TLS {
		return
	}
	day := dayOf(c.opts.Clock())
	for _, r := range list {
		seen := tlsSeen{Policy: string(r.Policy), Domain: r.Domain, Text: lines(r.PolicyText), MX: lines(r.MXHosts)}
		if r.Failure != "" {
			seen.Failure, seen.Host, seen.From, seen.To, seen.Reason = string(r.Failure), r.Host, r.From, r.To, r.Reason
		}
		c.tls.add(day, r.NextHop, seen)
	}
}

// lines joins lines, as far as they are kept.
func lines(list []string) string {
	n := 0
	for i, s := range list {
		if n += len(s) + 1; n > maxPolicyText {
			list = append(slices.Clone(list[:i]), "...")
			break
		}
	}
	return strings.Join(list, "\n")
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// tlsReport writes the report about a page.
func (c *Courier) tlsReport(p page) tlsrpt.Report {
	start, end := span(p.day)
	r := tlsrpt.Report{Organization: c.opts.Organization, Contact: c.opts.Contact.String(), ID: c.id(p), Start: start, End: end}
	at := make(map[tlsSeen]int)
	entries := c.tls.counts(p)
	slices.SortFunc(entries, func(a, b entry[tlsSeen]) int {
		x, y := a.What, b.What
		return cmp.Or(strings.Compare(x.Policy, y.Policy), strings.Compare(x.Domain, y.Domain), strings.Compare(x.Text, y.Text),
			strings.Compare(x.Failure, y.Failure), strings.Compare(x.Host, y.Host), strings.Compare(x.To, y.To), strings.Compare(x.Reason, y.Reason))
	})
	for _, e := range entries {
		policy := tlsSeen{Policy: e.What.Policy, Domain: e.What.Domain, Text: e.What.Text, MX: e.What.MX}
		i, ok := at[policy]
		if !ok {
			i = len(r.Policies)
			at[policy] = i
			r.Policies = append(r.Policies, tlsrpt.Policy{Type: policy.Policy, Domain: policy.Domain, Text: split(policy.Text), MXHosts: split(policy.MX)})
		}
		one := &r.Policies[i]
		if e.What.Failure == "" {
			one.Successes += e.N
			continue
		}
		one.Failures += e.N
		one.Details = append(one.Details, tlsrpt.Failure{
			Type: e.What.Failure, SendingIP: e.What.From, MX: e.What.Host, ReceivingIP: e.What.To, Sessions: e.N, Reason: e.What.Reason,
		})
	}
	return r
}

// span is the time of a day: both ends belong to it (RFC 8460 4.1).
func span(day string) (start, end time.Time) {
	start, _ = time.Parse(time.DateOnly, day) // dayOf has written it
	return start, start.Add(24*time.Hour - time.Second)
}
