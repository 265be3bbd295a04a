package search

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// TestVerify: what is wrong with a manifest is told, and nothing is changed by that.
func TestVerify(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	ctx := context.Background()
	h.put("Subject: a\r\n\r\nneedle\r\n")
	h.sync()
	good, err := h.engine.Get(ctx, manifestKey(h.h.ID()))
	h.must(err)
	with := func(change func(*manifest)) []byte {
		m, err := decodeManifest(good)
		h.must(err)
		change(m)
		return m.encode()
	}
	for _, tt := range []struct {
		name     string
		manifest []byte
		found    string
	}{
		{"as it is", good, ""},
		{"of an older version", append([]byte{manifestVersion, 1}, "1..."...), ""},
		{"cut off", good[:len(good)-1], "manifest"},
		{"further than the last operation", with(func(m *manifest) { m.modSeq++ }), "ahead"},
		{"further than the last message", with(func(m *manifest) { m.last++ }), "ahead"},
		{"of another account", with(func(m *manifest) { m.seed[0]++ }), "ahead"},
	} {
		b := new(kv.Batch)
		b.Put(manifestKey(h.h.ID()), tt.manifest)
		b.Put(manifestKey(math.MaxUint32), good) // of an account that is no more
		h.must(h.engine.Commit(ctx, b, kv.Lazy))
		var found []string
		h.must(h.index.Verify(ctx, func(a store.AccountID, what string) {
			if a != h.h.ID() {
				t.Errorf("%s: account %d: %s", tt.name, a, what)
			}
			found = append(found, what)
		}))
		if len(found) > 1 || (len(found) == 0) != (tt.found == "") || !strings.Contains(strings.Join(found, ""), tt.found) {
			t.Errorf("%s: found %q", tt.name, found)
		}
		after, err := h.engine.Get(ctx, manifestKey(h.h.ID()))
		h.must(err)
		if !slices.Equal(after, tt.manifest) {
			t.Errorf("%s: the manifest has been changed", tt.name)
		}
		h.check([]Key{Body("needle")}) // whatever the manifest, what is found is right
	}
}
