package memkv

import (
	"fmt"
	"hash/maphash"
	"testing"
)

// depth is the longest path of n.
func depth(n *node) int {
	if n == nil {
		return 0
	}
	return 1 + max(depth(n.left), depth(n.right))
}

// TestTreapStaysFlat: keys that come in order, as ours do, must not make a list.
func TestTreapStaysFlat(t *testing.T) {
	const keys = 100_000
	e := New()
	var root *node
	for i := range keys {
		root = root.set(e.leaf(fmt.Appendf(nil, "%08d", i), nil))
	}
	// A random search tree of 100,000 keys is about 40 deep.
	if d := depth(root); d > 80 {
		t.Errorf("depth of %d keys: %d", keys, d)
	}
}

// TestTreapKeepsOldRoots: changes must leave every earlier root as it was.
func TestTreapKeepsOldRoots(t *testing.T) {
	e := &Engine{seed: maphash.MakeSeed()}
	var roots []*node
	var root *node
	for i := range 500 {
		roots = append(roots, root)
		root = root.set(e.leaf(fmt.Appendf(nil, "%03d", i), nil))
	}
	root.remove([]byte("250"))
	root.removeSpan([]byte("100"), []byte("400"))
	root.removeSpan(nil, nil)
	root.set(e.leaf([]byte("300"), []byte("new")))
	for want, r := range append(roots, root) {
		got := 0
		r.walk(nil, nil, false, func(n *node) bool {
			if key := fmt.Sprintf("%03d", got); key != string(n.key) || len(n.value) > 0 {
				t.Fatalf("root %d has %s=%q at %d", want, n.key, n.value, got)
			}
			got++
			return true
		})
		if got != want {
			t.Fatalf("root %d has %d keys", want, got)
		}
	}
}
