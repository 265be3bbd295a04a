package threading

import (
	"cmp"
	"slices"
)

// What follows is RFC 5256 3 word for word, with no regard for time: the model that the package is held against.

type naiveNode struct {
	msg      *Message
	place    int
	parent   *naiveNode
	children []*naiveNode
}

func (n *naiveNode) below(m *naiveNode) bool {
	for ; n != nil; n = n.parent {
		if n == m {
			return true
		}
	}
	return false
}

func (n *naiveNode) setParent(p *naiveNode) {
	if n.parent != nil {
		n.parent.children = slices.DeleteFunc(n.parent.children, func(c *naiveNode) bool { return c == n })
	}
	if n.parent = p; p != nil {
		p.children = append(p.children, n)
	}
}

// date is the place of a node among its siblings: sent date, then sequence number; for a dummy that of its first child.
func (n *naiveNode) compare(m *naiveNode) int {
	if n.msg == nil {
		n.sort()
		n = n.children[0]
	}
	if m.msg == nil {
		m.sort()
		m = m.children[0]
	}
	return cmp.Or(cmp.Compare(n.msg.Sent, m.msg.Sent), cmp.Compare(n.place, m.place))
}

func (n *naiveNode) sort() { slices.SortFunc(n.children, (*naiveNode).compare) }

func (n *naiveNode) write(out *Threads) {
	*out = append(*out, Node{int32(n.place), int32(len(n.children))})
	for _, c := range n.children {
		c.write(out)
	}
}

func naiveOrderedSubject(msgs []Message) (out Threads) {
	var all []*naiveNode
	for i := range msgs {
		all = append(all, &naiveNode{msg: &msgs[i], place: i})
	}
	slices.SortFunc(all, func(a, b *naiveNode) int {
		return cmp.Or(cmp.Compare(a.msg.Subject, b.msg.Subject), cmp.Compare(a.msg.Sent, b.msg.Sent), cmp.Compare(a.place, b.place))
	})
	var root naiveNode
	for _, n := range all {
		if k := len(root.children); k > 0 && root.children[k-1].msg.Subject == n.msg.Subject {
			root.children[k-1].children = append(root.children[k-1].children, n)
		} else {
			root.children = append(root.children, n)
		}
	}
	root.sort()
	for _, n := range root.children {
		n.write(&out)
	}
	return out
}

// naiveLinks is steps 1 to 3.
func naiveLinks(msgs []Message) *naiveNode {
	byID := map[uint32]*naiveNode{}
	var nodes, all []*naiveNode
	for i := range msgs {
		n := &naiveNode{msg: &msgs[i], place: i}
		nodes = append(nodes, n)
		if id := msgs[i].ID; id != 0 && byID[id] == nil {
			byID[id] = n
		}
	}
	all = append(all, nodes...)
	for i, n := range nodes {
		var above *naiveNode
		for _, id := range msgs[i].Refs {
			at := byID[id]
			if at == nil {
				at = &naiveNode{place: Dummy}
				byID[id] = at
				all = append(all, at)
			}
			if above != nil && at.parent == nil && !above.below(at) {
				at.setParent(above)
			}
			above = at
		}
		n.setParent(nil)
		if above != nil && !above.below(n) {
			n.setParent(above)
		}
	}
	root := &naiveNode{place: Dummy}
	for _, n := range all {
		if n.parent == nil {
			n.parent = root
			root.children = append(root.children, n)
		}
	}
	naivePrune(root, true)
	return root
}

func naivePrune(n *naiveNode, root bool) {
	var kept []*naiveNode
	for _, c := range n.children {
		naivePrune(c, false)
		switch {
		case c.msg != nil, root && len(c.children) > 1:
			kept = append(kept, c)
		default:
			kept = append(kept, c.children...)
		}
	}
	for _, c := range kept {
		c.parent = n
	}
	n.children = kept
}

func naiveReferences(msgs []Message) (out Threads) {
	root := naiveLinks(msgs)
	root.sort() // 4
	subject := func(n *naiveNode) uint32 {
		if n.msg == nil {
			n = n.children[0]
		}
		return n.msg.Subject
	}
	table := map[uint32]*naiveNode{}
	for _, n := range root.children { // 5 B
		if n.msg == nil {
			n.sort()
		}
		s := subject(n)
		if s == 0 {
			continue
		}
		switch in := table[s]; {
		case in == nil:
			table[s] = n
		case in.msg != nil && (n.msg == nil || in.msg.Reply && !n.msg.Reply):
			table[s] = n
		}
	}
	for _, n := range slices.Clone(root.children) { // 5 C
		if n.parent != root {
			continue
		}
		s := subject(n)
		if s == 0 || table[s] == n {
			continue
		}
		switch in := table[s]; {
		case in.msg == nil && n.msg == nil:
			for _, c := range slices.Clone(n.children) {
				c.setParent(in)
			}
			n.setParent(nil)
		case in.msg == nil, n.msg.Reply && in.msg != nil && !in.msg.Reply:
			n.setParent(in)
		default:
			dummy := &naiveNode{place: Dummy}
			dummy.setParent(root)
			n.setParent(dummy)
			in.setParent(dummy)
			table[s] = dummy
		}
	}
	naiveSort(root) // 6
	for _, n := range root.children {
		n.write(&out)
	}
	return out
}

func naiveSort(n *naiveNode) {
	for _, c := range n.children {
		naiveSort(c)
	}
	n.sort()
}

func naiveRefs(msgs []Message) (out Threads) {
	root := naiveLinks(msgs)
	naiveSort(root)
	var last func(n *naiveNode) int64
	last = func(n *naiveNode) int64 {
		at := int64(-1 << 63)
		if n.msg != nil {
			at = n.msg.Arrived
		}
		for _, c := range n.children {
			at = max(at, last(c))
		}
		return at
	}
	slices.SortStableFunc(root.children, func(a, b *naiveNode) int { return cmp.Compare(last(a), last(b)) })
	for _, n := range root.children {
		n.write(&out)
	}
	return out
}
