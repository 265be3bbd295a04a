package directory_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"restante/internal/directory"
	"restante/internal/store"
)

func (h *house) accountsInStore(t *testing.T) (ids []store.AccountID) {
	t.Helper()
	err := h.store.Accounts(t.Context(), func(id store.AccountID) error {
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestRemovedAccountIsErased(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	h.add(t, "u1", "pass")
	keep := h.add(t, "u2", "pass")
	if err := h.RemoveAccount(t.Context(), address(t, "u1@demo.test")); err != nil {
		t.Fatal(err)
	}
	if ids := h.accountsInStore(t); fmt.Sprint(ids) != fmt.Sprint([]store.AccountID{keep.ID}) {
		t.Errorf("accounts %v", ids)
	}
}

// A crash between the directory's step and the store's leaves a note, and the
// next start does what it says.
func TestErasureIsFinishedAfterACrash(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	gone := h.add(t, "u1", "pass")
	keep := h.add(t, "u2", "pass")
	err := h.store.UpdateRows(t.Context(), func(tx *store.RowTx) error { // as RemoveAccount does it
		note := fmt.Sprintf(`{"v":1,"account":%d,"login":"u1@demo.test","removed":"2026-05-03T12:00:00Z"}`, gone.ID)
		if err := tx.Put(store.UserRows, fmt.Sprintf("!erase/%010d", gone.ID), []byte(note)); err != nil {
			return err
		}
		return tx.Delete(store.UserRows, "demo.test/u1")
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.FinishErasures(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if ids := h.accountsInStore(t); fmt.Sprint(ids) != fmt.Sprint([]store.AccountID{keep.ID}) {
		t.Errorf("accounts %v", ids)
	}
	if _, err := h.store.Row(t.Context(), store.UserRows, fmt.Sprintf("!erase/%010d", gone.ID)); !errors.Is(err, store.ErrNoRow) {
		t.Errorf("the note is still there: %v", err)
	}
}

func TestErasuresDoNotGetInEachOthersWay(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	for i := range 20 {
		h.add(t, fmt.Sprintf("u%d", i), "pass")
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := h.RemoveAccount(t.Context(), address(t, fmt.Sprintf("u%d@demo.test", i))); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := h.FinishErasures(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ids := h.accountsInStore(t); len(ids) > 0 {
		t.Errorf("left: %v", ids)
	}
}

func TestOneNameIsGivenOnce(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	if err := h.AddDomain(t.Context(), "demo.test"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 20 {
		wg.Go(func() {
			_, err := h.CreateAccount(t.Context(), address(t, "u1@demo.test"), directory.NewAccount{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if !errors.Is(err, directory.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ids := h.accountsInStore(t); made != 1 || len(ids) != 1 {
		t.Errorf("made %d, in the store %v", made, ids)
	}
}

// Additions and the removal of their domain: either the domain goes, or it has
// the account.
func TestDomainDoesNotGoUnderAnAccount(t *testing.T) {
	for range 20 {
		h := newHouse(t, directory.Options{MinPassword: 1})
		if err := h.AddDomain(t.Context(), "demo.test"); err != nil {
			t.Fatal(err)
		}
		var created, removed error
		var wg sync.WaitGroup
		wg.Go(func() {
			_, created = h.CreateAccount(t.Context(), address(t, "u1@demo.test"), directory.NewAccount{})
		})
		wg.Go(func() { removed = h.RemoveDomain(t.Context(), "demo.test") })
		wg.Wait()
		hosted, err := h.Hosts(t.Context(), "demo.test")
		if err != nil {
			t.Fatal(err)
		}
		if hosted != (removed != nil) || created == nil && !hosted {
			t.Errorf("created: %v, removed: %v, hosted: %v", created, removed, hosted)
		}
	}
}
