// Package check gathers evidence about messages from strangers: whose host they
// come from, who has signed them, and what their author's domain says of that.
//
// It decides nothing (flow/inbound does) and keeps nothing. A Run goes along
// with a message and holds its header; the questions are asked at its end, at
// the same time and within one bound for them all, after which what is not known
// counts as unknown for now.
package check

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"restante/internal/base/dns"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/trust/arc"
	"restante/internal/trust/dkim"
	"restante/internal/trust/dmarc"
	"restante/internal/trust/spf"
)

// Options are what a Checker works with.
type Options struct {
	Resolver dns.Resolver // required
	// SPF, DKIM and DMARC say what is checked. DMARC needs the other two, and switches them on.
	SPF, DKIM, DMARC bool
	// ARC says that the chain of those who have passed a message on is looked at.
	ARC bool
	// Forwarders are hosts that may bring mail of any author: those who pass on mail for people here, and change it.
	Forwarders []netip.Prefix
	// Total bounds the questions about one message; 0 is 10 s.
	Total time.Duration
}

// Checker checks messages. It is safe for concurrent use.
type Checker struct{ opts Options }

// New returns a Checker.
func New(o Options) *Checker {
	if o.Total == 0 {
		o.Total = 10 * time.Second
	}
	o.SPF, o.DKIM = o.SPF || o.DMARC, o.DKIM || o.DMARC
	return &Checker{opts: o}
}

// Run is the checking of one message. It is not safe for concurrent use.
type Run struct {
	opts     *Options
	verifier dkim.Verifier
}

// Begin begins with a message. It returns nil where nothing is checked: mail of those who have logged in, by LMTP, which was checked by who brings it, and
// from this machine.
func (c *Checker) Begin(s *flow.Session) *Run {
	if c == nil || s.LMTP || s.Known() || !s.Peer.IsValid() || s.Peer.Unmap().IsLoopback() || !c.opts.SPF && !c.opts.DKIM && !c.opts.ARC {
		return nil
	}
	r := &Run{opts: &c.opts}
	if c.opts.ARC {
		arc.Watch(&r.verifier)
	}
	return r
}

// Write implements io.Writer, for octets of the message as it came. It does not fail.
func (r *Run) Write(p []byte) (int, error) { return r.verifier.Write(p) }

// Finish asks, and returns what is known of the message.
func (r *Run) Finish(ctx context.Context, e *flow.Envelope, now time.Time) flow.Evidence {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Total)
	defer cancel()
	out := flow.Evidence{Checked: true, Peer: e.Session.Peer.Unmap()}
	for _, net := range r.opts.Forwarders {
		out.Forwarder = out.Forwarder || net.Contains(out.Peer)
	}
	var wg sync.WaitGroup
	wg.Go(func() { out.Reverse = r.reverse(ctx, &e.Session) })
	if r.opts.SPF {
		wg.Go(func() {
			got := spf.Check(ctx, r.opts.Resolver, spf.Query{IP: out.Peer, Hello: e.Session.Hello, From: e.Mail.From})
			out.SPF = &got
		})
	}
	wg.Go(func() {
		if r.opts.DKIM {
			out.DKIM = r.verifier.Finish(ctx, r.opts.Resolver, now)
		}
		if r.opts.ARC {
			got := arc.Verify(ctx, &r.verifier, r.opts.Resolver, now)
			out.ARC = &got
		}
	})
	wg.Wait()
	if r.opts.DMARC {
		out.DMARC = r.dmarc(ctx, &out)
	}
	return out
}

// reverse is iprev (RFC 8601 3).
func (r *Run) reverse(ctx context.Context, s *flow.Session) flow.Reverse {
	if s.Name != "" {
		return flow.Reverse{Status: "pass", Name: s.Name}
	}
	names, err := dns.Reverse(ctx, r.opts.Resolver, s.Peer.Unmap())
	switch {
	case err == nil && len(names) > 0:
		return flow.Reverse{Status: "pass", Name: names[0]}
	case errors.Is(err, dns.ErrUnconfirmed):
		return flow.Reverse{Status: "fail"}
	case err == nil || dns.Absent(err):
		return flow.Reverse{Status: "permerror"} // RFC 8601 2.7.3: there is no name
	}
	return flow.Reverse{Status: "temperror"}
}

// maxAuthors bounds the domains of From that are asked about.
const maxAuthors = 4

// dmarc checks every author's domain (RFC 9989 5.3.1): nobody gets away by naming another one first.
func (r *Run) dmarc(ctx context.Context, e *flow.Evidence) []dmarc.Result {
	var signers []dmarc.Signer
	if e.SPF.Status == spf.Pass {
		signers = append(signers, dmarc.Signer{Domain: e.SPF.Domain, SPF: true})
	}
	unsure := e.SPF.Status == spf.TempError
	for _, s := range e.DKIM {
		if s.Status == dkim.Pass {
			signers = append(signers, dmarc.Signer{Domain: s.Domain})
		}
		unsure = unsure || s.Status == dkim.TempError
	}
	domains, ok := authors(r.verifier.Header())
	if !ok { // more than anybody writes: no domain can say no to it
		return []dmarc.Result{{Status: dmarc.PermError, Asked: dmarc.Quarantine, Reason: "From cannot be read, or has too many authors"}}
	}
	if len(domains) == 0 {
		domains = []addr.Domain{""}
	}
	out := make([]dmarc.Result, len(domains))
	for i, d := range domains {
		out[i] = dmarc.Check(ctx, r.opts.Resolver, d, signers)
		if out[i].Status == dmarc.Fail && unsure { // RFC 9989 5.4: it may have passed
			out[i].Status, out[i].Reason = dmarc.TempError, "SPF or DKIM cannot tell now"
		}
	}
	return out
}

// authors are the domains of all From fields; ok is false where there may be more.
func authors(header []byte) (out []addr.Domain, ok bool) {
	if header == nil {
		return nil, false
	}
	for f := range mime.Fields(header) {
		if !f.Is("From") {
			continue
		}
		list, more := mime.ParseAddresses(string(f.Value), 20)
		if more {
			return nil, false
		}
		for _, a := range list {
			d, err := addr.ParseDomain(a.Host)
			if err != nil || slices.Contains(out, d) {
				continue
			}
			if out = append(out, d); len(out) > maxAuthors {
				return nil, false
			}
		}
	}
	return out, true
}
