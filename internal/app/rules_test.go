package app

import (
	"os"
	"strings"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// await waits until anna's mailbox holds n messages: the sweep runs beside the test.
func await(t *testing.T, h *store.Account, path string, n int) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for box(t, h, path).Len() != n {
		select {
		case <-deadline:
			t.Fatalf("%s has %d messages, not %d", path, box(t, h, path).Len(), n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// forecast is a dry run: how many leave, and how many stay.
func (h *house) forecast(t *testing.T, p admind.PolicyChange) (leave, stay int) {
	t.Helper()
	for r, err := range h.Releases(t.Context(), p) {
		switch {
		case err != nil:
			t.Fatal(err)
		case r.At.IsZero():
			stay++
		default:
			leave++
		}
	}
	return leave, stay
}

// A rule of the domain, and another configuration, hold for what has been collected already.
func TestRulesThatChange(t *testing.T) {
	dir := t.TempDir()
	h := start(t, dir).furnished(t)
	for _, subject := range []string{"one", "two", "three"} {
		h.deliver(t, subject)
	}
	h.pop3(t, "USER anna@example.org", "PASS geheim", "DELE 1", "DELE 2", "QUIT")
	anna := h.anna(t)
	await(t, anna, "INBOX", 3)

	none := retention.Rule{Keep: "none"}
	if leave, stay := h.forecast(t, admind.PolicyChange{Address: "@example.org", Now: true}); leave != 2 || stay != 0 {
		t.Errorf("as it is: %d leave, %d stay", leave, stay)
	}
	if leave, _ := h.forecast(t, admind.PolicyChange{Address: "@", Rule: retention.Rule{Keep: "forever"}}); leave != 0 {
		t.Errorf("if the server kept all forever, %d would leave", leave)
	}
	if box(t, anna, "INBOX").Len() != 3 {
		t.Error("a dry run has done something")
	}
	if err := h.SetPolicy(t.Context(), admind.PolicyChange{Address: "@", Rule: none}); err == nil {
		t.Error("the server's rule was set")
	}
	if err := h.SetPolicy(t.Context(), admind.PolicyChange{Address: "@example.org", Rule: none}); err != nil {
		t.Fatal(err)
	}
	await(t, anna, "INBOX", 1)
	await(t, anna, "Trash", 2)

	// The retention of Trash: first the domain's, then that of another configuration.
	if err := h.SetPolicy(t.Context(), admind.PolicyChange{Address: "@example.org", Trash: "forever"}); err != nil {
		t.Fatal(err)
	}
	if r, own := box(t, anna, "Trash").Retention(); r.For != 0 || own {
		t.Errorf("%+v, %v", r, own)
	}
	if leave, stay := h.forecast(t, admind.PolicyChange{Address: "@example.org", Trash: "1d"}); leave != 2 || stay != 0 {
		t.Errorf("Trash for a day: %d leave, %d stay", leave, stay)
	}
	if err := h.SetPolicy(t.Context(), admind.PolicyChange{Address: "@example.org", Trash: "default", Rule: retention.Rule{Keep: "30d"}}); err != nil {
		t.Fatal(err)
	}
	if r, _ := box(t, anna, "Trash").Retention(); r.For != 30*24*time.Hour {
		t.Errorf("%+v", r)
	}
	file, err := os.ReadFile(h.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.file, []byte(string(file)+"[retention]\ntrash = \"1s\"\n[quota]\naccount = \"1MiB\"\n[pop]\nkeep = \"7d\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, _ := box(t, anna, "Trash").Retention(); r.For != time.Second {
		t.Errorf("%+v", r)
	}
	deadline := time.After(20 * time.Second)
	for anna.View().Quota().Octets != 1<<20 {
		select {
		case <-deadline:
			t.Fatalf("the quota is %+v", anna.View().Quota())
		case <-time.After(10 * time.Millisecond):
		}
	}
	if got, err := h.Domain(t.Context(), "example.org"); err != nil || got.Accounts != 1 || got.Rules.POP.Keep != "30d" || got.Used.Messages != 1+0 && got.Used.Messages != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A device that is added with a shared view has taken what the others have: its rule holds for that at once.
func TestDeviceAddedWithASharedView(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	h.deliver(t, "one")
	shared := retention.Rule{Keep: "30d", View: "shared", WaitFor: "any"}
	first, err := h.AddDevice(t.Context(), admind.NewDevice{Address: "anna@example.org", Name: "Office PC", Rule: shared})
	if err != nil {
		t.Fatal(err)
	}
	h.pop3(t, "USER anna@example.org", "PASS "+first.Password, "DELE 1", "QUIT")
	anna := h.anna(t)
	await(t, anna, "INBOX", 1)
	shared.Keep = "none"
	if _, err := h.AddDevice(t.Context(), admind.NewDevice{Address: "anna@example.org", Name: "Laptop", Rule: shared}); err != nil {
		t.Fatal(err)
	}
	await(t, anna, "INBOX", 0)
}

// A domain's quota holds at the door, and its postmaster hears of it.
func TestDomainQuotaAtTheDoor(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	if _, err := h.AddAccount(t.Context(), admind.NewAccount{Address: "postmaster@example.org"}); err != nil {
		t.Fatal(err)
	}
	h.deliver(t, "one")
	if err := h.SetDomainQuota(t.Context(), admind.DomainQuota{Domain: "example.org", Total: &directory.Limits{Messages: 1}}); err != nil {
		t.Fatal(err)
	}
	got := talk(t, dial(t, "tcp", h.address("smtp")), "HELO me.test", "MAIL FROM:<a@elsewhere.test>", "RCPT TO:<anna@example.org>")
	if !strings.Contains(got, "452 4.2.2") {
		t.Errorf("%s", got)
	}
	a, err := h.Account(t.Context(), "postmaster@example.org")
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.store.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	await(t, p, "INBOX", 1) // though there is no room for it
	if err := h.SetDomainQuota(t.Context(), admind.DomainQuota{Domain: "example.org", Total: &directory.Limits{}}); err != nil {
		t.Fatal(err)
	}
	h.deliver(t, "two")
}
