package directory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/retention"
)

const day = 24 * time.Hour

func (h *house) rules(t *testing.T, domain addr.Domain, change func(*directory.DomainRules)) {
	t.Helper()
	if err := h.SetDomainRules(t.Context(), domain, change); err != nil {
		t.Fatal(err)
	}
}

// The nearest rule wins: the device's, the account's, the domain's, the server's, the program's.
func TestNearestRuleWinsInADomain(t *testing.T) {
	h := newHouse(t, directory.Options{POP: retention.Rule{Keep: "60d", MarkSeen: "never"}})
	ada, bob := h.add(t, "ada", "correct horse"), h.add(t, "bob", "battery staple")
	h.device(t, directory.NewDevice{Name: "PC", Scopes: []directory.Scope{directory.ScopePOP3}, ForPOP: true, POP: retention.Rule{Then: "delete"}})
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.POP = retention.Rule{Keep: "14d", View: "shared", LoginDelay: "60s"} })
	if err := h.SetAccountPOP(t.Context(), address(t, "ada@demo.test"), retention.Rule{WaitFor: "any"}); err != nil {
		t.Fatal(err)
	}
	want := func(id store.AccountID, i int, keep, then, waitFor, seen, view, delay string) {
		t.Helper()
		list, err := h.POPDevices(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		got := list[i].Policy.Rule()
		if w := (retention.Rule{Keep: keep, Then: then, WaitFor: waitFor, Start: "all", Scope: "inbox", MarkSeen: seen, View: view, LoginDelay: delay}); got != w {
			t.Errorf("%+v, want %+v", got, w)
		}
	}
	want(ada.ID, 0, "14d", "trash", "any", "never", "shared", "1m0s")
	want(ada.ID, 1, "14d", "delete", "any", "never", "shared", "1m0s")
	want(bob.ID, 0, "14d", "trash", "all", "never", "shared", "1m0s")

	devices, err := h.Devices(t.Context(), address(t, "ada@demo.test"))
	if err != nil {
		t.Fatal(err)
	}
	said, err := h.SaidPOP(t.Context(), address(t, "ada@demo.test"), &devices[1])
	if w := (retention.Rule{Keep: "domain", Then: "device", WaitFor: "account", MarkSeen: "server", View: "domain", LoginDelay: "domain"}); err != nil || said != w {
		t.Errorf("%+v, %v", said, err)
	}
	try, err := h.TryDomainPOP(t.Context(), address(t, "ada@demo.test"), retention.Rule{Keep: "none"}, false)
	if err != nil || try[1].Policy.Keep != retention.KeepNone || try[1].Policy.Then != retention.ThenDelete {
		t.Errorf("%+v, %v", try, err)
	}
	try, err = h.TryDomainPOP(t.Context(), address(t, "ada@demo.test"), retention.Rule{Keep: "none"}, true)
	if err != nil || try[1].Policy.Keep != retention.Keep(14*day) {
		t.Errorf("another rule of the server's wins over the domain's: %+v, %v", try, err)
	}
}

func TestDomainRulesThatCannotBe(t *testing.T) {
	h := newHouse(t, directory.Options{})
	h.add(t, "ada", "correct horse")
	for _, r := range []directory.DomainRules{
		{POP: retention.Rule{Keep: "a while"}}, {POP: retention.Rule{Scope: "chosen"}}, {POP: retention.Rule{LoginDelay: "2h"}},
		{Junk: "none"}, {Trash: "14d flagged"}, {Trash: "x"},
	} {
		if err := h.SetDomainRules(t.Context(), "demo.test", func(to *directory.DomainRules) { *to = r }); !errors.Is(err, directory.ErrRule) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := h.SetDomainRules(t.Context(), "other.test", func(*directory.DomainRules) {}); !errors.Is(err, directory.ErrNotLocal) {
		t.Error(err)
	}
	if r, err := h.DomainRules(t.Context(), "demo.test"); err != nil || r != (directory.DomainRules{}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRetentionOfADomain(t *testing.T) {
	h := newHouse(t, directory.Options{Junk: 14 * day, Trash: 30 * day})
	ada := h.add(t, "ada", "correct horse")
	want := func(junk, trash time.Duration) {
		t.Helper()
		for role, want := range map[store.Role]time.Duration{store.RoleJunk: junk, store.RoleTrash: trash, store.RoleInbox: 0} {
			if got, err := h.Retention(t.Context(), ada.ID, role); err != nil || got != want {
				t.Errorf("%v: %v, %v; want %v", role, got, err, want)
			}
		}
	}
	want(14*day, 30*day)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Junk, r.Trash = "7d", "forever" })
	want(7*day, 0)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Junk = "" })
	want(14*day, 0)
}

// quotaOf is an account's quota in the store.
func (h *house) quotaOf(t *testing.T, id store.AccountID) uint64 {
	t.Helper()
	a, err := h.store.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return a.View().Quota().Octets
}

func (h *house) setQuota(t *testing.T, id store.AccountID, n uint64) {
	t.Helper()
	a, err := h.store.Account(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Update(t.Context(), store.Origin{}, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Octets: n}) }); err != nil {
		t.Fatal(err)
	}
}

// settle settles all, at most limit accounts at a time, and returns those that were looked at.
func (h *house) settle(t *testing.T, limit int) (seen []store.AccountID) {
	t.Helper()
	for more := true; more; {
		var err error
		_, more, err = h.Settle(t.Context(), limit, func(_ context.Context, id store.AccountID) error {
			seen = append(seen, id)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return seen
}

// Accounts are looked at once after each change of what they inherit, however often the walk is broken off.
func TestSettle(t *testing.T) {
	h := newHouse(t, directory.Options{POP: retention.Rule{Keep: "30d"}})
	var all []store.AccountID
	for i := range 5 {
		all = append(all, h.add(t, fmt.Sprintf("u%d", i), "correct horse").ID)
	}
	looked := func(limit, want int) {
		t.Helper()
		if got := h.settle(t, limit); len(got) != want {
			t.Errorf("%v were looked at, want %d", got, want)
		}
	}
	looked(2, 5)
	looked(2, 0)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.POP.Keep = "14d" })
	looked(1, 5)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Total = directory.Limits{Octets: 1} })
	looked(100, 0)
	// Another configuration, after a restart; a rule that the domain overrules is no change.
	h.reopen(t, directory.Options{Cost: cheap, POP: retention.Rule{Keep: "60d"}})
	looked(100, 0)
	h.reopen(t, directory.Options{Cost: cheap, POP: retention.Rule{Keep: "60d"}, Trash: day})
	looked(3, 5)

	// A change in the middle of a walk begins it again.
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Junk = "7d" })
	n, more, err := h.Settle(t.Context(), 2, func(context.Context, store.AccountID) error { return nil })
	if n != 2 || !more || err != nil {
		t.Error(n, more, err)
	}
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Junk = "8d" })
	looked(2, 5)

	// What cannot be looked at is tried again.
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Junk = "9d" })
	broken := errors.New("broken")
	if _, _, err := h.Settle(t.Context(), 100, func(_ context.Context, id store.AccountID) error {
		if id == all[3] {
			return broken
		}
		return nil
	}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := h.settle(t, 100); len(got) == 0 || got[len(got)-1] != all[4] {
		t.Errorf("%v were looked at", got)
	}
}

// Who has no quota of its own follows the default; who has one keeps it.
func TestDefaultQuota(t *testing.T) {
	h := newHouse(t, directory.Options{Each: directory.Limits{Octets: 100}})
	follows, own, free := h.add(t, "follows", "correct horse"), h.add(t, "own", "correct horse"), h.add(t, "free", "correct horse")
	h.setQuota(t, own.ID, 70)
	h.setQuota(t, free.ID, 0)
	want := func(f, o, n uint64) {
		t.Helper()
		h.settle(t, 1)
		if got := [3]uint64{h.quotaOf(t, follows.ID), h.quotaOf(t, own.ID), h.quotaOf(t, free.ID)}; got != [3]uint64{f, o, n} {
			t.Errorf("%v, want %v", got, [3]uint64{f, o, n})
		}
	}
	want(100, 70, 0)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Each = &directory.Limits{Octets: 200} })
	want(200, 70, 0)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Each = &directory.Limits{} })
	want(0, 70, 0)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Each = nil })
	want(100, 70, 0)
	h.setQuota(t, follows.ID, 5)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.Each = &directory.Limits{Octets: 300} })
	want(5, 70, 0)
	if a := h.add(t, "new", "correct horse"); h.quotaOf(t, a.ID) != 300 {
		t.Error("a new account has not the default")
	}
}

// What is told before a login is the longest delay that anybody may have to wait.
func TestLoginDelay(t *testing.T) {
	h := newHouse(t, directory.Options{})
	h.add(t, "ada", "correct horse")
	want := func(want time.Duration) {
		t.Helper()
		if got, err := h.LoginDelay(t.Context()); err != nil || got != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	want(0)
	h.rules(t, "demo.test", func(r *directory.DomainRules) { r.POP.LoginDelay = "60s" })
	want(time.Minute)
	h.device(t, directory.NewDevice{Name: "PC", POP: retention.Rule{LoginDelay: "5m"}})
	want(5 * time.Minute)
	if err := h.SetDevicePOP(t.Context(), address(t, "ada@demo.test"), "PC", retention.Rule{LoginDelay: "none"}, nil); err != nil {
		t.Fatal(err)
	}
	want(5 * time.Minute)
	h.reopen(t, directory.Options{Cost: cheap, POP: retention.Rule{LoginDelay: "10m"}})
	want(10 * time.Minute)
}
