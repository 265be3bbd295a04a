package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen/listentest"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
	"restante/internal/trust/tlspolicy"
)

// world is a relay with hosts around it that do what a script says.
type world struct {
	*testing.T
	store *store.Store
	front queue.Front
	zone  *dnstest.Zone
	relay *Relay
	opts  Options
	certs *authority
	sts   fakeSTS

	servers sync.WaitGroup
	mu      sync.Mutex
	hosts   map[netip.AddrPort]*fakeHost
	log     []string
	took    map[string]int // how often hosts took the message for whom
	prepend string         // what stands before the next message, which one of our users has sent
	conns   int
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	s, err := store.Open(t.Context(), memkv.New(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: s, hosts: make(map[netip.AddrPort]*fakeHost), opts: o, certs: newAuthority(t), sts: make(fakeSTS), took: make(map[string]int)}
	w.front = queue.Front{Store: s, Clock: time.Now}
	w.zone = dnstest.New(t, "")
	w.open()
	return w
}

func (w *world) open() {
	o := w.opts
	o.Resolver, o.Dial, o.Roots = w.zone, w, w.certs.pool
	o.STS, o.Results = w.sts, func(list []tlspolicy.Result) {
		for _, r := range list {
			w.say("-- report: %s %s by %s: %s", r.Domain, cmp.Or(string(r.Failure), "good"), r.Policy, r.Host)
		}
	}
	if o.Name == "" {
		o.Name = "us.test"
	}
	w.relay = New(o)
}

func (w *world) close() {
	w.relay.Close()
	w.servers.Wait()
	w.store.Close()
}

// DialContext implements Dialer.
func (w *world) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	at := netip.MustParseAddrPort(address)
	w.mu.Lock()
	h := w.hosts[at]
	w.mu.Unlock()
	if h == nil {
		w.say("-- %s: refused", address)
		return nil, errors.New("connection refused")
	}
	if h.silent {
		w.say("-- %s: no answer", address)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := listentest.Pipe("us")
	w.mu.Lock()
	w.conns++
	n := w.conns
	w.mu.Unlock()
	w.say("%d: connection to %s", n, address)
	w.servers.Go(func() { (&fakeSession{w: w, h: h, n: n}).run(server) })
	return client, nil
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// transcript returns what was said since the last one, by connection.
func (w *world) transcript() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := func(line string) int {
		n, _ := strconv.Atoi(line[:max(strings.IndexByte(line, ':'), 0)])
		return n
	}
	sort.SliceStable(w.log, func(i, j int) bool { return of(w.log[i]) < of(w.log[j]) })
	out := strings.Join(w.log, "\n")
	w.log = nil
	return out
}

func address(t *testing.T, s string) addr.Address {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// attempt puts a message into the store and makes an attempt for all of its recipients.
func (w *world) attempt(mail smtpwire.Mail, way queue.Way, text string, to ...smtpwire.Rcpt) queue.Attempt {
	w.Helper()
	body, err := w.store.NewBody(w.Context(), store.BodyOptions{})
	if err != nil {
		w.Fatal(err)
	}
	fmt.Fprint(body, text)
	o := queue.Outgoing{Mail: mail}
	if w.prepend != "" {
		o.Kind, o.Prepend, w.prepend = store.QueueSubmitted, []byte(w.prepend), ""
	}
	if o.Body, err = body.Finish(w.Context()); err != nil {
		w.Fatal(err)
	}
	for _, r := range to {
		o.To = append(o.To, queue.Recipient{Rcpt: r})
	}
	ids, err := w.front.Enqueue(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	m, err := w.store.Queued(w.Context(), ids[0])
	if err != nil {
		w.Fatal(err)
	}
	a := queue.Attempt{Message: m, Way: way, Text: w.store.QueuedText(m)}
	for i := range to {
		a.To = append(a.To, i)
	}
	return a
}

// tell writes outcomes for people.
func tell(a *queue.Attempt, out []queue.Outcome) string {
	var b strings.Builder
	last := ""
	for i, o := range out {
		state := map[store.QueueState]string{store.QueueWaiting: "again", store.QueueRelayed: "relayed", store.QueueFailed: "failed"}[o.State]
		fmt.Fprintf(&b, "%s: %s", a.Message.Recipients[a.To[i]].To, state)
		if o.Host != "" {
			fmt.Fprintf(&b, " by %s", o.Host)
		}
		switch {
		case o.Reply.Code != 0:
			fmt.Fprintf(&b, ": %s", o.Reply.Error())
		case o.Err != nil:
			fmt.Fprintf(&b, ": %s %v", o.Status, o.Err)
		}
		if o.DSN {
			b.WriteString(" (it reports)")
		}
		b.WriteByte('\n')
		if ev := strings.Join(o.Evidence, "\n  "); ev != last && ev != "" {
			fmt.Fprintf(&b, "  %s\n", ev)
			last = ev
		}
	}
	return b.String()
}
