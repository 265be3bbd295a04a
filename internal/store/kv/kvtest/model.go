package kvtest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"restante/internal/store/kv"
)

// testModel runs random operations on the engine and on a plain map: what both
// say must be the same. Keys are few and share prefixes, so that operations meet.
func testModel(t *testing.T, e kv.Engine) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{t: t, engine: e, model: map[string]string{}}
		commit(t, e, &kv.Batch{DeleteRange: []kv.Span{{}}})
		defer m.drop()
		rt.Repeat(map[string]func(*rapid.T){
			"commit":   m.commit,
			"compact":  m.compact,
			"get":      m.get,
			"scan":     m.scan,
			"snapshot": m.snapshot,
			"drop":     func(*rapid.T) { m.drop() },
		})
	})
}

// machine is the engine beside its model, and a snapshot of both.
type machine struct {
	t      *testing.T
	engine kv.Engine
	model  map[string]string

	kept      kv.Snapshot // nil: none
	keptModel map[string]string
}

func drawKey(rt *rapid.T) []byte {
	return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 0xff}), 1, 3).Draw(rt, "key")
}

// drawValue draws small ones and some around the size that engines treat
// differently.
func drawValue(rt *rapid.T) []byte {
	if rapid.Bool().Draw(rt, "long") {
		return bytes.Repeat([]byte("v"), rapid.IntRange(1000, 1100).Draw(rt, "length"))
	}
	return rapid.SliceOfN(rapid.SampledFrom([]byte("xyz")), 0, 2).Draw(rt, "value")
}

func drawSpan(rt *rapid.T) kv.Span {
	var s kv.Span
	if rapid.IntRange(0, 4).Draw(rt, "from the beginning") > 0 {
		s.Lo = drawKey(rt)
	}
	if rapid.IntRange(0, 4).Draw(rt, "to the end") > 0 {
		s.Hi = drawKey(rt)
	}
	return s
}

func (m *machine) commit(rt *rapid.T) {
	b := new(kv.Batch)
	for range rapid.IntRange(0, 2).Draw(rt, "spans") {
		b.RemoveSpan(drawSpan(rt))
	}
	for range rapid.IntRange(0, 3).Draw(rt, "deletes") {
		b.Remove(drawKey(rt))
	}
	for range rapid.IntRange(0, 5).Draw(rt, "sets") {
		b.Put(drawKey(rt), drawValue(rt))
	}
	holds := m.require(rt, b)
	err := m.engine.Commit(m.t.Context(), b, rapid.SampledFrom([]kv.Durability{kv.Durable, kv.Lazy}).Draw(rt, "durability"))
	if !holds {
		if !errors.Is(err, kv.ErrConflict) {
			rt.Fatalf("commit: %v, want a conflict", err)
		}
		return
	}
	if err != nil {
		rt.Fatalf("commit: %v", err)
	}
	for _, s := range b.DeleteRange {
		maps.DeleteFunc(m.model, func(k, _ string) bool { return !s.Empty() && s.Contains([]byte(k)) })
	}
	for _, k := range b.Delete {
		delete(m.model, string(k))
	}
	for _, p := range b.Set {
		m.model[string(p.Key)] = string(p.Value)
	}
}

// require adds requirements for all keys that b sets or deletes, as the rule
// asks for, right ones for the most part, and tells whether they hold.
func (m *machine) require(rt *rapid.T, b *kv.Batch) bool {
	holds := true
	add := func(k []byte) {
		v, found := m.model[string(k)]
		r := kv.Requirement{Key: k, Value: []byte(v), Absent: !found}
		if rapid.IntRange(0, 19).Draw(rt, "wrong") == 0 {
			r = kv.Requirement{Key: k, Value: drawValue(rt), Absent: rapid.Bool().Draw(rt, "absent")}
		}
		holds = holds && r.Holds([]byte(v), found)
		b.Require = append(b.Require, r)
	}
	for _, k := range b.Delete {
		add(k)
	}
	for _, p := range b.Set {
		add(p.Key)
	}
	return holds
}

func (m *machine) compact(rt *rapid.T) {
	if err := m.engine.Compact(m.t.Context(), drawSpan(rt)); err != nil {
		rt.Fatalf("compact: %v", err)
	}
}

func (m *machine) snapshot(rt *rapid.T) {
	m.drop()
	s, err := m.engine.Snapshot()
	if err != nil {
		rt.Fatalf("snapshot: %v", err)
	}
	m.kept, m.keptModel = s, maps.Clone(m.model)
}

func (m *machine) drop() {
	if m.kept == nil {
		return
	}
	if err := m.kept.Close(); err != nil {
		m.t.Errorf("close snapshot: %v", err)
	}
	m.kept = nil
}

// reader picks the engine or the snapshot, with its model.
func (m *machine) reader(rt *rapid.T) (kv.Reader, map[string]string) {
	if m.kept != nil && rapid.Bool().Draw(rt, "from snapshot") {
		return m.kept, m.keptModel
	}
	return m.engine, m.model
}

func (m *machine) get(rt *rapid.T) {
	r, model := m.reader(rt)
	k := drawKey(rt)
	got, err := r.Get(m.t.Context(), k)
	want, found := model[string(k)]
	if found && (err != nil || string(got) != want) {
		rt.Fatalf("get %q: %.9q, %v; want %.9q", k, got, err, want)
	}
	if !found && !errors.Is(err, kv.ErrNotFound) {
		rt.Fatalf("get %q: %.9q, %v; want none", k, got, err)
	}
	calls := 0
	err = r.View(m.t.Context(), k, func(value []byte) error {
		calls++
		if string(value) != want {
			rt.Fatalf("view %q: %.9q; want %.9q", k, value, want)
		}
		return errStop
	})
	if found && (calls != 1 || !errors.Is(err, errStop)) || !found && (calls != 0 || !errors.Is(err, kv.ErrNotFound)) {
		rt.Fatalf("view %q: %d calls, %v; found %v", k, calls, err, found)
	}
}

// errStop is what a test's function returns, to be returned as it is.
var errStop = errors.New("stop")

func (m *machine) scan(rt *rapid.T) {
	r, model := m.reader(rt)
	s := drawSpan(rt)
	rng := kv.Range{
		Lo: s.Lo, Hi: s.Hi,
		Limit:    rapid.IntRange(0, 4).Draw(rt, "limit"),
		Reverse:  rapid.Bool().Draw(rt, "reverse"),
		KeysOnly: rapid.Bool().Draw(rt, "keys only"),
	}
	type pair struct{ Key, Value string }
	var want, got []pair
	for _, k := range slices.Sorted(maps.Keys(model)) {
		if !s.Empty() && s.Contains([]byte(k)) {
			want = append(want, pair{k, model[k]})
		}
	}
	if rng.Reverse {
		slices.Reverse(want)
	}
	if rng.Limit > 0 && len(want) > rng.Limit {
		want = want[:rng.Limit]
	}
	if rng.KeysOnly {
		for i := range want {
			want[i].Value = ""
		}
	}
	err := r.Scan(m.t.Context(), rng, func(k, v []byte) (bool, error) {
		got = append(got, pair{string(k), string(v)})
		return true, nil
	})
	if err != nil {
		rt.Fatalf("scan: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		rt.Fatalf("scan of %+v, -want +got:\n%s", rng, diff)
	}
}
