package memkv

// node is the root of a persistent treap: a search tree by key and a heap by
// rank. Nodes never change once made, so whoever holds a root holds a state for
// as long as it likes; a change copies the path from the root to its place.
// Since the rank is a hash of the key, the shape depends on the keys alone and
// is balanced whatever the order in which they came.
//
// A B-tree would be flatter, but a treap has cutting and joining as its only
// two operations, and a range is deleted in the time of a single key.
type node struct {
	key, value  []byte
	rank        uint64
	left, right *node
}

// with returns n with other children.
func (n *node) with(left, right *node) *node {
	return &node{key: n.key, value: n.value, rank: n.rank, left: left, right: right}
}

// get returns the node of key, nil when there is none.
func (n *node) get(key []byte) *node {
	for n != nil {
		switch {
		case string(key) < string(n.key):
			n = n.left
		case string(key) > string(n.key):
			n = n.right
		default:
			return n
		}
	}
	return nil
}

// cut splits n into the keys below key and the rest; with a nil key everything
// is below.
func (n *node) cut(key []byte) (below, rest *node) {
	switch {
	case n == nil:
		return nil, nil
	case key == nil || string(n.key) < string(key):
		below, rest = n.right.cut(key)
		return n.with(n.left, below), rest
	default:
		below, rest = n.left.cut(key)
		return below, n.with(rest, n.right)
	}
}

// join is the inverse of cut: all keys of a lie below those of b.
func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.rank > b.rank:
		return a.with(a.left, join(a.right, b))
	default:
		return b.with(join(a, b.left), b.right)
	}
}

// set returns n with the leaf in it, in place of a node with its key.
func (n *node) set(leaf *node) *node {
	switch {
	case n == nil:
		return leaf
	case string(n.key) == string(leaf.key):
		return leaf.with(n.left, n.right)
	case n.rank < leaf.rank:
		return leaf.with(n.cut(leaf.key))
	case string(leaf.key) < string(n.key):
		return n.with(n.left.set(leaf), n.right)
	default:
		return n.with(n.left, n.right.set(leaf))
	}
}

// remove returns n without key.
func (n *node) remove(key []byte) *node {
	switch {
	case n == nil:
		return nil
	case string(n.key) == string(key):
		return join(n.left, n.right)
	case string(key) < string(n.key):
		if left := n.left.remove(key); left != n.left {
			return n.with(left, n.right)
		}
	default:
		if right := n.right.remove(key); right != n.right {
			return n.with(n.left, right)
		}
	}
	return n
}

// removeSpan returns n without the keys from lo up to and without hi. A nil lo
// means the beginning, a nil hi the end.
func (n *node) removeSpan(lo, hi []byte) *node {
	below, rest := n.cut(append([]byte{}, lo...))
	_, above := rest.cut(hi)
	return join(below, above)
}

// walk calls visit for the nodes from lo up to hi, downwards with reverse, until
// it returns false, and tells whether it never did.
func (n *node) walk(lo, hi []byte, reverse bool, visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	above := string(n.key) >= string(lo)
	below := hi == nil || string(n.key) < string(hi)
	first, second := n.left, n.right
	enterFirst, enterSecond := above, below
	if reverse {
		first, second = second, first
		enterFirst, enterSecond = enterSecond, enterFirst
	}
	if enterFirst && !first.walk(lo, hi, reverse, visit) {
		return false
	}
	if above && below && !visit(n) {
		return false
	}
	return !enterSecond || second.walk(lo, hi, reverse, visit)
}
