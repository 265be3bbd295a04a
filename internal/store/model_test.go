package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"restante/internal/ops/verify"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// model is what an account should be, kept as simply as can be.
type model struct {
	boxes map[string]*modelBox
	texts map[store.MessageID]string // of every message that was ever added
}

type modelBox struct {
	next  store.UID
	valid uint32
	msgs  []modelMsg // by UID
}

type modelMsg struct {
	uid   store.UID
	id    store.MessageID
	flags store.Flags
	kws   string // sorted, joined
}

func (b *modelBox) add(id store.MessageID, flags store.Flags, kws string) {
	b.msgs = append(b.msgs, modelMsg{b.next, id, flags, kws})
	b.next++
}

func (b *modelBox) in(r store.UIDRange) (out []*modelMsg) {
	for i := range b.msgs {
		if b.msgs[i].uid >= r.Lo && b.msgs[i].uid <= r.Hi {
			out = append(out, &b.msgs[i])
		}
	}
	return out
}

func (b *modelBox) drop(r store.UIDRange) {
	b.msgs = slices.DeleteFunc(b.msgs, func(m modelMsg) bool { return m.uid >= r.Lo && m.uid <= r.Hi })
}

// TestRandomOperations runs random operations on an account and on a model of
// it, reopening the store now and then; they must agree at every step, old
// views must not change, and at the end nothing must differ from what can be
// computed.
func TestRandomOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { newRandomRun(t).run() })
}

type randomRun struct {
	t      *rapid.T
	engine kv.Engine
	clock  *clock
	s      *store.Store
	h      *store.Account
	m      model
	n      int
	old    *store.MailboxView // a view from earlier, and what it showed
	oldIs  string
	past   past
}

func newRandomRun(t *rapid.T) *randomRun {
	r := &randomRun{t: t, engine: memkv.New(), clock: &clock{t: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	r.open()
	id, err := r.s.CreateAccount(context.Background(), store.AccountOptions{})
	r.must(err)
	r.h, err = r.s.Account(context.Background(), id)
	r.must(err)
	r.m = model{boxes: make(map[string]*modelBox), texts: make(map[store.MessageID]string)}
	for _, b := range r.h.View().Mailboxes() {
		r.m.boxes[b.Path()] = &modelBox{next: 1, valid: b.UIDValidity()}
	}
	return r
}

func (r *randomRun) must(err error) {
	if err != nil {
		r.t.Helper()
		r.t.Fatal(err)
	}
}

func (r *randomRun) open() {
	var err error
	r.s, err = store.Open(context.Background(), r.engine, store.Options{Clock: r.clock.now, Recovery: time.Hour})
	r.must(err)
}

func (r *randomRun) run() {
	ops := map[string]func(){
		"add": r.add, "flags": r.flags, "copy": r.copy, "move": r.move, "expunge": r.expunge,
		"create": r.create, "rename": r.rename, "delete": r.delete, "reopen": r.reopen, "sweep": r.sweep, "look": r.look, "trim": r.trim, "restore": r.restore, "erase": r.erase,
	}
	names := make([]string, 0, len(ops))
	for name := range ops {
		names = append(names, name)
	}
	sort.Strings(names)
	for range rapid.IntRange(1, 60).Draw(r.t, "steps") {
		r.clock.add(time.Second)
		ops[rapid.SampledFrom(names).Draw(r.t, "op")]()
		r.compare()
	}
	rep, err := verify.Run(context.Background(), r.engine, verify.Options{})
	r.must(err)
	for _, f := range rep.Findings {
		r.t.Error(f)
	}
}

func (r *randomRun) box(label string) string {
	paths := make([]string, 0, len(r.m.boxes))
	for p := range r.m.boxes {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	return rapid.SampledFrom(paths).Draw(r.t, label)
}

func (r *randomRun) uids(b *modelBox) store.UIDRange {
	lo := rapid.Uint32Range(1, uint32(b.next)).Draw(r.t, "lo")
	return store.UIDRange{Lo: store.UID(lo), Hi: store.UID(lo + rapid.Uint32Range(0, 80).Draw(r.t, "span"))}
}

func (r *randomRun) update(fn func(tx *store.Tx) error) {
	r.t.Helper()
	_, err := r.h.Update(context.Background(), store.Origin{}, fn)
	r.must(err)
}

func (r *randomRun) view(path string) *store.MailboxView {
	m, err := r.h.View().Lookup(path)
	r.must(err)
	r.must(m.Load(context.Background()))
	return m
}

var someSenders = []string{"ann@Example.org", "Ann@example.org", "bob@example.net", ""}

var someKeywords = []string{"$Junk", "$Forwarded", "work", "home"}

func (r *randomRun) add() {
	path := r.box("to")
	flags := store.Flags(rapid.IntRange(0, int(store.AllFlags)).Draw(r.t, "flags"))
	var kws []string
	if rapid.Bool().Draw(r.t, "keyword") {
		kws = []string{rapid.SampledFrom(someKeywords).Draw(r.t, "kw")}
	}
	for range rapid.SampledFrom([]int{1, 1, 3, 70}).Draw(r.t, "count") {
		r.n++
		text := fmt.Sprintf("From: Sender <%s>\r\nSubject: %d\r\n\r\n%s", someSenders[r.n%len(someSenders)], r.n, strings.Repeat("x\r\n", r.n%3*2000))
		w, err := r.s.NewBody(context.Background(), store.BodyOptions{})
		r.must(err)
		_, err = w.Write([]byte(text))
		r.must(err)
		body, err := w.Finish(context.Background())
		r.must(err)
		var a store.Added
		r.update(func(tx *store.Tx) error {
			to, err := tx.Lookup(path)
			if err != nil {
				return err
			}
			a, err = tx.AddMessage(to, body, store.AddOptions{Flags: flags, Keywords: kws})
			return err
		})
		r.m.texts[a.Message] = text
		r.m.boxes[path].add(a.Message, flags, strings.Join(kws, " "))
	}
}

func (r *randomRun) flags() {
	path := r.box("in")
	b := r.m.boxes[path]
	uids := r.uids(b)
	c := store.FlagChange{
		Mode:  store.FlagMode(rapid.IntRange(0, 2).Draw(r.t, "mode")),
		Flags: store.Flags(rapid.IntRange(0, int(store.AllFlags)).Draw(r.t, "flags")),
	}
	if rapid.Bool().Draw(r.t, "keyword") {
		c.Keywords = []string{rapid.SampledFrom(someKeywords).Draw(r.t, "kw")}
	}
	_, _, err := r.h.SetFlags(context.Background(), store.Origin{}, r.view(path), []store.UIDRange{uids}, c)
	r.must(err)
	for _, m := range b.in(uids) {
		kws := strings.Fields(m.kws)
		switch c.Mode {
		case store.FlagsAdd:
			m.flags |= c.Flags
			kws = append(kws, c.Keywords...)
		case store.FlagsRemove:
			m.flags &^= c.Flags
			kws = slices.DeleteFunc(kws, func(k string) bool { return slices.Contains(c.Keywords, k) })
		case store.FlagsReplace:
			m.flags, kws = c.Flags, slices.Clone(c.Keywords)
		}
		sort.Strings(kws)
		m.kws = strings.Join(slices.Compact(kws), " ")
	}
}

func (r *randomRun) copy() {
	from, to := r.box("from"), r.box("to")
	uids := r.uids(r.m.boxes[from])
	_, err := r.h.Copy(context.Background(), store.Origin{}, r.view(from), []store.UIDRange{uids}, r.view(to).ID())
	r.must(err)
	for _, m := range slices.Clone(r.m.boxes[from].in(uids)) {
		r.m.boxes[to].add(m.id, m.flags, m.kws)
	}
}

func (r *randomRun) move() {
	from, to := r.box("from"), r.box("to")
	src, dst := r.m.boxes[from], r.m.boxes[to]
	uids := r.uids(src)
	_, err := r.h.Move(context.Background(), store.Origin{}, r.view(from), []store.UIDRange{uids}, r.view(to).ID())
	r.must(err)
	var moved []modelMsg
	last := src.next
	for _, m := range src.in(uids) {
		moved = append(moved, *m)
	}
	src.drop(store.UIDRange{Lo: uids.Lo, Hi: min(uids.Hi, last-1)})
	for _, m := range moved {
		dst.add(m.id, m.flags, m.kws)
	}
}

func (r *randomRun) expunge() {
	path := r.box("in")
	uids := r.uids(r.m.boxes[path])
	_, err := r.h.Expunge(context.Background(), store.Origin{}, r.view(path), []store.UIDRange{uids})
	r.must(err)
	r.m.boxes[path].drop(uids)
}

func (r *randomRun) create() {
	path := fmt.Sprintf("%s/n%d", r.box("parent"), rapid.IntRange(0, 3).Draw(r.t, "name"))
	if r.m.boxes[path] != nil || strings.Count(path, "/") > 5 {
		return
	}
	r.update(func(tx *store.Tx) error { _, err := tx.CreateMailbox(path, store.RoleNone); return err })
	r.m.boxes[path] = &modelBox{next: 1, valid: r.view(path).UIDValidity()}
}

func (r *randomRun) rename() {
	from := r.box("from")
	to := fmt.Sprintf("%s/r%d", r.box("parent"), rapid.IntRange(0, 3).Draw(r.t, "name"))
	if from == "INBOX" || r.m.boxes[to] != nil || strings.HasPrefix(to, from+"/") || strings.Count(to, "/") > 5 {
		return
	}
	id := r.view(from).ID()
	r.update(func(tx *store.Tx) error { return tx.RenameMailbox(id, to) })
	for p, b := range r.m.boxes {
		if p == from || strings.HasPrefix(p, from+"/") {
			delete(r.m.boxes, p)
			defer func() { r.m.boxes[to+p[len(from):]] = b }()
		}
	}
}

func (r *randomRun) delete() {
	path := r.box("in")
	for p := range r.m.boxes {
		if strings.HasPrefix(p, path+"/") {
			return
		}
	}
	id := r.view(path).ID()
	_, err := r.h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error { return tx.DeleteMailbox(id) })
	if path == "INBOX" {
		if !errors.Is(err, store.ErrProtected) {
			r.t.Fatal("INBOX was deleted: ", err)
		}
		return
	}
	r.must(err)
	delete(r.m.boxes, path)
}

func (r *randomRun) reopen() {
	id := r.h.ID()
	r.h.Close()
	r.must(r.s.Close())
	r.old = nil
	r.open()
	var err error
	r.h, err = r.s.Account(context.Background(), id)
	r.must(err)
}

func (r *randomRun) sweep() {
	r.clock.add(time.Duration(rapid.IntRange(0, 90).Draw(r.t, "minutes")) * time.Minute)
	_, err := r.s.Sweep(context.Background())
	r.must(err)
}

// someRemoved are the latest of what can be put back.
func (r *randomRun) someRemoved() (list []store.RemovedMessage) {
	r.must(r.h.Removed(context.Background(), store.RemovedFilter{}, func(m store.RemovedMessage) error {
		list = append(list, m)
		return nil
	}))
	return list[max(0, len(list)-rapid.IntRange(0, 70).Draw(r.t, "some")):]
}

func (r *randomRun) restore() {
	list := r.someRemoved()
	done, err := r.h.Restore(context.Background(), store.Origin{}, idsOf(list), "")
	r.must(err)
	if len(done) != len(list) {
		r.t.Fatalf("%d of %d put back", len(done), len(list))
	}
	for _, m := range r.h.View().Mailboxes() {
		if r.m.boxes[m.Path()] == nil { // made again, empty
			r.m.boxes[m.Path()] = &modelBox{next: 1, valid: m.UIDValidity()}
		}
	}
	for i, d := range done {
		to, err := r.h.View().Mailbox(d.Mailbox)
		r.must(err)
		kws := append(list[i].Keywords, store.KeepKeyword) // the server removed it
		sort.Strings(kws)
		r.m.boxes[to.Path()].add(d.ID.Message, list[i].Flags&^store.Deleted, strings.Join(slices.Compact(kws), " "))
	}
}

func (r *randomRun) erase() {
	list := r.someRemoved()
	n, err := r.h.EraseRemoved(context.Background(), idsOf(list))
	r.must(err)
	if n != len(list) {
		r.t.Fatalf("%d of %d erased", n, len(list))
	}
}

// look keeps a view for later.
func (r *randomRun) look() {
	r.old = r.view(r.box("look"))
	r.oldIs = show(r.old)
}

func show(m *store.MailboxView) string {
	var b strings.Builder
	fmt.Fprintf(&b, "next %d valid %d len %d\n", m.UIDNext(), m.UIDValidity(), m.Len())
	i := 0
	for e := range m.All() {
		kws := slices.Sorted(m.View().KeywordsOf(e))
		fmt.Fprintf(&b, "%d %d %d %s\n", e.UID, e.Message, e.Flags, strings.Join(kws, " "))
		if n, ok := m.Rank(e.UID); !ok || n != i || m.At(i) != e || m.Entry(e.UID) != e {
			fmt.Fprintf(&b, "UID %d: rank %d %v, place %d\n", e.UID, n, ok, i)
		}
		i++
	}
	return b.String()
}

func (r *randomRun) compare() {
	r.t.Helper()
	if n := len(r.h.View().Mailboxes()); n != len(r.m.boxes) {
		r.t.Fatalf("%d mailboxes, want %d", n, len(r.m.boxes))
	}
	for path, b := range r.m.boxes {
		var want strings.Builder
		fmt.Fprintf(&want, "next %d valid %d len %d\n", b.next, b.valid, len(b.msgs))
		for _, m := range b.msgs {
			fmt.Fprintf(&want, "%d %d %d %s\n", m.uid, m.id, m.flags, m.kws)
		}
		if got := show(r.view(path)); got != want.String() {
			r.t.Fatalf("%s:\n%s\nwant:\n%s", path, got, want.String())
		}
	}
	r.remember()
	if r.old != nil && show(r.old) != r.oldIs {
		r.t.Fatalf("an old view changed from\n%s\nto\n%s", r.oldIs, show(r.old))
	}
}
