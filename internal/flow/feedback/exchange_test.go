package feedback

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/base/dns/dnstest"
	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/flow/inbound"
	"restante/internal/flow/queue"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/proto/packed"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
	"restante/internal/trust/dkim"
	"restante/internal/trust/tlspolicy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// world is what two servers have in common: the DNS, the web, and the time.
type world struct {
	*testing.T
	zone  *dnstest.Zone
	now   time.Time
	posts []string
	away  bool // nobody takes posts
}

func (w *world) clock() time.Time { return w.now }

// Post implements Poster.
func (w *world) Post(_ context.Context, url, kind string, body []byte) error {
	if w.away {
		return fmt.Errorf("%s is away", url)
	}
	w.posts = append(w.posts, fmt.Sprintf("%s %s %d", url, kind, len(body)))
	return nil
}

func (w *world) address(s string) addr.Address {
	w.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// place is a server for one domain, whose host is at one address.
type place struct {
	*world
	domain string
	ip     string
	key    *dkim.Key // nil: it has none
	users  map[string]bool
	store  *store.Store
	*Courier
	archive *Archive
	desk    *Desk
	in      *inbound.Inbound
}

// Hosts implements Directory.
func (p *place) Hosts(_ context.Context, name addr.Domain) (bool, error) {
	return string(name) == p.domain, nil
}

// Named implements Directory.
func (p *place) Named(_ context.Context, a addr.Address) (bool, error) { return p.users[a.Local], nil }

// Lookup implements inbound.Directory.
func (p *place) Lookup(ctx context.Context, a addr.Address) (directory.Target, error) {
	id, err := p.store.CreateAccount(ctx, store.AccountOptions{})
	return directory.Target{Recipients: []directory.Recipient{{Account: id, Login: a.String()}}}, err
}

// Mailboxes implements inbound.Directory.
func (p *place) Mailboxes(ctx context.Context, a addr.Address) (directory.Target, error) {
	return p.Lookup(ctx, a)
}

// Begin implements submission.Signer.
func (p *place) Begin(context.Context, addr.Domain) (submission.Signing, error) {
	if p.key == nil {
		return nil, nil
	}
	return dkim.NewSigner(p.now, *p.key), nil
}

func (w *world) place(domain, ip string) *place {
	w.Helper()
	p := &place{world: w, domain: domain, ip: ip, users: map[string]bool{"anna": true}}
	p.key = &dkim.Key{Domain: addr.Domain(domain), Selector: "s", Private: ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%-32s", domain)))}
	s, err := store.Open(w.Context(), memkv.New(), store.Options{Clock: w.clock})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { s.Close() })
	p.store = s
	p.open()
	return p
}

// open makes what a process has, over the same store.
func (p *place) open() {
	p.Helper()
	log := slog.New(slog.DiscardHandler)
	p.archive = NewArchive(p.store, 90*24*time.Hour, p.clock)
	p.desk = NewDesk(p.archive, p, log)
	var err error
	p.Courier, err = NewCourier(p.Context(), Options{
		Store: p.store, Front: &queue.Front{Store: p.store, Clock: p.clock, Times: queue.Times{Expire: 24 * time.Hour}}, Signer: p, Resolver: p.zone, Post: p.world,
		Archive: p.archive, TLS: true, DMARC: true, From: p.address("postmaster@" + p.domain), Contact: p.address("postmaster@" + p.domain),
		Organization: "Post of " + p.domain, Host: "mx." + p.domain, Here: p.desk.Here, Clock: p.clock, Log: log,
	})
	if err != nil {
		p.Fatal(err)
	}
	p.in = inbound.New(inbound.Options{
		Store: p.store, Directory: p, Host: "mx." + p.domain, Clock: p.clock, Desk: p.desk, Policy: inbound.Policy{Reject: true},
		Check: check.New(check.Options{Resolver: p.zone, DMARC: true}),
		Observe: func(ctx context.Context, r *flow.Received, v *flow.Verdict, _ *flow.Receipt) {
			p.CountDMARC(ctx, r, v)
		},
	})
}

// takes brings a message to the door.
func (p *place) takes(peer, from, to, text string) error {
	p.Helper()
	env := flow.Envelope{Session: flow.Session{Peer: netip.MustParseAddr(peer), Hello: "client.example", Extended: true}}
	if from != "" {
		env.Mail.From = p.address(from)
	}
	r, err := p.in.Recipient(p.Context(), &env, smtpwire.Rcpt{To: p.address(to)})
	if err != nil {
		return err
	}
	env.Recipients = append(env.Recipients, r)
	m, err := p.in.Begin(p.Context(), env)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := m.Write([]byte(text)); err != nil {
		p.Fatal(err)
	}
	_, err = m.Commit(p.Context())
	return err
}

// sent takes the messages out of the queue.
func (p *place) sent() (list []*store.Queued) {
	p.Helper()
	if err := p.store.Queue(p.Context(), 0, func(q *store.Queued) error { list = append(list, q); return nil }); err != nil {
		p.Fatal(err)
	}
	for _, q := range list {
		for i := range q.Recipients {
			q.Recipients[i].State = store.QueueRelayed
		}
	}
	return list
}

func (p *place) text(q *store.Queued) string {
	p.Helper()
	var b strings.Builder
	t := p.store.QueuedText(q)
	if err := t.CopyRange(p.Context(), &b, 0, t.Size()); err != nil {
		p.Fatal(err)
	}
	return b.String()
}

const zone = `
a.example TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.a.example TXT v=DMARC1; p=reject; rua=mailto:dmarc-reports@a.example
_smtp._tls.a.example TXT v=TLSRPTv1; rua=https://a.example/tls,mailto:tls-reports@a.example
b.example TXT v=spf1 ip4:192.0.2.2 -all
_dmarc.b.example TXT v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc-reports@b.example!1m
_smtp._tls.b.example TXT v=TLSRPTv1; rua=mailto:tls-reports@b.example
`

func newWorld(t *testing.T) (w *world, a, b *place) {
	w = &world{T: t, now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), zone: dnstest.New(t, zone)}
	a, b = w.place("a.example", "192.0.2.1"), w.place("b.example", "192.0.2.2")
	text := zone
	for _, p := range []*place{a, b} {
		name, record, err := p.key.DNS()
		if err != nil {
			t.Fatal(err)
		}
		text += name + " TXT " + record + "\n"
	}
	if err := w.zone.Set(text); err != nil {
		t.Fatal(err)
	}
	return w, a, b
}

const mail = "From: Boss <boss@%s>\r\nSubject: urgent\r\n\r\nPay at once.\r\n"

// day lets a see what it is to report: mail that says to be from b, some of it rightly, and sessions with b's hosts.
func day(a *place) {
	for range 12 {
		_ = a.takes("203.0.113.5", "x@evil.example", "anna@a.example", fmt.Sprintf(mail, "b.example"))
	}
	_ = a.takes("192.0.2.2", "boss@b.example", "anna@a.example", fmt.Sprintf(mail, "b.example"))
	_ = a.takes("192.0.2.2", "", "anna@a.example", fmt.Sprintf(mail, "news.b.example"))
	good := tlspolicy.Result{NextHop: "b.example", Domain: "b.example", Policy: tlspolicy.PolicySTS, Host: "mx.b.example",
		PolicyText: []string{"version: STSv1", "mode: enforce", "mx: mx.b.example", "max_age: 86400"}, MXHosts: []string{"mx.b.example"}}
	bad := good
	bad.Failure, bad.Reason, bad.From, bad.To = tlspolicy.FailureExpired, "x509: certificate has expired", "192.0.2.1", "192.0.2.2"
	a.CountTLS([]tlspolicy.Result{good})
	a.CountTLS([]tlspolicy.Result{bad, {NextHop: "b.example", Domain: "mx.b.example", Policy: tlspolicy.PolicyTLSA, PolicyText: []string{"3 1 1 AB"}}})
	a.CountTLS([]tlspolicy.Result{bad})
	a.CountTLS([]tlspolicy.Result{{NextHop: "nobody.example", Domain: "nobody.example", Policy: tlspolicy.PolicyNone}})
}

// TestExchange: two servers tell each other of a day; the reports pass the checks of the other one and are counted by nobody.
func TestExchange(t *testing.T) {
	w, a, b := newWorld(t)
	day(a)
	// The process ends; what it counted is there for the next one.
	if err := a.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.open()
	w.now = time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)
	a.Send(t.Context())
	if list := a.sent(); len(list) != 0 {
		t.Fatalf("%d reports before the day has ended", len(list))
	}
	w.now = w.now.Add(5 * time.Hour)
	a.Send(t.Context())
	a.Send(t.Context()) // once is enough
	list := a.sent()
	if len(list) != 2 {
		t.Fatalf("%d reports", len(list))
	}
	slices.SortFunc(list, func(a, b *store.Queued) int {
		return strings.Compare(b.Recipients[0].To.Local, a.Recipients[0].To.Local)
	}) // TLS first
	var letters strings.Builder
	for _, q := range list {
		text := a.text(q)
		letters.WriteString(text + "\n")
		if q.Mail.From.String() != "postmaster@a.example" || q.Recipients[0].Notify != smtpwire.NotifyNever || q.Kind != store.QueueReport {
			t.Errorf("%+v", q)
		}
		for _, r := range q.Recipients {
			for range 2 { // the second one is the same report
				if err := b.takes(a.ip, q.Mail.From.String(), r.To.String(), text); err != nil {
					t.Errorf("%s: %v", r.To, err)
				}
			}
		}
	}
	golden(t, "letters.txt", letters.String())
	if b.dmarc.mu.entries != 0 {
		t.Error("the reports are counted")
	}
	golden(t, "archive.txt", shown(b))
	if len(a.tls.mu.pages)+len(a.dmarc.mu.pages) != 0 || a.tls.mu.entries+a.dmarc.mu.entries != 0 {
		t.Error("what was sent is still there")
	}
	a.open()
	if len(a.tls.mu.pages)+len(a.dmarc.mu.pages) != 0 {
		t.Error("what was sent is still there after a restart")
	}
	w.now = w.now.Add(91 * 24 * time.Hour)
	if err := b.archive.Sweep(t.Context()); err != nil || shown(b) != "" {
		t.Error("old reports stay")
	}
}

// shown is what an archive has.
func shown(p *place) string {
	var out strings.Builder
	_ = p.archive.DMARC(p.Context(), "", p.now.Add(-30*24*time.Hour), func(r DMARCReport) error {
		fmt.Fprintf(&out, "%s %s from %q, verified %q, others %d\n", r.Day, r.Domain, r.Reporter, r.Verified, r.Others)
		for _, s := range r.Sources {
			fmt.Fprintf(&out, "  %+v\n", s)
		}
		return nil
	})
	_ = p.archive.TLS(p.Context(), "", p.now.Add(-30*24*time.Hour), func(r TLSReport) error {
		fmt.Fprintf(&out, "%s %s from %q, verified %q\n", r.Day, r.Domain, r.Reporter, r.Verified)
		for _, s := range r.Policies {
			fmt.Fprintf(&out, "  %+v\n", s)
		}
		return nil
	})
	return out.String()
}

var (
	ids       = regexp.MustCompile(`[0-9a-v]{13}`)
	signature = regexp.MustCompile(`DKIM-Signature: (?:.|\n\t)*\n`)
	packet    = regexp.MustCompile(`(?m)^H4sI[A-Za-z0-9+/=\n]*`)
)

// golden compares a text with a file. Of ids and signatures it says only that they are there, and what is packed it unpacks.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = signature.ReplaceAllString(strings.ReplaceAll(got, "\r\n", "\n"), "DKIM-Signature: X\n")
	got = packet.ReplaceAllStringFunc(ids.ReplaceAllString(got, "X"), func(s string) string {
		data, err := base64.StdEncoding.DecodeString(s)
		if err == nil {
			data, err = packed.Open(data, 1<<20)
		}
		if err != nil {
			t.Error(err)
		}
		return string(data)
	})
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}
