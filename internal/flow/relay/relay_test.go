package relay

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// oneHost is a world with one host that answers so.
func oneHost(t *testing.T, o Options, script string) *world {
	t.Helper()
	w := newWorld(t, o)
	if err := w.zone.Set("there.test MX 10 mx.test\nmx.test A 192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	w.hosts[netip.MustParseAddrPort("192.0.2.1:25")] = parseHost(script)
	return w
}

func (w *world) one(ctx context.Context, text string) queue.Outcome {
	w.Helper()
	a := w.attempt(smtpwire.Mail{From: address(w.T, "a@here.test")}, queue.Way{Carrier: MX, Next: "there.test"}, text,
		smtpwire.Rcpt{To: address(w.T, "b@there.test")})
	return w.relay.Carry(ctx, a)[0]
}

// At the end of the program, what has not been sent is broken off at once; a message that is out gets a little time for its answer.
func TestEnd(t *testing.T) {
	for _, test := range []struct {
		script string
		after  time.Duration
		state  store.QueueState
	}{
		{"GREETING => hang", time.Second, store.QueueWaiting},
		{"RCPT => hang", time.Second, store.QueueWaiting},
		{". => slow", 5 * time.Second, store.QueueRelayed},
		{". => hang", 11 * time.Second, store.QueueWaiting},
		{"silent", time.Second, store.QueueWaiting},
	} {
		t.Run(test.script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := oneHost(t, Options{}, test.script)
				defer w.close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begin := time.Now()
				o := w.one(ctx, "Subject: x\r\n\r\nx\r\n")
				if took := time.Since(begin); took != test.after || o.State != test.state {
					t.Errorf("%+v after %v", o, took)
				}
			})
		})
	}
}

// A host that says in the middle of a message why it does not want it is heard.
func TestEarlyWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneHost(t, Options{}, "TEXT => 552 5.3.4 too big")
		defer w.close()
		o := w.one(t.Context(), "Subject: x\r\n\r\n"+strings.Repeat("x\r\n", 400_000))
		if o.State != store.QueueFailed || o.Reply.Code != 552 {
			t.Errorf("%+v", o)
		}
	})
}

// A host that stops to read is waited for as long as a block may take.
func TestStalledText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneHost(t, Options{}, "TEXT => stall")
		defer w.close()
		begin := time.Now()
		o := w.one(t.Context(), "Subject: x\r\n\r\n"+strings.Repeat("x\r\n", 400_000))
		if took := time.Since(begin); o.State != store.QueueWaiting || took < 3*time.Minute || took > 4*time.Minute {
			t.Errorf("%+v after %v", o, took)
		}
	})
}

// A resting session lives for some messages and some time.
func TestWorn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneHost(t, Options{Messages: 2, Idle: time.Minute, Age: 90 * time.Second}, "")
		defer w.close()
		for _, wait := range []time.Duration{0, 0, 0, 50 * time.Second, 50 * time.Second} {
			<-time.After(wait)
			if o := w.one(t.Context(), "Subject: x\r\n\r\nx\r\n"); o.State != store.QueueRelayed {
				t.Errorf("%+v", o)
			}
		}
		// One for two messages, one for the next two, and one more.
		if w.conns != 3 {
			t.Errorf("%d connections", w.conns)
		}
	})
}

// Nobody is led to this machine, unless it is allowed.
func TestOwnAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		w := oneHost(t, Options{Own: func() []netip.Addr { return own }}, "")
		defer w.close()
		o := w.one(t.Context(), "Subject: x\r\n\r\nx\r\n")
		if o.State != store.QueueFailed || o.Status.String() != "5.4.6" {
			t.Errorf("%+v", o)
		}
	})
}

// hosted are our domains.
type hosted map[addr.Domain]bool

func (h hosted) Hosts(_ context.Context, d addr.Domain) (bool, error) { return h[d], nil }

func TestRouter(t *testing.T) {
	here := queue.Way{Carrier: "here"}
	smart := func(name string) queue.Way { return queue.Way{Carrier: Smart, Next: name} }
	mx := func(domain string) queue.Way { return queue.Way{Carrier: MX, Next: domain} }
	r := &Router{
		Directory: hosted{"ours.test": true}, Here: here, Default: smart("all"),
		Transports: map[string]queue.Way{"a.test": smart("a"), ".a.test": smart("below"), "direct.test": {Carrier: MX}, "ours.test": smart("never")},
	}
	for to, want := range map[string]queue.Way{
		"x@ours.test": here, "x@a.test": smart("a"), "x@b.a.test": smart("below"), "x@c.b.a.test": smart("below"), "x@aa.test": smart("all"),
		"x@direct.test": mx("direct.test"), "x@[192.0.2.1]": smart("all"),
	} {
		if got, err := r.Route(t.Context(), address(t, to)); got != want || err != nil {
			t.Errorf("%s: %v, %v", to, got, err)
		}
	}
	r.Default = queue.Way{}
	if got, _ := r.Route(t.Context(), address(t, "x@else.test")); got != mx("else.test") {
		t.Error(got)
	}
}
