package kv_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store/kv"
)

func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{
		"a": "b", "az": "a{", "a\xff": "b", "a\xff\xff": "b", "\x00": "\x01", "\xfe\xff": "\xff",
	} {
		if got := kv.After([]byte(prefix)); string(got) != want {
			t.Errorf("After(%q) = %q, want %q", prefix, got, want)
		}
	}
	for _, prefix := range []string{"", "\xff", "\xff\xff"} {
		if got := kv.After([]byte(prefix)); got != nil {
			t.Errorf("After(%q) = %q, want nil", prefix, got)
		}
	}
}

// TestPrefix: a key is in Prefix(p) if and only if it begins with p.
func TestPrefix(t *testing.T) {
	bytesOf := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xfe, 0xff}), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		p, key := bytesOf.Draw(t, "prefix"), bytesOf.Draw(t, "key")
		given := bytes.Clone(p)
		span := kv.Prefix(p).Span()
		if got, want := span.Contains(key), bytes.HasPrefix(key, p); got != want {
			t.Errorf("Prefix(%q) contains %q: %t", p, key, got)
		}
		if span.Empty() || span.Range().Span().Empty() {
			t.Errorf("Prefix(%q) is empty", p)
		}
		if !bytes.Equal(p, given) {
			t.Errorf("Prefix changed its argument to %q", p)
		}
	})
}

func TestSpanEmpty(t *testing.T) {
	for _, c := range []struct {
		span kv.Span
		want bool
	}{
		{kv.Span{}, false},
		{kv.Span{Lo: []byte("a")}, false},
		{kv.Span{Lo: []byte("a"), Hi: []byte("b")}, false},
		{kv.Span{Lo: []byte("a"), Hi: []byte("a")}, true},
		{kv.Span{Lo: []byte("b"), Hi: []byte("a")}, true},
		{kv.Span{Hi: []byte{}}, true},
	} {
		if got := c.span.Empty(); got != c.want {
			t.Errorf("%q is empty: %t", c.span, got)
		}
	}
}

func TestBatchSize(t *testing.T) {
	b := new(kv.Batch)
	grow := func(by int, what string) {
		t.Helper()
		if got := b.Size() - by; got != 0 {
			t.Errorf("size after %s is %d too much", what, got)
		}
	}
	grow(0, "nothing")
	b.RequireValue([]byte("key"), []byte("value"))
	grow(24, "a requirement")
	b.RequireAbsent([]byte("key"))
	grow(24+19, "an absence")
	if !b.Empty() {
		t.Error("a batch of requirements is not empty")
	}
	b.Remove([]byte("key"))
	grow(24+19+19, "a delete")
	b.RemoveSpan(kv.Span{Lo: []byte("a"), Hi: []byte("bc")})
	grow(24+19+19+19, "a span")
	b.Put([]byte("key"), []byte("value"))
	grow(24+19+19+19+kv.PairSize(3, 5), "a pair")
	size := b.Size()
	b.Merge(b)
	grow(2*size, "merging")
	if err := b.Check(); err != nil || b.Empty() {
		t.Errorf("check: %v, empty: %t", err, b.Empty())
	}
	b.Reset()
	grow(0, "reset")
}

func TestConflictError(t *testing.T) {
	var err error = &kv.ConflictError{Key: []byte("A\x01")}
	if !errors.Is(err, kv.ErrConflict) || err.Error() != "kv: conflict at key 4101" {
		t.Errorf("%v is ErrConflict: %t", err, errors.Is(err, kv.ErrConflict))
	}
}
