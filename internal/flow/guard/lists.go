package guard

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"restante/internal/base/dns"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/dnslist"
)

// List is a list in the DNS (RFC 5782).
type List struct {
	Zone    string
	Domains bool // it is of domains, not of addresses
	Allow   bool // who is on it is welcome
	Weight  int
	Answers []dnslist.Pattern // none: the usual ones, see dnslist.Of
}

// usual are the answers of lists that allow: dnswl.org has a score in the last octet, of which 0 means that nobody stands for the host.
func usual() []dnslist.Pattern {
	p, err := dnslist.ParsePattern("127.0.*.1-3")
	if err != nil {
		panic(err)
	}
	return []dnslist.Pattern{p}
}

// lists asks them. What they say is remembered by the resolver, for as long as they want it to be.
type lists struct {
	opts *Options
	mu   struct {
		sync.Mutex
		told map[string]time.Time // when the operator was told that a list does not work, by zone
	}
}

// toldEvery is how often the operator is told of a list that does not work.
const toldEvery = time.Hour

// ask asks all lists at the same time, until ctx ends.
func (l *lists) ask(ctx context.Context, s *flow.Session, from addr.Address) []flow.Listing {
	var out []flow.Listing
	var ask []*List
	add := func(list *List, name string) {
		out = append(out, flow.Listing{Zone: list.Zone, Name: name, Allow: list.Allow, Weight: list.Weight})
		ask = append(ask, list)
	}
	peer := s.Peer.Unmap()
	for i := range l.opts.Lists {
		list := &l.opts.Lists[i]
		switch {
		case list.Domains:
			for _, d := range domains(s.Hello, from) {
				add(list, d)
			}
		case !peer.IsPrivate() && !peer.IsLinkLocalUnicast(): // who is in a closed network is nobody else's business
			add(list, peer.String())
		}
	}
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() { l.lookUp(ctx, ask[i], peer, &out[i]) })
	}
	wg.Wait()
	return out
}

// domains are those that are looked up: the sender's, and what the client calls itself.
func domains(hello string, from addr.Address) []string {
	var out []string
	if d := from.Domain; d != "" && !d.IsLiteral() {
		out = append(out, string(d))
	}
	d, err := addr.ParseDomain(strings.TrimSuffix(hello, "."))
	if _, _, ip := helloAddress(hello); err == nil && !ip && !d.IsLiteral() && strings.Contains(string(d), ".") && (len(out) == 0 || out[0] != string(d)) {
		out = append(out, string(d))
	}
	return out
}

// lookUp asks one list about one name.
func (l *lists) lookUp(ctx context.Context, list *List, peer netip.Addr, out *flow.Listing) {
	question := out.Name + "." + list.Zone
	if !list.Domains {
		question = dns.Reversed(peer) + "." + list.Zone
	}
	a, err := l.opts.Resolver.Query(ctx, question, dns.A)
	out.Secure = a.Authentic
	switch {
	case dns.Absent(err):
		out.Status = "none"
		return
	case err != nil:
		out.Status = "temperror"
		return
	}
	patterns := list.Answers
	if list.Allow && len(patterns) == 0 {
		patterns = usual()
	}
	out.Status = "none"
	for _, r := range a.Records {
		switch dnslist.Of(r.Addr, patterns) {
		case dnslist.Listed:
			out.Answer = append(out.Answer, r.Addr)
			out.Status = "pass"
		case dnslist.Unserved:
			out.Answer, out.Status = nil, "permerror"
			l.broken(list, "the list does not answer this server's questions: ask it through a resolver of your own, or take it out of guard.list", r.Addr)
			return
		}
	}
	if !out.Listed() {
		return
	}
	if len(out.Answer) > maxAnswers {
		out.Answer = out.Answer[:maxAnswers]
	}
	l.confirm(ctx, list, peer, question, out)
}

// Bounds of what is kept of an answer.
const (
	maxAnswers = 8
	maxText    = 200
)

// confirm sees that the list does not simply have everything (RFC 5782 5), and asks for its reason.
func (l *lists) confirm(ctx context.Context, list *List, peer netip.Addr, question string, out *flow.Listing) {
	var wg sync.WaitGroup
	wg.Go(func() {
		texts, _, err := dns.TXTs(ctx, l.opts.Resolver, question)
		if err == nil && len(texts) > 0 {
			out.Text = printable(texts[0])
		}
	})
	test, err := l.opts.Resolver.Query(ctx, dnslist.NotListed(list.Zone, list.Domains, peer.Is6()), dns.A)
	wg.Wait()
	switch {
	case err == nil:
		out.Answer, out.Status = nil, "permerror"
		l.broken(list, "the list has everything on it, and does not count: take it out of guard.list", test.Records[0].Addr)
	case !dns.Absent(err):
		out.Answer, out.Status = nil, "temperror"
	}
}

// printable is a text of others' for a reply: one line of ASCII.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), maxText)])
}

// broken tells the operator, once in a while.
func (l *lists) broken(list *List, what string, answer netip.Addr) {
	now := l.opts.Clock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.mu.told[list.Zone]; ok && now.Sub(last) < toldEvery {
		return
	}
	if l.mu.told == nil {
		l.mu.told = make(map[string]time.Time) // as many as there are lists
	}
	l.mu.told[list.Zone] = now
	l.opts.Log.Warn(what, slog.String("zone", list.Zone), slog.String("answer", answer.String()))
}
