package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv/crashtest"
)

// known are the messages that the index has.
func (h *house) known() (ids []store.MessageID) {
	h.t.Helper()
	hits, err := h.index.Search(context.Background(), h.h, []Key{Body("x")})
	h.must(err)
	defer hits.Close()
	for _, id := range h.ids() {
		if hits.Lookup(0, id) != Unknown {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestFollow: Run indexes what is there, what comes, and forgets what is erased and
// accounts that are no more.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		ctx, stop := context.WithCancel(t.Context())
		first := h.put("Subject: one\r\n\r\nbefore\r\n")
		var running sync.WaitGroup
		running.Go(func() { _ = h.index.Run(ctx) })
		defer running.Wait()
		defer stop()
		synctest.Wait()
		if got := h.known(); !slices.Equal(got, []store.MessageID{first}) {
			t.Fatalf("at first: %v", got)
		}
		second := h.put("Subject: two\r\n\r\nafter\r\n")
		synctest.Wait()
		if got := h.known(); len(got) != 1 {
			t.Errorf("one message is not waited with: %v", got)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := h.known(); !slices.Equal(got, []store.MessageID{first, second}) {
			t.Errorf("after a while: %v", got)
		}
		for range manyHints {
			h.put("Subject: many\r\n\r\n")
		}
		synctest.Wait()
		if got := len(h.known()); got < 2+manyHints-1 {
			t.Errorf("many at once: %d", got)
		}
		h.expunge(1)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if found := h.texts("before"); found != 0 {
			t.Errorf("an erased message's text is still in %d rows", found)
		}
		h.must(h.store.EraseAccount(ctx, h.h.ID()))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		rows := 0
		h.must(h.engine.Scan(ctx, kv.Range{}, func(k, _ []byte) (bool, error) { rows++; return true, nil }))
		if rows != 0 {
			t.Errorf("%d rows of an account that is no more", rows)
		}
	})
}

// expunge removes messages by UID for good.
func (h *house) expunge(uids ...store.UID) {
	h.t.Helper()
	_, err := h.h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
		_, err := tx.Expunge(h.inbox, store.Ranges(uids))
		return err
	})
	h.must(err)
	swept, err := h.store.Sweep(context.Background())
	h.must(err)
	h.index.Erased(swept.Accounts)
}

// texts counts the rows of texts that contain one.
func (h *house) texts(needle string) (n int) {
	h.t.Helper()
	h.must(h.engine.Scan(context.Background(), kv.Prefix(accountKey(h.h.ID())), func(k, v []byte) (bool, error) {
		if k[9] != rowTexts {
			return true, nil
		}
		raw, err := h.index.codec.Decode(nil, v)
		h.must(err)
		if slices.Contains(splitWords(raw), string(Fold(needle))) {
			n++
		}
		return true, nil
	}))
	return n
}

func splitWords(raw []byte) (out []string) {
	for _, w := range wordsOf(raw) {
		out = append(out, string(w))
	}
	return out
}

// TestOperations: after any deliveries, erasures, crashes of the index and rebuilds
// it says what a scan finds, and in the end it has every message and no others.
func TestOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(t)
		defer h.close()
		keys := []Key{Body("the"), Text("help"), Field("Subject", "京"), Body("é"), Text("l")}
		next := store.UID(1)
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "messages") {
					h.put(drawMessage(t))
					next++
				}
			},
			"erase": func(t *rapid.T) {
				var uids []store.UID
				for uid := store.UID(1); uid < next; uid++ {
					if rapid.IntRange(0, 4).Draw(t, "gone") == 0 {
						uids = append(uids, uid)
					}
				}
				h.expunge(uids...)
			},
			"follow": func(t *rapid.T) {
				h.must(h.index.follow(context.Background(), h.h.ID(), note{erased: true}, nil))
				if got, want := h.known(), h.ids(); !slices.Equal(got, want) {
					t.Fatalf("the index has %v, the account %v", got, want)
				}
			},
			"rebuild": func(t *rapid.T) { h.must(h.index.Rebuild(context.Background(), h.h.ID(), nil)) },
			"damage": func(t *rapid.T) {
				var rows [][]byte
				h.must(h.engine.Scan(context.Background(), kv.Range{}, func(k, _ []byte) (bool, error) {
					rows = append(rows, slices.Clone(k))
					return true, nil
				}))
				if len(rows) == 0 {
					return
				}
				b := new(kv.Batch)
				b.Put(rapid.SampledFrom(rows).Draw(t, "row"), []byte{0xff, 0xff})
				h.must(h.engine.Commit(context.Background(), b, kv.Lazy))
				h.index.forget(h.h.ID())
				h.must(h.index.Rebuild(context.Background(), h.h.ID(), nil))
			},
			"": func(t *rapid.T) { h.check(keys) },
		})
	})
}

// TestDamage: a row that is not what was written costs the index of its account, not
// the search, and the index is built anew.
func TestDamage(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	ctx := context.Background()
	for i := range 40 {
		h.put(fmt.Sprintf("Subject: s%d\r\n\r\nbody %d hello\r\n", i, i))
	}
	h.sync()
	var rows [][]byte
	h.must(h.engine.Scan(ctx, kv.Range{}, func(k, _ []byte) (bool, error) { rows = append(rows, slices.Clone(k)); return true, nil }))
	keys := []Key{Body("hello"), Field("subject", "s3"), Body("o")}
	for _, row := range rows {
		b := new(kv.Batch)
		b.Put(row, []byte{0xff, 0xff, 0xff})
		h.must(h.engine.Commit(ctx, b, kv.Lazy))
		h.index.forget(h.h.ID())
		h.check(keys)
		_, todo, ok, _ := h.news.take(time.Now(), time.Hour)
		if !ok || todo.what != anew {
			t.Errorf("row %x: nobody was told", row)
		}
		h.must(h.index.follow(ctx, h.h.ID(), todo, nil))
		if got := h.known(); len(got) != 40 {
			t.Errorf("row %x: %d messages after it was built anew", row, len(got))
		}
	}
}

// cutter is an engine whose power is cut after some commits; what is committed then is
// lost.
type cutter struct {
	kv.Engine
	left int
	cut  func()
}

func (c *cutter) Commit(ctx context.Context, b *kv.Batch, d kv.Durability) error {
	err := c.Engine.Commit(ctx, b, d)
	if c.left--; c.left == 0 {
		c.cut()
	}
	return err
}

// TestCrash cuts the power under the index at random moments of building and
// merging: what is left is an index of some moment before, and following brings it up to
// date.
func TestCrash(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
	h := newHouse(t)
	defer h.close()
	disk := crashtest.New()
	options := crashtest.Options{NoLog: true}
	for round := range rounds {
		engine, err := disk.Open(options)
		h.must(err)
		h.index = New(Options{Store: h.store, Engine: engine, News: h.news})
		h.check([]Key{Body("needle"), Text("round"), Body("x")}) // what the crash left
		var after *crashtest.FS
		h.index.opts.Engine = &cutter{Engine: engine, left: 1 + rng.IntN(12), cut: func() { after = disk.Crash(rng) }}
		for i := range 30 {
			h.put(fmt.Sprintf("Subject: round %d\r\n\r\nneedle %d %x\r\n", round, i, rng.Uint64()))
			if rng.IntN(4) == 0 {
				h.sync()
			}
		}
		h.sync()
		if after == nil { // there were fewer commits than that
			after = disk.Crash(rng)
		}
		disk = after
		if err := engine.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
			t.Error(err)
		}
	}
	engine, err := disk.Open(options)
	h.must(err)
	defer engine.Close()
	h.engine, h.index = engine, New(Options{Store: h.store, Engine: engine, News: h.news})
	h.sync()
	if got, want := h.known(), h.ids(); !slices.Equal(got, want) {
		t.Errorf("in the end the index has %d messages, the account %d", len(got), len(want))
	}
	h.check([]Key{Body("needle"), Text("round"), Body("x")})
}
