package app

import (
	"slices"
	"testing"

	"restante/internal/directory"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// TestPutBack puts one message back by its id, and gives a device back what it has taken and its rule has moved to Trash.
func TestPutBack(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	for _, subject := range []string{"one", "two", "three"} {
		h.deliver(t, subject)
	}
	anna := h.anna(t)
	update(t, anna, func(tx *store.Tx) error {
		inbox, err := tx.Lookup("INBOX")
		if err == nil {
			_, err = tx.Expunge(inbox, []store.UIDRange{{Lo: 1, Hi: 2}})
		}
		return err
	})
	var ids []string
	for m, err := range h.Removed(t.Context(), admind.RemovedFilter{Address: "anna@example.org"}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if len(ids) != 2 {
		t.Fatalf("removed are %q", ids)
	}
	want := []admind.PutBackTo{{Mailbox: "INBOX", Messages: 1}}
	by := func(r admind.RestoreRequest) admind.PutBack {
		t.Helper()
		r.Address = "anna@example.org"
		got, err := h.Restore(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := by(admind.RestoreRequest{RemovedFilter: admind.RemovedFilter{ID: ids[1]}}); got.Messages != 1 || !slices.Equal(got.Into, want) {
		t.Errorf("%+v", got)
	}
	if _, err := h.Restore(t.Context(), admind.RestoreRequest{RemovedFilter: admind.RemovedFilter{Address: "anna@example.org", ID: "what"}}); err == nil {
		t.Error("an id that is none was found")
	}

	d, err := h.AddDevice(t.Context(), admind.NewDevice{
		Address: "anna@example.org", Name: "Laptop", Scopes: []directory.Scope{directory.ScopePOP3}, Rule: retention.Rule{Keep: "none", WaitFor: "any"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.pop3(t, "USER anna@example.org", "PASS "+d.Password, "DELE 1", "QUIT")
	await(t, anna, "Trash", 1)
	if got := by(admind.RestoreRequest{TakenBy: "laptop"}); got.Messages != 1 || got.Offered != 1 || !slices.Equal(got.Into, want) {
		t.Errorf("%+v", got)
	}
	await(t, anna, "INBOX", 2)
	await(t, anna, "Trash", 0)
}
