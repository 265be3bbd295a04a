package dmarc

import (
	"context"
	"strings"

	"restante/internal/base/dns"
)

// maxLabels is how many labels of a long name are walked (RFC 9989 4.10).
const maxLabels = 7

// found is a record and the domain that it was found under.
type found struct {
	at     string
	record *Record // nil: there is none
}

// walker walks up the tree of the DNS, and remembers what it has asked. It serves one check.
type walker struct {
	resolver dns.Resolver
	known    map[string]found
}

// at asks for the record of one domain. Several are none (RFC 9989 4.10).
func (w *walker) at(ctx context.Context, domain string) (found, error) {
	if f, ok := w.known[domain]; ok {
		return f, nil
	}
	texts, _, err := dns.TXTs(ctx, w.resolver, "_dmarc."+domain)
	if err != nil && !dns.Absent(err) {
		return found{}, err
	}
	f := found{at: domain}
	n := 0
	for _, text := range texts {
		if IsRecord(text) {
			n++
			if r, err := ParseRecord(text); err == nil {
				f.record = &r
			}
		}
	}
	if n != 1 {
		f.record = nil
	}
	w.known[domain] = f
	return f, nil
}

// walk returns the records from a domain upwards (RFC 9989 4.10).
func (w *walker) walk(ctx context.Context, domain string) ([]found, error) {
	var out []found
	for name := domain; name != ""; {
		f, err := w.at(ctx, name)
		if err != nil {
			return nil, err
		}
		if f.record != nil {
			out = append(out, f)
			if f.record.Suffix != 'u' {
				break
			}
		}
		name = above(name)
	}
	return out, nil
}

// above is the next name of a walk: without its first label, or with the last seven of many.
func above(name string) string {
	for n := strings.Count(name, "."); ; n-- {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return ""
		}
		if name = rest; n <= maxLabels {
			return name
		}
	}
}

// organizational finds the organization among the records of a walk (RFC 9989 4.10.2).
func organizational(domain string, records []found) string {
	for _, f := range records { // the longest names come first
		switch {
		case f.record.Suffix == 'n':
			return f.at
		case f.record.Suffix == 'y' && f.at != domain:
			// The name one label below the public suffix.
			labels := strings.Split(strings.TrimSuffix(domain, "."+f.at), ".")
			return labels[len(labels)-1] + "." + f.at
		}
	}
	if n := len(records); n > 0 {
		return records[n-1].at
	}
	return domain
}

func (w *walker) organization(ctx context.Context, domain string) (string, error) {
	records, err := w.walk(ctx, domain)
	return organizational(domain, records), err
}

// policy is the record that holds for an author's domain.
type policy struct {
	found
	organization string
}

// policy finds the record that holds for an author's domain: its own, its organization's, or that of the public suffix above (RFC 9989 4.10.1).
func (w *walker) policy(ctx context.Context, author string) (policy, error) {
	records, err := w.walk(ctx, author)
	if err != nil {
		return policy{}, err
	}
	p := policy{organization: organizational(author, records)}
	for _, want := range []string{author, p.organization} {
		for _, f := range records {
			if f.at == want {
				p.found = f
				return p, nil
			}
		}
	}
	for _, f := range records {
		if f.record.Suffix == 'y' {
			p.found = f
		}
	}
	return p, nil
}
