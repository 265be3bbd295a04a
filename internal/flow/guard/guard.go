package guard

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"restante/internal/base/dns"
	"restante/internal/base/metrics"
	"restante/internal/flow"
	"restante/internal/proto/addr"
)

// What Guard refuses, all of it for now.
var (
	// ErrConnections means that the client connects too often.
	ErrConnections = errors.New("guard: too many connections in a short time")
	// ErrFaults means that too many of its commands were refused.
	ErrFaults = errors.New("guard: too many refused commands")
	// ErrMessages and ErrRecipients mean that it brings too many.
	ErrMessages   = errors.New("guard: too many messages in a short time")
	ErrRecipients = errors.New("guard: too many recipients in a short time")
	// ErrGuessing means that it names too many recipients that do not exist. The connection is to be closed.
	ErrGuessing = errors.New("guard: too many unknown recipients")
)

// Options are what a Guard works with. Zero values switch off what they are for.
type Options struct {
	Host     string       // this server's name
	Resolver dns.Resolver // needed for AllowNames and Lists

	Allow      []netip.Prefix // networks of those who are no strangers
	AllowNames []string       // hosts that are none, by their confirmed names; ".example.org" is all below it

	Hello  Hello
	Greet  time.Duration // how long strangers wait for the greeting
	Limits Limits
	Lists  []List
	// Greylist makes strangers come again; nil: they need not. It needs a Resolver.
	Greylist *Greylist
	// Time bounds the questions about one envelope; 0 is 3 s.
	Time time.Duration

	Clock   func() time.Time
	Log     *slog.Logger
	Metrics *metrics.Registry // nil: counts nothing
}

// Guard looks at clients. It is safe for concurrent use. A nil *Guard lets everybody pass.
type Guard struct {
	opts  Options
	rates rates
	lists lists
	grey  *greylist // nil: off
	away  map[error]*metrics.Counter
}

// New returns a Guard.
func New(o Options) *Guard {
	if o.Time == 0 {
		o.Time = 3 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := &Guard{opts: o, rates: newRates(o.Limits, o.Clock), lists: lists{opts: &o}, grey: newGreylist(o.Greylist), away: make(map[error]*metrics.Counter)}
	for err, why := range map[error]string{
		ErrConnections: "connections", ErrFaults: "errors", ErrMessages: "messages", ErrRecipients: "recipients", ErrGuessing: "unknown_recipients", ErrGreylisted: "greylist",
	} {
		g.away[err] = o.Metrics.Counter("restante_strangers_turned_away_total", "Strangers who were told to come again later, by what they had too much of.",
			metrics.Label{Name: "why", Value: why})
	}
	return g
}

// later counts an error that a stranger is told.
func (g *Guard) later(err error) error {
	g.away[err].Inc()
	return err
}

// stranger says whether a client is looked at.
func (g *Guard) stranger(s *flow.Session) bool {
	if g == nil || s.LMTP || s.Known() || !s.Peer.IsValid() {
		return false
	}
	peer := s.Peer.Unmap()
	if peer.IsLoopback() || peer == s.Local.Unmap() {
		return false
	}
	return !slices.ContainsFunc(g.opts.Allow, func(n netip.Prefix) bool { return n.Contains(peer) })
}

// Connect says whether a client may speak, and how long it is to wait for the greeting. ErrConnections, ErrFaults.
func (g *Guard) Connect(s *flow.Session) (greet time.Duration, err error) {
	switch {
	case !g.stranger(s):
		return 0, nil
	case !g.rates.faults.left(s.Peer):
		return 0, g.later(ErrFaults)
	case !g.rates.connections.take(s.Peer):
		return 0, g.later(ErrConnections)
	}
	return g.opts.Greet, nil
}

// Failed counts a command that was refused.
func (g *Guard) Failed(s *flow.Session) {
	if g.stranger(s) {
		g.rates.faults.take(s.Peer)
	}
}

// Sender looks at an envelope that has no recipients yet, and writes down in it what it has found. ErrMessages, ErrGuessing.
func (g *Guard) Sender(ctx context.Context, e *flow.Envelope) error {
	e.Client = flow.Door{}
	switch {
	case !g.stranger(&e.Session):
		return nil
	case !g.rates.unknown.left(e.Session.Peer):
		return g.later(ErrGuessing)
	case !g.rates.messages.take(e.Session.Peer):
		return g.later(ErrMessages)
	}
	ctx, cancel := context.WithTimeout(ctx, g.opts.Time)
	defer cancel()
	e.Client = g.look(ctx, e)
	return nil
}

// look gathers what is known of a client.
func (g *Guard) look(ctx context.Context, e *flow.Envelope) flow.Door {
	d := flow.Door{Looked: true}
	if name := g.allowedName(ctx, &e.Session); name != "" {
		d.Allowed = "the name " + name
		return d
	}
	d.Hello = g.opts.Hello.Fault(&e.Session, g.opts.Host)
	d.Lists = g.lists.ask(ctx, &e.Session, e.Mail.From)
	for i := range d.Lists {
		if l := &d.Lists[i]; l.Allow && l.Listed() {
			d.Allowed = "the list " + l.Zone
		}
	}
	return d
}

// allowedName is the client's confirmed name, if the operator has named it.
func (g *Guard) allowedName(ctx context.Context, s *flow.Session) string {
	if len(g.opts.AllowNames) == 0 {
		return ""
	}
	names := []string{s.Name}
	if s.Name == "" {
		names, _ = dns.Reverse(ctx, g.opts.Resolver, s.Peer.Unmap()) // who has no name is not allowed by it
	}
	for _, name := range names {
		name = strings.TrimSuffix(strings.ToLower(name), ".")
		for _, allowed := range g.opts.AllowNames {
			if name != "" && (name == allowed || allowed[0] == '.' && strings.HasSuffix(name, allowed)) {
				return name
			}
		}
	}
	return ""
}

// Recipient counts a recipient, before anybody knows whether he exists. ErrRecipients, ErrGuessing.
func (g *Guard) Recipient(e *flow.Envelope) error {
	switch {
	case !g.stranger(&e.Session):
		return nil
	case !g.rates.unknown.left(e.Session.Peer):
		return g.later(ErrGuessing)
	case !g.rates.recipients.take(e.Session.Peer):
		return g.later(ErrRecipients)
	}
	return nil
}

// Unknown counts a recipient that does not exist.
func (g *Guard) Unknown(e *flow.Envelope) {
	if g.stranger(&e.Session) {
		g.rates.unknown.take(e.Session.Peer)
	}
}

// Postmaster says whether a recipient hears everybody, so that there is a way to complain: RFC 5321 4.5.1, RFC 2142 4.
func Postmaster(a addr.Address) bool {
	return strings.EqualFold(a.Local, "postmaster") || strings.EqualFold(a.Local, "abuse")
}
