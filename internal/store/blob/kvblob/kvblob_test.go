package kvblob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"

	"restante/internal/store/blob"
	"restante/internal/store/blob/kvblob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// octets are half text, half noise, so that some chunks shrink and some do not.
func octets(n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		if i/(100<<10)%2 == 0 {
			b[i] = "abcdefgh \r\n"[i%11]
		} else {
			b[i] = byte(rng.Uint32())
		}
	}
	return b
}

func write(t *testing.T, e kv.Engine, s *kvblob.Store, id keys.BlobID, b []byte, slice int) blob.Staged {
	t.Helper()
	w := s.Create(id, []kv.Pair{{Key: []byte("pending"), Value: []byte{1}}})
	for i := 0; i < len(b); i += slice {
		if _, err := w.Write(b[i:min(i+slice, len(b))]); err != nil {
			t.Fatal(err)
		}
	}
	staged, err := w.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(t.Context(), &kv.Batch{Set: staged.Pairs}, kv.Durable); err != nil {
		t.Fatal(err)
	}
	return staged
}

func TestBodiesComeBack(t *testing.T) {
	e := memkv.New()
	s := kvblob.New(e)
	for i, n := range []int{0, 1, 1000, blob.ChunkSize - 1, blob.ChunkSize, blob.ChunkSize + 1, 5*blob.ChunkSize + 77, 3 << 20} {
		want := octets(n)
		staged := write(t, e, s, keys.BlobID(i+1), want, 7001)
		if staged.Size != uint64(n) || int(staged.Chunks) != (n+blob.ChunkSize-1)/blob.ChunkSize {
			t.Errorf("%d octets: %+v", n, staged)
		}
		if _, err := e.Get(t.Context(), []byte("pending")); (err == nil) != staged.Ahead {
			t.Errorf("%d octets: ahead %v, pending row: %v", n, staged.Ahead, err)
		}
		b := s.Open(e, staged.ID, staged.Size)
		var all bytes.Buffer
		if err := b.CopyRange(t.Context(), &all, 0, int64(n)); err != nil || !bytes.Equal(all.Bytes(), want) {
			t.Errorf("%d octets came back different: %v", n, err)
		}
		if n > blob.ChunkSize+1 {
			continue // TestReader reads octet by octet, many times
		}
		if err := iotest.TestReader(io.NewSectionReader(b, 0, int64(n)), want); err != nil {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

func TestRanges(t *testing.T) {
	e := memkv.New()
	s := kvblob.New(e)
	want := octets(4*blob.ChunkSize + 123)
	staged := write(t, e, s, 1, want, 100<<10)
	b := s.Open(e, 1, staged.Size)
	rng := rand.New(rand.NewPCG(3, 4))
	var wg sync.WaitGroup
	for range 4 {
		seed := rng.Uint64()
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 1))
			for range 200 {
				off := rng.Int64N(int64(len(want)))
				n := rng.Int64N(int64(len(want)) - off + 1)
				var got bytes.Buffer
				if err := b.CopyRange(context.Background(), &got, off, n); err != nil || !bytes.Equal(got.Bytes(), want[off:off+n]) {
					t.Errorf("range %d+%d: %v", off, n, err)
				}
				p := make([]byte, min(n, 5000))
				if k, err := b.ReadAt(p, off); k != len(p) || err != nil || !bytes.Equal(p, want[off:off+int64(k)]) {
					t.Errorf("read %d at %d: %d, %v", len(p), off, k, err)
				}
			}
		})
	}
	wg.Wait()
	for _, r := range [][2]int64{{-1, 1}, {0, -1}, {0, int64(len(want)) + 1}, {int64(len(want)), 1}} {
		if b.CopyRange(t.Context(), io.Discard, r[0], r[1]) == nil {
			t.Errorf("range %d+%d was read", r[0], r[1])
		}
	}
}

func TestDamage(t *testing.T) {
	for name, damage := range map[string]func(b *kv.Batch, key, value []byte){
		"gone":       func(b *kv.Batch, key, _ []byte) { b.Remove(key) },
		"empty":      func(b *kv.Batch, key, _ []byte) { b.Put(key, []byte{}) },
		"other form": func(b *kv.Batch, key, _ []byte) { b.Put(key, []byte{0x7f, 1, 2}) },
		"short":      func(b *kv.Batch, key, _ []byte) { b.Put(key, []byte{0, 1, 2}) },
		"broken":     func(b *kv.Batch, key, value []byte) { b.Put(key, append([]byte{value[0]}, value[9:]...)) },
	} {
		e := memkv.New()
		s := kvblob.New(e)
		staged := write(t, e, s, 1, octets(2*blob.ChunkSize), 4096)
		key := keys.ChunkKey(1, 1)
		value, err := e.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		b := new(kv.Batch)
		damage(b, key, value)
		if err := e.Commit(t.Context(), b, kv.Durable); err != nil {
			t.Fatal(err)
		}
		body := s.Open(e, 1, staged.Size)
		if err := body.CopyRange(t.Context(), io.Discard, 0, body.Size()); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := body.ReadAt(make([]byte, 10), blob.ChunkSize+5); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: ReadAt: %v", name, err)
		}
	}
}

func TestDelete(t *testing.T) {
	e := memkv.New()
	s := kvblob.New(e)
	write(t, e, s, 1, octets(3*blob.ChunkSize), 4096)
	staged := write(t, e, s, 2, octets(100), 4096)
	b := new(kv.Batch)
	s.Delete(b, 1)
	if err := e.Commit(t.Context(), b, kv.Durable); err != nil {
		t.Fatal(err)
	}
	if err := s.Open(e, 1, 10).CopyRange(t.Context(), io.Discard, 0, 1); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("a deleted body: %v", err)
	}
	if err := s.Open(e, 2, staged.Size).CopyRange(t.Context(), io.Discard, 0, 100); err != nil {
		t.Error(err)
	}
}

// FuzzDecode: whatever stands on a broken disk gives an error or octets, in
// bounded memory.
func FuzzDecode(f *testing.F) {
	c := blob.NewCodec()
	f.Add(c.Encode(octets(1000)))
	f.Add([]byte{0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := c.Decode(nil, b)
		if err == nil && len(raw) > 1<<20 {
			t.Errorf("%d octets of a chunk", len(raw))
		}
	})
}
