package interop

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"

	"restante/test/demo"
)

// moving is a user's way from Dovecot: how, and what the second run is.
type moving struct {
	name string
	args func(d *dovecot, user string) []string
}

func movings() []moving {
	return []moving{
		{"Maildir", func(d *dovecot, user string) []string { return []string{filepath.Join(d.dir, "mail", user)} }},
		{"IMAP", func(d *dovecot, user string) []string { return []string{d.url("imap", user), "--insecure"} }},
		{"IMAP with the ids of POP3", func(d *dovecot, user string) []string {
			return []string{d.url("imaps", user), "--insecure", "--uidl-from", d.url("pop3s", user)}
		}},
	}
}

// TestMovingFromDovecot is scene F: programs that knew the old server take nothing again, over POP3 and over IMAP, and a second
// run brings nothing but what is new.
func TestMovingFromDovecot(t *testing.T) {
	const messages = 40
	demo.Bin(t)
	d := startDovecot(t)
	for i, m := range movings() {
		t.Run(m.name, func(t *testing.T) {
			user, s := fmt.Sprintf("u%d", i+1), demo.Start(t, 3)
			d.fill(user, messages+3)
			fetchmail, mpop := newFetchmail(t), newMpop(t)
			if n := fetchmail(d.ports["pop3"], user); n != messages {
				t.Fatalf("fetchmail took %d messages from Dovecot", n)
			}
			if n := mpop(d.ports["pop3"], user); n != messages {
				t.Fatalf("mpop took %d messages from Dovecot", n)
			}

			password := write(t, filepath.Join(t.TempDir(), "password"), demo.Password+"\n")
			args := append([]string{"import", user + "@" + demo.Domain}, append(m.args(d, user), "--password-file", password)...)
			if text := verb(t, s, append(args, "--dry-run")...); !strings.Contains(text, fmt.Sprintf("%d messages would be added", messages+12)) {
				t.Errorf("the dry run says\n%s", text)
			}
			if text := verb(t, s, args...); !strings.Contains(text, fmt.Sprintf("%d messages added", messages+12)) {
				t.Errorf("the first run says\n%s", text)
			}
			there, here := d.login(user), foreignLogin(t, s.Addr(demo.IMAP), user)
			mailboxes := map[string]string{
				"INBOX": "INBOX", "Projects": "Projects", "Projects.Äpfel Öl": "Projects/Äpfel Öl", "Gesendetes": "Sent", "Deleted Items": "Trash",
			}
			if m.name == "Maildir" { // which does not have the special use
				mailboxes["Gesendetes"] = "Gesendetes"
			}
			for from, to := range mailboxes {
				if diff := cmp.Diff(content(t, there, from), content(t, here, to)); diff != "" {
					t.Errorf("%s (-Dovecot +Restante):\n%s", to, diff)
				}
			}
			if n := fetchmail(s.Port(demo.POP3), user); n != messages {
				t.Errorf("fetchmail took %d messages again", n-messages)
			}
			if n := mpop(s.Port(demo.POP3), user); n != messages {
				t.Errorf("mpop took %d messages again", n-messages)
			}

			if text := verb(t, s, args...); !strings.Contains(text, "\n0 messages added") && !strings.HasPrefix(text, "0 messages added") {
				t.Errorf("the second run says\n%s", text)
			}
			appendOne(t, there, letter(5000))
			if text := verb(t, s, args...); !strings.Contains(text, "1 messages added") {
				t.Errorf("the third run says\n%s", text)
			}
			if diff := cmp.Diff(content(t, there, "INBOX"), content(t, here, "INBOX")); diff != "" {
				t.Errorf("after one more message (-Dovecot +Restante):\n%s", diff)
			}
			if n := fetchmail(s.Port(demo.POP3), user); n != messages+1 {
				t.Errorf("fetchmail took %d of one new message", n-messages)
			}
		})
	}
}

// TestMovingByPOP3 brings a maildrop: programs that had taken it take nothing again.
func TestMovingByPOP3(t *testing.T) {
	demo.Bin(t)
	d, s := startDovecot(t), demo.Start(t, 1)
	d.fill("u1", 33)
	fetchmail := newFetchmail(t)
	if n := fetchmail(d.ports["pop3"], "u1"); n != 30 {
		t.Fatalf("fetchmail took %d messages from Dovecot", n)
	}
	password := write(t, filepath.Join(t.TempDir(), "password"), demo.Password+"\n")
	before := content(t, d.login("u1"), "INBOX")
	for run, want := range []string{"30 messages added", "0 messages added"} {
		text := verb(t, s, "import", "u1@"+demo.Domain, d.url("pop3s", "u1"), "--insecure", "--password-file", password)
		if !strings.Contains(text, want) {
			t.Errorf("run %d says\n%s", run+1, text)
		}
	}
	if n := fetchmail(s.Port(demo.POP3), "u1"); n != 30 {
		t.Errorf("fetchmail took %d messages again", n-30)
	}
	if diff := cmp.Diff(before, content(t, d.login("u1"), "INBOX")); diff != "" {
		t.Errorf("the import has changed what is at Dovecot:\n%s", diff)
	}
	if out, err := s.Run(t.Context(), "import", "u1@"+demo.Domain, d.url("pop3s", "u1"), "--password-file", password); err == nil || !strings.Contains(out, "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v\n%s", err, out)
	}
}

// content is what a client sees of a mailbox: UIDVALIDITY, UIDNEXT, and a line a message.
func content(t *testing.T, c *imapclient.Client, mailbox string) []string {
	t.Helper()
	box, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("%q: %v", mailbox, err)
	}
	lines := []string{fmt.Sprintf("UIDVALIDITY %d, UIDNEXT %d", box.UIDValidity, box.UIDNext)}
	if box.NumMessages == 0 {
		return lines
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	list := must(c.Fetch(all, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect())(t)
	for _, m := range list {
		flags := slices.DeleteFunc(m.Flags, func(f imap.Flag) bool { return f == "\\Recent" })
		slices.Sort(flags)
		text := m.BodySection[0].Bytes
		lines = append(lines, fmt.Sprintf("%d %v %d %d %x", m.UID, flags, m.InternalDate.Unix(), m.RFC822Size, sha256.Sum256(text)))
	}
	return lines
}

func appendOne(t *testing.T, c *imapclient.Client, text []byte) {
	t.Helper()
	w := c.Append("INBOX", int64(len(text)), nil)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	must(w.Wait())(t)
}

// newFetchmail is a fetchmail that leaves mail on the server and remembers what it has, by the server's name and not by its port. It returns
// how much it has after each run.
func newFetchmail(t *testing.T) func(port, user string) int {
	home, in := t.TempDir(), t.TempDir()
	return func(port, user string) int {
		t.Helper()
		rc := filepath.Join(home, "rc")
		_ = os.Remove(rc)
		write(t, rc, fmt.Sprintf("set invisible\npoll 127.0.0.1 protocol pop3 port %s auth password uidl\n  user %q password %q\n"+
			"  sslproto \"\" keep no sslcertck\n  mda \"sh -c 'cat >$(mktemp %s/XXXXXXXX)'\"\n", port, user, demo.Password, in))
		run(t, program{name: "fetchmail", args: []string{"-f", rc, "-i", filepath.Join(home, "ids"), "-N"},
			env: []string{"FETCHMAILHOME=" + home, "HOME=" + home}, ok: []int{0, 1}})
		return len(must(os.ReadDir(in))(t))
	}
}

// newMpop is the same with mpop.
func newMpop(t *testing.T) func(port, user string) int {
	home := t.TempDir()
	maildir := filepath.Join(home, "in")
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return func(port, user string) int {
		t.Helper()
		rc := filepath.Join(home, "rc")
		_ = os.Remove(rc)
		write(t, rc, fmt.Sprintf("account a\nhost 127.0.0.1\nport %s\nuser %s\npassword %s\nauth user\ntls off\nkeep on\ndelivery maildir %s\nuidls_file %s\n",
			port, user, demo.Password, maildir, filepath.Join(home, "uidls")))
		run(t, program{name: "mpop", args: []string{"-C", rc, "-q", "-a"}, env: []string{"HOME=" + home}})
		return len(must(os.ReadDir(filepath.Join(maildir, "new")))(t))
	}
}
