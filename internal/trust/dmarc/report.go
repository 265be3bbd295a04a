package dmarc

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/proto/addr"
)

// Destination is where a domain's reports go.
type Destination struct {
	To addr.Address
	// Limit is the largest report that is taken, in octets as it is sent; 0: none.
	Limit uint64
}

// Published returns the record of a domain itself, nil if it has none. The error is temporary.
func Published(ctx context.Context, resolver dns.Resolver, domain string) (*Record, error) {
	w := walker{resolver: resolver, known: make(map[string]found)}
	f, err := w.at(ctx, domain)
	return f.record, err
}

// Destinations are where reports about a domain go by its record. Those that belong to another organization count only if that one says so
// (RFC 9990 4, RFC 7489 7.1). The error is temporary.
func Destinations(ctx context.Context, resolver dns.Resolver, domain string, r *Record) ([]Destination, error) {
	w := walker{resolver: resolver, known: make(map[string]found)}
	home, err := w.organization(ctx, domain)
	if err != nil {
		return nil, err
	}
	var out []Destination
	for _, uri := range r.Aggregate {
		d, ok := parseDestination(uri)
		if !ok {
			continue
		}
		there, err := w.organization(ctx, string(d.To.Domain))
		if err != nil {
			return nil, err
		}
		list := []Destination{d}
		if there != home {
			if list, err = agreed(ctx, resolver, domain, d); err != nil {
				return nil, err
			}
		}
		for _, d := range list {
			if len(out) < maxURIs && !slices.ContainsFunc(out, func(o Destination) bool { return o.To == d.To }) {
				out = append(out, d)
			}
		}
	}
	return out, nil
}

// agreed says where reports go that another organization is named for: nowhere, unless it agrees, which it may do with other addresses of its own.
func agreed(ctx context.Context, resolver dns.Resolver, domain string, d Destination) ([]Destination, error) {
	name := domain + "._report._dmarc." + string(d.To.Domain)
	texts, _, err := dns.TXTs(ctx, resolver, name)
	switch {
	case errors.Is(err, dns.ErrTemporary) || ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, nil // no record, or too long a name
	}
	for _, text := range texts {
		if !IsRecord(text) || len(text) > maxRecord {
			continue
		}
		instead := others(text)
		if len(instead) == 0 {
			return []Destination{d}, nil
		}
		for _, o := range instead {
			if o.To.Domain != d.To.Domain {
				return nil, nil // RFC 9990 4: neither the one nor the other
			}
		}
		return instead, nil
	}
	return nil, nil
}

// others are the addresses that an agreement names.
func others(text string) (out []Destination) {
	r, err := ParseRecord(text)
	if err != nil {
		return nil // "v=DMARC1" alone is the usual one
	}
	for _, uri := range r.Aggregate {
		if d, ok := parseDestination(uri); ok {
			out = append(out, d)
		}
	}
	return out
}

// parseDestination reads "mailto:reports@example.org!10m" (RFC 7489 6.2; RFC 9989 has no sizes any more, and many records still do).
func parseDestination(uri string) (Destination, bool) {
	var d Destination
	uri, size, limited := strings.Cut(uri, "!")
	if limited {
		unit := uint64(1)
		for i, c := range "kmgt" {
			if digits, ok := strings.CutSuffix(strings.ToLower(size), string(c)); ok {
				size, unit = digits, 1<<(10*(i+1))
			}
		}
		n, err := strconv.ParseUint(size, 10, 32)
		if err != nil {
			return d, false
		}
		d.Limit = n * unit
	}
	to, ok := MailTo(uri)
	d.To = to
	return d, ok
}

// MailTo is the address of a "mailto:" URI (RFC 6068 2); what it says besides, such as a subject, is passed over.
func MailTo(uri string) (addr.Address, bool) {
	scheme, rest, _ := strings.Cut(uri, ":")
	if !strings.EqualFold(scheme, "mailto") {
		return addr.Address{}, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	text, err := url.PathUnescape(rest)
	if err != nil {
		return addr.Address{}, false
	}
	to, err := addr.Parse(text)
	return to, err == nil && to.Domain != "" && !to.Domain.IsLiteral()
}
