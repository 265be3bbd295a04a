package feedback

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"restante/internal/flow"
	"restante/internal/flow/inbound"
	"restante/internal/proto/dmarcreport"
	"restante/internal/trust/dkim"
	"restante/internal/trust/dmarc"
)

// dmarcSeen is what messages have in common that are counted as one.
type dmarcSeen struct {
	Source      string `json:"ip"`
	Disposition string `json:"d"`
	DKIM        bool   `json:"k,omitempty"` // stands for the author's domain, as does
	SPF         bool   `json:"s,omitempty"`
	Reason      string `json:"r,omitempty"`
	Comment     string `json:"c,omitempty"`
	From        string `json:"f"`           // of the header
	Envelope    string `json:"e,omitempty"` // the reverse-path's domain
	Results     string `json:"a"`           // of SPF and DKIM, a JSON text of checked
}

// checked is what SPF and DKIM said.
type checked struct {
	Signatures []dmarcreport.Signature `json:"k,omitempty"`
	Senders    []dmarcreport.Sender    `json:"s,omitempty"`
}

// maxSignatures is how many of a message are reported (RFC 9990 3.1.3 allows a hundred), and maxSelector what is kept of a selector: one label.
const (
	maxSignatures = 4
	maxSelector   = 63
)

// CountDMARC counts a message for the reports to the domains of its authors, if they want any. It is part of inbound's Options.Observe.
func (c *Courier) CountDMARC(ctx context.Context, r *flow.Received, v *flow.Verdict) {
	if !c.opts.DMARC || !r.Checked || len(r.DMARC) == 0 || c.forDesks(ctx, r) {
		return
	}
	day := dayOf(c.opts.Clock())
	for i := range r.DMARC {
		d := &r.DMARC[i]
		if d.Policy == "" || len(d.Record.Aggregate) == 0 {
			continue
		}
		seen := dmarcSeen{
			Source: r.Peer.String(), DKIM: d.DKIM, SPF: d.SPF, From: string(d.Author), Envelope: string(r.Mail.From.Domain), Results: results(r, d),
		}
		seen.Disposition, seen.Reason, seen.Comment = disposition(r, d, v)
		c.dmarc.add(day, string(d.Policy), seen)
	}
}

// forDesks says whether a message is for those alone who take reports: counting it would make reports of reports, for ever.
func (c *Courier) forDesks(ctx context.Context, r *flow.Received) bool {
	for i := range r.Recipients {
		if !c.opts.Here(ctx, r.Recipients[i].To) {
			return false
		}
	}
	return true
}

// disposition is what DMARC made of a message, and why that is not what the domain asks for. What else a message was refused for is nobody's report.
func disposition(r *flow.Received, d *dmarc.Result, v *flow.Verdict) (what, reason, comment string) {
	asked := d.Failed()
	switch {
	case d.Status == dmarc.Pass:
		return "pass", "", ""
	case errors.Is(v.Refuse, inbound.ErrForged):
		what = "reject"
	case asked != dmarc.Nothing && !r.Forwarder:
		what = "quarantine"
	default:
		what = "none"
	}
	switch {
	case d.Status == dmarc.Fail && r.Forwarder && asked != dmarc.Nothing:
		return what, "trusted_forwarder", ""
	case asked == dmarc.Reject && what == "quarantine":
		return what, "local_policy", "such mail goes to Junk here"
	case d.Status == dmarc.Fail && d.Record.Testing:
		return what, "policy_test_mode", ""
	case d.Status == dmarc.TempError:
		return what, "other", "the DNS could not be asked"
	}
	return what, "", ""
}

// results are those of SPF and DKIM; signatures that matter come first (RFC 9990 3.1.3).
func results(r *flow.Received, d *dmarc.Result) string {
	var out checked
	list := slices.Clone(r.DKIM)
	rank := func(s dkim.Result) int {
		switch {
		case s.Status == dkim.Pass && s.Domain == d.Author:
			return 0
		case s.Status == dkim.Pass && strings.HasSuffix("."+string(s.Domain), "."+string(d.Organization)):
			return 1
		case s.Status == dkim.Pass:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(list, func(a, b dkim.Result) int { return cmp.Compare(rank(a), rank(b)) })
	for _, s := range list[:min(len(list), maxSignatures)] {
		if s.Domain != "" {
			out.Signatures = append(out.Signatures, dmarcreport.Signature{Domain: string(s.Domain), Selector: s.Selector[:min(len(s.Selector), maxSelector)], Result: string(s.Status)})
		}
	}
	if s := r.SPF; s != nil && s.Domain != "" {
		scope := "mfrom"
		if s.Hello {
			scope = "helo"
		}
		out.Senders = append(out.Senders, dmarcreport.Sender{Domain: string(s.Domain), Scope: scope, Result: string(s.Status)})
	}
	text, _ := json.Marshal(out) // strings always can be
	return string(text)
}

// dmarcReport writes the report about a page. What is published is what is published now (RFC 9990 3.3).
func (c *Courier) dmarcReport(p page, record *dmarc.Record) dmarcreport.Report {
	begin, end := span(p.day)
	r := dmarcreport.Report{
		Organization: c.opts.Organization, Email: c.opts.Contact.String(), ID: c.id(p), Generator: "Restante", Begin: begin, End: end,
		Policy: dmarcreport.Policy{
			Domain: p.domain, Policy: string(record.Policy), Subdomains: string(cmp.Or(record.Subdomains, record.Policy)),
			Absent: string(cmp.Or(record.Absent, record.Subdomains, record.Policy)), DKIM: mode(record.StrictDKIM), SPF: mode(record.StrictSPF),
			Testing: yes(record.Testing), Discovery: "treewalk",
		},
	}
	entries := c.dmarc.counts(p)
	slices.SortFunc(entries, func(a, b entry[dmarcSeen]) int {
		return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.What.Source, b.What.Source), strings.Compare(a.What.From, b.What.From),
			strings.Compare(a.What.Results, b.What.Results))
	})
	for _, e := range entries {
		r.Records = append(r.Records, e.What.record(e.N))
	}
	return r
}

func (s *dmarcSeen) record(n int64) dmarcreport.Record {
	ip, _ := netip.ParseAddr(s.Source) // written from one
	var c checked
	_ = json.Unmarshal([]byte(s.Results), &c) // written by results
	out := dmarcreport.Record{
		Source: ip, Count: n, Disposition: s.Disposition, DKIM: verdict(s.DKIM), SPF: verdict(s.SPF),
		HeaderFrom: s.From, EnvelopeFrom: s.Envelope, Signatures: c.Signatures, Senders: c.Senders,
	}
	if s.Reason != "" {
		out.Reasons = []dmarcreport.Reason{{Type: s.Reason, Comment: s.Comment}}
	}
	return out
}

func verdict(passed bool) string {
	if passed {
		return "pass"
	}
	return "fail"
}

func mode(strict bool) string {
	if strict {
		return "s"
	}
	return "r"
}

func yes(b bool) string {
	if b {
		return "y"
	}
	return "n"
}
