package imapd_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// inBubble is a testing.T in a synctest bubble, where there are no deadlines.
type inBubble struct{ *testing.T }

func (inBubble) Deadline() (time.Time, bool) { return time.Time{}, false }

// modelCache is what a client keeps of a mailbox that it has not selected.
type modelCache struct {
	high  uint64
	known []*knownMessage
}

// connect logs a session in, anew.
func (m *model) connect(s *modelSession) {
	s.c = m.house.login(m.login)
	s.box, s.known, s.high, s.idling = nil, nil, 0, ""
	for _, e := range []struct {
		on   bool
		name string
	}{{s.condStore, "CONDSTORE"}, {s.qresync, "QRESYNC"}, {s.uidOnly, "UIDONLY"}} {
		if e.on {
			s.c.ok("ENABLE %s", e.name)
		}
	}
}

// observe takes over the mod-sequences that the store has given, and checks that it has the messages that the model has.
func (m *model) observe() {
	if m.account == nil {
		return
	}
	view := m.account.View()
	for _, b := range m.boxes {
		box, err := view.Lookup(b.name)
		m.house.must(err)
		m.house.must(box.Load(context.Background()))
		now := make(map[uint32]uint64)
		var uids []uint32
		for e := range box.All() {
			now[uint32(e.UID)] = uint64(e.ModSeq)
			uids = append(uids, uint32(e.UID))
			if e.ModSeq > box.HighestModSeq() || uint64(e.ModSeq) < b.modSeqs[uint32(e.UID)] {
				m.t.Fatalf("%s: UID %d has mod-sequence %d", b.name, e.UID, e.ModSeq)
			}
		}
		if !slices.Equal(uids, b.uids) {
			m.t.Fatalf("%s: the store has %v, ought to have %v", b.name, uids, b.uids)
		}
		for uid := range b.modSeqs {
			if now[uid] == 0 {
				b.gone[uid] = uint64(box.HighestModSeq())
			}
		}
		// Some messages come and go within one command.
		for uid := uint32(1); uid < b.uidNext; uid++ {
			if now[uid] == 0 && b.gone[uid] == 0 {
				b.gone[uid] = uint64(box.HighestModSeq())
			}
		}
		b.validity, b.modSeqs = box.UIDValidity(), now
	}
}

// named is the message that a FETCH or UIDFETCH response is about.
func (m *model) named(s *modelSession, line string, res *imapwire.Response) *knownMessage {
	if (res.Name == "UIDFETCH") != s.uidOnly {
		m.t.Fatalf("%s: %s", line, res.Raw)
	}
	if !s.uidOnly {
		if int(res.Num) > len(s.known) || res.Num == 0 {
			m.t.Fatalf("%s: %s, with %d messages", line, res.Raw, len(s.known))
		}
		return s.known[res.Num-1]
	}
	for _, k := range s.known {
		if k.uid == res.Num {
			return k
		}
	}
	k := s.unlearned(res.Num)
	if k == nil {
		m.t.Fatalf("%s: %s, of which there is no message", line, res.Raw)
	}
	k.uid = res.Num
	s.order()
	return k
}

// order puts the messages of a client without numbers in order: of UIDs, with those at the end that it has not learned.
func (s *modelSession) order() {
	if s.uidOnly {
		slices.SortStableFunc(s.known, func(a, b *knownMessage) int { return cmp.Compare(a.uid-1, b.uid-1) })
	}
}

// unlearned is a message whose UID the client has not learned and which may have this one.
func (s *modelSession) unlearned(uid uint32) *knownMessage {
	after := uint32(0)
	for i, k := range s.known {
		if s.uidOnly && k.uid == 0 {
			return k
		}
		if k.uid != 0 {
			after = k.uid
			continue
		}
		before := uint32(1<<32 - 1)
		for _, next := range s.known[i:] {
			if next.uid != 0 {
				before = next.uid
				break
			}
		}
		if after < uid && uid < before {
			return k
		}
	}
	return nil
}

// takeVanished takes a message out for every UID: the client must know of it (RFC 7162 3.2.10.2). Those of VANISHED (EARLIER) are for those who
// asked.
func (m *model) takeVanished(s *modelSession, line string, res *imapwire.Response, mayExpunge bool) {
	if len(res.Values) == 2 {
		if !strings.Contains(line, "QRESYNC") && !strings.Contains(line, "VANISHED") {
			m.t.Fatalf("%s: %s", line, res.Raw)
		}
		return
	}
	if !mayExpunge || !s.qresync && !s.uidOnly {
		m.t.Fatalf("%s: %s", line, res.Raw)
	}
	for _, uid := range uidsOf(res.Values[0].Text) {
		i := slices.IndexFunc(s.known, func(k *knownMessage) bool { return k.uid == uid })
		if i < 0 {
			i = slices.Index(s.known, s.unlearned(uid))
		}
		if i < 0 {
			m.t.Fatalf("%s: %s, but there was no UID %d", line, res.Raw, uid)
		}
		s.known = slices.Delete(s.known, i, i+1)
	}
}

// uidsOf reads a set of UIDs.
func uidsOf(set string) (uids []uint32) {
	for part := range strings.SplitSeq(set, ",") {
		var a, b uint32
		if n, _ := fmt.Sscanf(part, "%d:%d", &a, &b); n == 1 {
			b = a
		}
		for uid := a; uid <= b && a != 0; uid++ {
			uids = append(uids, uid)
		}
	}
	slices.Sort(uids)
	return uids
}

// reckon is what a client makes of the mod-sequences in the answer to a command (RFC 7162 6), and checks that it is right: what has a
// mod-sequence up to that, the client knows.
func (m *model) reckon(s *modelSession, line string, all []*imapwire.Response) {
	if !s.qresync || s.box == nil || m.account == nil {
		return
	}
	told, highest := uint64(0), uint64(0)
	for _, res := range all {
		if _, err := fmt.Sscanf(res.Code, "HIGHESTMODSEQ %d", &told); err != nil && len(res.Values) > 0 {
			if v, ok := res.Values[0].Item("MODSEQ"); ok && strings.HasSuffix(res.Name, "FETCH") {
				highest = max(highest, uint64(number(v.List[0])))
			}
		}
	}
	if told != 0 {
		s.high = told
	} else {
		s.high = max(s.high, highest)
	}
	for _, k := range s.known {
		switch at := s.box.modSeqs[k.uid]; {
		case k.uid == 0 || k.flags < 0:
		case at == 0 && s.box.gone[k.uid] <= s.high:
			m.t.Fatalf("%s: UID %d went at %d, the client has not heard of it up to %d", line, k.uid, s.box.gone[k.uid], s.high)
		case at != 0 && at <= s.high && k.flags != s.box.flags[k.uid]:
			m.t.Fatalf("%s: UID %d has %s since %d, the client thinks %s up to %d", line, k.uid, flagNames(s.box.flags[k.uid]), at, flagNames(k.flags), s.high)
		}
	}
}

// remember keeps what the client knows of the mailbox that it leaves: the messages up to the first of which it does not know all.
func (m *model) remember(s *modelSession) {
	if !s.qresync || s.box == nil || s.high == 0 {
		return
	}
	c := &modelCache{high: s.high}
	for _, k := range s.known {
		if k.uid == 0 || k.flags < 0 {
			break
		}
		c.known = append(c.known, k)
	}
	s.caches[s.box] = c
}

// leave ends a connection, at any time, and logs in again.
func (m *model) leave(rt *rapid.T) {
	s := rapid.SampledFrom(m.sessions).Draw(rt, "session")
	m.remember(s)
	s.c.close()
	m.connect(s)
}

// deliver adds a message from outside.
func (m *model) deliver(rt *rapid.T) {
	b := m.boxes[rapid.IntRange(0, 1).Draw(rt, "box")]
	b.add(0)
	m.house.put(m.login, b.name, "x: y", store.AddOptions{})
	m.observe()
}

// outside removes a message behind everybody's back, as POP3 does.
func (m *model) outside(rt *rapid.T) {
	m.removeOutside(rt, rapid.SampledFrom(m.boxes).Draw(rt, "box"))
}

func (m *model) removeOutside(rt *rapid.T, b *modelBox) {
	if len(b.uids) == 0 {
		return
	}
	uid := b.uids[rapid.IntRange(0, len(b.uids)-1).Draw(rt, "place")]
	box, err := m.account.View().Lookup(b.name)
	m.house.must(err)
	_, err = m.account.Expunge(context.Background(), store.Origin{}, box, []store.UIDRange{{Lo: store.UID(uid), Hi: store.UID(uid)}})
	m.house.must(err)
	b.remove(uid)
	m.observe()
}

// race removes a message while a client changes others by their numbers: it cannot be told then, and must not be passed over.
func (m *model) race(rt *rapid.T) {
	s := m.inBox(rt, true, func(s *modelSession) bool { return s.qresync && !s.uidOnly && len(s.known) > 1 })
	if s == nil {
		return
	}
	m.removeOutside(rt, s.box)
	var numbers []string
	flags := rapid.IntRange(0, 31).Draw(rt, "flags")
	for i, k := range s.known {
		if s.box.has(k.uid) {
			numbers = append(numbers, fmt.Sprint(i+1))
			s.box.flags[k.uid] = flags
		}
	}
	if len(numbers) > 0 {
		m.expect(m.run(s, "STORE %s FLAGS %s", strings.Join(numbers, ","), flagNames(flags)), "OK")
	}
	m.expect(m.run(s, "FETCH %d (FLAGS MODSEQ)", len(s.known)), "OK")
}

// idle begins to idle.
func (m *model) idle(rt *rapid.T) {
	s := m.session(rt, anySession)
	if s == nil {
		return
	}
	s.c.tags++
	s.idling = fmt.Sprintf("t%d", s.c.tags)
	s.c.send("%s IDLE\r\n", s.idling)
	s.c.until(s.idling)
}

// done ends some IDLE.
func (m *model) done(rt *rapid.T) {
	m.wake(rapid.SampledFrom(m.sessions).Draw(rt, "session"))
}

// wake ends IDLE: the client has been told of everything by then.
func (m *model) wake(s *modelSession) {
	if s.idling == "" {
		return
	}
	synctest.Wait()
	s.c.send("DONE\r\n")
	all := s.c.until(s.idling)
	s.idling = ""
	m.t.Logf("%d: IDLE\n%s", slices.Index(m.sessions, s), raw(all))
	m.takeAll(s, "IDLE", all)
	m.equal(s)
}

// conditional is STORE with UNCHANGEDSINCE. What it leaves alone, it says; what it changes although it has changed since, has changed in other
// flags only, of all that the client can know (RFC 7162 3.1.12).
func (m *model) conditional(rt *rapid.T) {
	s := m.inBox(rt, true, func(s *modelSession) bool { return s.condStore })
	if s == nil {
		return
	}
	prefix, set, picked := m.set(rt, s)
	since := uint64(rapid.IntRange(0, int(s.box.modSeqs[picked[0].uid])+2).Draw(rt, "since"))
	flags := rapid.IntRange(1, 31).Draw(rt, "flags")
	mode := rapid.SampledFrom([]string{"", "+", "-"}).Draw(rt, "mode")
	silent := rapid.SampledFrom([]string{"", ".SILENT"}).Draw(rt, "silent")
	before := make(map[uint32]uint64)
	thought := make(map[uint32]int)
	for _, k := range picked {
		before[k.uid], thought[k.uid] = s.box.modSeqs[k.uid], k.flags
	}
	line := fmt.Sprintf("%sSTORE %s (UNCHANGEDSINCE %d) %sFLAGS%s %s", prefix, set, since, mode, silent, flagNames(flags))
	numbers := make(map[uint32]uint32) // as the command counts them
	for i, k := range s.known {
		if numbers[uint32(i+1)] = k.uid; prefix != "" {
			numbers[k.uid] = k.uid
		}
	}
	all := m.send(s, line)
	modified := make(map[uint32]bool)
	if code, ok := strings.CutPrefix(all[len(all)-1].Code, "MODIFIED "); ok {
		for _, n := range uidsOf(code) {
			if prefix == "" {
				n = numbers[n]
			}
			modified[n] = true
		}
	}
	for _, k := range picked {
		is, there := s.box.flags[k.uid]
		switch {
		case !there:
		case modified[k.uid]:
			if before[k.uid] <= since {
				rt.Fatalf("%s: UID %d was left alone, with mod-sequence %d", line, k.uid, before[k.uid])
			}
		default:
			first := since == 0 && mode == "+" && flags&7 == 0 && is&flags == 0
			if before[k.uid] > since && !first && (mode == "" || is&flags != thought[k.uid]&flags) {
				rt.Fatalf("%s: UID %d was changed, with mod-sequence %d and %s; the client thought %s",
					line, k.uid, before[k.uid], flagNames(is), flagNames(thought[k.uid]))
			}
			s.box.flags[k.uid] = change(mode, is, flags)
			if silent != "" {
				k.flags = change(mode, k.flags, flags)
			}
		}
	}
	m.takeAll(s, line, all)
}

func change(mode string, was, flags int) int {
	switch mode {
	case "+":
		return was | flags
	case "-":
		return was &^ flags
	}
	return flags
}

// resync selects a mailbox with what the client knew of it.
func (m *model) resync(rt *rapid.T) {
	b := rapid.SampledFrom(m.boxes).Draw(rt, "box")
	s := m.session(rt, func(s *modelSession) bool { return s.qresync && (s.caches[b] != nil || s.box == b && s.high > 0) })
	if s == nil {
		return
	}
	m.remember(s)
	c := s.caches[b]
	args, known := "", uint32(0)
	if rapid.Bool().Draw(rt, "known") {
		known = uint32(rapid.IntRange(1, int(b.uidNext)).Draw(rt, "known up to"))
		args = fmt.Sprintf(" 1:%d", known)
	}
	sure := uint32(0)
	if len(c.known) > 0 && !s.uidOnly && rapid.Bool().Draw(rt, "match") {
		var seqs, uids []string
		for i, k := range c.known {
			if rapid.Bool().Draw(rt, "sample") || i == 0 {
				seqs, uids = append(seqs, fmt.Sprint(i+1)), append(uids, fmt.Sprint(k.uid))
				if i < len(b.uids) && b.uids[i] == k.uid {
					sure = k.uid
				}
			}
		}
		args += fmt.Sprintf(" (%s %s)", strings.Join(seqs, ","), strings.Join(uids, ","))
	}
	verb := rapid.SampledFrom([]string{"SELECT", "EXAMINE"}).Draw(rt, "verb")
	s.box, s.known, s.high, s.readOnly = b, nil, 0, verb == "EXAMINE"
	all := m.run(s, "%s %s (QRESYNC (%d %d%s))", verb, b.name, b.validity, c.high, args)
	m.expect(all, "OK")
	missed := m.missed(rt, s, all, c.high, func(uid uint32) bool { return known == 0 || uid <= known }, sure)
	if known != 0 {
		m.equal(s)
		return
	}
	// What the client had, without what has vanished, with what has changed, and then what is new.
	last := uint32(0)
	var kept []*knownMessage
	for _, k := range c.known {
		last = k.uid
		if !missed.vanished[k.uid] {
			kept = append(kept, k)
		}
	}
	for _, k := range kept {
		if slices.ContainsFunc(s.known, func(now *knownMessage) bool { return now.uid == k.uid }) {
			continue // it has changed, and was told
		}
		place := s.unlearned(k.uid)
		if place == nil {
			rt.Fatalf("the client has UID %d, of which there is no message", k.uid)
		}
		*place = *k
		s.order()
	}
	for i, k := range kept {
		if s.known[i].uid != k.uid {
			rt.Fatalf("message %d is UID %d, for the client it is %d", i+1, s.known[i].uid, k.uid)
		}
	}
	if len(kept) < len(s.known) {
		m.run(s, "UID FETCH %d:* (UID FLAGS)", last+1)
	}
	if i := slices.IndexFunc(s.known, func(k *knownMessage) bool { return k.uid == 0 || k.flags < 0 }); i >= 0 {
		rt.Fatalf("the client still does not know message %d", i+1)
	}
	m.equal(s)
}

// missing is what a client was told to have missed.
type missing struct{ vanished map[uint32]bool }

// missed checks VANISHED (EARLIER) and the FETCH responses: exactly what happened since to those of UIDs, and of the vanished ones only those above
// sure.
func (m *model) missed(rt *rapid.T, s *modelSession, all []*imapwire.Response, since uint64, of func(uint32) bool, sure uint32) missing {
	out := missing{vanished: make(map[uint32]bool)}
	var changed []uint32
	for _, res := range all {
		switch {
		case res.Name == "VANISHED" && len(res.Values) == 2:
			if len(changed) > 0 {
				rt.Fatalf("VANISHED after FETCH") // RFC 7162 3.2.6
			}
			for _, uid := range uidsOf(res.Values[1].Text) {
				out.vanished[uid] = true
			}
		case res.Name == "UIDFETCH":
			changed = append(changed, res.Num)
		case res.Name == "FETCH":
			v, _ := res.Values[0].Item("UID")
			changed = append(changed, number(v))
		}
	}
	var want []uint32
	for _, uid := range s.box.uids {
		if s.box.modSeqs[uid] > since && of(uid) {
			want = append(want, uid)
		}
	}
	if !slices.Equal(changed, want) {
		rt.Fatalf("changed since %d: told %v, want %v", since, changed, want)
	}
	for uid := uint32(1); uid < s.box.uidNext; uid++ {
		if want := s.box.gone[uid] > since && of(uid) && uid > sure; want != out.vanished[uid] {
			rt.Fatalf("UID %d, gone at %d, since %d (sure of %d): told %v", uid, s.box.gone[uid], since, sure, out.vanished[uid])
		}
	}
	return out
}

// vanished is UID FETCH with VANISHED in a mailbox that is selected and up to date.
func (m *model) vanished(rt *rapid.T) {
	s := m.inBox(rt, false, func(s *modelSession) bool { return s.qresync })
	if s == nil {
		return
	}
	m.converged(s)
	since := uint64(rapid.IntRange(1, int(m.account.View().ModSeq())+1).Draw(rt, "since"))
	lo := uint32(rapid.IntRange(1, int(s.box.uidNext)).Draw(rt, "lo"))
	hi := uint32(rapid.IntRange(1, int(s.box.uidNext)).Draw(rt, "hi"))
	lo, hi = min(lo, hi), max(lo, hi)
	all := m.run(s, "UID FETCH %d:%d (UID FLAGS) (CHANGEDSINCE %d VANISHED)", lo, hi, since)
	m.expect(all, "OK")
	m.missed(rt, s, all, since, func(uid uint32) bool { return uid >= lo && uid <= hi }, 0)
}
