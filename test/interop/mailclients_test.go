package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestPerl runs Mail::IMAPClient, which imapsync is made with.
func TestPerl(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	run(t, program{name: "perl", args: []string{"testdata/imapclient.pl"}, env: imapPorts(s)})
}

// TestAlpine sits down at alpine.
func TestAlpine(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/bin/alpine"); err != nil {
		t.Fatal("alpine is not installed: run make deps")
	}
	s := demo.Start(t, 1)
	run(t, program{name: "python3", args: []string{"testdata/alpine.py"}, env: imapPorts(s)})
}

func imapPorts(s *demo.Server) []string {
	return []string{"IMAP=" + s.Port(demo.IMAP), "IMAPS=" + s.Port(demo.IMAPS)}
}

// TestOfflineIMAP keeps a maildir and an account the same, while both change.
func TestOfflineIMAP(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	const messages = 30
	deliver(t, s, "u1", letters(messages)...)
	home := t.TempDir()
	local := filepath.Join(home, "mail")
	rc := write(t, filepath.Join(home, "rc"), fmt.Sprintf(`[general]
accounts = a
metadata = %s/meta
[Account a]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = %s
[Repository remote]
type = IMAP
remotehost = 127.0.0.1
remoteport = %s
ssl = no
starttls = no
remoteuser = u1
remotepass = %s
auth_mechanisms = PLAIN
`, home, local, s.Port(demo.IMAP), demo.Password))
	sync := func() {
		run(t, program{name: "offlineimap", args: []string{"-c", rc, "-o", "-u", "basic"}, env: []string{"HOME=" + home}})
	}
	sync()
	files := inMaildir(t, local, "INBOX")
	if len(files) != messages {
		t.Fatalf("the maildir has %d messages, want %d", len(files), messages)
	}
	// Here one is read, one goes, one comes; there one is flagged, one goes, one comes.
	moveFile(t, files[0], filepath.Join(local, "INBOX", "cur", strings.TrimSuffix(filepath.Base(files[0]), ":2,")+":2,S"))
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(local, "INBOX", "new", "1.new.here"), string(letter(100)))
	c := login(t, s, "u1")
	do(t, c, "SELECT INBOX")
	do(t, c, `STORE %d +FLAGS (\Flagged)`, messages)
	do(t, c, `STORE %d +FLAGS (\Deleted)`, messages-1)
	do(t, c, "EXPUNGE")
	deliver(t, s, "u1", letter(101))
	sync()
	sync()
	if n := len(inMaildir(t, local, "INBOX")); n != messages {
		t.Errorf("the maildir has %d messages in the end, want %d", n, messages)
	}
	if n := count(t, c, "INBOX", "MESSAGES"); n != messages {
		t.Errorf("the account has %d messages in the end, want %d", n, messages)
	}
	if n := count(t, c, "INBOX", "UNSEEN"); n != messages-1 {
		t.Errorf("%d messages are unseen, want %d", n, messages-1)
	}
	if flagged, _ := filepath.Glob(local + "/INBOX/*/*:2,*F*"); len(flagged) != 1 {
		t.Errorf("flagged here: %q", flagged)
	}
}

// inMaildir is the files of a maildir.
func inMaildir(t *testing.T, dir, name string) []string {
	t.Helper()
	var files []string
	for _, sub := range []string{"new", "cur"} {
		found, err := filepath.Glob(filepath.Join(dir, name, sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

func moveFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestGetmail collects mail by IMAP and by POP3, each message once, and in the end takes it off the server. What it collects it
// delivers by LMTP to another account, so that it starts no programs: those it sometimes waits for without an end.
func TestGetmail(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 8)
	const messages = 20
	for i, from := range []struct{ retriever, port string }{
		{"SimpleIMAPRetriever", s.Port(demo.IMAP)}, {"SimpleIMAPSSLRetriever", s.Port(demo.IMAPS)},
		{"SimplePOP3Retriever", s.Port(demo.POP3)}, {"SimplePOP3SSLRetriever", s.Port(demo.POP3S)},
	} {
		t.Run(from.retriever, func(t *testing.T) {
			user, to, home := fmt.Sprintf("u%d", i+1), fmt.Sprintf("u%d", i+5), t.TempDir()
			deliver(t, s, user, letters(messages)...)
			collect := func(remove bool) int64 {
				write(t, filepath.Join(home, "getmailrc"), fmt.Sprintf("[retriever]\ntype = %s\nserver = 127.0.0.1\nport = %s\nusername = %s\npassword = %s\n"+
					"[destination]\ntype = MDA_lmtp\nhost = 127.0.0.1\nport = %s\noverride = %s@%s\n[options]\nread_all = false\ndelete = %t\nverbose = 0\n",
					from.retriever, from.port, user, demo.Password, s.Port(demo.LMTP), to, demo.Domain, remove))
				run(t, program{name: "getmail", args: []string{"--getmaildir", home}, env: []string{"HOME=" + home}})
				return count(t, login(t, s, to), "INBOX", "MESSAGES")
			}
			if n := collect(false); n != messages {
				t.Fatalf("the first run collected %d messages, want %d", n, messages)
			}
			deliver(t, s, user, letter(messages+1))
			if n := collect(true); n != messages+1 {
				t.Errorf("after one more message there are %d, want %d", n, messages+1)
			}
			left := count(t, login(t, s, user), "INBOX", "MESSAGES")
			if strings.Contains(from.retriever, "POP3") { // for the others they stay a month
				n, _, err := maildrop(t, s, user).Stat()
				if err != nil {
					t.Fatal(err)
				}
				left = int64(n)
			}
			if left != 0 {
				t.Errorf("%d messages are left on the server", left)
			}
		})
	}
}
