package threading

// OrderedSubject threads by base subject and sent date (RFC 5256 3, ORDEREDSUBJECT).
func OrderedSubject(msgs []Message) Threads {
	t := newTree(msgs)
	first := make([]int32, subjects(msgs))
	for _, at := range t.order {
		n, s := int32(at)+1, msgs[at].Subject
		if first[s] == 0 {
			first[s] = n
		} else {
			t.parent[n] = first[s]
		}
	}
	t.gather()
	return t.threads(nil)
}

// References threads by references, then by base subject (RFC 5256 3, REFERENCES). ids is more than every ID of the messages.
func References(msgs []Message, ids uint32) Threads {
	t := newTree(msgs)
	t.link(ids)
	t.gather()
	t.mergeSubjects()
	t.gather()
	return t.threads(nil)
}

// Refs threads by references only. The threads stand in the order of the last arrival in each
// (draft-ietf-morg-inthread-01 4).
func Refs(msgs []Message, ids uint32) Threads {
	t := newTree(msgs)
	t.link(ids)
	t.gather()
	return t.threads(func(thread Threads) int64 {
		last, some := int64(0), false
		for _, n := range thread {
			if n.Place != Dummy && (!some || msgs[n.Place].Arrived > last) {
				last, some = msgs[n.Place].Arrived, true
			}
		}
		return last
	})
}

// subjects is more than every number of a subject.
func subjects(msgs []Message) uint32 {
	n := uint32(0)
	for i := range msgs {
		n = max(n, msgs[i].Subject)
	}
	return n + 1
}

// tree is the threads as they are made. Nodes count from 1: the messages first, a node for each place, behind them the dummies.
type tree struct {
	msgs   []Message
	order  Order   // the messages by sent date
	parent []int32 // of each node; 0 is the root that RFC 5256 puts above all threads

	// What gather makes of parent: the children of each node and the heads of threads, in the order of their sent dates, where a dummy has
	// that of its first child.
	first, next, children []int32
	heads                 []int32
}

func newTree(msgs []Message) *tree {
	t := &tree{msgs: msgs, order: NewOrder(len(msgs)), parent: make([]int32, len(msgs)+1)}
	keys := make([]uint64, len(msgs))
	for i := range msgs {
		keys[i] = Key(msgs[i].Sent)
	}
	t.order.SortBy(keys)
	return t
}

func (t *tree) isDummy(n int32) bool { return int(n) > len(t.msgs) }

// link makes the links of steps 1 to 3 of REFERENCES.
func (t *tree) link(ids uint32) {
	f := newForest(len(t.msgs))
	node := make([]int32, ids)
	for i := range t.msgs {
		// Of several messages with the same id the first has it.
		if id := t.msgs[i].ID; id != 0 && node[id] == 0 {
			node[id] = int32(i) + 1
		}
	}
	for i := range t.msgs {
		above := int32(0)
		for _, id := range t.msgs[i].Refs { // step 1 A
			n := node[id]
			if n == 0 {
				n = f.add()
				node[id] = n
			}
			if above != 0 && f.parent[n] == 0 {
				f.link(above, n)
			}
			above = n
		}
		if n := int32(i) + 1; f.parent[n] != above { // step 1 B
			if f.parent[n] != 0 {
				f.cut(n)
			}
			if above != 0 {
				f.link(above, n)
			}
		}
	}
	t.parent = f.parent
	t.prune()
}

// prune is step 3: what hung from a dummy hangs from what is above it. Only directly under the root a dummy stays, when it keeps several
// threads together.
func (t *tree) prune() {
	dummies := t.parent[len(t.msgs)+1:]
	above := func(n int32) int32 { // the nearest message above n, or the uppermost dummy
		top := n
		for t.isDummy(top) && t.parent[top] != 0 {
			top = t.parent[top]
		}
		for t.isDummy(n) && n != top { // so that this way is gone only once
			n, t.parent[n] = t.parent[n], top
		}
		return top
	}
	kept := make([]int32, len(dummies))
	for n := 1; n <= len(t.msgs); n++ {
		if p := t.parent[n]; p != 0 {
			p = above(p)
			t.parent[n] = p
			if t.isDummy(p) {
				kept[int(p)-len(t.msgs)-1]++
			}
		}
	}
	for n := 1; n <= len(t.msgs); n++ {
		if p := t.parent[n]; t.isDummy(p) && kept[int(p)-len(t.msgs)-1] == 1 {
			t.parent[n] = 0
		}
	}
}

// gather finds the children of all nodes and the heads of threads, sorted (steps 2, 4 and 6). Only messages are looked at, in the order of
// their dates, so a dummy without messages is gone, and one with messages comes where its first does.
func (t *tree) gather() {
	n := len(t.parent)
	t.first, t.next, t.children, t.heads = make([]int32, n), make([]int32, n), make([]int32, n), t.heads[:0]
	last := make([]int32, n)
	for _, at := range t.order {
		m := int32(at) + 1
		p := t.parent[m]
		if p == 0 {
			t.heads = append(t.heads, m)
			continue
		}
		if t.children[p]++; last[p] == 0 {
			t.first[p] = m
			if t.isDummy(p) {
				t.heads = append(t.heads, p)
			}
		} else {
			t.next[last[p]] = m
		}
		last[p] = m
	}
}

// subject is the thread subject of a head (step 5 B i).
func (t *tree) subject(head int32) uint32 {
	if t.isDummy(head) {
		head = t.first[head]
	}
	return t.msgs[head-1].Subject
}

// mergeSubjects is step 5. It changes parents only; nothing that is merged has been merged into before, so the lists of children that it reads
// hold.
func (t *tree) mergeSubjects() {
	table := make([]int32, subjects(t.msgs))
	for _, n := range t.heads { // B
		s := t.subject(n)
		if s == 0 {
			continue
		}
		switch in := table[s]; {
		case in == 0,
			!t.isDummy(in) && (t.isDummy(n) || t.msgs[in-1].Reply && !t.msgs[n-1].Reply):
			table[s] = n
		}
	}
	for _, n := range t.heads { // C
		s := t.subject(n)
		if s == 0 || table[s] == n || t.parent[n] != 0 {
			continue
		}
		switch in := table[s]; {
		case t.isDummy(n): // so is the other: it has been preferred
			for c := t.first[n]; c != 0; c = t.next[c] {
				t.parent[c] = in
			}
		case t.isDummy(in), t.msgs[n-1].Reply && !t.msgs[in-1].Reply:
			t.parent[n] = in
		default:
			t.parent = append(t.parent, 0)
			dummy := int32(len(t.parent) - 1)
			t.parent[n], t.parent[in], table[s] = dummy, dummy, dummy
		}
	}
}

// threads writes the tree down. With by, threads stand in the order of what it says of them.
func (t *tree) threads(by func(Threads) int64) Threads {
	out := make(Threads, 0, len(t.msgs)+len(t.heads))
	starts := make([]int, 0, len(t.heads)+1)
	for _, head := range t.heads {
		starts = append(starts, len(out))
		out = t.appendThread(out, head)
	}
	if by == nil {
		return out
	}
	starts = append(starts, len(out))
	keys := make([]uint64, len(t.heads))
	for i := range keys {
		keys[i] = Key(by(out[starts[i]:starts[i+1]]))
	}
	order := NewOrder(len(keys))
	order.SortBy(keys)
	sorted := make(Threads, 0, len(out))
	for _, i := range order {
		sorted = append(sorted, out[starts[i]:starts[i+1]]...)
	}
	return sorted
}

func (t *tree) appendThread(out Threads, head int32) Threads {
	for n := head; ; {
		place := n - 1
		if t.isDummy(n) {
			place = Dummy
		}
		out = append(out, Node{place, t.children[n]})
		if t.first[n] != 0 {
			n = t.first[n]
			continue
		}
		for n != head && t.next[n] == 0 {
			n = t.parent[n]
		}
		if n == head {
			return out
		}
		n = t.next[n]
	}
}
