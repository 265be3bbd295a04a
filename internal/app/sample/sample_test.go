package sample

import (
	"bytes"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

func TestDeliver(t *testing.T) {
	engine := memkv.New()
	defer engine.Close()
	s, err := store.Open(t.Context(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id, err := s.CreateAccount(t.Context(), store.AccountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	now := time.Now()
	if err := Deliver(t.Context(), s, h, now); err != nil {
		t.Fatal(err)
	}
	list, err := load(now)
	if err != nil {
		t.Fatal(err)
	}
	if n := h.View().Used().Messages; n != uint64(len(list)) || n < 24 {
		t.Errorf("%d messages of %d", n, len(list))
	}
	seen := store.Flags(0)
	for _, m := range h.View().Mailboxes() {
		if err := m.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		for e := range m.All() {
			seen |= e.Flags
		}
	}
	if seen&(store.Seen|store.Flagged|store.Answered|store.Draft) != store.Seen|store.Flagged|store.Answered|store.Draft {
		t.Errorf("flags %v", seen)
	}
}

func TestMessages(t *testing.T) {
	list, err := load(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	last := time.Time{}
	for _, m := range list {
		if bytes.Contains(m.text, []byte("%DATE%")) || bytes.Contains(m.text, []byte("%BIG%")) {
			t.Errorf("something was not filled in: %.200s", m.text)
		}
		if m.options.Internal.Before(last) {
			t.Errorf("out of order: %.200s", m.text)
		}
		last = m.options.Internal
	}
}

func TestAge(t *testing.T) {
	for in, want := range map[string]time.Duration{"2d3h": 51 * time.Hour, "20m": 20 * time.Minute, "9d": 216 * time.Hour} {
		if got, err := parseAge(in); got != want || err != nil {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	if _, err := parseAge("soon"); err == nil {
		t.Error("soon is an age")
	}
}
