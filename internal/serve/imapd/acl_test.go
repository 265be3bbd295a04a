package imapd_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store"
)

const theirs = `"Other Users/u1@demo.test/box"`

// rightsNeeded are commands of u2 on a mailbox of u1's, and the rights that each needs (RFC 4314 4): with these alone it is done, and with
// all others it is not. A command that needs the mailbox selected has "r" for that. {box} is the mailbox, % a message of 20 octets.
var rightsNeeded = []struct{ rights, command string }{
	{"r", "SELECT {box}"},
	{"r", "EXAMINE {box}"},
	{"r", "STATUS {box} (MESSAGES)"},
	{"r", "GETQUOTAROOT {box}"},
	{"i", "APPEND {box} {20+}\r\n%"},
	{"k", `CREATE "Other Users/u1@demo.test/box/new"`},
	{"x", "DELETE {box}"},
	{"xk", `RENAME {box} "Other Users/u1@demo.test/box2/new"`}, // k of box2
	{"a", "SETACL {box} u3 l"},
	{"a", "DELETEACL {box} u3"},
	{"a", "GETACL {box}"},
	{"a", "LISTRIGHTS {box} u3"},
	{"lr", "GETMETADATA {box} /shared/comment"},
	{"lp", "SETMETADATA {box} (/private/comment x)"},
	{"lw", `SETMETADATA {box} (/shared/comment "x")`},
	{"i", "-COPY 1 {box}"}, // from a mailbox of one's own
	{"i", "-MOVE 1 {box}"},
	{"r", "+FETCH 1 BODY.PEEK[]"},
	{"r", "+SEARCH ALL"},
	{"r", "+COPY 1 Archive"},
	{"rte", "+MOVE 1 Archive"},
	{"rs", `+STORE 1 +FLAGS (\Seen)`},
	{"rt", `+STORE 1 +FLAGS (\Deleted)`},
	{"rw", `+STORE 1 +FLAGS (\Flagged)`},
	{"rw", `+STORE 1 +FLAGS (keyword)`},
	{"rw", `+STORE 1 -FLAGS (\Draft)`},
	{"re", "+EXPUNGE"},
	{"re", "+UID EXPUNGE 1:*"},
	{"rte", "+REPLACE 1 Archive {20+}\r\n%"},
	{"i", "-REPLACE 1 {box} {20+}\r\n%"},
	{"r", "+APPEND Archive CATENATE (URL ;UID=1)"},
}

const everyRight = "lrswipkxtea"

func TestRightsAreNeeded(t *testing.T) {
	h := newHouse(t, plain())
	owner := h.login("u1")
	defer owner.close()
	for _, tt := range rightsNeeded {
		command := strings.Replace(tt.command, "(/private/comment x)", `(/private/comment "x")`, 1)
		if !h.allowed(owner, command, tt.rights) {
			t.Errorf("%q is refused with %q", command, tt.rights)
		}
		for _, without := range tt.rights {
			if without == 'r' && strings.HasPrefix(command, "GETMETADATA") || without == 'p' {
				continue // any right to do with messages will do
			}
			rest := strings.ReplaceAll(everyRight, string(without), "")
			if h.allowed(owner, command, rest) {
				t.Errorf("%q is done with %q", command, rest)
			}
		}
		if h.allowed(owner, command, "") {
			t.Errorf("%q is done without any right", command)
		}
	}
}

// allowed says whether u2 can do a command with those rights on u1's mailbox, which is made anew.
func (h *house) allowed(owner *client, command, rights string) bool {
	h.t.Helper()
	for _, name := range []string{"box/new", "box", "box2/new", "box2"} {
		owner.do("DELETE %s", name)
	}
	owner.ok("CREATE box")
	owner.ok("CREATE box2")
	h.put("u1", "box", "Subject: t\r\n\r\nabcd\r\n", store.AddOptions{Flags: store.Deleted | store.Draft})
	owner.ok(`SETACL box u2 "%s"`, rights)
	owner.ok(`SETACL box2 u2 "%s"`, rights)
	c := h.login("u2")
	defer c.close()
	c.ok(`APPEND INBOX {20+}` + "\r\n" + "Subject: x\r\n\r\nabcd\r\n")
	if own, is := strings.CutPrefix(command, "-"); is {
		c.ok("SELECT INBOX")
		command = own
	}
	if on, is := strings.CutPrefix(command, "+"); is {
		all := c.do("SELECT %s", theirs)
		if all[len(all)-1].Name != "OK" {
			return false
		}
		command = on
	}
	command = strings.ReplaceAll(strings.ReplaceAll(command, "{box}", theirs), "%", "Subject: x\r\n\r\nabcd\r\n")
	all := c.do("%s", command)
	last := all[len(all)-1]
	if last.Name == "BAD" {
		h.t.Fatalf("%q: %s", command, last.Raw)
	}
	return last.Name == "OK"
}

// TestNobodyReadsWhatIsNotTheirs lets three users share and look at random. Each mailbox has a word that is in its messages, annotations and
// name; whoever has never had a right to a mailbox never hears its word, and who has no "r" now is not let in.
func TestNobodyReadsWhatIsNotTheirs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &sharing{h: newHouse(t, plain()), rights: make(map[[2]string]string), knows: make(map[[2]string]bool), selected: make(map[string]string)}
		defer m.h.stop()
		m.clients = make(map[string]*client)
		for _, u := range sharers() {
			m.clients[u] = m.h.login(u)
			m.clients[u].ok("CREATE word%s", u)
			m.h.put(u, "word"+u, "Subject: word"+u+"\r\n\r\nword"+u+"\r\n", store.AddOptions{})
			m.clients[u].ok(`SETMETADATA word%s (/shared/comment "word%s")`, u, u)
		}
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			m.step(rt)
		}
		for _, c := range m.clients {
			c.close()
		}
	})
}

func sharers() []string { return []string{"u1", "u2", "u3"} }

type sharing struct {
	h        *house
	clients  map[string]*client
	rights   map[[2]string]string // owner and user
	knows    map[[2]string]bool   // user has had a right to owner's mailbox
	selected map[string]string    // whose mailbox a user has selected
}

func (m *sharing) step(rt *rapid.T) {
	owner, user := rapid.SampledFrom(sharers()).Draw(rt, "owner"), rapid.SampledFrom(sharers()).Draw(rt, "user")
	if owner == user {
		return
	}
	key := [2]string{owner, user}
	if rapid.IntRange(0, 2).Draw(rt, "grant") == 0 {
		letters := rapid.SampledFrom([]string{"", "l", "r", "lr", "i", "lis", "lrswit", everyRight}).Draw(rt, "rights")
		m.clients[owner].ok(`SETACL word%s %s "%s"`, owner, user, letters)
		m.rights[key] = letters
		m.knows[key] = m.knows[key] || letters != ""
		if m.selected[user] == owner && !strings.Contains(letters, "r") {
			m.thrownOut(rt, user)
		}
		return
	}
	name := fmt.Sprintf(`"Other Users/%s@demo.test/word%s"`, owner, owner)
	reads := true
	command := rapid.SampledFrom([]string{
		"SELECT {}", "EXAMINE {}", "STATUS {} (MESSAGES UIDNEXT)", `LIST "" *`, `LIST "" * RETURN (MYRIGHTS STATUS (MESSAGES) METADATA (/shared/comment))`, `LSUB "" *`,
		"GETMETADATA {} /shared/comment", "FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[])", "SEARCH TEXT word", "COPY 1:* Archive", "UNSELECT", "NOOP",
		"APPEND {} {20+}\r\nSubject: x\r\n\r\nabcd\r\n", "SORT (SUBJECT) UTF-8 ALL", "ESEARCH IN (mailboxes {}) RETURN (ALL) ALL", "GETACL {}", `LIST "" Other%/%/%`,
	}).Draw(rt, "command")
	if !strings.HasPrefix(command, "SELECT") && !strings.HasPrefix(command, "EXAMINE") && !strings.HasPrefix(command, "STATUS") {
		reads = false
	}
	c := m.clients[user]
	all := c.do("%s", strings.ReplaceAll(command, "{}", name))
	last := all[len(all)-1]
	if reads && last.Name == "OK" && !strings.Contains(m.rights[key], "r") {
		rt.Fatalf("%s of %s by %s with %q: %s", command, owner, user, m.rights[key], last.Raw)
	}
	if strings.Contains(command, "SELECT") || strings.HasPrefix(command, "EXAMINE") {
		m.selected[user] = ""
		if last.Name == "OK" && command != "UNSELECT" {
			m.selected[user] = owner
		}
	}
	m.hears(rt, user, command, raw(all[:len(all)-1]))
}

// thrownOut expects the end of a session that has a mailbox selected which it may not read any more, and begins another.
func (m *sharing) thrownOut(rt *rapid.T, user string) {
	c := m.clients[user]
	c.send("x FETCH 1:* BODY.PEEK[]\r\n")
	if res := c.read(); res.Name != "BYE" {
		rt.Fatalf("%s may still read: %s", user, res.Raw)
	}
	c.close()
	m.clients[user], m.selected[user] = m.h.login(user), ""
}

// hears checks what a user has been told.
func (m *sharing) hears(rt *rapid.T, user, command, text string) {
	for _, owner := range sharers() {
		if owner == user || m.knows[[2]string{owner, user}] || strings.Contains(command, "GETMETADATA") || strings.Contains(command, "STATUS") {
			continue
		}
		if strings.Contains(text, "word"+owner) {
			rt.Fatalf("%s hears of %s by %s:\n%s", user, owner, command, text)
		}
	}
}
