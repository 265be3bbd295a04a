package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
	"restante/internal/store/retention"
)

// house is an account from which a POP3 device has taken messages, with what belongs to that.
func house(t *testing.T) (kv.Engine, store.AccountID, []store.MessageID) {
	t.Helper()
	engine := memkv.New()
	devices := []store.POPDevice{{ID: 1, Policy: retention.Default(), Created: time.Now(), ForPOP: true}}
	devices = append(devices, store.POPDevice{ID: 2, Policy: devices[0].Policy, Created: time.Now(), ForPOP: true})
	devices[1].Policy.Shared = true
	s, err := store.Open(ctx, engine, store.Options{POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) { return devices, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id, err := s.CreateAccount(ctx, store.AccountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Account(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var ids []store.MessageID
	inbox, _ := h.View().Lookup("INBOX")
	lists, _ := h.View().Lookup("Archive")
	for i := range 5 {
		to, b := []*store.MailboxView{inbox, lists}[i%2].ID(), body(t, s, i)
		_, err := h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
			a, err := tx.AddMessage(to, b, store.AddOptions{UIDL: []string{"from-elsewhere", "another", "", "", ""}[i]})
			ids = append(ids, a.Message)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		if err := tx.SetRetention(lists.ID(), &store.Retention{For: time.Hour}); err != nil {
			return err
		}
		_, err := tx.Expunge(inbox.ID(), []store.UIDRange{{Lo: 2, Hi: 2}})
		return err
	})
	for _, err := range []error{err, h.NoteUse(ctx, 1, store.Use{Protocol: store.ProtocolPOP3}), h.Take(ctx, store.Origin{Device: 1}, 1, ids[:3]), h.Take(ctx, store.Origin{Device: 2}, 2, ids[2:])} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return engine, id, ids
}

func TestWhatDevicesHaveTaken(t *testing.T) {
	engine, _, _ := house(t)
	for _, f := range check(t, engine).Findings {
		t.Error(f)
	}
}

// due finds hints of a kind.
func due(kind byte) func([]byte) bool {
	return func(k []byte) bool { _, _, is, _, _, _ := keys.DueOf(k); return is == kind }
}

// TestDamageToCoexistence breaks one row at a time and expects to be told what is wrong.
func TestDamageToCoexistence(t *testing.T) {
	first := func(t *testing.T, e kv.Engine, table keys.Table, is func(k []byte) bool) (key, value []byte) {
		t.Helper()
		err := e.Scan(ctx, kv.Prefix([]byte{byte(table)}), func(k, v []byte) (bool, error) {
			if is == nil || is(k) {
				key, value = append(key, k...), append(value, v...)
				return false, nil
			}
			return true, nil
		})
		if err != nil || key == nil {
			t.Fatalf("no row in table %c: %v", table, err)
		}
		return key, value
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, ids []store.MessageID)
		want   string
	}{
		{"a UIDL is gone", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			k, _ := first(t, e, keys.TableUIDL, nil)
			b.Remove(k)
		}, `UIDL "from-elsewhere" is said to be its own and is not`},
		{"a UIDL cannot be found", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			k, _ := first(t, e, keys.TableUIDLOwner, nil)
			b.Remove(k)
		}, `its UIDL "another" could be given to another`},
		{"a UIDL leads to another message", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, ids []store.MessageID) {
			b.Put(keys.UIDLOwnerKey(id, "another"), keys.EncodeID(ids[4]))
		}, `UIDL "another" is said to be its own and is not`},
		{"a UIDL that POP3 cannot say", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, ids []store.MessageID) {
			b.Put(keys.OfMessage(keys.TableUIDL, id, ids[3]), []byte("a b"))
			b.Put(keys.UIDLOwnerKey(id, "a b"), keys.EncodeID(ids[3]))
		}, `has UIDL "a b"`},
		{"a mark of what is not there", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, _ []store.MessageID) {
			var p keys.TakenPage
			p.Mark(1000, 1)
			b.Put(keys.TakenKey(id, 1, 1000>>keys.TakenBits), p.Encode())
		}, "has taken message 1000, which does not exist"},
		{"a page without marks", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, _ []store.MessageID) {
			b.Put(keys.TakenKey(id, 1, 7), new(keys.TakenPage).Encode())
		}, "marks 7 of what it has taken"},
		{"marks are cut", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			k, v := first(t, e, keys.TableTaken, nil)
			b.Put(k, v[:len(v)-1])
		}, "marks 0 of what it has taken"},
		{"marks of a stranger", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, _ []store.MessageID) {
			_, v := first(t, e, keys.TableTaken, nil)
			b.Put(keys.TakenKey(id, 77, 0), v)
		}, "device 77: has marks of 3 messages and has taken 0"},
		{"what a device has done is cut", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			k, v := first(t, e, keys.TableDevice, nil)
			b.Put(k, v[:len(v)-1])
		}, "what it has done cannot be read"},
		{"erased at another time", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, _ []store.MessageID) {
			k, v := first(t, e, keys.TableDue, due(keys.DueErase))
			at, acct, kind, mbox, msg, _ := keys.DueOf(k)
			b.Put(keys.DueKey(at+1, acct, kind, mbox, msg), v)
		}, "is due to be erased, and has not been removed or not until then"},
		{"never erased", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			k, _ := first(t, e, keys.TableDue, due(keys.DueErase))
			b.Remove(k)
		}, "is never due to be erased"},
		{"a retention that nobody looks at", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			if err := e.Scan(ctx, kv.Prefix([]byte{byte(keys.TableDue)}), func(k, _ []byte) (bool, error) {
				if due(keys.DueRetain)(k) {
					b.Remove(append([]byte(nil), k...))
				}
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
		}, "its retention is never due"},
		{"a hint of nobody's", func(t *testing.T, e kv.Engine, b *kv.Batch, _ store.AccountID, _ []store.MessageID) {
			b.Put(keys.DueKey(1, 1<<30, keys.DueSettle, 0, 0), keys.EncodeID(uint64(0)))
		}, "the account has never been"},
		{"a hint of no kind", func(t *testing.T, e kv.Engine, b *kv.Batch, id store.AccountID, _ []store.MessageID) {
			b.Put(keys.DueKey(1, id, 99, 0, 0), keys.EncodeID(uint64(0)))
		}, "a row cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			engine, id, ids := house(t)
			b := new(kv.Batch)
			c.damage(t, engine, b, id, ids)
			if err := engine.Commit(ctx, b, kv.Durable); err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, f := range check(t, engine).Findings {
				said = append(said, f.String())
			}
			if all := strings.Join(said, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("says %q, want %q", all, c.want)
			}
		})
	}
}
