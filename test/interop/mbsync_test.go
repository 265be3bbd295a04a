package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"restante/test/client"
	"restante/test/demo"
)

// maildir is mbsync's side of the synchronisation.
type maildir struct{ dir string }

// files returns the message files of a folder, sorted by the letter's number.
func (m maildir) files(t *testing.T, folder string) []string {
	t.Helper()
	var out []string
	for _, sub := range []string{"cur", "new"} {
		names, err := filepath.Glob(filepath.Join(m.dir, folder, sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, names...)
	}
	slices.SortFunc(out, func(a, b string) int { return number(t, a) - number(t, b) })
	return out
}

// number is the letter's number in a file.
func number(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return subject(text)
}

// subject is the number in "Subject: letter 7", or -1.
func subject(text []byte) int {
	n := -1
	if m := regexp.MustCompile(`Subject: letter (\d+)`).FindSubmatch(text); m != nil {
		fmt.Sscan(string(m[1]), &n)
	}
	return n
}

// flag gives a file a Maildir flag.
func (m maildir) flag(t *testing.T, name string, flag string) {
	t.Helper()
	base, flags, _ := strings.Cut(filepath.Base(name), ":2,")
	letters := strings.Split(flags+flag, "")
	slices.Sort(letters)
	to := filepath.Join(filepath.Dir(filepath.Dir(name)), "cur", base+":2,"+strings.Join(slices.Compact(letters), ""))
	if err := os.Rename(name, to); err != nil {
		t.Fatal(err)
	}
}

// state is what one side holds of a folder: letter -> flags.
func (m maildir) state(t *testing.T, folder string) map[int]string {
	t.Helper()
	out := map[int]string{}
	for _, name := range m.files(t, folder) {
		_, flags, _ := strings.Cut(name, ":2,")
		out[number(t, name)] += "|" + flags
	}
	return out
}

// serverState is state of the server's mailbox.
func serverState(t *testing.T, c *client.IMAP, mailbox string) map[int]string {
	t.Helper()
	out := map[int]string{}
	do(t, c, "EXAMINE %s", mailbox)
	letters := map[string]string{`\Seen`: "S", `\Flagged`: "F", `\Answered`: "R", `\Draft`: "D", `\Deleted`: "T"}
	for _, r := range do(t, c, "FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])") {
		if len(r.Literals) != 1 {
			continue
		}
		var flags []string
		for name, letter := range letters {
			if strings.Contains(r.Text, name) {
				flags = append(flags, letter)
			}
		}
		slices.Sort(flags)
		out[subject(r.Literals[0])] += "|" + strings.Join(flags, "")
	}
	do(t, c, "UNSELECT")
	return out
}

// laptop is a computer where mbsync keeps a Maildir and an account alike.
type laptop struct {
	maildir
	rc, home string
}

func newLaptop(t *testing.T, s *demo.Server, d device) *laptop {
	t.Helper()
	home := t.TempDir()
	l := &laptop{maildir{filepath.Join(home, "mail")}, filepath.Join(home, "rc"), home}
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, l.rc, fmt.Sprintf(`
IMAPAccount server
Host 127.0.0.1
Port %s
User %s
Pass %s
SSLType None
AuthMechs PLAIN

IMAPStore far
Account server

MaildirStore near
Path %[4]s/
Inbox %[4]s/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
SyncState %[5]s/
CopyArrivalDate yes
`, s.Port(demo.IMAP), d.login, d.password, l.dir, home))
	return l
}

func (l *laptop) sync(t *testing.T) {
	t.Helper()
	run(t, program{name: "mbsync", args: []string{"-c", l.rc, "-a"}, env: []string{"HOME=" + l.home}})
}

// folder makes a folder of the Maildir.
func (l *laptop) folder(t *testing.T, name string) {
	t.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(l.dir, name, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// alike checks that a mailbox has so many messages, and the same with the same flags on both sides.
func (l *laptop) alike(t *testing.T, c *client.IMAP, mailbox string, want int) {
	t.Helper()
	here, there := l.state(t, mailbox), serverState(t, c, mailbox)
	if len(here) != want || len(there) != want {
		t.Fatalf("%s: %d messages in the Maildir, %d on the server, want %d", mailbox, len(here), len(there), want)
	}
	for n, flags := range there {
		if here[n] != flags {
			t.Errorf("%s: letter %d: flags %q in the Maildir, %q on the server", mailbox, n, here[n], flags)
		}
	}
}

// TestMbsync keeps a Maildir and the server alike: 2,000 messages, then flags,
// new messages, deletions and folders from both sides at once.
func TestMbsync(t *testing.T) {
	const messages = 2000
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letters(messages)...)
	local := newLaptop(t, s, device{"u1", demo.Password})
	sync := func() {
		t.Helper()
		local.sync(t)
	}
	c := login(t, s, "u1")
	alike := func(mailbox string, want int) {
		t.Helper()
		local.alike(t, c, mailbox, want)
	}
	sync()
	alike("INBOX", messages)

	// Flags on both sides, new mail on both sides.
	for _, name := range local.files(t, "INBOX")[:300] {
		local.flag(t, name, "S")
	}
	do(t, c, "SELECT INBOX")
	do(t, c, `STORE 201:500 +FLAGS.SILENT (\Flagged)`)
	deliver(t, s, "u1", letter(messages+1))
	write(t, filepath.Join(local.dir, "INBOX/cur/1.local:2,R"), strings.ReplaceAll(string(letter(messages+2)), "\r\n", "\n"))
	sync()
	alike("INBOX", messages+2)

	// Deletions on both sides.
	for _, name := range local.files(t, "INBOX")[1000:1100] {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	do(t, c, "SELECT INBOX")
	do(t, c, `STORE 1501:1600 +FLAGS.SILENT (\Deleted)`)
	do(t, c, "EXPUNGE")
	sync()
	alike("INBOX", messages+2-200)

	// Folders on both sides, and a move on the server.
	local.folder(t, "Made-here")
	write(t, filepath.Join(local.dir, "Made-here/cur/2.local:2,FS"), strings.ReplaceAll(string(letter(1)), "\r\n", "\n"))
	do(t, c, "CREATE Made-there")
	do(t, c, "SELECT INBOX")
	do(t, c, "MOVE 1:10 Made-there")
	sync()
	alike("INBOX", messages+2-200-10)
	alike("Made-there", 10)
	alike("Made-here", 1)

	before := standing(t, c)
	sync()
	if after := standing(t, c); after != before {
		t.Errorf("a run with nothing to do changed the server: %s, then %s", before, after)
	}
}

// standing is what would differ if anything had changed.
func standing(t *testing.T, c *client.IMAP) string {
	return fmt.Sprint(count(t, c, "INBOX", "MESSAGES"), count(t, c, "INBOX", "UIDNEXT"), count(t, c, "INBOX", "UNSEEN"))
}
