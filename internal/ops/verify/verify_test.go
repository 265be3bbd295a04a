package verify_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"restante/internal/ops/verify"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

var ctx = context.Background()

// fill makes a store that has something of everything.
func fill(t *testing.T) (kv.Engine, store.AccountID) {
	t.Helper()
	engine := memkv.New()
	s, err := store.Open(ctx, engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ids []store.AccountID
	for range 3 {
		id, err := s.CreateAccount(ctx, store.AccountOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for i := range 20 {
		var to []store.Delivery
		for _, id := range ids {
			to = append(to, store.Delivery{Account: id, Options: store.AddOptions{Prepend: []byte("Return-Path: <>\r\n"), Keywords: []string{"a"}}})
		}
		for _, d := range s.Deliver(ctx, store.Origin{}, body(t, s, i), to) {
			if d.Err != nil {
				t.Fatal(d.Err)
			}
		}
	}
	h, err := s.Account(ctx, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	inbox, _ := h.View().Lookup("INBOX")
	trash, _ := h.View().Lookup("Trash")
	archive, _ := h.View().Lookup("Archive")
	o := store.Origin{}
	_, err1 := h.Move(ctx, o, inbox, []store.UIDRange{{Lo: 1, Hi: 4}}, trash.ID())
	_, err2 := h.Copy(ctx, o, inbox, []store.UIDRange{{Lo: 5, Hi: 8}}, archive.ID())
	_, err3 := h.Expunge(ctx, o, inbox, []store.UIDRange{{Lo: 8, Hi: 10}})
	_, _, err4 := h.SetFlags(ctx, o, inbox, []store.UIDRange{{Lo: 11, Hi: 12}}, store.FlagChange{Flags: store.Seen | store.Deleted, Keywords: []string{"b"}})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	share(t, s, h, ids[1])
	enqueue(t, s)
	return engine, ids[0]
}

// enqueue puts a message into the queue, and one whose body a mailbox has, too.
func enqueue(t *testing.T, s *store.Store) {
	t.Helper()
	to := []store.QueuedRecipient{{Rcpt: smtpwire.Rcpt{To: addr.Address{Local: "b", Domain: "example.com"}}}}
	for _, n := range []int{7, 100} {
		q := &store.Queued{ID: s.NewQueueID(), Kind: store.QueueReport, Recipients: to}
		if err := s.Enqueue(ctx, store.Enqueued{Body: body(t, s, n), Message: q}); err != nil {
			t.Fatal(err)
		}
	}
}

// share shares INBOX with another account and with everybody, annotates it, and lets the other one copy from it.
func share(t *testing.T, s *store.Store, h *store.Account, with store.AccountID) {
	t.Helper()
	inbox, _ := h.View().Lookup("INBOX")
	_, err := h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		if err := tx.SetACL(inbox.ID(), with, false, store.AllRights); err != nil {
			return err
		}
		if err := tx.SetACL(inbox.ID(), store.Anyone, false, store.RightLookup); err != nil {
			return err
		}
		if err := tx.SetAnnotation(inbox.ID(), with, "/comment", []byte("theirs")); err != nil {
			return err
		}
		return tx.SetAnnotation(0, h.ID(), "/comment", []byte("mine"))
	})
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Account(ctx, with)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	to, _ := other.View().Lookup("Archive")
	inbox, _ = h.View().Lookup("INBOX")
	if _, err := h.CopyTo(ctx, store.Origin{}, inbox, []store.UIDRange{{Lo: 11, Hi: 13}}, other, to.ID()); err != nil {
		t.Fatal(err)
	}
}

func body(t *testing.T, s *store.Store, n int) *store.Body {
	w, err := s.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "Subject: %d\r\nMessage-ID: <%d@x>\r\n\r\n%s", n, n, strings.Repeat("some text\r\n", n*700))
	b, err := w.Finish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func check(t *testing.T, engine kv.Engine) *verify.Report {
	t.Helper()
	r, err := verify.Run(ctx, engine, verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSoundStoreHasNoFindings(t *testing.T) {
	engine, _ := fill(t)
	r := check(t, engine)
	for _, f := range r.Findings {
		t.Error(f)
	}
	if r.Accounts != 3 || r.Messages != 63 || r.Bodies != 21 {
		t.Errorf("looked at %+v", r.Counts)
	}
}

// TestErasureLeavesNothing erases an account that shares, and one that is shared with.
func TestErasureLeavesNothing(t *testing.T) {
	for which := range store.AccountID(2) {
		engine, owner := fill(t)
		s, err := store.Open(ctx, engine, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.EraseAccount(ctx, owner+which); err != nil {
			t.Fatal(err)
		}
		s.Close()
		for _, f := range check(t, engine).Findings {
			t.Errorf("account %d erased: %s", owner+which, f)
		}
	}
}

// TestDamageIsFound breaks one row at a time and expects to be told.
func TestDamageIsFound(t *testing.T) {
	type pair struct{ k, v []byte }
	rows := func(e kv.Engine, t keys.Table) (out []pair) {
		_ = e.Scan(ctx, kv.Prefix([]byte{byte(t)}), func(k, v []byte) (bool, error) {
			out = append(out, pair{append([]byte(nil), k...), append([]byte(nil), v...)})
			return true, nil
		})
		return out
	}
	commit := func(t *testing.T, e kv.Engine, b *kv.Batch, p pair) {
		b.RequireValue(p.k, p.v)
		if err := e.Commit(ctx, b, kv.Durable); err != nil {
			t.Fatal(err)
		}
	}
	tables := []keys.Table{
		keys.TableAccount, keys.TableMailbox, keys.TableCounters, keys.TableKeyword, keys.TablePage, keys.TableMessage,
		keys.TableMembers, keys.TableRemoved, keys.TableDue, keys.TableChunk, keys.TableBlob, keys.TableReference, keys.TableCounts,
		keys.TableMetadata, keys.TableShared, keys.TableQueue, keys.TableQueueOrder, keys.TableSizes,
	}
	for _, table := range tables {
		t.Run(fmt.Sprintf("%c gone", table), func(t *testing.T) {
			if table == keys.TableCounts {
				t.Skip("a mailbox may have none; see store's TestWrongCountsAreNoticed")
			}
			engine, _ := fill(t)
			p := rows(engine, table)[0]
			b := new(kv.Batch)
			b.Remove(p.k)
			commit(t, engine, b, p)
			if r := check(t, engine); r.Total == 0 {
				t.Error("a row is gone and nobody noticed")
			}
		})
		if table == keys.TableDue || table == keys.TableReference || table == keys.TableShared || table == keys.TableQueueOrder {
			continue // their values say nothing that is checked
		}
		t.Run(fmt.Sprintf("%c cut", table), func(t *testing.T) {
			engine, _ := fill(t)
			p := rows(engine, table)[0]
			b := new(kv.Batch)
			b.Put(p.k, p.v[:len(p.v)/2])
			commit(t, engine, b, p)
			if r := check(t, engine); r.Total == 0 {
				t.Error("a row was cut and nobody noticed")
			}
		})
	}
	t.Run("another octet in a body", func(t *testing.T) {
		engine, _ := fill(t)
		for _, p := range rows(engine, keys.TableChunk)[:1] {
			b := new(kv.Batch)
			v := append([]byte(nil), p.v...)
			v[len(v)-3] ^= 1
			b.Put(p.k, v)
			commit(t, engine, b, p)
		}
		if r := check(t, engine); r.Total == 0 {
			t.Error("a body changed and nobody noticed")
		}
	})
}
