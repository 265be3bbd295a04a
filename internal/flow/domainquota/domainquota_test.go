package domainquota_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/domainquota"
	"restante/internal/flow/inbound"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

const domain = addr.Domain("demo.test")

// house is a store with a domain of two accounts, at a time of its own.
type house struct {
	*testing.T
	store  *store.Store
	dir    *directory.Directory
	totals *domainquota.Totals
	in     *inbound.Inbound
	now    time.Time
	warned []domainquota.Warning
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return h.now }
	var err error
	h.store, err = store.Open(t.Context(), memkv.New(), store.Options{
		Clock: clock,
		Room:  func(id store.AccountID, messages, octets uint64) error { return h.totals.Room(id, messages, octets) },
		Used:  func(id store.AccountID, messages, octets uint64) { h.totals.Used(id, messages, octets) },
	})
	h.must(err)
	t.Cleanup(func() { h.store.Close() })
	h.dir, err = directory.Open(t.Context(), h.store, directory.Options{Clock: clock})
	h.must(err)
	h.restart()
	h.must(h.dir.AddDomain(t.Context(), domain))
	for _, name := range []string{"anna", "ben"} {
		_, err := h.dir.CreateAccount(t.Context(), addr.Address{Local: name, Domain: domain}, directory.NewAccount{})
		h.must(err)
	}
	return h
}

// restart forgets what is in memory.
func (h *house) restart() {
	h.Helper()
	h.totals = domainquota.New(h.dir, func() time.Time { return h.now })
	h.must(h.totals.Recount(h.Context(), h.store))
	h.in = inbound.New(inbound.Options{Store: h.store, Directory: h.dir, Domains: h.totals, Clock: func() time.Time { return h.now }})
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) limit(octets, messages uint64) {
	h.Helper()
	h.must(h.dir.SetDomainRules(h.Context(), domain, func(r *directory.DomainRules) { r.Total = directory.Limits{Octets: octets, Messages: messages} }))
	h.must(h.totals.Limits(h.Context()))
}

// deliver sends a message of so many octets, and some of trace, by LMTP.
func (h *house) deliver(to string, size int) error {
	h.Helper()
	env := flow.Envelope{Session: flow.Session{LMTP: true}, Mail: smtpwire.Mail{Size: int64(size)}}
	r, err := h.in.Recipient(h.Context(), &env, smtpwire.Rcpt{To: addr.Address{Local: to, Domain: domain}})
	if err != nil {
		return err
	}
	env.Recipients = append(env.Recipients, r)
	m, err := h.in.Begin(h.Context(), env)
	h.must(err)
	_, err = m.Write([]byte("Subject: x\r\n\r\n" + strings.Repeat("0123456789\r\n", size/12)))
	h.must(err)
	receipt, err := m.Commit(h.Context())
	h.must(err)
	return receipt.Failed()
}

func (h *house) watch() {
	h.Helper()
	h.must(h.totals.Watch(h.Context(), func(_ context.Context, w domainquota.Warning) error {
		h.warned = append(h.warned, w)
		return nil
	}))
}

// recount is what the accounts keep, read from the store.
func (h *house) recount() (l directory.Limits) {
	h.must(h.store.Usage(h.Context(), func(_ store.AccountID, messages, octets uint64) error {
		l.Messages += messages
		l.Octets += octets
		return nil
	}))
	return l
}

func (h *house) expungeAll(name string) {
	h.Helper()
	a, err := h.dir.Account(h.Context(), addr.Address{Local: name, Domain: domain})
	h.must(err)
	s, err := h.store.Account(h.Context(), a.ID)
	h.must(err)
	defer s.Close()
	_, err = s.Update(h.Context(), store.Origin{}, func(tx *store.Tx) error {
		inbox, err := tx.ByRole(store.RoleInbox)
		if err == nil {
			_, err = tx.Expunge(inbox, []store.UIDRange{{Lo: 1, Hi: 1<<32 - 1}})
		}
		return err
	})
	h.must(err)
}

// A domain that is full defers, then refuses, in every account of it, and takes mail again when one of them has made room.
func TestFullDomain(t *testing.T) {
	h := newHouse(t)
	h.must(h.deliver("anna", 6000))
	h.limit(10_000, 0)
	if got, want := h.totals.Total(domain), h.recount(); got != want || got.Messages != 1 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := h.deliver("ben", 6000); !errors.Is(err, store.ErrOverQuota) || errors.Is(err, inbound.ErrFull) {
		t.Errorf("%v", err)
	}
	if err := h.deliver("ben", 20_000); !errors.Is(err, inbound.ErrFull) {
		t.Errorf("what can never fit: %v", err)
	}
	h.now = h.now.Add(2 * 24 * time.Hour)
	h.restart() // it remembers since when
	if err := h.deliver("anna", 6000); !errors.Is(err, store.ErrOverQuota) || errors.Is(err, inbound.ErrFull) {
		t.Errorf("after two days: %v", err)
	}
	h.now = h.now.Add(24 * time.Hour)
	if err := h.deliver("ben", 6000); !errors.Is(err, inbound.ErrFull) {
		t.Errorf("after three days: %v", err)
	}
	// A small one is taken, and ends it.
	h.must(h.deliver("ben", 600))
	h.watch()
	if err := h.deliver("ben", 6000); !errors.Is(err, store.ErrOverQuota) || errors.Is(err, inbound.ErrFull) {
		t.Errorf("after a small one: %v", err)
	}
	h.expungeAll("anna")
	h.must(h.deliver("ben", 6000))
	if got, want := h.totals.Total(domain), h.recount(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	h.limit(0, 2)
	if err := h.deliver("anna", 12); !errors.Is(err, store.ErrOverQuota) {
		t.Errorf("a third message: %v", err)
	}
	h.limit(0, 0)
	h.must(h.deliver("anna", 6000))
	h.must(h.dir.RemoveAccount(t.Context(), addr.Address{Local: "ben", Domain: domain}))
	if got, want := h.totals.Total(domain), h.recount(); got != want {
		t.Errorf("without ben %+v, want %+v", got, want)
	}
}

func TestWarnings(t *testing.T) {
	h := newHouse(t)
	h.limit(0, 20)
	fill := func(n int) {
		for range n {
			h.must(h.deliver("anna", 12))
		}
	}
	want := func(n, full int) {
		t.Helper()
		h.watch()
		h.watch() // no word is said twice
		if len(h.warned) != n || n > 0 && h.warned[n-1].Full != full {
			t.Errorf("%+v", h.warned)
		}
	}
	fill(15)
	want(0, 0)
	fill(1)
	want(1, 80)
	h.restart()
	want(1, 80)
	fill(3)
	want(2, 95) // two levels at once are one word
	h.expungeAll("anna")
	want(2, 95)
	fill(16)
	want(3, 80)
	broken := errors.New("broken")
	fill(2)
	if err := h.totals.Watch(t.Context(), func(context.Context, domainquota.Warning) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	want(4, 90) // tried again
}

// Deliveries to all accounts at once leave the total equal to the sum.
func TestManyAtOnce(t *testing.T) {
	h := newHouse(t)
	h.limit(1<<30, 0)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				if err := h.deliver([]string{"anna", "ben"}[(i+j)%2], 100*i); err != nil {
					t.Error(fmt.Errorf("%d, %d: %w", i, j, err))
				}
			}
		})
	}
	wg.Wait()
	if got, want := h.totals.Total(domain), h.recount(); got != want || got.Messages != 40 {
		t.Errorf("%+v, want %+v", got, want)
	}
}
