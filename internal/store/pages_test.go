package store_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"restante/internal/ops/verify"
	"restante/internal/store"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// bigNext is about how many UIDs big gives: in three chunks of pages, or two when time matters.
func bigNext() store.UID {
	if testing.Short() {
		return 18_000
	}
	return 36_000
}

// big makes a mailbox with UIDs in several chunks of pages, and holes of all sizes.
func big(t *testing.T, engine kv.Engine) store.AccountID {
	t.Helper()
	f := open(t, engine, store.Options{Recovery: -1})
	h := f.account()
	for n := range 100 {
		f.add(h, "INBOX", message(n), store.AddOptions{})
	}
	inbox := f.box(h, "INBOX").ID()
	for f.box(h, "INBOX").UIDNext() < bigNext() {
		f.update(h, func(tx *store.Tx) error {
			_, err := tx.Copy(inbox, []store.UIDRange{{Lo: 1, Hi: 4500}}, inbox)
			return err
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	var gone []store.UIDRange
	for uid := store.UID(1); uid < bigNext(); {
		uid += store.UID(r.ExpFloat64() * 100)
		n := store.UID(r.ExpFloat64() * 60)
		gone = append(gone, store.UIDRange{Lo: uid, Hi: uid + n})
		uid += n + 1
	}
	gone = append(gone, store.UIDRange{Lo: 15_000, Hi: 17_000})
	if _, err := h.Expunge(context.Background(), store.Origin{}, f.box(h, "INBOX"), gone); err != nil {
		t.Fatal(err)
	}
	return h.ID()
}

// unloaded is the mailbox as nobody has loaded it yet.
func (f *fixture) unloaded(h *store.Account, path string) *store.MailboxView {
	f.t.Helper()
	m, err := h.View().Lookup(path)
	if err != nil {
		f.t.Fatal(err)
	}
	return m
}

func TestPartsOfAMailboxAreAsTheWhole(t *testing.T) {
	engine, ctx := memkv.New(), context.Background()
	id := big(t, engine)
	all := open(t, engine, store.Options{})
	whole := all.box(all.handle(id), "INBOX")
	r := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		f := open(t, engine, store.Options{}) // nothing in memory
		h := f.handle(id)
		m := f.unloaded(h, "INBOX")
		for range 5 {
			lo := store.UID(1 + r.IntN(int(bigNext())+1000))
			hi := lo + store.UID(r.ExpFloat64()*1000)
			if err := m.LoadUIDs(ctx, store.UIDRange{Lo: lo, Hi: lo}, store.UIDRange{Lo: hi, Hi: hi}); err != nil {
				t.Fatal(err)
			}
			for _, uid := range []store.UID{lo, hi} {
				n, ok := m.Rank(uid)
				if wn, wok := whole.Rank(uid); n != wn || ok != wok {
					t.Fatalf("UID %d: rank %d %v, want %d %v", uid, n, ok, wn, wok)
				}
			}
			from := r.IntN(whole.Len())
			to := min(from+int(r.ExpFloat64()*300), whole.Len())
			if err := m.LoadPlaces(ctx, from, to); err != nil {
				t.Fatal(err)
			}
			for i := from; i < to; i++ {
				e := m.At(i)
				if n, ok := m.Rank(e.UID); e.UID != whole.At(i).UID || n != i || !ok || m.Entry(e.UID) != e {
					t.Fatalf("place %d: UID %d rank %d %v, want UID %d", i, e.UID, n, ok, whole.At(i).UID)
				}
			}
		}
		// An operation on what is not loaded, and what others see of it.
		uid := whole.At(r.IntN(whole.Len())).UID
		f.update(h, func(tx *store.Tx) error {
			_, err := tx.SetFlags(m.ID(), []store.UIDRange{{Lo: uid, Hi: uid}}, store.FlagChange{Mode: store.FlagsReplace, Flags: store.Flagged | store.Seen})
			if err != nil {
				return err
			}
			_, err = tx.Copy(m.ID(), []store.UIDRange{{Lo: uid, Hi: uid}}, m.ID())
			return err
		})
		next := f.unloaded(h, "INBOX")
		if err := errors.Join(next.LoadUIDs(ctx), m.LoadDiff(ctx, next)); err != nil {
			t.Fatal(err)
		}
		d := m.Diff(next)
		if len(d.Vanished) != 0 || len(d.Added) != 1 || len(d.Changed) > 1 {
			t.Fatalf("one copied and one flagged: %+v", d)
		}
		if n, ok := next.Rank(d.Added[0].UID); n != m.Len() || !ok {
			t.Fatalf("the copy has rank %d %v, want %d", n, ok, m.Len())
		}
		whole = f.box(h, "INBOX")
	}
	sound(t, engine)
}

func sound(t *testing.T, engine kv.Engine) {
	t.Helper()
	rep, err := verify.Run(context.Background(), engine, verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		t.Error(f)
	}
}

// rowsOf are the keys and values of a table.
func rowsOf(t *testing.T, engine kv.Engine, table keys.Table) (rows []kv.Pair) {
	t.Helper()
	err := engine.Scan(context.Background(), kv.Prefix([]byte{byte(table)}), func(k, v []byte) (bool, error) {
		rows = append(rows, kv.Pair{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestCountsAreMadeWhereTheyWereNotKept(t *testing.T) {
	engine, ctx := memkv.New(), context.Background()
	id := big(t, engine)
	want := rowsOf(t, engine, keys.TableCounts)
	if len(want) < 2 {
		t.Fatalf("%d rows of counts", len(want))
	}
	b := new(kv.Batch)
	for _, p := range want {
		b.Remove(p.Key)
	}
	if err := engine.Commit(ctx, b, kv.Durable); err != nil {
		t.Fatal(err)
	}
	sound(t, engine)
	f := open(t, engine, store.Options{})
	h := f.handle(id)
	m := f.unloaded(h, "INBOX")
	if err := m.LoadPlaces(ctx, m.Len()-1, m.Len()); err != nil {
		t.Fatal(err)
	}
	uid := m.At(m.Len() - 1).UID
	f.update(h, func(tx *store.Tx) error {
		_, err := tx.SetFlags(m.ID(), []store.UIDRange{{Lo: uid, Hi: uid}}, store.FlagChange{Flags: store.Answered})
		return err
	})
	got := rowsOf(t, engine, keys.TableCounts)
	if len(got) != len(want) {
		t.Fatalf("%d rows of counts, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].Key, want[i].Key) || !bytes.Equal(got[i].Value, want[i].Value) {
			t.Errorf("counts %x: %x, want %x: %x", got[i].Key, got[i].Value, want[i].Key, want[i].Value)
		}
	}
	sound(t, engine)
}

func TestWrongCountsAreNoticed(t *testing.T) {
	engine, ctx := memkv.New(), context.Background()
	id := big(t, engine)
	row := rowsOf(t, engine, keys.TableCounts)[1]
	counts, err := keys.DecodeCounts(row.Value)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for counts[i] == counts[i+1] {
		i++
	}
	counts[i], counts[i+1] = counts[i+1], counts[i]
	b := new(kv.Batch)
	b.Put(row.Key, keys.EncodeCounts(counts))
	if err := engine.Commit(ctx, b, kv.Durable); err != nil {
		t.Fatal(err)
	}
	f := open(t, engine, store.Options{})
	m := f.unloaded(f.handle(id), "INBOX")
	if err := m.LoadUIDs(ctx); err != nil {
		t.Fatal(err)
	}
	uid := store.UID((keys.CountsPages + i) * keys.PageSize)
	if err := m.LoadUIDs(ctx, store.UIDRange{Lo: uid, Hi: uid}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("one page: %v", err)
	}
	if err := m.Load(ctx); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("all pages: %v", err)
	}
	rep, err := verify.Run(ctx, engine, verify.Options{})
	if err != nil || rep.Total == 0 {
		t.Errorf("verify found nothing (%v)", err)
	}
}
