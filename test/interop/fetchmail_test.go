package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestFetchmail collects mail by POP3 and IMAP, once leaving it on the server
// and once not.
func TestFetchmail(t *testing.T) {
	const messages = 50
	for user, options := range map[string]struct {
		protocol string
		port     int
		how      string
	}{
		"u1": {"pop3", demo.POP3, `sslproto ""`},
		"u2": {"pop3", demo.POP3S, "ssl"},
		"u3": {"imap", demo.IMAP, `sslproto ""`},
		"u4": {"imap", demo.IMAPS, "ssl"},
	} {
		t.Run(options.protocol+" "+options.how, func(t *testing.T) {
			s := demo.Start(t, 4)
			deliver(t, s, user, letters(messages)...)
			home, in := t.TempDir(), t.TempDir()
			collect := func(keep string) int {
				rc := write(t, filepath.Join(home, "rc"), fmt.Sprintf(
					"set invisible\npoll 127.0.0.1 protocol %s port %s auth password uidl\n  user %q password %q\n  %s no sslcertck %s\n"+
						"  mda \"sh -c 'cat >$(mktemp %s/XXXXXXXX)'\"\n",
					options.protocol, s.Port(options.port), user, demo.Password, options.how, keep, in))
				if options.protocol == "imap" {
					rewrite(t, rc, " uidl\n", "\n")
				}
				run(t, program{name: "fetchmail", args: []string{"-f", rc, "-i", filepath.Join(home, "ids"), "-N"},
					env: []string{"FETCHMAILHOME=" + home, "HOME=" + home}, ok: []int{0, 1}}) // 1: no new mail
				files, err := filepath.Glob(in + "/*")
				if err != nil {
					t.Fatal(err)
				}
				return len(files)
			}
			if n := collect("keep"); n != messages {
				t.Fatalf("the first run collected %d messages, want %d", n, messages)
			}
			if n := collect("keep"); n != messages {
				t.Errorf("the second run collected %d again", n-messages)
			}
			deliver(t, s, user, letter(messages+1))
			if n := collect("keep"); n != messages+1 {
				t.Errorf("after one more message there are %d, want %d", n, messages+1)
			}
			if n := count(t, login(t, s, user), "INBOX", "MESSAGES"); n != messages+1 {
				t.Errorf("the server keeps %d messages, want %d", n, messages+1)
			}
			collect("nokeep fetchall")
			want := int64(0)
			if options.protocol == "pop3" {
				// It is not shown them again; for the others they stay a month.
				want = messages + 1
				if n, _, err := maildrop(t, s, user).Stat(); n != 0 || err != nil {
					t.Errorf("the maildrop still has %d messages, %v", n, err)
				}
			}
			if n := count(t, login(t, s, user), "INBOX", "MESSAGES"); n != want {
				t.Errorf("the server has %d messages, want %d", n, want)
			}
			oneOfEach(t, in, messages)
		})
	}
}

// rewrite replaces text in a file.
func rewrite(t *testing.T, name, from, to string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, strings.ReplaceAll(string(text), from, to))
}

// oneOfEach looks for every letter among the files of a folder.
func oneOfEach(t *testing.T, dir string, n int) {
	t.Helper()
	files, _ := filepath.Glob(dir + "/*")
	all := new(strings.Builder)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for i := range n {
		if !strings.Contains(all.String(), fmt.Sprintf("This is letter %d.", i+1)) {
			t.Errorf("letter %d was not collected", i+1)
		}
	}
}
