// Package coexist holds POP3 and IMAP sessions, as clients see them, against the promises of docs/decisions/0012: several programs on one
// mailbox, each by its own protocol, and none of them loses or doubles what another does. The store by itself, with power failures and
// more rules, is held against a model by package store's TestCoexistence.
package coexist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"restante/internal/directory"
	"restante/internal/store"
	"restante/internal/store/retention"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClients lets three POP3 devices and two IMAP clients do random things to one mailbox, while time passes and sweeps come by.
func TestClients(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		// A bubble for each case, for rapid must not see how the time passes; and its failures are panics, which must not end the bubble.
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			defer h.stop()
			m := newMailbox(rt, h, "ada")
			defer m.close()
			defer func() { failed = recover() }()
			steps := []func(){m.deliver, m.deliver, m.visit, m.visit, m.visit, m.flag, m.move, m.expunge, m.later, m.later}
			for range rapid.IntRange(10, 40).Draw(rt, "steps") {
				steps[rapid.IntRange(0, len(steps)-1).Draw(rt, "step")]()
				m.check()
			}
		})
		if failed != nil {
			panic(failed)
		}
	})
}

// mailbox is what the clients have done to an account.
type mailbox struct {
	t        *rapid.T
	house    *house
	name     string
	account  *store.Account
	imap     [2]*wire
	devices  []*device
	texts    map[int]string // of all that was delivered, by number
	uidls    map[int]string
	flagged  map[int]bool // and so kept
	moved    map[int]bool // out of INBOX by a client
	expunged map[int]bool // by a client
	left     map[int]bool // by a rule
}

type device struct {
	name, password string
	keep           time.Duration
	active         time.Time
	taken          map[int]time.Time
}

func newMailbox(t *rapid.T, h *house, name string) *mailbox {
	ctx := h.t.Context()
	m := &mailbox{
		t: t, house: h, name: name, texts: make(map[int]string), uidls: make(map[int]string),
		flagged: make(map[int]bool), moved: make(map[int]bool), expunged: make(map[int]bool), left: make(map[int]bool),
	}
	credential, err := h.dir.Derive(ctx, "pass")
	m.must(err)
	a, err := h.dir.CreateAccount(ctx, address(name), directory.NewAccount{Credential: credential})
	m.must(err)
	m.account, err = h.s.Account(ctx, a.ID)
	m.must(err)
	for i := range 3 {
		rule := retention.Rule{
			Keep: rapid.SampledFrom([]string{"none", "1d", "30d", "forever"}).Draw(t, "keep"),
			Then: rapid.SampledFrom([]string{"delete", "trash"}).Draw(t, "then"),
		}
		p, err := rule.Apply(retention.Default())
		m.must(err)
		_, password, err := h.dir.AddDevice(ctx, address(name), directory.NewDevice{Name: fmt.Sprint("PC", i), ForPOP: true, POP: rule})
		m.must(err)
		m.devices = append(m.devices, &device{fmt.Sprint("PC", i), password, time.Duration(p.Keep), time.Now(), make(map[int]time.Time)})
	}
	for i := range m.imap {
		m.imap[i], err = dial(h.imap)
		m.must(err)
		_, err = m.imap[i].do("LOGIN %s@%s pass", name, domain)
		m.must(err)
	}
	return m
}

func (m *mailbox) close() {
	for _, c := range m.imap {
		if c != nil {
			c.Close()
		}
	}
	m.account.Close()
	synctest.Wait()
}

func (m *mailbox) must(err error) {
	if err != nil {
		m.t.Helper()
		m.t.Fatal(err)
	}
}

// client is one of the IMAP clients.
func (m *mailbox) client() *wire { return m.imap[rapid.IntRange(0, 1).Draw(m.t, "client")] }

type seen struct {
	uid, size int
	flags     string
}

// list has an IMAP client list a mailbox, by the messages' numbers.
func (m *mailbox) list(c *wire, box string) map[int]seen {
	_, err := c.do("SELECT %s", box)
	m.must(err)
	text, err := c.do("FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)")
	if err != nil && !strings.Contains(err.Error(), " BAD ") { // an empty mailbox has no 1:*
		m.t.Fatal(err)
	}
	out := make(map[int]seen)
	for _, f := range fetched.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(f[4])
		if _, twice := out[n]; twice {
			m.t.Fatalf("message %d is twice in %s", n, box)
		}
		uid, _ := strconv.Atoi(f[1])
		size, _ := strconv.Atoi(f[3])
		out[n] = seen{uid, size, f[2]}
	}
	return out
}

func numbers(in map[int]seen) (out []int) {
	for n := range in {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (m *mailbox) deliver() {
	ctx := m.house.t.Context()
	for range rapid.IntRange(1, 3).Draw(m.t, "messages") {
		n := len(m.texts) + 1
		text := fmt.Sprintf("Subject: %d\r\n\r\n%s", n, strings.Repeat(".dot\r\ntext\r\n", n))
		w, err := m.house.s.NewBody(ctx, store.BodyOptions{})
		m.must(err)
		_, err = w.Write([]byte(text))
		m.must(err)
		body, err := w.Finish(ctx)
		m.must(err)
		for _, d := range m.house.s.Deliver(ctx, store.Origin{Protocol: store.ProtocolLMTP}, body, []store.Delivery{{Account: m.account.ID()}}) {
			m.must(d.Err)
		}
		m.texts[n] = text
	}
}

// visit is a POP3 session, during which others go on.
func (m *mailbox) visit() {
	d := m.devices[rapid.IntRange(0, 2).Draw(m.t, "device")]
	c, err := dial(m.house.pop)
	m.must(err)
	defer c.Close()
	there := m.list(m.imap[0], "INBOX")
	_, err = c.command(false, "USER %s@%s", m.name, domain)
	m.must(err)
	_, err = c.command(false, "PASS %s", d.password)
	m.must(err)
	d.active = time.Now()
	uidl, err := c.command(true, "UIDL")
	m.must(err)
	if rapid.Bool().Draw(m.t, "expunge meanwhile") {
		m.expunge()
	}
	var offered, deleted []int
	for _, line := range strings.Split(strings.TrimSpace(uidl), "\r\n") {
		seq, id, ok := strings.Cut(line, " ")
		if !ok {
			break
		}
		n := m.retr(c, seq)
		if old, known := m.uidls[n]; known && old != id {
			m.t.Fatalf("message %d had the UIDL %s and has %s", n, old, id)
		}
		m.uidls[n] = id
		offered = append(offered, n)
		if rapid.IntRange(0, 2).Draw(m.t, "delete") > 0 {
			_, err := c.command(false, "DELE %s", seq)
			m.must(err)
			deleted = append(deleted, n)
		}
	}
	slices.Sort(offered)
	for n := range d.taken {
		delete(there, n)
	}
	if want := numbers(there); !slices.Equal(offered, want) {
		m.t.Fatalf("%s is offered %v, want %v", d.name, offered, want)
	}
	if rapid.IntRange(0, 3).Draw(m.t, "dropped") == 0 {
		c.Close() // which deletes nothing and frees the lock
		synctest.Wait()
		return
	}
	_, err = c.command(false, "QUIT")
	m.must(err)
	for _, n := range deleted {
		d.taken[n] = time.Now()
	}
}

func (m *mailbox) retr(c *wire, seq string) int {
	text, err := c.command(true, "RETR %s", seq)
	m.must(err)
	subject, _, _ := strings.Cut(strings.TrimPrefix(text, "Subject: "), "\r\n")
	n, _ := strconv.Atoi(subject)
	if text != m.texts[n] {
		m.t.Fatalf("message %d is %q", n, text)
	}
	return n
}

// some has a client choose a message of INBOX.
func (m *mailbox) some(c *wire) (n int, s seen, ok bool) {
	there := m.list(c, "INBOX")
	if len(there) == 0 {
		return 0, s, false
	}
	n = rapid.SampledFrom(numbers(there)).Draw(m.t, "message")
	return n, there[n], true
}

func (m *mailbox) flag() {
	c := m.client()
	if n, s, ok := m.some(c); ok {
		_, err := c.do(`UID STORE %d +FLAGS (\Flagged)`, s.uid)
		m.must(err)
		m.flagged[n] = true
	}
}

func (m *mailbox) move() {
	c := m.client()
	if n, s, ok := m.some(c); ok {
		_, err := c.do("UID MOVE %d Archive", s.uid)
		m.must(err)
		m.moved[n] = true
	}
}

func (m *mailbox) expunge() {
	c := m.client()
	if n, s, ok := m.some(c); ok {
		_, err := c.do(`UID STORE %d +FLAGS.SILENT (\Deleted)`, s.uid)
		m.must(err)
		_, err = c.do("UID EXPUNGE %d", s.uid)
		m.must(err)
		m.expunged[n] = true
	}
}

func (m *mailbox) later() {
	<-time.After(time.Duration(rapid.SampledFrom([]int{1, 25, 31 * 24}).Draw(m.t, "hours")) * time.Hour)
	_, err := m.house.s.Sweep(m.house.t.Context())
	m.must(err)
	for i := range m.imap { // they have been logged out meanwhile
		m.imap[i].Close()
		m.imap[i], err = dial(m.house.imap)
		m.must(err)
		_, err = m.imap[i].do("LOGIN %s@%s pass", m.name, domain)
		m.must(err)
	}
}

// released says whether the devices' rules let a message go by now. A device counts for ninety days after it was there.
func (m *mailbox) released(n int) bool {
	var takers, there []*device
	var first time.Time
	for _, d := range m.devices {
		t, taken := d.taken[n]
		counts := time.Since(d.active) <= retention.ActiveFor
		if counts && (!taken || d.keep == time.Duration(retention.KeepForever)) {
			return false
		}
		if !taken {
			continue
		}
		if takers = append(takers, d); counts {
			there = append(there, d)
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	if len(there) == 0 && len(takers) > 0 { // they have all been away: the one that was there last
		last := slices.MaxFunc(takers, func(a, b *device) int { return a.active.Compare(b.active) })
		there = append(there, last)
	}
	takers = there
	for _, d := range takers {
		if time.Since(first) < d.keep {
			return false
		}
	}
	return len(takers) > 0
}

// check holds what clients see against what they have done: nothing is lost or doubled, and the quota is charged what there is.
func (m *mailbox) check() {
	inbox, archive, trash := m.list(m.imap[0], "INBOX"), m.list(m.imap[0], "Archive"), m.list(m.imap[1], "Trash")
	octets := 0
	for n, text := range m.texts {
		places := 0
		for _, box := range []map[int]seen{inbox, archive, trash} {
			if s, ok := box[n]; ok {
				places++
				octets += s.size
				if s.size != len(text) {
					m.t.Fatalf("message %d has %d octets, is said to have %d", n, len(text), s.size)
				}
			}
		}
		_, here := inbox[n]
		_, filed := archive[n]
		switch {
		case places > 1:
			m.t.Fatalf("message %d is in %d mailboxes", n, places)
		case m.expunged[n] && places > 0:
			m.t.Fatalf("message %d was expunged and is there", n)
		case m.moved[n] && !filed:
			m.t.Fatalf("message %d was moved to Archive and is not there", n)
		case m.flagged[n] && !m.moved[n] && !m.expunged[n] && !here:
			m.t.Fatalf("message %d is flagged and has left", n)
		case here || m.moved[n] || m.expunged[n] || m.left[n]:
		case m.released(n):
			m.left[n] = true
		default:
			for _, d := range m.devices {
				m.t.Logf("%s keeps for %v, was here on %v and took it on %v", d.name, d.keep, d.active, d.taken[n])
			}
			m.t.Fatalf("message %d has left, and no rule says so at %v", n, time.Now())
		}
	}
	if used := m.account.View().Used(); used.Octets != uint64(octets) {
		m.t.Fatalf("%d octets are charged, there are %d", used.Octets, octets)
	}
}
