package imapwire

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSetOperations compares sets with plain tables of their numbers.
func TestSetOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, inA := drawSet(t, "a")
		b, inB := drawSet(t, "b")
		for _, c := range []struct {
			name string
			got  SeqSet
			want func(n Seq) bool
		}{
			{"a", a, func(n Seq) bool { return inA[n] }},
			{"union", a.Union(b), func(n Seq) bool { return inA[n] || inB[n] }},
			{"intersection", a.Intersect(b), func(n Seq) bool { return inA[n] && inB[n] }},
			{"difference", a.Subtract(b), func(n Seq) bool { return inA[n] && !inB[n] }},
		} {
			var want []Seq
			for n := Seq(1); n < 64; n++ {
				if c.want(n) != c.got.Contains(n) {
					t.Fatalf("%s of %v and %v is %v: wrong about %d", c.name, a, b, c.got, n)
				}
				if c.want(n) {
					want = append(want, n)
				}
			}
			if got := slices.Collect(c.got.All()); !slices.Equal(got, want) || uint64(len(got)) != c.got.Len() {
				t.Fatalf("%s of %v and %v: %v", c.name, a, b, got)
			}
			for i := 1; i < len(c.got); i++ {
				if c.got[i-1].Last+1 >= c.got[i].First {
					t.Fatalf("%s of %v and %v is not normalised: %v", c.name, a, b, c.got)
				}
			}
			if len(want) > 0 && (c.got.Min() != want[0] || c.got.Max() != want[len(want)-1]) {
				t.Fatalf("%s: from %d to %d", c.name, c.got.Min(), c.got.Max())
			}
		}
	})
}

func drawSet(t *rapid.T, name string) (SeqSet, map[Seq]bool) {
	var s SeqSet
	in := map[Seq]bool{}
	for range rapid.IntRange(0, 12).Draw(t, name+" ranges") {
		a := Seq(rapid.IntRange(0, 60).Draw(t, name))
		b := a + Seq(rapid.IntRange(-5, 5).Draw(t, name))
		b = min(b, 63) // below zero it wraps
		s.AddRange(a, b)
		for n := max(min(a, b), 1); n <= max(a, b); n++ {
			in[n] = true
		}
	}
	return s, in
}

func TestSetEnds(t *testing.T) {
	const top = 1<<32 - 1
	var s UIDSet
	s.Add(0)
	if !s.Empty() || s.Min() != 0 || s.Max() != 0 || s.Contains(0) {
		t.Error("zero is a number of", s)
	}
	s.AddRange(top, top-1)
	s.Add(top - 2)
	s.AddRange(0, 2)
	if s.String() != "1:2,4294967293:4294967295" || s.Len() != 5 || s.Contains(0) || !s.Contains(top) {
		t.Error(s)
	}
	if got := slices.Collect(s.All()); len(got) != 5 || got[4] != top {
		t.Error(got)
	}
	if got := s.Subtract(UIDSet{{1, top}}); !got.Empty() {
		t.Error(got)
	}
}

func TestNumSet(t *testing.T) {
	for _, c := range []struct {
		set     NumSet
		text    string
		resolve string // with the highest number 10
		highest uint32
		star    bool
	}{
		{NumSet{}, "", "", 0, false},
		{From(UID(5)), "5:*", "5:10", 0, true},
		{From(UID(50)), "50:*", "10", 0, true},
		{From(UID(0)), "1:*", "1:10", 0, true},
		{SetOf(UIDSet{{3, 4}, {9, 12}}), "3:4,9:12", "3:4,9:10", 12, false},
	} {
		if c.set.String() != c.text || c.set.Highest() != c.highest || c.set.Star() != c.star {
			t.Errorf("%v: highest %d, star %v", c.set, c.set.Highest(), c.set.Star())
		}
		if got := Resolve(c.set, UID(10)).String(); got != c.resolve {
			t.Errorf("%v of 10: %s, want %s", c.set, got, c.resolve)
		}
		if got := Resolve(c.set, Seq(0)); !got.Empty() {
			t.Errorf("%v of an empty mailbox: %v", c.set, got)
		}
	}
}
