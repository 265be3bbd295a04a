// Package dmarc says whether the author's domain stands behind a message, and
// what it asks to be done if not (RFC 9989, before that RFC 7489).
//
// # Model
//
// SPF and DKIM name domains that answer for a message. If one of them is the
// author's, or belongs to the same organization where the author's domain
// allows that, the message passes. What an organization is, is found by walking
// up the tree of the DNS (walk.go), not in a list.
//
// # Invariants
//
//   - A walk asks at most eight questions, however many labels a name has, and a check does at most
//     one walk for each identifier that could be aligned.
//   - What the DNS cannot tell now is TempError, never None and never Fail.
//
// # What it does not do
//
// It does nothing with a message, and sends no reports.
package dmarc

import (
	"context"
	"errors"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/proto/addr"
)

// Status is the outcome, in the words of RFC 7489 11.2.
type Status string

// The statuses.
const (
	None      Status = "none" // the domain has no policy
	Pass      Status = "pass"
	Fail      Status = "fail"
	TempError Status = "temperror"
	PermError Status = "permerror" // there is no author's domain to ask
)

// Signer is a domain that answers for a message.
type Signer struct {
	Domain addr.Domain
	SPF    bool // by SPF, and not by DKIM
}

// Result is what is known of an author's domain.
type Result struct {
	Status       Status
	Author       addr.Domain // the domain in From
	Organization addr.Domain // that it belongs to
	Policy       addr.Domain // whose record holds; "" if there is none
	Record       Record
	// Asked is what the domain asks for mail that fails, and that the record says of such a domain: with None and Pass, too.
	Asked   Disposition
	Aligned Signer // who passed
	// DKIM and SPF say whether a signer of the kind stands for the author's domain, for reports.
	DKIM, SPF bool
	Reason    string
}

// Failed says whether something is to be done, and what.
func (r *Result) Failed() Disposition {
	if (r.Status == Fail || r.Status == PermError) && r.Asked != "" {
		return r.Asked
	}
	return Nothing
}

// Check finds out whether one of the signers, who all have passed, stands for the author's domain.
func Check(ctx context.Context, resolver dns.Resolver, author addr.Domain, signers []Signer) Result {
	out := Result{Author: author, Asked: Nothing}
	if author == "" || author.IsLiteral() {
		out.Status, out.Reason = PermError, "no domain in From"
		return out
	}
	w := walker{resolver: resolver, known: make(map[string]found)}
	policy, err := w.policy(ctx, string(author))
	if err != nil {
		out.Status, out.Reason = TempError, "the policy cannot be had now"
		return out
	}
	out.Organization = addr.Domain(policy.organization)
	if policy.record == nil {
		out.Status, out.Reason = None, "the domain has no policy"
		return out
	}
	out.Policy, out.Record = addr.Domain(policy.at), *policy.record
	temporary := false
	for _, s := range signers {
		if s.SPF && out.SPF || !s.SPF && out.DKIM {
			continue // one of a kind will do
		}
		ok, err := w.aligned(ctx, &out, s)
		switch {
		case err != nil:
			temporary = true
			continue
		case !ok:
			continue
		case out.Status != Pass:
			out.Status, out.Aligned = Pass, s
		}
		out.SPF, out.DKIM = out.SPF || s.SPF, out.DKIM || !s.SPF
	}
	exists := true
	if policy.at != string(author) && out.Record.Absent != "" {
		// RFC 9989 3.2.13: what does not exist is NXDOMAIN for whatever type (RFC 8020).
		_, err := resolver.Query(ctx, string(author), dns.A)
		exists = !errors.Is(err, dns.ErrNoName)
		temporary = temporary || err != nil && !dns.Absent(err)
	}
	out.Asked = out.Record.of(policy.at == string(author), exists)
	switch {
	case out.Status == Pass:
	case temporary:
		out.Status, out.Reason = TempError, "a domain cannot be asked now"
	default:
		out.Status, out.Reason = Fail, "nobody who answers for the message is of the author's domain"
	}
	return out
}

// aligned says whether a signer stands for the author's domain (RFC 9989 4.4).
func (w *walker) aligned(ctx context.Context, r *Result, s Signer) (bool, error) {
	strict := r.Record.StrictDKIM
	if s.SPF {
		strict = r.Record.StrictSPF
	}
	switch {
	case s.Domain == r.Author:
		return true, nil
	case strict, !within(string(s.Domain), string(r.Organization)):
		// An organization is above all that belongs to it.
		return false, nil
	}
	organization, err := w.organization(ctx, string(s.Domain))
	return err == nil && organization == string(r.Organization), err
}

// within says whether a name is a domain or below it.
func within(name, domain string) bool {
	return strings.HasSuffix("."+name, "."+domain)
}
