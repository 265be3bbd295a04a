package imapd_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// TestModel lets eight sessions of all kinds do random things to three mailboxes of one account, one after the other, and holds what they are told
// against a model: UIDs in order and never given twice, sequence numbers that mean what the client thinks, no EXPUNGE at a forbidden moment,
// mod-sequences that never fall, and after NOOP every session knows every message and its flags. Clients with QRESYNC come back after a time and are
// told exactly what they have missed; what they may take for certain by their HIGHESTMODSEQ is so after every command.
func TestModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		defer h.stop()
		cases := 0
		rapid.Check(inBubble{t}, func(rt *rapid.T) {
			cases++
			m := newModel(rt, h, fmt.Sprintf("m%d", cases))
			defer m.close()
			// Not by Repeat, which soon ends where many actions cannot be done at the moment.
			names, actions := slices.Sorted(maps.Keys(m.actions())), m.actions()
			for range rapid.IntRange(100, 200).Draw(rt, "steps") {
				actions[rapid.SampledFrom(names).Draw(rt, "action")](rt)
			}
			for _, s := range m.sessions {
				m.wake(s)
				m.converged(s)
			}
		})
	})
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"append":      m.append,
		"deliver":     m.deliver,
		"select":      m.selects,
		"store":       m.store,
		"delete":      m.delete,
		"conditional": m.conditional,
		"expunge":     m.expunge,
		"copy":        m.copy,
		"fetch":       m.fetch,
		"search":      m.search,
		"noop":        m.noop,
		"idle":        m.idle,
		"done":        m.done,
		"leave":       m.leave,
		"resync":      m.resync,
		"come back":   m.resync,
		"remove":      m.delete,
		"vanished":    m.vanished,
		"outside":     m.outside,
		"race":        m.race,
	}
}

// modelFlags are the flags that the model knows; a set of them is a bit mask.
func modelFlags() []string { return []string{`\Seen`, `\Flagged`, `\Deleted`, "kwA", "kwB"} }

const deletedBit = 1 << 2

func flagNames(set int) string {
	var names []string
	for i, f := range modelFlags() {
		if set&(1<<i) != 0 {
			names = append(names, f)
		}
	}
	return "(" + strings.Join(names, " ") + ")"
}

// tester is *rapid.T, or what stands for *testing.T in a goroutine.
type tester interface {
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// model is what the account ought to hold.
type model struct {
	t        tester
	house    *house
	login    string
	account  *store.Account // nil: the store is not looked at
	boxes    []*modelBox
	sessions []*modelSession
}

type modelBox struct {
	name    string
	uidNext uint32
	uids    []uint32
	flags   map[uint32]int

	// As the store has it, for the store is held against a model of its own.
	validity uint32
	modSeqs  map[uint32]uint64
	gone     map[uint32]uint64 // UIDs that messages had, and when they went
}

// modelSession is a client and what it knows.
type modelSession struct {
	c        *client
	box      *modelBox // nil: none selected
	readOnly bool
	known    []*knownMessage // by sequence number

	condStore, qresync, uidOnly bool

	high   uint64                    // HIGHESTMODSEQ as a client reckons it (RFC 7162 6)
	idling string                    // the tag of IDLE
	caches map[*modelBox]*modelCache // of mailboxes that it had selected
}

type knownMessage struct {
	uid    uint32 // 0: not known yet
	flags  int    // -1: not known yet
	modSeq uint64 // 0: not told
	told   bool   // flags, by the command at hand
}

func newModel(rt *rapid.T, h *house, login string) *model {
	credential, err := h.dir.Derive(context.Background(), "pass")
	h.must(err)
	a, err := h.dir.CreateAccount(context.Background(), addr.Address{Local: login, Domain: domain}, directory.NewAccount{Credential: credential})
	h.must(err)
	h.accounts[login] = a.ID
	time.Sleep(100 * time.Millisecond) // of the bubble's time, by which rapid bounds how long it looks for a smaller failure
	m := &model{t: rt, house: h, login: login, account: h.open(login)}
	for _, name := range []string{"INBOX", "Sent", "Archive"} {
		m.boxes = append(m.boxes, &modelBox{name: name, uidNext: 1, flags: make(map[uint32]int), gone: make(map[uint32]uint64)})
	}
	for i := range 8 {
		s := &modelSession{caches: make(map[*modelBox]*modelCache), condStore: i >= 2, qresync: i >= 4, uidOnly: i == 3 || i == 7}
		m.connect(s)
		m.sessions = append(m.sessions, s)
	}
	m.observe()
	return m
}

func (m *model) close() {
	for _, s := range m.sessions {
		s.c.close()
	}
	m.account.Close()
}

func (b *modelBox) add(flags int) uint32 {
	uid := b.uidNext
	b.uidNext++
	b.uids = append(b.uids, uid)
	b.flags[uid] = flags
	return uid
}

func (b *modelBox) remove(uid uint32) {
	b.uids = slices.DeleteFunc(b.uids, func(u uint32) bool { return u == uid })
	delete(b.flags, uid)
}

func (b *modelBox) has(uid uint32) bool { _, ok := b.flags[uid]; return ok }

// run sends a command and takes in what comes; the last response is the tagged one.
func (m *model) run(s *modelSession, format string, args ...any) []*imapwire.Response {
	line := fmt.Sprintf(format, args...)
	all := m.send(s, line)
	m.takeAll(s, line, all)
	return all
}

func (m *model) send(s *modelSession, line string) []*imapwire.Response {
	for _, k := range s.known {
		k.told = false
	}
	all := s.c.do("%s", line)
	m.t.Logf("%d: %s\n%s", slices.Index(m.sessions, s), line, raw(all))
	return all
}

func (m *model) takeAll(s *modelSession, line string, all []*imapwire.Response) {
	verb, _, _ := strings.Cut(line, " ")
	mayExpunge := verb != "FETCH" && verb != "STORE" && verb != "SEARCH"
	m.observe()
	for _, res := range all {
		m.take(s, line, res, mayExpunge)
	}
	m.reckon(s, line, all)
}

// take keeps the client's knowledge.
func (m *model) take(s *modelSession, line string, res *imapwire.Response, mayExpunge bool) {
	switch {
	case res.Name == "BYE":
		m.t.Fatalf("%s: %s", line, res.Raw)
	case res.Name == "EXPUNGE":
		if !mayExpunge || int(res.Num) > len(s.known) || res.Num == 0 || s.qresync || s.uidOnly {
			m.t.Fatalf("%s: %s, with %d messages", line, res.Raw, len(s.known))
		}
		s.known = slices.Delete(s.known, int(res.Num)-1, int(res.Num))
	case res.Name == "VANISHED":
		m.takeVanished(s, line, res, mayExpunge)
	case res.Name == "EXISTS" && s.box != nil:
		if int(res.Num) < len(s.known) {
			m.t.Fatalf("%s: %s, with %d messages", line, res.Raw, len(s.known))
		}
		for len(s.known) < int(res.Num) {
			s.known = append(s.known, &knownMessage{flags: -1})
		}
	case res.Name == "FETCH", res.Name == "UIDFETCH":
		m.takeFetch(s, line, res)
	}
}

func (m *model) takeFetch(s *modelSession, line string, res *imapwire.Response) {
	k := m.named(s, line, res)
	if v, ok := res.Values[0].Item("UID"); ok {
		uid := number(v)
		if k.uid != 0 && k.uid != uid {
			m.t.Fatalf("%s: %s, but it was UID %d", line, res.Raw, k.uid)
		}
		k.uid = uid
	} else if s.condStore && !s.uidOnly && !strings.Contains(line, "FETCH") {
		m.t.Fatalf("%s: %s, without UID", line, res.Raw) // RFC 7162 3.2.4
	}
	if v, ok := res.Values[0].Item("FLAGS"); ok {
		k.flags, k.told = flagSet(v), true
	}
	if v, ok := res.Values[0].Item("MODSEQ"); ok {
		n := uint64(number(v.List[0]))
		if n < k.modSeq {
			m.t.Fatalf("%s: %s, but it was %d", line, res.Raw, k.modSeq)
		}
		k.modSeq = n
	} else if s.condStore && !strings.Contains(line, "FETCH") {
		m.t.Fatalf("%s: %s, without MODSEQ", line, res.Raw)
	}
}

func number(v imapwire.Value) (n uint32) {
	_, _ = fmt.Sscan(v.Text, &n)
	return n
}

func flagSet(v imapwire.Value) (flags int) {
	for _, f := range v.List {
		if i := slices.Index(modelFlags(), f.Text); i >= 0 {
			flags |= 1 << i
		}
	}
	return flags
}

// learn fetches what the client does not know yet of new messages. With the answer it may be told of newer ones.
func (m *model) learn(s *modelSession) {
	unknown := func() int {
		return slices.IndexFunc(s.known, func(k *knownMessage) bool { return k.uid == 0 || k.flags < 0 })
	}
	for i := unknown(); i >= 0; i = unknown() {
		if s.uidOnly {
			m.run(s, "UID FETCH 1:* (UID FLAGS)")
		} else {
			m.run(s, "FETCH %d:%d (UID FLAGS)", i+1, len(s.known))
		}
	}
	for i, k := range s.known {
		if i > 0 && k.uid <= s.known[i-1].uid || s.box.flags != nil && k.uid >= s.box.uidNext {
			m.t.Fatalf("UID %d at %d of %s", k.uid, i+1, s.box.name)
		}
	}
}

// converged checks that after a NOOP the client knows everything.
func (m *model) converged(s *modelSession) {
	m.run(s, "NOOP")
	m.equal(s)
}

// equal checks that the client knows everything.
func (m *model) equal(s *modelSession) {
	if s.box == nil {
		return
	}
	m.learn(s)
	var uids []uint32
	for i, k := range s.known {
		uids = append(uids, k.uid)
		if want := s.box.flags[k.uid]; k.flags != want {
			m.t.Fatalf("%s: message %d, UID %d: flags %s, the client thinks %s", s.box.name, i+1, k.uid, flagNames(want), flagNames(k.flags))
		}
	}
	if !slices.Equal(uids, s.box.uids) {
		m.t.Fatalf("%s: %v, the client thinks %v", s.box.name, s.box.uids, uids)
	}
}

// session is one that does not idle and of which ok is true; nil when there is none.
func (m *model) session(rt *rapid.T, ok func(*modelSession) bool) *modelSession {
	var some []*modelSession
	for _, s := range m.sessions {
		if s.idling == "" && ok(s) {
			some = append(some, s)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(rt, "session")]
}

func anySession(*modelSession) bool { return true }

// inBox is a session with a mailbox that has messages, as far as it knows.
func (m *model) inBox(rt *rapid.T, write bool, ok func(*modelSession) bool) *modelSession {
	s := m.session(rt, func(s *modelSession) bool {
		return s.box != nil && len(s.known) > 0 && !(write && s.readOnly) && ok(s)
	})
	if s != nil {
		m.learn(s)
	}
	if s == nil || len(s.known) == 0 {
		return nil
	}
	return s
}

// set draws messages of a session, and how a command names them.
func (m *model) set(rt *rapid.T, s *modelSession) (prefix, set string, picked []*knownMessage) {
	byUID := rapid.Bool().Draw(rt, "by UID") || s.uidOnly
	var parts []string
	one := rapid.IntRange(0, len(s.known)-1).Draw(rt, "one")
	for i, k := range s.known {
		if i != one && !rapid.Bool().Draw(rt, "picked") {
			continue
		}
		picked = append(picked, k)
		if byUID {
			parts = append(parts, fmt.Sprint(k.uid))
		} else {
			parts = append(parts, fmt.Sprint(i+1))
		}
	}
	if byUID {
		prefix = "UID "
	}
	return prefix, strings.Join(parts, ","), picked
}

// gone says whether some are not in the mailbox any more.
func (s *modelSession) gone(picked []*knownMessage) bool {
	return slices.ContainsFunc(picked, func(k *knownMessage) bool { return !s.box.has(k.uid) })
}

func (m *model) expect(all []*imapwire.Response, want string) *imapwire.Response {
	last := all[len(all)-1]
	if last.Name != want {
		m.t.Fatalf("%s, want %s", last.Raw, want)
	}
	return last
}

func (m *model) append(rt *rapid.T) {
	s, b := m.session(rt, anySession), rapid.SampledFrom(m.boxes).Draw(rt, "box")
	if s == nil {
		return
	}
	flags := rapid.IntRange(0, 31).Draw(rt, "flags")
	uid := b.add(flags)
	last := m.expect(m.run(s, "APPEND %s %s {4+}\r\nx: y", b.name, flagNames(flags)), "OK")
	if !strings.HasSuffix(last.Code, fmt.Sprintf(" %d", uid)) {
		rt.Fatalf("%s, want UID %d", last.Raw, uid)
	}
}

func (m *model) selects(rt *rapid.T) {
	s, b := m.session(rt, anySession), rapid.SampledFrom(m.boxes).Draw(rt, "box")
	if s == nil {
		return
	}
	if s.box != nil && rapid.Bool().Draw(rt, "close") {
		box, write := s.box, !s.readOnly
		m.remember(s)
		for _, uid := range slices.Clone(box.uids) {
			if write && box.flags[uid]&deletedBit != 0 {
				box.remove(uid)
			}
		}
		s.box, s.known = nil, nil
		m.expect(m.run(s, "CLOSE"), "OK")
	}
	m.remember(s)
	s.readOnly = rapid.Bool().Draw(rt, "examine")
	verb := map[bool]string{true: "EXAMINE", false: "SELECT"}[s.readOnly]
	s.box, s.known = b, nil
	m.expect(m.run(s, "%s %s", verb, b.name), "OK")
	if len(s.known) != len(b.uids) {
		rt.Fatalf("%d messages in %s, %d were told", len(b.uids), b.name, len(s.known))
	}
	m.learn(s)
}

func (m *model) store(rt *rapid.T) {
	s := m.inBox(rt, true, anySession)
	if s == nil {
		return
	}
	prefix, set, picked := m.set(rt, s)
	flags := rapid.IntRange(0, 31).Draw(rt, "flags")
	mode := rapid.SampledFrom([]string{"", "+", "-"}).Draw(rt, "mode")
	silent := rapid.Bool().Draw(rt, "silent")
	item := mode + "FLAGS"
	if silent {
		item += ".SILENT"
	}
	apply := func(was int) int {
		switch mode {
		case "+":
			return was | flags
		case "-":
			return was &^ flags
		}
		return flags
	}
	gone := s.gone(picked)
	for _, k := range picked {
		if s.box.has(k.uid) {
			s.box.flags[k.uid] = apply(s.box.flags[k.uid])
		}
	}
	if silent { // what the client reckons; the server must correct it where it is wrong
		for _, k := range picked {
			k.flags = apply(k.flags)
		}
	}
	want := "OK"
	if gone && !silent && prefix == "" {
		want = "NO"
	}
	m.expect(m.run(s, "%sSTORE %s %s %s", prefix, set, item, flagNames(flags)), want)
}

// delete marks messages and expunges them.
func (m *model) delete(rt *rapid.T) {
	s := m.inBox(rt, true, anySession)
	if s == nil {
		return
	}
	_, _, picked := m.set(rt, s)
	var parts []string
	for _, k := range picked {
		if s.box.has(k.uid) {
			s.box.flags[k.uid] |= deletedBit
		}
		parts = append(parts, fmt.Sprint(k.uid))
	}
	m.expect(m.run(s, `UID STORE %s +FLAGS (\Deleted)`, strings.Join(parts, ",")), "OK")
	for _, k := range picked {
		if s.box.has(k.uid) {
			s.box.remove(k.uid)
		}
	}
	m.expect(m.run(s, "UID EXPUNGE %s", strings.Join(parts, ",")), "OK")
}

func (m *model) expunge(rt *rapid.T) {
	s := m.inBox(rt, true, anySession)
	if s == nil {
		return
	}
	uids := slices.Clone(s.box.uids)
	line := "EXPUNGE"
	if rapid.Bool().Draw(rt, "some") {
		_, _, picked := m.set(rt, s)
		uids = nil
		var parts []string
		for _, k := range picked {
			uids = append(uids, k.uid)
			parts = append(parts, fmt.Sprint(k.uid))
		}
		line = "UID EXPUNGE " + strings.Join(parts, ",")
	}
	for _, uid := range uids {
		if s.box.flags[uid]&deletedBit != 0 {
			s.box.remove(uid)
		}
	}
	m.expect(m.run(s, "%s", line), "OK")
}

func (m *model) copy(rt *rapid.T) {
	move := rapid.Bool().Draw(rt, "move")
	s := m.inBox(rt, move, anySession)
	if s == nil {
		return
	}
	prefix, set, picked := m.set(rt, s)
	to := rapid.SampledFrom(m.boxes).Draw(rt, "to")
	verb := map[bool]string{true: "MOVE", false: "COPY"}[move]
	if prefix == "" && s.gone(picked) {
		m.expect(m.run(s, "%s %s %s", verb, set, to.name), "NO")
		return
	}
	var from, dest imapwire.UIDSet
	for _, k := range picked {
		if !s.box.has(k.uid) {
			continue
		}
		from.Add(imapwire.UID(k.uid))
		dest.Add(imapwire.UID(to.add(s.box.flags[k.uid])))
		if move {
			s.box.remove(k.uid)
		}
	}
	all := m.run(s, "%s%s %s %s", prefix, verb, set, to.name)
	m.expect(all, "OK")
	if from.Empty() {
		return
	}
	want := fmt.Sprintf(" %v %v", from, dest)
	if !slices.ContainsFunc(all, func(r *imapwire.Response) bool {
		return strings.HasPrefix(r.Code, "COPYUID ") && strings.HasSuffix(r.Code, want)
	}) {
		rt.Fatalf("no COPYUID%s in %s", want, raw(all))
	}
}

func (m *model) fetch(rt *rapid.T) {
	s := m.inBox(rt, false, anySession)
	if s == nil {
		return
	}
	prefix, set, picked := m.set(rt, s)
	if rapid.Bool().Draw(rt, "body") {
		for _, k := range picked {
			if s.box.has(k.uid) && !s.readOnly {
				s.box.flags[k.uid] |= 1
			}
		}
		m.expect(m.run(s, "%sFETCH %s BODY[]", prefix, set), "OK")
		return
	}
	m.expect(m.run(s, "%sFETCH %s FLAGS", prefix, set), "OK")
	for _, k := range picked {
		if s.box.has(k.uid) && k.flags != s.box.flags[k.uid] {
			rt.Fatalf("UID %d has %s, told was %s", k.uid, flagNames(s.box.flags[k.uid]), flagNames(k.flags))
		}
	}
}

func (m *model) search(rt *rapid.T) {
	s := m.inBox(rt, false, anySession)
	if s == nil {
		return
	}
	bit := rapid.IntRange(0, 4).Draw(rt, "flag")
	key := [...]string{"SEEN", "FLAGGED", "DELETED", "KEYWORD kwA", "KEYWORD kwB"}[bit]
	prefix := ""
	if s.uidOnly {
		prefix = "UID "
	}
	all := m.run(s, "%sSEARCH %s", prefix, key)
	m.expect(all, "OK")
	m.learn(s)
	found := make(map[int]bool)
	for _, res := range all {
		if res.Name == "SEARCH" {
			for _, v := range res.Values {
				var n int
				fmt.Sscan(v.Text, &n)
				found[n] = true
			}
		}
	}
	for i, k := range s.known {
		n := i + 1
		if s.uidOnly {
			n = int(k.uid)
		}
		if s.box.has(k.uid) && found[n] != (s.box.flags[k.uid]&(1<<bit) != 0) {
			rt.Fatalf("SEARCH %s: %v; UID %d at %d has %s", key, found, k.uid, i+1, flagNames(s.box.flags[k.uid]))
		}
	}
}

func (m *model) noop(rt *rapid.T) {
	if s := m.session(rt, anySession); s != nil {
		m.converged(s)
	}
}
