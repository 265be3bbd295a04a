package guard

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/dnslist"
	"restante/internal/proto/smtpwire"
)

// TestLists runs testdata/lists (go test -args -rewrite writes the answers anew): "zone" is the DNS, "lists" are lines of a zone and words (domains, allow,
// weight=N, an answer), "look" is a client with peer=, hello=, from=, name=.
func TestLists(t *testing.T) {
	var z *dnstest.Zone
	var o Options
	var log strings.Builder
	datadriven.RunTest(t, "testdata/lists", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "zone":
			z = dnstest.New(t, d.Input)
			return "ok"
		case "lists":
			o = Options{Host: "mx.example.org"}
			for line := range strings.Lines(d.Input) {
				words := strings.Fields(line)
				if words[0] == "allow_name" {
					o.AllowNames = append(o.AllowNames, words[1])
					continue
				}
				o.Lists = append(o.Lists, list(t, words))
			}
			return "ok"
		}
		log.Reset()
		o.Resolver = z
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		e := envelope(t, d)
		z.Asked()
		if err := New(o).Sender(t.Context(), e); err != nil {
			return err.Error()
		}
		return show(&e.Client) + fmt.Sprintf("questions: %d\n", len(z.Asked())) + strings.Join(slices.Sorted(strings.Lines(log.String())), "")
	})
}

func list(t *testing.T, words []string) List {
	l := List{Zone: words[0], Weight: 10}
	for _, w := range words[1:] {
		switch {
		case w == "domains":
			l.Domains = true
		case w == "allow":
			l.Allow = true
		case strings.HasPrefix(w, "weight="):
			fmt.Sscanf(w, "weight=%d", &l.Weight)
		default:
			p, err := dnslist.ParsePattern(w)
			if err != nil {
				t.Fatal(err)
			}
			l.Answers = append(l.Answers, p)
		}
	}
	return l
}

func envelope(t *testing.T, d *datadriven.TestData) *flow.Envelope {
	t.Helper()
	e := &flow.Envelope{Session: flow.Session{Hello: "client.example", Peer: netip.MustParseAddr("192.0.2.7"), Local: netip.MustParseAddr("198.51.100.1")}}
	from := "me@sender.example"
	for _, a := range d.CmdArgs {
		switch v := strings.Join(a.Vals, ""); a.Key {
		case "peer":
			e.Session.Peer = netip.MustParseAddr(v)
		case "hello":
			e.Session.Hello = v
		case "from":
			from = v
		case "name":
			e.Session.Name = v
		case "lmtp":
			e.Session.LMTP = true
		case "login":
			e.Session.Identity.Account = 1
		}
	}
	if from != "" {
		a, err := addr.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		e.Mail = smtpwire.Mail{From: a}
	}
	return e
}

func show(d *flow.Door) string {
	if !d.Looked {
		return "not looked at\n"
	}
	var b strings.Builder
	if d.Allowed != "" {
		fmt.Fprintf(&b, "allowed by %s\n", d.Allowed)
	}
	if d.Hello != "" {
		fmt.Fprintf(&b, "hello: %s\n", d.Hello)
	}
	for _, l := range d.Lists {
		fmt.Fprintf(&b, "%s: %s %s %v %q secure=%t\n", l.Zone, l.Name, l.Status, l.Answer, l.Text, l.Secure)
	}
	fmt.Fprintf(&b, "weight %d\n", d.Weight())
	return b.String()
}

// TestListsHang: lists that do not answer hold nobody up for longer than they may, and say nothing.
func TestListsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := dnstest.New(t, "* * TIMEOUT")
		z.Patience = time.Hour
		g := New(Options{Resolver: z, AllowNames: []string{"friend.example"}, Lists: []List{{Zone: "a.example", Weight: 10}, {Zone: "b.example", Weight: 10, Domains: true}}})
		began := time.Now()
		e := envelope(t, &datadriven.TestData{})
		if err := g.Sender(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if e.Client.Weight() != 0 || e.Client.Allowed != "" {
			t.Errorf("%+v", e.Client)
		}
	})
}
