package interop

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestPOPManners has POP3 programs collect in every way that their settings know.
func TestPOPManners(t *testing.T) {
	const messages = 30
	starttls := []string{"tls on", "tls_starttls on", "tls_certcheck off"}
	for name, tt := range map[string]struct {
		program string
		runs    [][]string // the options of each run
		after   []int      // how many letters there are after it
		left    int        // how many the device is offered in the end
	}{
		"fetchmail keep uidl":        {"fetchmail", [][]string{{"uidl", "keep"}, {"uidl", "keep"}}, []int{30, 30}, 30},
		"fetchmail keep no uidl":     {"fetchmail", [][]string{{"no uidl", "keep"}}, []int{30}, 30},
		"fetchmail nokeep":           {"fetchmail", [][]string{{"no uidl", "nokeep"}, {"no uidl", "nokeep"}}, []int{30, 30}, 0},
		"fetchmail fetchlimit":       {"fetchmail", [][]string{{"uidl", "nokeep", "fetchlimit 12"}, {"uidl", "nokeep", "fetchlimit 12"}}, []int{12, 24}, 6},
		"fetchmail keep fetchlimit":  {"fetchmail", [][]string{{"uidl", "keep", "fetchlimit 12"}, {"uidl", "keep", "fetchlimit 12"}}, []int{12, 24}, 30},
		"fetchmail expunge":          {"fetchmail", [][]string{{"nokeep", "fetchall", "expunge 7"}}, []int{30}, 0},
		"fetchmail keep then flush":  {"fetchmail", [][]string{{"uidl", "keep"}, {"uidl", "nokeep", "flush"}}, []int{30, 30}, 0},
		"fetchmail limit":            {"fetchmail", [][]string{{"uidl", "keep", "limit 10"}, {"uidl", "keep"}}, []int{0, 30}, 30},
		"mpop pipelining":            {"mpop", [][]string{{"keep off", "pipelining on"}}, []int{30}, 0},
		"mpop no pipelining":         {"mpop", [][]string{{"keep off", "pipelining off"}}, []int{30}, 0},
		"mpop keep, only new":        {"mpop", [][]string{{"keep on"}, {"keep on"}, {"keep off"}}, []int{30, 30, 30}, 0},
		"mpop STLS":                  {"mpop", [][]string{append([]string{"keep off"}, starttls...)}, []int{30}, 0},
		"mpop PLAIN":                 {"mpop", [][]string{append([]string{"keep off", "auth plain"}, starttls...)}, []int{30}, 0},
		"mpop killsize":              {"mpop", [][]string{{"keep off", "killsize 10"}}, []int{0}, 0},
		"getmail keep":               {"getmail", [][]string{{"delete = false"}, {"delete = false"}, {"delete = true"}}, []int{30, 30, 30}, 0},
		"getmail limit":              {"getmail", [][]string{{"delete = true", "max_messages_per_session = 12"}, {"delete = true", "max_messages_per_session = 12"}}, []int{12, 24}, 6},
		"getmail nothing over a KiB": {"getmail", [][]string{{"delete = true", "max_message_size = 1024"}}, []int{30}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := demo.Start(t, 1)
			c := newComputer(t, tt.program, addDevice(t, s, "u1", "it", "--pop"))
			deliver(t, s, "u1", letters(messages)...)
			for i, options := range tt.runs {
				text := c.collect(t, pop3(s), options...)
				if got := len(c.has(t)); got != tt.after[i] {
					t.Errorf("after run %d it has %d letters, want %d:\n%s", i+1, got, tt.after[i], text)
				}
			}
			for n, times := range c.has(t) {
				if times != 1 {
					t.Errorf("letter %d came %d times", n, times)
				}
			}
			if n := c.offered(t, s); n != tt.left {
				t.Errorf("it is offered %d in the end, want %d", n, tt.left)
			}
			if n := count(t, login(t, s, "u1"), "INBOX", "MESSAGES"); n != messages {
				t.Errorf("IMAP has %d", n)
			}
		})
	}
}

// TestLeftForDays has getmail leave what it has downloaded for a week, and delete it then.
func TestLeftForDays(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	c := newComputer(t, "getmail", addDevice(t, s, "u1", "it", "--pop"))
	deliver(t, s, "u1", letters(20)...)
	c.collect(t, pop3(s), "delete_after = 7")
	// A week passes for getmail, in what it remembers.
	files, err := filepath.Glob(filepath.Join(c.home, "oldmail-*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	stamp := regexp.MustCompile(`\x00\d+`)
	write(t, files[0], stamp.ReplaceAllStringFunc(string(text), func(s string) string {
		when, _ := strconv.Atoi(s[1:])
		return "\x00" + strconv.Itoa(when-8*24*60*60)
	}))
	deliver(t, s, "u1", letter(21))
	if n := c.offered(t, s); n != 21 {
		t.Errorf("before the week is over it is offered %d", n)
	}
	c.collect(t, pop3(s), "delete_after = 7")
	c.wantAll(t, "after a week", 21)
	if n := c.offered(t, s); n != 1 {
		t.Errorf("after it it is offered %d, not the new one alone", n)
	}
}

// TestPOPBadManners leaves without QUIT, takes everything back, or does not wait for answers.
func TestPOPBadManners(t *testing.T) {
	t.Parallel()
	const messages = 20
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "it", "--pop")
	deliver(t, s, "u1", letters(messages)...)
	still := func(when string, want int) {
		t.Helper()
		if n := d.offered(t, s); n != want {
			t.Errorf("%s it is offered %d, want %d", when, n, want)
		}
	}
	deleteAll := func() func(string) {
		p := d.maildrop(t, s)
		for n := range messages {
			if _, err := p.Command(fmt.Sprintf("DELE %d", n+1)); err != nil {
				t.Fatal(err)
			}
		}
		return func(last string) {
			if last == "" {
				p.Close()
			} else if _, err := p.Command(last); err != nil {
				t.Error(err)
			} else if err := p.Quit(); err != nil {
				t.Error(err)
			}
		}
	}
	deleteAll()("")
	still("without QUIT", messages)
	deleteAll()("RSET")
	still("after RSET", messages)

	// TOP first, as those do who look at headers: nothing is seen or taken by that, and RETR is the same message.
	p := d.maildrop(t, s)
	for n := 1; n <= messages; n++ {
		top, err := p.Text(fmt.Sprintf("TOP %d 0", n))
		if err != nil {
			t.Fatal(err)
		}
		if all, err := p.Retr(n); err != nil || !bytes.HasPrefix(all, top) || !bytes.HasSuffix(all, letter(n)) {
			t.Errorf("TOP gave %q, RETR %q, %v", top, all, err)
		}
	}
	if err := p.Quit(); err != nil {
		t.Error(err)
	}
	still("after TOP and RETR", messages)
	if n := count(t, login(t, s, "u1"), "INBOX", "UNSEEN"); n != messages {
		t.Errorf("%d are unseen", n)
	}

	// Everything in one go, and no ear for the answers but the last.
	all := []byte(fmt.Sprintf("USER %s\r\nPASS %s\r\n", d.login, d.password))
	for n := range messages / 2 {
		all = fmt.Appendf(all, "RETR %d\r\nDELE %d\r\n", n+1, n+1)
	}
	c, err := net.Dial("tcp", pop3(s))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(append(all, "QUIT\r\n"...)); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(text), "\r\n+OK goodbye") {
		t.Errorf("it said %.300q, %v", text, err)
	}
	still("after all in one go", messages/2)
}
