package feedback

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"restante/internal/proto/dmarcreport"
	"restante/internal/proto/tlsrpt"
	"restante/internal/store"
)

// Bounds of what is kept of the reports of others.
const (
	maxReportsOfDay = 300     // about one domain
	maxOctetsOfDay  = 8 << 20 // about all
	maxSources      = 500     // of one DMARC report: those with the most messages
	maxRow          = 128 << 10
	// maxAge is how old a report may be that comes; what is from more than a day ahead is wrong.
	maxAge = 30 * 24 * time.Hour
)

// What is not kept.
var (
	// ErrForeign means that a report is about nobody here.
	ErrForeign = errors.New("feedback: the report is about no domain of this server")
	// ErrOld means that a report is about a time that nobody asks for.
	ErrOld = errors.New("feedback: the report is too old, or from the future")
	// ErrFull means that there are too many reports already about a domain, or a day.
	ErrFull = errors.New("feedback: too many reports about that day")
)

// Archive keeps what others have reported. It is safe for concurrent use.
type Archive struct {
	store *store.Store
	keep  time.Duration
	clock func() time.Time

	mu     sync.Mutex
	octets map[string]int // by day and kind, of those that were looked at
}

// NewArchive returns the reports in a store; those whose day was longer ago than keep are forgotten.
func NewArchive(s *store.Store, keep time.Duration, clock func() time.Time) *Archive {
	return &Archive{store: s, keep: keep, clock: clock, octets: make(map[string]int)}
}

// Rows of store.SendingRows: KIND/DAY/DOMAIN/HASH, the day that the report is about first, so that old ones go together.
const (
	tlsRows   = "reports-tls/"
	dmarcRows = "reports-dmarc/"
)

// TLSReport is a report on TLS that was sent to this server, or made by it.
type TLSReport struct {
	Day      string        `json:"-"`
	Domain   string        `json:"-"`
	Reporter string        `json:"o"`
	Verified string        `json:"v,omitempty"` // the domain that has signed it; empty: nobody known
	Policies []TLSSessions `json:"p"`
}

// TLSSessions are those under one policy.
type TLSSessions struct {
	Type      string           `json:"t"`
	Domain    string           `json:"d"`
	Successes int64            `json:"s"`
	Failures  int64            `json:"f"`
	Details   []tlsrpt.Failure `json:"x,omitempty"`
}

// DMARCReport is a report on mail that says to be from a domain here, summed up by source.
type DMARCReport struct {
	Day      string        `json:"-"`
	Domain   string        `json:"-"`
	Reporter string        `json:"o"`
	Verified string        `json:"v,omitempty"`
	Sources  []DMARCSource `json:"r"`
	// Others are messages from sources that were too many to be kept.
	Others int64 `json:"n,omitempty"`
}

// DMARCSource is one host's messages of one kind.
type DMARCSource struct {
	IP          string `json:"ip"`
	From        string `json:"f"`
	Count       int64  `json:"n"`
	SPF         bool   `json:"s,omitempty"`
	DKIM        bool   `json:"k,omitempty"`
	Disposition string `json:"d"`
	Reason      string `json:"w,omitempty"` // why it was not what the policy says
	// Other is a domain that stood for the message without being the author's.
	Other string `json:"e,omitempty"`
}

// addTLS keeps a report about a domain here.
func (a *Archive) addTLS(ctx context.Context, domain string, r *tlsrpt.Report, verified string) error {
	out := TLSReport{Reporter: r.Organization, Verified: verified}
	for i := range r.Policies {
		p := &r.Policies[i]
		details := slices.Clone(p.Details)
		slices.SortStableFunc(details, func(x, y tlsrpt.Failure) int { return int(y.Sessions - x.Sessions) })
		out.Policies = append(out.Policies, TLSSessions{p.Type, p.Domain, p.Successes, p.Failures, details[:min(len(details), 50)]})
	}
	return a.put(ctx, tlsRows, domain, r.Organization+"\x00"+r.ID, r.Start, out)
}

// addDMARC keeps a report.
func (a *Archive) addDMARC(ctx context.Context, r *dmarcreport.Report, verified string) error {
	out := DMARCReport{Reporter: r.Organization, Verified: verified}
	at := make(map[DMARCSource]int) // with no Count
	for i := range r.Records {
		rec := &r.Records[i]
		s := DMARCSource{IP: rec.Source.String(), From: rec.HeaderFrom, SPF: rec.SPF == "pass", DKIM: rec.DKIM == "pass", Disposition: rec.Disposition}
		if len(rec.Reasons) > 0 {
			s.Reason = rec.Reasons[0].Type
		}
		if !rec.Passed() {
			s.Other = other(rec)
		}
		i, ok := at[s]
		if !ok {
			i = len(out.Sources)
			at[s] = i
			out.Sources = append(out.Sources, s)
		}
		out.Sources[i].Count += rec.Count
	}
	slices.SortStableFunc(out.Sources, func(x, y DMARCSource) int { return int(y.Count - x.Count) })
	for len(out.Sources) > maxSources {
		last := out.Sources[len(out.Sources)-1]
		out.Others += last.Count
		out.Sources = out.Sources[:len(out.Sources)-1]
	}
	return a.put(ctx, dmarcRows, r.Policy.Domain, r.Organization+"\x00"+r.ID, r.Begin, out)
}

// other is who stood for a message that the author's domain did not stand for.
func other(r *dmarcreport.Record) string {
	for _, s := range r.Signatures {
		if s.Result == "pass" {
			return s.Domain
		}
	}
	for _, s := range r.Senders {
		if s.Result == "pass" {
			return s.Domain
		}
	}
	return ""
}

// put writes a report down. A second copy of it is the same row.
func (a *Archive) put(ctx context.Context, table, domain, id string, begin time.Time, v any) error {
	now := a.clock()
	if begin.Before(now.Add(-maxAge)) || begin.After(now.Add(24*time.Hour)) {
		return ErrOld
	}
	value, err := json.Marshal(v)
	switch {
	case err != nil:
		return fmt.Errorf("feedback: %w", err)
	case !isName(domain):
		return ErrForeign
	case len(value) > maxRow:
		return ErrFull
	}
	day := dayOf(begin)
	page := table + day + "/" + domain + "/"
	sum := sha256.Sum256([]byte(id))
	name := page + base64.RawURLEncoding.EncodeToString(sum[:12])
	a.mu.Lock()
	defer a.mu.Unlock()
	n, same := 0, false
	err = a.store.Rows(ctx, store.SendingRows, page, func(row string, _ []byte) error {
		n, same = n+1, same || row == name
		return nil
	})
	if err != nil {
		return err
	}
	used, err := a.used(ctx, table+day+"/")
	switch {
	case err != nil:
		return err
	case !same && n >= maxReportsOfDay || used+len(value) > maxOctetsOfDay:
		return ErrFull
	}
	a.octets[table+day+"/"] += len(value)
	return a.store.UpdateRows(ctx, func(tx *store.RowTx) error { return tx.Put(store.SendingRows, name, value) })
}

// used is how many octets of a day are kept; a.mu is held.
func (a *Archive) used(ctx context.Context, day string) (int, error) {
	if n, ok := a.octets[day]; ok {
		return n, nil
	}
	n := 0
	err := a.store.Rows(ctx, store.SendingRows, day, func(_ string, value []byte) error {
		n += len(value)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(a.octets) > 200 {
		clear(a.octets)
	}
	a.octets[day] = n
	return n, nil
}

// Sweep forgets what is old.
func (a *Archive) Sweep(ctx context.Context) error {
	first := dayOf(a.clock().Add(-a.keep))
	var errs []error
	for _, table := range []string{tlsRows, dmarcRows} {
		errs = append(errs, a.store.DropRows(ctx, store.SendingRows, table, table+first))
	}
	return errors.Join(errs...)
}

// each calls fn for the rows of a kind about a domain ("" is all) since a day, the oldest first.
func (a *Archive) each(ctx context.Context, table, domain string, since time.Time, fn func(day, domain string, value []byte) error) error {
	return a.store.RowsFrom(ctx, store.SendingRows, table+dayOf(since), table+"~", 0, func(name string, value []byte) error {
		parts := strings.Split(strings.TrimPrefix(name, table), "/")
		if len(parts) != 3 || domain != "" && parts[1] != domain && !strings.HasSuffix(parts[1], "."+domain) {
			return nil
		}
		return fn(parts[0], parts[1], value)
	})
}

// TLS calls fn for the reports on TLS about a domain ("" is all) and what is below it since a day, the oldest first.
func (a *Archive) TLS(ctx context.Context, domain string, since time.Time, fn func(TLSReport) error) error {
	return a.each(ctx, tlsRows, domain, since, func(day, domain string, value []byte) error {
		r := TLSReport{Day: day, Domain: domain}
		if json.Unmarshal(value, &r) != nil {
			return nil
		}
		return fn(r)
	})
}

// DMARC does the same for DMARC.
func (a *Archive) DMARC(ctx context.Context, domain string, since time.Time, fn func(DMARCReport) error) error {
	return a.each(ctx, dmarcRows, domain, since, func(day, domain string, value []byte) error {
		r := DMARCReport{Day: day, Domain: domain}
		if json.Unmarshal(value, &r) != nil {
			return nil
		}
		return fn(r)
	})
}
