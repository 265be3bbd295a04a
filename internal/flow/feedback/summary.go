package feedback

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"restante/internal/proto/tlsrpt"
)

// Span is what a summary is made of.
type Span struct {
	First, Last string   // days
	Reports     int      // how many there are
	Reporters   []string // who sent them, by name
	Unverified  int      // reports that nobody known has signed
}

func (s *Span) add(day, reporter, verified string) {
	if s.First == "" || day < s.First {
		s.First = day
	}
	s.Last = max(s.Last, day)
	s.Reports++
	if i, ok := slices.BinarySearch(s.Reporters, reporter); !ok {
		s.Reporters = slices.Insert(s.Reporters, i, reporter)
	}
	if verified == "" {
		s.Unverified++
	}
}

// DMARCSummary sums up what others have reported on mail that says to be from a domain.
type DMARCSummary struct {
	Span
	Messages, Passed int64
	Sources          []SourceSum // the most messages first
	Others           int64       // messages from sources that were too many to be kept
}

// SourceSum is the mail of one host.
type SourceSum struct {
	IP               string
	Messages, Passed int64
	SPF, DKIM        int64 // of them, those that they stood for
	Refused, Junk    int64
	Others           []string // domains that stood for messages which failed: lists, services
	Forwarded        int64    // messages that their receivers took for passed on
}

// DMARCSince sums up the reports on a domain ("" is all) and what is below it.
func (a *Archive) DMARCSince(ctx context.Context, domain string, since time.Time) (DMARCSummary, error) {
	var out DMARCSummary
	at := make(map[string]*SourceSum)
	err := a.DMARC(ctx, domain, since, func(r DMARCReport) error {
		out.add(r.Day, r.Reporter, r.Verified)
		out.Others += r.Others
		for i := range r.Sources {
			s := &r.Sources[i]
			sum := at[s.IP]
			if sum == nil {
				sum = &SourceSum{IP: s.IP}
				at[s.IP] = sum
			}
			sum.add(s)
		}
		return nil
	})
	for _, s := range at {
		out.Messages, out.Passed = out.Messages+s.Messages, out.Passed+s.Passed
		out.Sources = append(out.Sources, *s)
	}
	slices.SortFunc(out.Sources, func(x, y SourceSum) int {
		return cmp.Or(cmp.Compare(y.Messages, x.Messages), strings.Compare(x.IP, y.IP))
	})
	return out, err
}

func (s *SourceSum) add(r *DMARCSource) {
	s.Messages += r.Count
	if r.SPF {
		s.SPF += r.Count
	}
	if r.DKIM {
		s.DKIM += r.Count
	}
	if r.SPF || r.DKIM {
		s.Passed += r.Count
	}
	switch r.Disposition {
	case "reject":
		s.Refused += r.Count
	case "quarantine":
		s.Junk += r.Count
	}
	if r.Reason == "forwarded" || r.Reason == "mailing_list" || r.Reason == "trusted_forwarder" {
		s.Forwarded += r.Count
	}
	if r.Other != "" && !slices.Contains(s.Others, r.Other) && len(s.Others) < 3 {
		s.Others = append(s.Others, r.Other)
	}
}

// TLSSummary sums up what others have reported on TLS with the hosts of a domain.
type TLSSummary struct {
	Span
	Successes, Failures int64
	Failed              []TLSFailed // the most sessions first
}

// TLSFailed is one way in which sessions of one sender have failed.
type TLSFailed struct {
	Reporter, Day string // the last one
	Policy        string
	tlsrpt.Failure
}

// TLSSince sums up the reports on a domain ("" is all) and what is below it.
func (a *Archive) TLSSince(ctx context.Context, domain string, since time.Time) (TLSSummary, error) {
	type kind struct{ reporter, policy, failure, mx, reason string }
	var out TLSSummary
	at := make(map[kind]int)
	err := a.TLS(ctx, domain, since, func(r TLSReport) error {
		out.add(r.Day, r.Reporter, r.Verified)
		for i := range r.Policies {
			p := &r.Policies[i]
			out.Successes, out.Failures = out.Successes+p.Successes, out.Failures+p.Failures
			for _, f := range p.Details {
				k := kind{r.Reporter, p.Type, f.Type, f.MX, f.Reason}
				n, ok := at[k]
				if !ok {
					n = len(out.Failed)
					at[k] = n
					out.Failed = append(out.Failed, TLSFailed{Reporter: r.Reporter, Policy: p.Type, Failure: f})
					out.Failed[n].Sessions = 0
				}
				out.Failed[n].Sessions += f.Sessions
				out.Failed[n].Day = max(out.Failed[n].Day, r.Day)
			}
		}
		return nil
	})
	slices.SortStableFunc(out.Failed, func(x, y TLSFailed) int { return cmp.Compare(y.Sessions, x.Sessions) })
	return out, err
}
