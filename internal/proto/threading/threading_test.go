package threading

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// show writes threads as THREAD does, places counted from 1.
func (t Threads) String() string {
	var b strings.Builder
	for len(t) > 0 {
		b.WriteByte('(')
		t = t.show(&b)
		b.WriteByte(')')
	}
	return b.String()
}

func (t Threads) show(b *strings.Builder) Threads {
	n := t[0]
	if t = t[1:]; n.Place != Dummy {
		fmt.Fprint(b, n.Place+1)
	}
	if n.Children == 1 {
		b.WriteByte(' ')
		return t.show(b)
	}
	if n.Children > 1 && n.Place != Dummy {
		b.WriteByte(' ')
	}
	for range n.Children {
		b.WriteByte('(')
		t = t.show(b)
		b.WriteByte(')')
	}
	return t
}

// mail reads messages from a table: id, references, subject with "re:" before it, minute of sending.
func mail(rows ...string) (msgs []Message, ids uint32) {
	number := map[string]uint32{"-": 0}
	of := func(s string) uint32 {
		if _, ok := number[s]; !ok {
			number[s] = uint32(len(number))
		}
		return number[s]
	}
	for i, row := range rows {
		f := strings.Fields(row)
		var m Message
		m.ID = of(f[0])
		for _, ref := range strings.Split(f[1], ",") {
			if ref != "-" {
				m.Refs = append(m.Refs, of(ref))
			}
		}
		subject, reply := strings.CutPrefix(f[2], "re:")
		if m.Reply = reply; subject != "-" {
			m.Subject = of("subject " + subject)
		}
		fmt.Sscan(f[3], &m.Sent)
		m.Arrived = int64(i)
		msgs = append(msgs, m)
	}
	return msgs, uint32(len(number))
}

func TestThreads(t *testing.T) {
	for _, c := range []struct {
		name                string
		rows                []string
		subject, refs, last string
	}{
		{"nothing", nil, "", "", ""},
		{"the example of RFC 5256 4", []string{"a - - 1", "b - x 2", "d f z 7", "c - y 3", "e c re:y 4", "f b re:x 5", "g f re:x 6"},
			"(1)(2 (6)(7))(4 5)(3)", "(1)(2 6 (7)(3))(4 5)", "(1)(4 5)(2 6 (7)(3))"},
		{"the parent is not there", []string{"3 p x 1", "5 p x 2"}, "(1 2)", "((1)(2))", "((1)(2))"},
		{"one child of what is not there", []string{"3 p x 1"}, "(1)", "(1)", "(1)"},
		{"dummies within", []string{"a - x 1", "d a,b,c re:x 2", "e a,b re:x 3"}, "(1 (2)(3))", "(1 (2)(3))", "(1 (2)(3))"},
		{"a loop", []string{"a b x 1", "b a x 2"}, "(1 2)", "(2 1)", "(2 1)"},
		{"itself", []string{"a a x 1"}, "(1)", "(1)", "(1)"},
		{"the same id twice", []string{"a - x 1", "a - y 2", "b a re:x 3"}, "(1 3)(2)", "(1 3)(2)", "(2)(1 3)"},
		{"no ids", []string{"- - x 1", "- - re:x 2", "- - re:x 3"}, "(1 (2)(3))", "(1 (2)(3))", "(1)(2)(3)"},
		{"a reply before what it answers", []string{"a - re:x 1", "b - x 2"}, "(1 2)", "(2 1)", "(1)(2)"},
		{"two that answer nothing", []string{"a - x 1", "b - x 2"}, "(1 2)", "((1)(2))", "(1)(2)"},
		{"three that answer nothing", []string{"a - x 1", "b - x 2", "c - re:x 3"}, "(1 (2)(3))", "((1)(2)(3))", "(1)(2)(3)"},
		{"two dummies of one subject", []string{"a p x 1", "b p x 2", "c q x 3", "d q x 4"}, "(1 (2)(3)(4))", "((1)(2)(3)(4))", "((1)(2))((3)(4))"},
		{"no subjects", []string{"a - - 1", "b - - 2"}, "(1 2)", "(1)(2)", "(1)(2)"},
		{"references cut short", []string{"a - x 1", "b a re:x 2", "c a,b re:x 3", "d a,c re:x 4"}, "(1 (2)(3)(4))", "(1 2 3 4)", "(1 2 3 4)"},
		{"no references, named by another", []string{"b - x 2", "a - y 1", "c a,b z 3"}, "(2)(1)(3)", "(2 1 3)", "(2 1 3)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			msgs, ids := mail(c.rows...)
			for _, w := range []struct {
				name, want string
				got        Threads
			}{{"ORDEREDSUBJECT", c.subject, OrderedSubject(msgs)}, {"REFERENCES", c.refs, References(msgs, ids)}, {"REFS", c.last, Refs(msgs, ids)}} {
				if w.got.String() != w.want {
					t.Errorf("%s: %v, want %v", w.name, w.got, w.want)
				}
			}
		})
	}
}

func generate(t *rapid.T) (msgs []Message, ids uint32) {
	n, many := rapid.IntRange(0, 30).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "ids")
	id := rapid.Uint32Range(0, uint32(many))
	for range n {
		msgs = append(msgs, Message{
			ID: id.Draw(t, "id"), Reply: rapid.Bool().Draw(t, "reply"), Subject: rapid.Uint32Range(0, 4).Draw(t, "subject"),
			Refs: rapid.SliceOfN(rapid.Uint32Range(1, uint32(many)), 0, 6).Draw(t, "refs"),
			Sent: rapid.Int64Range(-3, 10).Draw(t, "sent"), Arrived: rapid.Int64Range(-3, 10).Draw(t, "arrived"),
		})
	}
	return msgs, uint32(many) + 1
}

func TestAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		msgs, ids := generate(t)
		for _, c := range []struct {
			name      string
			got, want Threads
		}{
			{"ORDEREDSUBJECT", OrderedSubject(msgs), naiveOrderedSubject(msgs)},
			{"REFERENCES", References(msgs, ids), naiveReferences(msgs)},
			{"REFS", Refs(msgs, ids), naiveRefs(msgs)},
		} {
			if c.got.String() != c.want.String() || !slices.Equal(c.got, c.want) {
				t.Fatalf("%s of %+v:\n%v, want\n%v", c.name, msgs, c.got, c.want)
			}
		}
	})
}

// TestForest holds the link-cut tree against going up.
func TestForest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "nodes")
		slow, quick := newForest(n), newForest(n)
		slow.steps = 1 << 60
		quick.cuts = newLinkCut(quick.parent)
		node := rapid.Int32Range(1, int32(n))
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			a, b := node.Draw(t, "a"), node.Draw(t, "b")
			if ra, rb := slow.root(a), quick.root(a); ra != rb {
				t.Fatalf("the root of %d is %d, not %d", a, ra, rb)
			}
			if slow.parent[b] != 0 {
				slow.cut(b)
				quick.cut(b)
			} else {
				slow.link(a, b)
				quick.link(a, b)
			}
			if !slices.Equal(slow.parent, quick.parent) {
				t.Fatalf("%v and %v", slow.parent, quick.parent)
			}
		}
	})
}

func TestSortBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 2, 50, smallOrder - 1, smallOrder, 3 * smallOrder}).Draw(t, "n")
		bits := rapid.IntRange(0, 64).Draw(t, "bits")
		seed := rapid.Uint64().Draw(t, "seed")
		keys := make([]uint64, n)
		for i := range keys {
			seed = seed*6364136223846793005 + 1442695040888963407
			keys[i] = (seed ^ seed>>29) >> (64 - bits)
		}
		got, want := NewOrder(n), NewOrder(n)
		slices.Reverse(got)
		slices.Reverse(want)
		got.SortBy(keys)
		slices.SortStableFunc(want, func(a, b uint32) int { return cmp.Compare(keys[a], keys[b]) })
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// hostile is messages that want to take long.
func hostile(n int) map[string][]Message {
	shapes := map[string]func(i int) []uint32{
		"chain":      func(i int) []uint32 { return []uint32{uint32(max(i, 1))} },
		"backwards":  func(i int) []uint32 { return []uint32{uint32(min(i+2, n))} },
		"star":       func(int) []uint32 { return []uint32{1} },
		"loop":       func(i int) []uint32 { return []uint32{uint32((i+n-1)%n + 1)} },
		"far dummy":  func(i int) []uint32 { return []uint32{uint32(n + 1 + i), uint32(n + 2 + i)} },
		"cut and go": func(i int) []uint32 { return []uint32{uint32(max(i, 1)), uint32(max(i-i%2*5, 1)), uint32(min(i+2, n))} },
		"long refs": func(i int) []uint32 {
			var refs []uint32
			for k := max(i-50, 1); k < i; k++ {
				refs = append(refs, uint32(k))
			}
			return refs
		},
	}
	out := map[string][]Message{}
	for name, refs := range shapes {
		for i := range n {
			out[name] = append(out[name], Message{ID: uint32(i) + 1, Refs: refs(i), Sent: int64(i * 7919 % n), Subject: uint32(i % 3)})
		}
	}
	return out
}

// TestHostile: no shape of a hundred thousand messages takes long, or recurses.
func TestHostile(t *testing.T) {
	const n = 100_000
	for name, msgs := range hostile(n) {
		start := time.Now()
		if got := References(msgs, 2*n+3); len(got) < n {
			t.Errorf("%s: %d nodes", name, len(got))
		}
		if got := Refs(msgs, 2*n+3); len(got) < n {
			t.Errorf("%s: %d nodes", name, len(got))
		}
		// What is quadratic takes minutes.
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: %v", name, d)
		}
	}
}

// FuzzReferences makes messages of octets.
func FuzzReferences(f *testing.F) {
	f.Add([]byte("abcdefghijklmnop"))
	f.Add([]byte{1, 2, 3, 4, 0, 0, 2, 1, 1, 1, 9, 9, 3, 2, 1, 0, 255, 254})
	f.Fuzz(func(t *testing.T, data []byte) {
		var msgs []Message
		for len(data) >= 4 && len(msgs) < 200 {
			m := Message{ID: uint32(data[0] % 32), Subject: uint32(data[1] % 4), Reply: data[1]&8 != 0, Sent: int64(data[2] % 8), Arrived: int64(data[2] >> 4)}
			k := int(data[3] % 8)
			for data = data[4:]; k > 0 && len(data) > 0; k-- {
				m.Refs, data = append(m.Refs, uint32(data[0]%32+1)), data[1:]
			}
			msgs = append(msgs, m)
		}
		if got, want := References(msgs, 33), naiveReferences(msgs); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		if got, want := Refs(msgs, 33), naiveRefs(msgs); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func BenchmarkThreads(b *testing.B) {
	const n = 100_000
	all := hostile(n)
	usual := make([]Message, n)
	for i := range usual {
		root := i / 5 * 5
		usual[i] = Message{ID: uint32(i) + 1, Sent: int64(i), Subject: uint32(i/5 + 1), Reply: i%5 != 0}
		for k := root; k < i; k++ {
			usual[i].Refs = append(usual[i].Refs, uint32(k)+1)
		}
	}
	all["usual"] = usual
	for name, msgs := range all {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				References(msgs, 2*n+3)
			}
		})
	}
}
