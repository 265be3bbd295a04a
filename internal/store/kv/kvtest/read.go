package kvtest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/store/kv"
)

func testGet(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "empty", "", "a\x00", "2")
	for k, want := range map[string]string{"a": "1", "a\x00": "2", "empty": ""} {
		got, err := e.Get(t.Context(), key(k))
		if err != nil || got == nil || string(got) != want {
			t.Errorf("get %q: %q (nil: %t), %v; want %q", k, got, got == nil, err, want)
		}
	}
	for _, k := range []string{"", "A", "aa", "b", string(bytes.Repeat([]byte("k"), kv.MaxKey+1))} {
		_, err := e.Get(t.Context(), key(k))
		wantErr(t, "get of what is not there", err, kv.ErrNotFound)
	}
}

// testCopiesValues: what the caller gave and what it was given are its own.
func testCopiesValues(t *testing.T, e kv.Engine) {
	k, v := key("key"), key("value")
	b := new(kv.Batch)
	b.Put(k, v)
	commit(t, e, b)
	copy(k, "xxx")
	copy(v, "xxxxx")
	got, err := e.Get(t.Context(), key("key"))
	if err != nil || string(got) != "value" {
		t.Fatalf("after the batch's slices were overwritten: %q, %v", got, err)
	}
	copy(got, "yyyyy")
	want(t, e, "key=value")
}

func testScan(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2", "ba", "3", "bb", "", "c", "5", "\xff", "6", "\xff\xff", "7")
	for _, c := range []struct {
		name string
		r    kv.Range
		want []string
	}{
		{"all", kv.Range{}, []string{"a=1", "b=2", "ba=3", "bb=", "c=5", "\xff=6", "\xff\xff=7"}},
		{"all down", kv.Range{Reverse: true}, []string{"\xff\xff=7", "\xff=6", "c=5", "bb=", "ba=3", "b=2", "a=1"}},
		{"lo is in, hi is not", kv.Range{Lo: key("b"), Hi: key("c")}, []string{"b=2", "ba=3", "bb="}},
		{"the same down", kv.Range{Lo: key("b"), Hi: key("c"), Reverse: true}, []string{"bb=", "ba=3", "b=2"}},
		{"ends between keys", kv.Range{Lo: key("aa"), Hi: key("baa")}, []string{"b=2", "ba=3"}},
		{"limit", kv.Range{Lo: key("b"), Limit: 2}, []string{"b=2", "ba=3"}},
		{"limit down", kv.Range{Hi: key("c"), Limit: 2, Reverse: true}, []string{"bb=", "ba=3"}},
		{"limit above", kv.Range{Hi: key("b"), Limit: 9}, []string{"a=1"}},
		{"keys only", kv.Range{Lo: key("c"), KeysOnly: true}, []string{"c=", "\xff=", "\xff\xff="}},
		{"prefix", kv.Prefix(key("b")), []string{"b=2", "ba=3", "bb="}},
		{"prefix without a key above", kv.Prefix(key("\xff")), []string{"\xff=6", "\xff\xff=7"}},
		{"prefix of nothing", kv.Prefix(nil), []string{"a=1", "b=2", "ba=3", "bb=", "c=5", "\xff=6", "\xff\xff=7"}},
		{"prefix that no key has", kv.Prefix(key("bc")), nil},
		{"empty", kv.Range{Lo: key("b"), Hi: key("b")}, nil},
		{"empty, hi is no end", kv.Range{Hi: []byte{}}, nil},
		{"ends swapped", kv.Range{Lo: key("c"), Hi: key("a")}, nil},
		{"ends swapped, down", kv.Range{Lo: key("c"), Hi: key("a"), Reverse: true}, nil},
	} {
		if diff := cmp.Diff(c.want, read(t, e, c.r)); diff != "" {
			t.Errorf("%s, -want +got:\n%s", c.name, diff)
		}
	}
}

func testScanStops(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2", "c", "3")
	calls := 0
	err := e.Scan(t.Context(), kv.Range{}, func(_, _ []byte) (bool, error) {
		calls++
		return calls < 2, nil
	})
	if err != nil || calls != 2 {
		t.Errorf("stopped by false: %d calls, %v", calls, err)
	}
	boom := errors.New("boom")
	calls = 0
	err = e.Scan(t.Context(), kv.Range{}, func(_, _ []byte) (bool, error) {
		calls++
		return true, boom
	})
	if err != boom || calls != 1 {
		t.Errorf("stopped by an error: %d calls, %v", calls, err)
	}
}

func testScanReadsInside(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2")
	var got []string
	err := e.Scan(t.Context(), kv.Range{}, func(k, _ []byte) (bool, error) {
		v, err := e.Get(t.Context(), k)
		got = append(got, string(v))
		got = append(got, read(t, e, kv.Range{Lo: k, Limit: 1})...)
		if err == nil {
			err = e.View(t.Context(), k, func([]byte) error {
				got = append(got, read(t, e, kv.Range{Hi: k, Limit: 1})...)
				return nil
			})
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "a=1", "2", "b=2", "a=1"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// testScanIsOneState: a commit in the middle of a scan (made by somebody else)
// does not show in it.
func testScanIsOneState(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2", "c", "3")
	var got []string
	err := e.Scan(t.Context(), kv.Range{}, func(k, v []byte) (bool, error) {
		if len(got) == 0 {
			done := make(chan error)
			go func() {
				b := new(kv.Batch)
				b.Remove(key("b"))
				b.Put(key("c"), key("new"))
				b.Put(key("d"), key("new"))
				done <- e.Commit(context.WithoutCancel(t.Context()), b, kv.Durable)
			}()
			if err := <-done; err != nil {
				return false, err
			}
		}
		got = append(got, string(k)+"="+string(v))
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a=1", "b=2", "c=3"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want(t, e, "a=1", "c=new", "d=new")
}

func testSnapshot(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2")
	s, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	b.RemoveSpan(kv.Span{})
	b.Put(key("c"), key("3"))
	commit(t, e, b)
	s2, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	put(t, e, "d", "4")

	want(t, s, "a=1", "b=2")
	want(t, s2, "c=3")
	want(t, e, "c=3", "d=4")
	if v, err := s.Get(t.Context(), key("a")); err != nil || string(v) != "1" {
		t.Errorf("get in the snapshot: %q, %v", v, err)
	}
	_, err = s.Get(t.Context(), key("c"))
	wantErr(t, "get of a later key", err, kv.ErrNotFound)

	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for what, err := range readers(t, t.Context(), s) {
		wantErr(t, what+" after close", err, kv.ErrClosed)
	}
	want(t, s2, "c=3")
	if err := s2.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func testSnapshotOutlivesCompact(t *testing.T, e kv.Engine) {
	put(t, e, "a", "1", "b", "2")
	s, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := new(kv.Batch)
	b.RemoveSpan(kv.Span{Lo: key("a"), Hi: key("b")})
	commit(t, e, b)
	for _, span := range []kv.Span{{}, {Lo: key("a"), Hi: key("c")}, {Lo: key("c"), Hi: key("a")}} {
		if err := e.Compact(t.Context(), span); err != nil {
			t.Fatalf("compact: %v", err)
		}
	}
	want(t, s, "a=1", "b=2")
	want(t, e, "b=2")
}
