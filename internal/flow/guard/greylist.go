package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/trust/dkim"
	"restante/internal/trust/spf"
)

// ErrGreylisted means that the client has not been here before, and is to come again (RFC 6647 2.3).
var ErrGreylisted = errors.New("guard: not met before")

// Greylist says how strangers are made to come again (RFC 6647).
type Greylist struct {
	// Delay is how long they have to wait at least. They may come again for a day after that.
	Delay time.Duration
	// Keep is for how long they are known after their last mail.
	Keep time.Duration
	// Max is how many names are remembered of each kind; 0 is 200,000.
	Max   int
	Store *store.Store
	// Wrote says whether an account has ever written to an address; nil: nobody knows.
	Wrote func(ctx context.Context, account store.AccountID, to addr.Address) (bool, error)
}

// window is for how long a second attempt counts as one (RFC 6647 5 (2)).
const window = 24 * time.Hour

// greylist is what is remembered.
type greylist struct {
	Greylist
	waiting memory // since when a network, with a sender's domain and an account
	met     memory // when a network with a sender's domain was last here
	domains memory // when a domain was last here, proved by SPF or DKIM
}

func newGreylist(o *Greylist) *greylist {
	if o == nil {
		return nil
	}
	g := &greylist{Greylist: *o}
	if g.Max == 0 {
		g.Max = 200_000
	}
	part := func(name string, life time.Duration) memory {
		return memory{store: g.Store, name: name, max: g.Max, life: life}
	}
	g.waiting, g.met, g.domains = part("waiting", g.Delay+window), part("met", g.Keep), part("domains", g.Keep)
	return g
}

// Meet says whether a client is to come again before mail for a recipient is taken. The error is ErrGreylisted, or the store's.
func (g *Guard) Meet(ctx context.Context, e *flow.Envelope, to *flow.Recipient) error {
	if g == nil || g.grey == nil || !e.Client.Looked || e.Client.Allowed != "" {
		return nil
	}
	now := g.opts.Clock()
	pair := keyOf(neighbourhood(e.Session.Peer), senderDomain(e))
	if known, err := g.grey.recall(ctx, &g.grey.met, pair, now); known || err != nil {
		return err
	}
	known, err := g.written(ctx, e, to)
	if err == nil && !known {
		known, err = g.proved(ctx, e, now)
	}
	if known || err != nil {
		return err
	}
	if err = g.grey.wait(ctx, pair, account(to), now); errors.Is(err, ErrGreylisted) {
		g.away[ErrGreylisted].Inc()
	}
	return err
}

// recall says whether a name was put down within Keep, and puts it down again.
func (g *greylist) recall(ctx context.Context, m *memory, key string, now time.Time) (bool, error) {
	last, err := m.get(ctx, key, now)
	if err != nil || last.IsZero() || now.Sub(last) > g.Keep {
		return false, err
	}
	if now.Sub(last) > afresh {
		err = m.put(ctx, key, now, now)
	}
	return true, err
}

// afresh is how old what is remembered must be to be written again.
const afresh = 24 * time.Hour

// wait says whether a client has waited.
func (g *greylist) wait(ctx context.Context, pair, account string, now time.Time) error {
	key := keyOf(pair, account)
	since, err := g.waiting.get(ctx, key, now)
	if err != nil {
		return err
	}
	waited := now.Sub(since)
	switch {
	case since.IsZero(), waited > g.Delay+window, waited < 0:
		waited = 0
		if err := g.waiting.put(ctx, key, now, now); err != nil {
			return err
		}
	case waited >= g.Delay:
		return g.met.put(ctx, pair, now, now)
	}
	left := (g.Delay - waited + time.Second - 1) / time.Second
	return &flow.Refusal{Err: ErrGreylisted, Text: fmt.Sprintf("you have not written here before, try again in %d seconds", left)}
}

// written says whether somebody whom the mail is for has written to its sender.
func (g *Guard) written(ctx context.Context, e *flow.Envelope, to *flow.Recipient) (bool, error) {
	if g.grey.Wrote == nil || e.Mail.From.IsZero() {
		return false, nil
	}
	for _, a := range to.Accounts {
		if wrote, err := g.grey.Wrote(ctx, a.ID, e.Mail.From); wrote || err != nil {
			return wrote, err
		}
	}
	return false, nil
}

// proved says whether the sender's domain is known, and stands by the client.
func (g *Guard) proved(ctx context.Context, e *flow.Envelope, now time.Time) (bool, error) {
	d := e.Mail.From.Domain
	if d == "" || d.IsLiteral() {
		return false, nil
	}
	last, err := g.grey.domains.get(ctx, keyOf(string(d)), now)
	if err != nil || last.IsZero() || now.Sub(last) > g.grey.Keep {
		return false, err
	}
	if e.Client.SPF == "" { // once for all recipients
		ctx, cancel := context.WithTimeout(ctx, g.opts.Time)
		defer cancel()
		got := spf.Check(ctx, g.opts.Resolver, spf.Query{IP: e.Session.Peer.Unmap(), Hello: e.Session.Hello, From: e.Mail.From})
		e.Client.SPF = string(got.Status)
	}
	return e.Client.SPF == string(spf.Pass), nil
}

// Accepted remembers who stood behind a message that was taken.
func (g *Guard) Accepted(ctx context.Context, r *flow.Received) {
	d := r.Mail.From.Domain
	if g == nil || g.grey == nil || !r.Door.Looked || d == "" {
		return
	}
	stands := r.SPF != nil && r.SPF.Status == spf.Pass && !r.SPF.Hello
	for i := range r.DKIM {
		stands = stands || r.DKIM[i].Status == dkim.Pass && r.DKIM[i].Domain == d
	}
	if !stands {
		return
	}
	now, key := g.opts.Clock(), keyOf(string(d))
	known, err := g.grey.recall(ctx, &g.grey.domains, key, now)
	if err == nil && !known {
		err = g.grey.domains.put(ctx, key, now, now)
	}
	if err != nil {
		g.opts.Log.Error("sender not remembered", "error", err)
	}
}

// neighbourhood is the network that a farm of mail servers is thought to have (RFC 6647 5 (5)).
func neighbourhood(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	bits := 24
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked().String()
}

// senderDomain is the domain of the reverse-path; of a null one, what the client calls itself.
func senderDomain(e *flow.Envelope) string {
	if e.Mail.From.IsZero() {
		return "<> " + strings.ToLower(e.Session.Hello)
	}
	return string(e.Mail.From.Domain)
}

// account is whom mail reaches: whatever tag or alias it is written to, one account waits once.
func account(to *flow.Recipient) string {
	if len(to.Accounts) > 0 {
		return fmt.Sprint(to.Accounts[0].ID)
	}
	return to.To.Key()
}
