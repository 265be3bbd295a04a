package kvtest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"restante/internal/store/kv"
)

func testOrderInBatch(t *testing.T, e kv.Engine) {
	put(t, e, "a", "old", "b", "old", "c", "old")
	commit(t, e, &kv.Batch{
		Set:         []kv.Pair{{Key: key("a"), Value: key("1")}, {Key: key("a"), Value: key("2")}, {Key: key("d"), Value: key("new")}},
		Delete:      [][]byte{key("a"), key("c"), key("nothing")},
		DeleteRange: []kv.Span{{Lo: key("b"), Hi: key("z")}},
	})
	want(t, e, "a=2", "d=new")
}

func testDeleteRange(t *testing.T, e kv.Engine) {
	all := []string{"a", "1", "b", "2", "ba", "3", "c", "4", "\xff\xff", "5"}
	for _, c := range []struct {
		name  string
		spans []kv.Span
		want  []string
	}{
		{"lo is in, hi is not", []kv.Span{{Lo: key("b"), Hi: key("c")}}, []string{"a=1", "c=4", "\xff\xff=5"}},
		{"prefix", []kv.Span{kv.Prefix(key("b")).Span()}, []string{"a=1", "c=4", "\xff\xff=5"}},
		{"to the end", []kv.Span{{Lo: key("ba")}}, []string{"a=1", "b=2"}},
		{"from the beginning", []kv.Span{{Hi: key("ba")}}, []string{"ba=3", "c=4", "\xff\xff=5"}},
		{"two that overlap", []kv.Span{{Hi: key("ba")}, {Lo: key("b"), Hi: key("d")}}, []string{"\xff\xff=5"}},
		{"everything", []kv.Span{{}}, nil},
		{"empty", []kv.Span{{Lo: key("b"), Hi: key("b")}, {Hi: []byte{}}}, []string{"a=1", "b=2", "ba=3", "c=4", "\xff\xff=5"}},
		{"ends swapped", []kv.Span{{Lo: key("c"), Hi: key("a")}}, []string{"a=1", "b=2", "ba=3", "c=4", "\xff\xff=5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			put(t, e, all...)
			commit(t, e, &kv.Batch{DeleteRange: c.spans})
			want(t, e, c.want...)
		})
	}
}

func testRequirements(t *testing.T, e kv.Engine) {
	put(t, e, "here", "1", "empty", "")
	for _, c := range []struct {
		name  string
		req   []kv.Requirement
		fails string // the key, "" when the batch applies
	}{
		{"value", []kv.Requirement{{Key: key("here"), Value: key("1")}}, ""},
		{"other value", []kv.Requirement{{Key: key("here"), Value: key("2")}}, "here"},
		{"prefix of the value", []kv.Requirement{{Key: key("here")}}, "here"},
		{"empty value", []kv.Requirement{{Key: key("empty")}}, ""},
		{"empty value, not nil", []kv.Requirement{{Key: key("empty"), Value: []byte{}}}, ""},
		{"value of what is not there", []kv.Requirement{{Key: key("gone"), Value: key("1")}}, "gone"},
		{"empty value of what is not there", []kv.Requirement{{Key: key("gone")}}, "gone"},
		{"absent", []kv.Requirement{{Key: key("gone"), Absent: true}}, ""},
		{"not absent", []kv.Requirement{{Key: key("here"), Absent: true}}, "here"},
		{"not absent but empty", []kv.Requirement{{Key: key("empty"), Absent: true}}, "empty"},
		{"all hold", []kv.Requirement{{Key: key("gone"), Absent: true}, {Key: key("here"), Value: key("1")}}, ""},
		{"one does not", []kv.Requirement{{Key: key("gone"), Absent: true}, {Key: key("here"), Value: key("0")}}, "here"},
		{"twice the same", []kv.Requirement{{Key: key("here"), Value: key("1")}, {Key: key("here"), Value: key("1")}}, ""},
		{"never both", []kv.Requirement{{Key: key("here"), Value: key("1")}, {Key: key("here"), Absent: true}}, "here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &kv.Batch{Require: c.req, Set: []kv.Pair{{Key: key("mark"), Value: key(c.name)}}}
			before := read(t, e, kv.Range{})
			err := e.Commit(t.Context(), b, kv.Durable)
			if c.fails == "" {
				if err != nil {
					t.Fatalf("commit: %v", err)
				}
				if v, err := e.Get(t.Context(), key("mark")); err != nil || string(v) != c.name {
					t.Errorf("after the commit: %q, %v", v, err)
				}
				return
			}
			wantErr(t, "commit", err, kv.ErrConflict)
			if conflict := new(kv.ConflictError); !errors.As(err, &conflict) || string(conflict.Key) != c.fails {
				t.Errorf("conflict is %v, want one at key %q", err, c.fails)
			}
			want(t, e, before...)
		})
	}
}

// testSendAgain: a batch is not used up, and its requirement keeps the second
// sending from doing the thing twice.
func testSendAgain(t *testing.T, e kv.Engine) {
	b := new(kv.Batch)
	b.RequireAbsent(key("a"))
	b.Put(key("a"), key("1"))
	commit(t, e, b)
	wantErr(t, "second sending", e.Commit(t.Context(), b, kv.Durable), kv.ErrConflict)

	b = new(kv.Batch)
	b.Remove(key("a"))
	b.RequireValue(key("a"), key("1"))
	b.Put(key("b"), key("2"))
	commit(t, e, b)
	want(t, e, "b=2")
	wantErr(t, "second sending", e.Commit(t.Context(), b, kv.Durable), kv.ErrConflict)
}

// testBarrier: batches that change nothing are checked, and are no error.
func testBarrier(t *testing.T, e kv.Engine) {
	for _, d := range []kv.Durability{kv.Durable, kv.Lazy} {
		if err := e.Commit(t.Context(), new(kv.Batch), d); err != nil {
			t.Errorf("empty batch, %v: %v", d, err)
		}
		b := new(kv.Batch)
		b.RequireAbsent(key("a"))
		if err := e.Commit(t.Context(), b, d); err != nil {
			t.Errorf("requirement alone, %v: %v", d, err)
		}
		b.RequireValue(key("b"), nil)
		wantErr(t, "requirement alone", e.Commit(t.Context(), b, d), kv.ErrConflict)
	}
	want(t, e)
}

func testLimits(t *testing.T, e kv.Engine) {
	long := bytes.Repeat([]byte("k"), kv.MaxKey+1)
	big := make([]byte, kv.MaxValue+1)
	many := new(kv.Batch)
	for i := range kv.MaxBatch / kv.MaxValue {
		many.Put([]byte{byte(i)}, big[:kv.MaxValue])
	}
	many.Put(key("one more"), big[:kv.MaxValue])
	good := kv.Pair{Key: key("good"), Value: key("1")}
	for _, c := range []struct {
		name string
		b    kv.Batch
		want error
	}{
		{"long key", kv.Batch{Set: []kv.Pair{good, {Key: long}}}, kv.ErrTooLarge},
		{"large value", kv.Batch{Set: []kv.Pair{good, {Key: key("k"), Value: big}}}, kv.ErrTooLarge},
		{"empty key", kv.Batch{Set: []kv.Pair{good, {Value: key("v")}}}, kv.ErrEmptyKey},
		{"long key to delete", kv.Batch{Set: []kv.Pair{good}, Delete: [][]byte{long}}, kv.ErrTooLarge},
		{"empty key to delete", kv.Batch{Set: []kv.Pair{good}, Delete: [][]byte{nil}}, kv.ErrEmptyKey},
		{"long span", kv.Batch{Set: []kv.Pair{good}, DeleteRange: []kv.Span{{Hi: long}}}, kv.ErrTooLarge},
		{"long key to require", kv.Batch{Set: []kv.Pair{good}, Require: []kv.Requirement{{Key: long, Absent: true}}}, kv.ErrTooLarge},
		{"empty key to require", kv.Batch{Set: []kv.Pair{good}, Require: []kv.Requirement{{Absent: true}}}, kv.ErrEmptyKey},
		{"large batch", *many, kv.ErrTooLarge},
	} {
		for _, d := range []kv.Durability{kv.Durable, kv.Lazy} {
			wantErr(t, c.name, e.Commit(t.Context(), &c.b, d), c.want)
		}
	}
	want(t, e)
}

// testLargestBatch: everything up to the limits works, values included.
func testLargestBatch(t *testing.T, e kv.Engine) {
	b := new(kv.Batch)
	long := func(i int) []byte { return append(bytes.Repeat([]byte("k"), kv.MaxKey-1), byte(i)) }
	for i := 0; ; i++ {
		v := bytes.Repeat([]byte{byte(i)}, kv.MaxValue)
		if b.Size()+kv.PairSize(kv.MaxKey, len(v)) > kv.MaxBatch {
			b.Put(long(i), v[:kv.MaxBatch-b.Size()-kv.PairSize(kv.MaxKey, 0)])
			break
		}
		b.Put(long(i), v)
	}
	if b.Size() != kv.MaxBatch {
		t.Fatalf("batch of %d bytes", b.Size())
	}
	for range 3 { // over one another, to fill the memory of the engine
		if err := e.Commit(t.Context(), b, kv.Durable); err != nil {
			t.Fatalf("commit: %v", err)
		}
	}
	if err := e.Compact(t.Context(), kv.Span{}); err != nil {
		t.Fatalf("compact: %v", err)
	}
	i := 0
	err := e.Scan(t.Context(), kv.Range{}, func(k, v []byte) (bool, error) {
		if i >= len(b.Set) || !bytes.Equal(k, b.Set[i].Key) || !bytes.Equal(v, b.Set[i].Value) {
			t.Errorf("pair %d is not what was set", i)
		}
		i++
		return true, nil
	})
	if err != nil || i != len(b.Set) {
		t.Errorf("scan: %d pairs of %d, %v", i, len(b.Set), err)
	}
}

func testCancelled(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := new(kv.Batch)
	b.Put(key("b"), key("2"))
	wantErr(t, "commit", e.Commit(ctx, b, kv.Durable), context.Canceled)
	for what, err := range readers(t, ctx, e) {
		wantErr(t, what, err, context.Canceled)
	}
	want(t, e, "a=1")

	b = new(kv.Batch)
	for i := range 1000 {
		b.Put([]byte{'x', byte(i >> 8), byte(i)}, nil)
	}
	commit(t, e, b)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	n := 0
	err := e.Scan(ctx, kv.Range{}, func(_, _ []byte) (bool, error) {
		cancel()
		n++
		return true, nil
	})
	wantErr(t, "scan that is cancelled on its way", err, context.Canceled)
	if n > 500 {
		t.Errorf("the scan went on for %d pairs", n)
	}
}

func testClose(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1")
	s, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	b := new(kv.Batch)
	b.Put(key("b"), key("2"))
	wantErr(t, "commit", e.Commit(t.Context(), b, kv.Durable), kv.ErrClosed)
	for name, r := range map[string]kv.Reader{"engine": e, "snapshot": s} {
		for what, err := range readers(t, t.Context(), r) {
			wantErr(t, name+": "+what, err, kv.ErrClosed)
		}
	}
	_, err = e.Snapshot()
	wantErr(t, "snapshot", err, kv.ErrClosed)
	wantErr(t, "compact", e.Compact(t.Context(), kv.Span{}), kv.ErrClosed)
	e.Stats() // must not panic
	if err := s.Close(); err != nil {
		t.Errorf("close of the snapshot: %v", err)
	}
}
