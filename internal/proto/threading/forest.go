package threading

// forest is trees over nodes from 1 that grow by links and lose some of them. The question before every link is at which root a node
// hangs. Going up is the quickest answer in real mail; where that takes too many steps, a link-cut tree (Sleator and Tarjan, 1983) answers
// in O(log n).
type forest struct {
	parent []int32 // 0 is none
	steps  int     // that may still be gone up
	cuts   *linkCut
}

func newForest(nodes int) *forest {
	return &forest{parent: make([]int32, nodes+1), steps: 16*nodes + 1000}
}

// add adds a node without links.
func (f *forest) add() int32 {
	f.parent = append(f.parent, 0)
	if f.cuts != nil {
		f.cuts.add()
	}
	return int32(len(f.parent) - 1)
}

// root is the uppermost node above n, or n itself.
func (f *forest) root(n int32) int32 {
	if f.cuts != nil {
		return f.cuts.root(n)
	}
	at := n
	for f.parent[at] != 0 {
		at = f.parent[at]
		f.steps--
	}
	if f.steps < 0 {
		f.cuts = newLinkCut(f.parent)
	}
	return at
}

// link puts the child, which has no parent, below a parent, unless the parent hangs below the child.
func (f *forest) link(parent, child int32) {
	if f.root(parent) == child {
		return
	}
	f.parent[child] = parent
	if f.cuts != nil {
		f.cuts.link(parent, child)
	}
}

// cut takes a node from its parent, which it has.
func (f *forest) cut(n int32) {
	f.parent[n] = 0
	if f.cuts != nil {
		f.cuts.cut(n)
	}
}

// linkCut keeps each tree as paths, and each path as a splay tree in the order of depth. The root of a splay tree has as its up the node that
// its path hangs from, which does not have it as a child.
type linkCut struct{ nodes []splayNode }

type splayNode struct{ up, left, right int32 }

func newLinkCut(parent []int32) *linkCut {
	t := &linkCut{nodes: make([]splayNode, len(parent), cap(parent))}
	for n, p := range parent {
		t.nodes[n].up = p // every node is a path of its own
	}
	return t
}

func (t *linkCut) add() { t.nodes = append(t.nodes, splayNode{}) }

// isTop says whether n is the root of its splay tree.
func (t *linkCut) isTop(n int32) bool {
	up := t.nodes[n].up
	return up == 0 || t.nodes[up].left != n && t.nodes[up].right != n
}

// rotate lifts n over the node above it in the splay tree.
func (t *linkCut) rotate(n int32) {
	nodes := t.nodes
	p := nodes[n].up
	g := nodes[p].up
	if !t.isTop(p) {
		if nodes[g].left == p {
			nodes[g].left = n
		} else {
			nodes[g].right = n
		}
	}
	var between int32
	if nodes[p].left == n {
		between = nodes[n].right
		nodes[p].left, nodes[n].right = between, p
	} else {
		between = nodes[n].left
		nodes[p].right, nodes[n].left = between, p
	}
	if between != 0 {
		nodes[between].up = p
	}
	nodes[p].up, nodes[n].up = n, g
}

func (t *linkCut) splay(n int32) {
	for !t.isTop(n) {
		p := t.nodes[n].up
		if !t.isTop(p) {
			g := t.nodes[p].up
			if (t.nodes[g].left == p) == (t.nodes[p].left == n) {
				t.rotate(p)
			} else {
				t.rotate(n)
			}
		}
		t.rotate(n)
	}
}

// access makes the nodes from the root down to n one path, with n on top of its splay tree.
func (t *linkCut) access(n int32) {
	below := int32(0)
	for at := n; at != 0; at = t.nodes[at].up {
		t.splay(at)
		t.nodes[at].right = below
		below = at
	}
	t.splay(n)
}

func (t *linkCut) root(n int32) int32 {
	t.access(n)
	for t.nodes[n].left != 0 {
		n = t.nodes[n].left
	}
	t.splay(n)
	return n
}

func (t *linkCut) link(parent, child int32) {
	t.access(child)
	t.nodes[child].up = parent
}

func (t *linkCut) cut(n int32) {
	t.access(n)
	if left := t.nodes[n].left; left != 0 {
		t.nodes[left].up, t.nodes[n].left = 0, 0
	}
}
