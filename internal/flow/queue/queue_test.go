package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// world is a queue whose other end is a function.
type world struct {
	*testing.T
	s     *store.Store
	front Front
	q     *Queue

	mu     sync.Mutex
	answer func(to addr.Address, try int) Outcome
	tries  map[string][]time.Duration // since the beginning, by recipient
	told   []string
	routed int // questions for a way
	begin  time.Time
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	return openWorld(t, memkv.New(), o)
}

func openWorld(t *testing.T, engine kv.Engine, o Options) *world {
	t.Helper()
	s, err := store.Open(t.Context(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, s: s, tries: make(map[string][]time.Duration), begin: time.Now()}
	w.front = Front{Store: s, Clock: time.Now}
	o.Store, o.Router, o.Carriers, o.Reporter = s, w, map[string]Carrier{"test": w}, w
	w.q = New(o)
	return w
}

// Route implements Router: each domain is a way.
func (w *world) Route(_ context.Context, to addr.Address) (Way, error) {
	w.mu.Lock()
	w.routed++
	w.mu.Unlock()
	if to.Domain == "nowhere.test" {
		return Way{}, &PermanentError{smtpwire.Enhanced{Class: 5, Subject: 1, Detail: 2}, errors.New("no such domain")}
	}
	return Way{"test", string(to.Domain)}, nil
}

// Carry implements Carrier.
func (w *world) Carry(ctx context.Context, a Attempt) (out []Outcome) {
	for _, n := range a.To {
		to := a.Message.Recipients[n].To
		w.mu.Lock()
		w.tries[to.String()] = append(w.tries[to.String()], time.Since(w.begin).Round(time.Second))
		try := len(w.tries[to.String()])
		w.mu.Unlock()
		out = append(out, w.answer(to, try))
	}
	return out
}

// Report implements Reporter.
func (w *world) Report(ctx context.Context, q *store.Queued, s Settled) ([]store.Enqueued, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for what, list := range map[string][]int{"failed": s.Failed, "delayed": s.Delayed, "delivered": s.Delivered, "relayed": s.Relayed} {
		for _, n := range list {
			w.told = append(w.told, fmt.Sprintf("%v %s %s: %s", time.Since(w.begin).Round(time.Second), what, q.Recipients[n].To, q.Recipients[n].Reply))
		}
	}
	slices.Sort(w.told)
	return nil, nil
}

func (w *world) address(s string) addr.Address {
	w.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// send enqueues a message without jitter in its way.
func (w *world) send(from string, o Outgoing, to ...string) store.QueueID {
	w.Helper()
	body, err := w.s.NewBody(w.Context(), store.BodyOptions{})
	if err != nil {
		w.Fatal(err)
	}
	fmt.Fprintf(body, "Subject: x\r\n\r\nx\r\n")
	if o.Body, err = body.Finish(w.Context()); err != nil {
		w.Fatal(err)
	}
	if from != "" {
		o.Mail.From = w.address(from)
	}
	for _, t := range to {
		o.To = append(o.To, Recipient{Rcpt: smtpwire.Rcpt{To: w.address(t)}})
	}
	ids, err := w.front.Enqueue(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	return ids[0]
}

// run runs the queue for a time.
func (w *world) run(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	w.q.Run(ctx)
}

func (w *world) left() (n int) {
	w.Helper()
	if err := w.s.Queue(context.Background(), 0, func(*store.Queued) error { n++; return nil }); err != nil {
		w.Fatal(err)
	}
	return n
}

func (w *world) want(what string, got, want any) {
	w.Helper()
	if g, x := fmt.Sprint(got), fmt.Sprint(want); g != x {
		w.Errorf("%s:\ngot  %s\nwant %s", what, g, x)
	}
}

func said(code int, text string) smtpwire.Reply { return smtpwire.Reply{Code: code, Text: text} }

func relayed(addr.Address, int) Outcome {
	return Outcome{State: store.QueueRelayed, Reply: said(250, "ok"), Host: "mx.test"}
}

func TestRelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.answer = relayed
		w.send("a@here.test", Outgoing{}, "b@there.test", "c@there.test", "d@else.test")
		w.run(time.Second)
		w.want("left", w.left(), 0)
		w.want("tries", w.tries, "map[b@there.test:[0s] c@there.test:[0s] d@else.test:[0s]]")
		w.want("told", w.told, "[]")
	})
}

// A greylisted recipient is tried again, more and more patiently; the others are not held up by him.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.answer = func(to addr.Address, try int) Outcome {
			if to.Local == "grey" && try < 4 {
				return Outcome{Reply: said(450, "later")}
			}
			return relayed(to, try)
		}
		w.send("a@here.test", Outgoing{}, "b@there.test", "grey@there.test")
		w.run(time.Hour)
		w.want("left", w.left(), 0)
		tries := w.tries["grey@there.test"]
		want := []time.Duration{0, time.Minute, 6 * time.Minute, 21 * time.Minute}
		if len(tries) != len(want) || len(w.tries["b@there.test"]) != 1 {
			t.Fatal(w.tries)
		}
		for i := range want {
			if off := tries[i] - want[i]; off.Abs() > want[i]/8 {
				t.Errorf("try %d after %v, want about %v", i, tries[i], want[i])
			}
		}
	})
}

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.answer = func(to addr.Address, try int) Outcome {
			switch to.Local {
			case "no":
				return Outcome{State: store.QueueFailed, Reply: said(550, "unknown")}
			case "never":
				return Outcome{Err: errors.New("connection refused")}
			}
			return relayed(to, try)
		}
		w.send("a@here.test", Outgoing{}, "no@a.test", "yes@b.test", "never@c.test", "x@nowhere.test")
		w.send("", Outgoing{}, "no@a.test")
		quiet := Outgoing{To: []Recipient{{Rcpt: smtpwire.Rcpt{To: w.address("no@a.test"), Notify: smtpwire.NotifyNever}},
			{Rcpt: smtpwire.Rcpt{To: w.address("yes@b.test"), Notify: smtpwire.NotifySuccess}}}}
		w.send("a@here.test", quiet)
		w.run(6 * 24 * time.Hour)
		w.want("left", w.left(), 0)
		var got []string
		for _, s := range w.told {
			_, what, _ := strings.Cut(s, " ")
			got = append(got, what)
		}
		slices.Sort(got)
		w.want("told", strings.Join(got, "\n"), strings.Join([]string{
			"delayed never@c.test: connection refused",
			"failed never@c.test: 4.4.7 Gave up after 5 days; the last word was: connection refused",
			"failed no@a.test: 550 unknown",
			"failed x@nowhere.test: 5.1.2 no such domain",
			"relayed yes@b.test: 250 ok",
		}, "\n"))
	})
}

// What is held, or released in the future (RFC 4865), is not tried before.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.answer = relayed
		w.send("a@here.test", Outgoing{Mail: smtpwire.Mail{HoldFor: time.Hour}}, "later@there.test")
		id := w.send("a@here.test", Outgoing{}, "held@there.test")
		q, err := w.s.Queued(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		q.Held = true
		if err := w.s.Requeue(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		w.run(59 * time.Minute)
		w.want("tries before", w.tries, "map[]")
		q.Held = false
		if err := w.s.Requeue(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		w.run(2 * time.Minute)
		w.want("tries", w.tries, "map[held@there.test:[59m0s] later@there.test:[1h0m0s]]")
	})
}

// What took long to come is tried at once when it is here, though others have gone before.
func TestLongInComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.answer = relayed
		var late sync.WaitGroup
		late.Go(func() {
			began := time.Now()
			time.Sleep(time.Minute)
			w.send("a@here.test", Outgoing{}, "quick@there.test")
			time.Sleep(time.Second)
			w.send("a@here.test", Outgoing{Time: began}, "long@there.test")
		})
		w.run(2 * time.Minute)
		late.Wait()
		w.want("tries", w.tries, "map[long@there.test:[1m1s] quick@there.test:[1m0s]]")
	})
}

// A recipient whose time comes while another of the message keeps an attempt busy is tried after it.
func TestDueMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Schedule: Schedule{Waits: []time.Duration{10 * time.Second}}})
		w.answer = func(to addr.Address, try int) Outcome {
			switch {
			case to.Local == "slow" && try == 1:
				time.Sleep(40 * time.Second)
			case to.Local == "again" && try == 1:
				return Outcome{Reply: said(450, "later")}
			}
			return relayed(to, try)
		}
		w.send("a@here.test", Outgoing{}, "slow@one.test", "again@two.test")
		var other sync.WaitGroup
		other.Go(func() { // the queue looks beyond what waits
			time.Sleep(39 * time.Second)
			w.send("a@here.test", Outgoing{}, "other@three.test")
		})
		w.run(2 * time.Minute)
		other.Wait()
		w.want("left", w.left(), 0)
		if at := w.tries["again@two.test"]; len(at) != 2 || at[1] > 41*time.Second {
			t.Errorf("tried at %v", at)
		}
	})
}

// What waits for a slow way is not read again and again.
func TestReadsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{PerWay: 5})
		w.answer = func(to addr.Address, try int) Outcome {
			time.Sleep(10 * time.Millisecond)
			return relayed(to, try)
		}
		const n = 2000
		for i := range n {
			w.send("a@here.test", Outgoing{}, fmt.Sprintf("u%d@one.test", i))
		}
		w.run(10 * time.Second)
		w.want("left", w.left(), 0)
		if w.routed > 3*n {
			t.Errorf("the ways of %d messages were asked for %d times", n, w.routed)
		}
	})
}

// Thousands that go one way, through lanes and a window that are much smaller, beside a host that never answers.
func TestManyThroughLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Attempts: 20, PerWay: 5, Window: 300})
		running, most := 0, 0
		w.answer = func(to addr.Address, try int) Outcome {
			w.mu.Lock()
			running++
			most = max(most, running)
			w.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			w.mu.Lock()
			running--
			w.mu.Unlock()
			if to.Domain == "dead.test" {
				return Outcome{Err: errors.New("no answer"), Silent: true}
			}
			return relayed(to, try)
		}
		n := 1500
		if testing.Short() {
			n = 600
		}
		for i := range n {
			w.send("a@here.test", Outgoing{}, fmt.Sprintf("u%d@one.test", i))
			if i%10 == 0 {
				w.send("a@here.test", Outgoing{}, fmt.Sprintf("u%d@dead.test", i), fmt.Sprintf("u%d@two.test", i))
			}
		}
		w.run(20 * time.Second)
		var at []time.Duration
		for to, tries := range w.tries {
			if !strings.HasSuffix(to, "@dead.test") {
				at = append(at, tries[0])
				if len(tries) != 1 {
					t.Errorf("%s was tried %d times", to, len(tries))
				}
			}
		}
		if len(at) != n+n/10 || most > 10+5 {
			t.Errorf("%d recipients were tried, %d at a time", len(at), most)
		}
		w.want("left", w.left(), n/10)
		// Those of the dead host were put off, not tried one by one.
		dead := 0
		for to, tries := range w.tries {
			if strings.HasSuffix(to, "@dead.test") {
				dead += len(tries)
			}
		}
		if dead > 20 {
			t.Errorf("a host that does not answer was bothered %d times in 20 s", dead)
		}
	})
}

// Who drops or holds a message while an attempt is under way has his will, and what the attempt did is not forgotten.
func TestChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		var id store.QueueID
		w.answer = func(to addr.Address, try int) Outcome {
			q, err := w.s.Queued(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if to.Local == "dropped" {
				for i := range q.Recipients {
					q.Recipients[i].State = store.QueueFailed
				}
			}
			q.Note = "looked at"
			if err := w.s.Requeue(context.Background(), q); err != nil {
				t.Error(err)
			}
			return Outcome{Reply: said(450, "later")}
		}
		id = w.send("a@here.test", Outgoing{}, "dropped@there.test")
		w.run(time.Second)
		w.want("left", w.left(), 0)
		id = w.send("a@here.test", Outgoing{}, "held@there.test")
		w.run(time.Second)
		q, err := w.s.Queued(t.Context(), id)
		if err != nil || q.Note != "looked at" || q.Recipients[0].Reply != "450 later" || q.Recipients[0].Attempts != 1 {
			t.Errorf("%+v, %v", q, err)
		}
	})
}

// What is under way when the program ends is not counted as tried, but what was certain is written.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.answer = func(to addr.Address, try int) Outcome {
			time.Sleep(2 * time.Second)
			if to.Local == "sure" {
				return relayed(to, try)
			}
			return Outcome{Err: context.Canceled}
		}
		id := w.send("a@here.test", Outgoing{}, "sure@a.test", "unsure@b.test")
		w.run(time.Second)
		q, err := w.s.Queued(t.Context(), id)
		if err != nil || q.Recipients[0].State != store.QueueRelayed || q.Recipients[1].Attempts != 0 {
			t.Errorf("%+v, %v", q, err)
		}
	})
}
