package store_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"restante/internal/ops/verify"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv/pebblekv/crashtest"
)

// TestPowerCut cuts the power at random moments of a delivery from many
// connections, with flags, moves, expunges and sweeps beside it. What was
// acknowledged is there once for each recipient, no UID that a
// reader saw is given again, and nothing differs from what can be computed.
func TestPowerCut(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			newPowerCut(t, uint64(round)).run()
		})
	}
}

type powerCut struct {
	t     *testing.T
	rng   *rand.Rand
	fs    *crashtest.FS
	s     *store.Store
	ids   []store.AccountID
	acked sync.Map // subject -> accounts that have it
	on    sync.Map // subject -> accounts, of those that go into the queue too, acknowledged or not
	seen  sync.Map // account -> highest UIDNEXT that a reader saw
	count atomic.Int64
}

func newPowerCut(t *testing.T, seed uint64) *powerCut {
	return &powerCut{t: t, rng: rand.New(rand.NewPCG(seed, 7)), fs: crashtest.New()}
}

func (p *powerCut) open(fs *crashtest.FS) (*store.Store, func()) {
	p.t.Helper()
	engine, err := fs.Open(crashtest.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := store.Open(context.Background(), engine, store.Options{Recovery: -1})
	if err != nil {
		p.t.Fatal(err)
	}
	return s, func() { s.Close(); engine.Close() }
}

func (p *powerCut) run() {
	ctx := context.Background()
	s, closeStore := p.open(p.fs)
	p.s = s
	for range 8 {
		id, err := s.CreateAccount(ctx, store.AccountOptions{})
		if err != nil {
			p.t.Fatal(err)
		}
		p.ids = append(p.ids, id)
	}
	stop := make(chan struct{})
	cut := make(chan struct{})
	at := int64(50 + p.rng.IntN(600))
	if testing.Short() {
		at = at%100 + 20
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() { p.deliver(w, stop, at, cut) })
	}
	wg.Go(func() { p.disturb(stop) })
	<-cut
	// The copy is taken while everybody goes on; acknowledgements that
	// came before it are the ones that count.
	acked := make(map[string][]store.AccountID)
	p.acked.Range(func(k, v any) bool { acked[k.(string)] = v.([]store.AccountID); return true })
	floor := make(map[store.AccountID]store.UID)
	p.seen.Range(func(k, v any) bool { floor[k.(store.AccountID)] = v.(store.UID); return true })
	after := p.fs.Crash(p.rng)
	close(stop)
	wg.Wait()
	closeStore()
	p.check(after, acked, floor)
}

// deliver sends messages to one, two or three accounts until the end.
func (p *powerCut) deliver(w int, stop chan struct{}, at int64, cut chan struct{}) {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(uint64(w), 99))
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		subject := fmt.Sprintf("w%d-%d", w, i)
		bw, err := p.s.NewBody(ctx, store.BodyOptions{})
		if err != nil {
			return
		}
		fmt.Fprintf(bw, "Subject: %s\r\nMessage-ID: <%s@x>\r\n\r\n%s", subject, subject, strings.Repeat("text of the message\r\n", rng.IntN(2000)))
		body, err := bw.Finish(ctx)
		if err != nil {
			return
		}
		var to []store.Delivery
		var ids []store.AccountID
		for _, n := range rng.Perm(len(p.ids))[:1+rng.IntN(3)] {
			ids = append(ids, p.ids[n])
			to = append(to, store.Delivery{Account: p.ids[n], Options: store.AddOptions{Queue: p.s.NewQueueID(), Recipient: "r"}})
		}
		var also []store.Enqueued
		if i%2 == 0 {
			q := &store.Queued{ID: p.s.NewQueueID(), Kind: store.QueueForwarded, MessageID: subject, Held: true}
			q.Recipients = []store.QueuedRecipient{{Rcpt: smtpwire.Rcpt{To: addr.Address{Local: "x", Domain: "far.example"}}}}
			also = []store.Enqueued{{Body: body, Message: q}}
			p.on.Store(subject, ids)
		}
		for _, d := range p.s.DeliverAll(ctx, store.Origin{}, body, to, also...) {
			if d.Err != nil {
				p.t.Error(d.Err)
				return
			}
		}
		p.acked.Store(subject, ids)
		if p.count.Add(1) == at {
			close(cut)
		}
	}
}

// disturb changes flags, moves and expunges in the archive copies, reads views,
// and sweeps.
func (p *powerCut) disturb(stop chan struct{}) {
	ctx := context.Background()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		h, err := p.s.Account(ctx, p.ids[i%len(p.ids)])
		if err != nil {
			p.t.Error(err)
			return
		}
		in, _ := h.View().Lookup("INBOX")
		arch, _ := h.View().Lookup("Archive")
		p.seen.Store(h.ID(), in.UIDNext())
		_, _, err1 := h.SetFlags(ctx, store.Origin{}, in, everything(), store.FlagChange{Mode: store.FlagMode(i % 2), Flags: store.Seen})
		_, err2 := h.Copy(ctx, store.Origin{}, in, []store.UIDRange{{Lo: 1, Hi: 20}}, arch.ID())
		_, err3 := h.Expunge(ctx, store.Origin{}, arch, everything())
		_, err4 := p.s.Sweep(ctx)
		h.Close()
		for _, err := range []error{err1, err2, err3, err4} {
			if err != nil {
				p.t.Error(err)
				return
			}
		}
	}
}

func (p *powerCut) check(fs *crashtest.FS, acked map[string][]store.AccountID, floor map[store.AccountID]store.UID) {
	ctx := context.Background()
	engine, err := fs.Open(crashtest.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer engine.Close()
	rep, err := verify.Run(ctx, engine, verify.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range rep.Findings {
		p.t.Error(f)
	}
	s, err := store.Open(ctx, engine, store.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	have := make(map[store.AccountID]map[string]int)
	for _, id := range p.ids {
		have[id] = p.subjects(s, id, floor[id])
	}
	for subject, ids := range acked {
		for _, id := range ids {
			if n := have[id][subject]; n != 1 {
				p.t.Errorf("message %s was acknowledged and is there %d times for account %d", subject, n, id)
			}
		}
	}
	p.checkQueue(s, have)
	p.t.Logf("%d acknowledged, none missing; %d messages, %d bodies verified", len(acked), rep.Messages, rep.Bodies)
}

// checkQueue: what was to go into the queue with a delivery is there when the delivery is, and not otherwise.
func (p *powerCut) checkQueue(s *store.Store, have map[store.AccountID]map[string]int) {
	queued := make(map[string]int)
	err := s.Queue(context.Background(), 0, func(q *store.Queued) error {
		queued[q.MessageID]++
		return s.QueuedText(q).CopyRange(context.Background(), io.Discard, 0, q.Size())
	})
	if err != nil {
		p.t.Error(err)
	}
	p.on.Range(func(k, v any) bool {
		for _, id := range v.([]store.AccountID) {
			if have[id][k.(string)] != queued[k.(string)] {
				p.t.Errorf("message %s is %d times there for account %d, and %d times in the queue", k, have[id][k.(string)], id, queued[k.(string)])
			}
		}
		return true
	})
}

func (p *powerCut) subjects(s *store.Store, id store.AccountID, floor store.UID) map[string]int {
	ctx := context.Background()
	h, err := s.Account(ctx, id)
	if err != nil {
		p.t.Fatal(err)
	}
	defer h.Close()
	in, err := h.View().Lookup("INBOX")
	if err != nil {
		p.t.Fatal(err)
	}
	if err := in.Load(ctx); err != nil {
		p.t.Fatal(err)
	}
	if in.UIDNext() < floor {
		p.t.Errorf("a reader saw UIDNEXT %d, now it is %d: UIDs will be given again", floor, in.UIDNext())
	}
	var msgs []store.MessageID
	for e := range in.All() {
		msgs = append(msgs, e.Message)
	}
	out := make(map[string]int)
	err = h.Messages(ctx, msgs, store.WantEnvelope, func(_ int, m *store.Message) error {
		e, err := m.Envelope(ctx)
		if err == nil {
			out[e.Subject]++
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}
