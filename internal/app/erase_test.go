package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"restante/internal/ops/backup"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv"
)

// rows counts the rows of a table.
func rows(t *testing.T, r kv.Reader, table keys.Table) (n int) {
	t.Helper()
	scan := kv.Prefix([]byte{byte(table)})
	scan.KeysOnly = true
	err := r.Scan(t.Context(), scan, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestErasedIsGone: what is erased now is in the store no longer after the next sweep, and in no backup that is made then.
func TestErasedIsGone(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	stays := rows(t, h.engine, keys.TableChunk)
	h.deliver(t, "secret")
	if rows(t, h.engine, keys.TableChunk) == stays {
		t.Fatal("the body is somewhere else")
	}
	update(t, h.anna(t), func(tx *store.Tx) error {
		inbox, err := tx.Lookup("INBOX")
		if err == nil {
			_, err = tx.Expunge(inbox, []store.UIDRange{{Lo: 1, Hi: 1}})
		}
		return err
	})
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows(t, h.engine, keys.TableChunk) == stays {
		t.Fatal("it could not be put back any more")
	}
	if n, err := h.EraseRemoved(t.Context(), admind.RemovedFilter{Address: "anna@example.org"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, h.engine, keys.TableChunk); n != stays {
		t.Errorf("%d chunks are left of %d", n, stays)
	}
	h.backedUp(t, to)
	backedUp, closed := openBackup(t, to, filepath.Join(dir, "looked"))
	defer closed()
	for _, table := range []keys.Table{keys.TableChunk, keys.TableBlob, keys.TableReference} {
		if n, now := rows(t, backedUp, table), rows(t, h.engine, table); n != now {
			t.Errorf("table %c has %d rows in the backup, %d in the store", table, n, now)
		}
	}
	if n := rows(t, backedUp, keys.TableChunk); n != stays {
		t.Errorf("the backup has %d chunks", n)
	}
}

// openBackup lays the newest snapshot into a folder and opens it.
func openBackup(t *testing.T, from, dir string) (kv.Engine, func()) {
	t.Helper()
	r, err := backup.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Snapshots()
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Restore(context.WithoutCancel(t.Context()), all[len(all)-1], dir, nil); err != nil {
		t.Fatal(err)
	}
	engine, err := pebblekv.Open(pebblekv.Options{Dir: dir, CacheBytes: 1 << 20, LowMemory: true, Logger: slog.New(slog.DiscardHandler), OnFatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return engine, func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}
}
