package signing

import (
	"errors"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
	"restante/internal/trust/dkim"
)

const message = "From: me@example.org\r\nTo: you@example.com\r\n\r\nHello.\r\n"

func states(t *testing.T, k *Keys) (out string) {
	t.Helper()
	list, err := k.List(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		out += e.Selector + " " + string(e.State) + "; "
	}
	return out
}

// The life of a domain's keys: published, used, retired, gone; every message is signed by two of them that are published.
func TestLife(t *testing.T) {
	s, err := store.Open(t.Context(), memkv.New(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	k := New(Options{Store: s, Clock: func() time.Time { return now }})
	signed := func() string {
		t.Helper()
		w, err := k.Begin(t.Context(), "example.org")
		if err != nil {
			t.Fatal(err)
		}
		if w == nil {
			return "none"
		}
		w.Write([]byte(message))
		fields, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		published, err := k.List(t.Context(), "example.org")
		if err != nil {
			t.Fatal(err)
		}
		var zone strings.Builder
		for _, e := range published {
			zone.WriteString(e.Name + " TXT " + e.Text + "\n")
		}
		list, err := dkim.Verify(t.Context(), dnstest.New(t, zone.String()), strings.NewReader(string(fields)+message), now)
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, r := range list {
			out += string(r.Status) + " " + r.Selector + "; "
		}
		return out
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	want("no keys", signed(), "none")
	if err := k.Use(t.Context(), "example.org"); !errors.Is(err, ErrTooFew) {
		t.Error(err)
	}
	_, err = k.Generate(t.Context(), "example.org")
	must(err)
	want("not yet used", signed(), "none")
	must(k.Use(t.Context(), "example.org"))
	want("in use", signed(), "pass r20261122; pass e20261122; ")
	_, err = k.Generate(t.Context(), "example.org")
	must(err)
	want("the next", states(t, k), "e20261122 active; e20261122-2 next; r20261122 active; r20261122-2 next; ")
	want("still the old ones", signed(), "pass r20261122; pass e20261122; ")
	must(k.Use(t.Context(), "example.org"))
	want("changed", signed(), "pass r20261122-2; pass e20261122-2; ")
	if err := k.Remove(t.Context(), "example.org", "r20261122-2"); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := k.Remove(t.Context(), "example.org", "x"); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	must(k.Remove(t.Context(), "example.org", "r20261122"))
	if err := k.Use(t.Context(), "example.org", "r20261122-2", "x"); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	want("gone", states(t, k), "e20261122 retired; e20261122-2 active; r20261122-2 active; ")
	must(k.Use(t.Context(), "example.org", "e20261122"))
	want("one taken back", states(t, k), "e20261122 active; e20261122-2 retired; r20261122-2 active; ")
	must(k.Retire(t.Context(), "example.org", "e20261122"))
	want("one alone", signed(), "pass r20261122-2; ")
	if err := k.Use(t.Context(), "example.org", "e20261122", "e20261122-2"); !errors.Is(err, ErrTwice) {
		t.Error(err)
	}
	again := New(Options{Store: s, Clock: func() time.Time { return now }})
	want("after a restart", states(t, again), states(t, k))
	if err := k.Retire(t.Context(), "example.org", "e20261122"); !errors.Is(err, ErrUnused) {
		t.Error(err)
	}
	if list, err := again.Domains(t.Context()); err != nil || len(list) != 1 || list["example.org"] != (Use{Active: 1, Retired: 2, Oldest: now}) {
		t.Errorf("%v, %v", list, err)
	}
	must(k.RemoveAll(t.Context(), "example.org"))
	want("none", signed(), "none")
}
