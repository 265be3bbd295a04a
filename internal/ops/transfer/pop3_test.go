package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakePOP3 is a POP3 server over pipes in memory. By its trick it does what it should not.
type fakePOP3 struct {
	letters []string
	uidls   []string // none: it has no UIDL
	trick   func(conn int, command string, w net.Conn) bool

	mu struct {
		sync.Mutex
		conns int
	}
	running sync.WaitGroup
}

func (f *fakePOP3) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.conns++
	conn := f.mu.conns
	f.running.Go(func() { f.serve(conn, there) })
	return here, nil
}

func (f *fakePOP3) serve(conn int, c net.Conn) {
	defer c.Close()
	lines := make(chan string, 1000)
	f.running.Go(func() {
		defer close(lines)
		for s := bufio.NewScanner(c); s.Scan(); {
			lines <- s.Text()
		}
	})
	fmt.Fprint(c, "+OK ready\r\n")
	for line := range lines {
		if f.trick != nil && !f.trick(conn, line, c) {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		n := 0
		fmt.Sscan(rest, &n)
		switch {
		case word == "CAPA":
			fmt.Fprint(c, "+OK\r\nPIPELINING\r\nUIDL\r\nTOP\r\n.\r\n")
		case word == "LIST":
			fmt.Fprint(c, "+OK\r\n")
			for i, text := range f.letters {
				fmt.Fprintf(c, "%d %d\r\n", i+1, len(text))
			}
			fmt.Fprint(c, ".\r\n")
		case word == "UIDL" && f.uidls == nil:
			fmt.Fprint(c, "-ERR no\r\n")
		case word == "UIDL":
			fmt.Fprint(c, "+OK\r\n")
			for i, uidl := range f.uidls {
				fmt.Fprintf(c, "%d %s\r\n", i+1, uidl)
			}
			fmt.Fprint(c, ".\r\n")
		case word == "RETR":
			fmt.Fprintf(c, "+OK\r\n%s.\r\n", f.letters[n-1])
		case word == "TOP":
			head, _, _ := strings.Cut(f.letters[n-1], "\r\n\r\n")
			fmt.Fprintf(c, "+OK\r\n%s\r\n\r\n.\r\n", head)
		default:
			fmt.Fprint(c, "+OK\r\n")
		}
	}
}

// fakeMaildrop is a server with n messages.
func fakeMaildrop(n int) *fakePOP3 {
	f := new(fakePOP3)
	for i := 1; i <= n; i++ {
		f.letters = append(f.letters, fmt.Sprintf("Received: from a\r\n\tby b; Mon, 4 May 2020 05:02:0%d +0200 (CEST)\r\nSubject: %d\r\nDate: Fri, 1 May 2020 00:00:00 +0000\r\n\r\ntext\r\n", i%10, i))
		f.uidls = append(f.uidls, fmt.Sprintf("id-%d", i))
	}
	return f
}

func (h *house) fromPOP3(f *fakePOP3, change func(*Options)) (Counts, error) {
	h.t.Helper()
	o := h.options("pop3://anna@old.example.org", f.dial)
	if change != nil {
		change(&o)
	}
	counts, err := Import(h.t.Context(), o)
	f.running.Wait()
	return counts, err
}

// TestPOP3 brings a maildrop with its ids, and nothing twice.
func TestPOP3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := newHouse(t), fakeMaildrop(2)
		if counts, err := h.fromPOP3(f, func(o *Options) { o.DryRun = true }); err != nil || counts.Messages != 2 || h.list() != "" {
			t.Errorf("dry run: %+v, %v", counts, err)
		}
		if counts, err := h.fromPOP3(f, nil); err != nil || counts.Messages != 2 {
			t.Errorf("%+v, %v", counts, err)
		}
		lines := strings.Split(h.list(), "\n")
		if want := `INBOX 2020-05-04T03:02:01Z [] [] id-1 "Received:`; !strings.HasPrefix(lines[0], want) {
			t.Errorf("%s\nwant %s", lines[0], want)
		}
		f.letters, f.uidls = append([]string{"Subject: new\r\n\r\n"}, f.letters...), append([]string{"new"}, f.uidls...)
		if counts, err := h.fromPOP3(f, nil); err != nil || counts.Messages != 1 || counts.Before != 2 {
			t.Errorf("again: %+v, %v", counts, err)
		}
	})
}

// TestPOP3WithoutUIDL knows messages by their octets, also two that are the same.
func TestPOP3WithoutUIDL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := newHouse(t), fakeMaildrop(3)
		f.uidls, f.letters[2] = nil, f.letters[1]
		for _, want := range []Counts{{Messages: 3}, {Before: 3}} {
			counts, err := h.fromPOP3(f, nil)
			if err != nil || counts.Messages != want.Messages || counts.Before != want.Before || len(h.notes) != 1 {
				t.Errorf("%+v, %v, %q", counts, err, h.notes)
			}
		}
	})
}

// TestPOP3Tricks is TestIMAPTricks for POP3.
func TestPOP3Tricks(t *testing.T) {
	on := func(command string, conns int, do func(w net.Conn)) func(int, string, net.Conn) bool {
		return func(conn int, c string, w net.Conn) bool {
			if strings.HasPrefix(c, command) && conn <= conns {
				do(w)
				return false
			}
			return true
		}
	}
	hang := func(net.Conn) { <-time.After(time.Hour) }
	say := func(s string) func(net.Conn) { return func(w net.Conn) { io.WriteString(w, s) } }
	cut := func(w net.Conn) { io.WriteString(w, "+OK\r\nSubject: "); w.Close() }
	for name, c := range map[string]struct {
		trick    func(int, string, net.Conn) bool
		messages uint64
		problem  string
		fails    bool
	}{
		"hangs once":            {on("RETR 3", 1, hang), 5, "", false},
		"hangs at a message":    {on("RETR 3", 99, hang), 4, "UIDL id-3", false},
		"cuts once":             {on("RETR 3", 1, cut), 5, "", false},
		"cuts a message":        {on("RETR 3", 99, cut), 4, "UIDL id-3", false},
		"refuses a message":     {on("RETR 3", 99, say("-ERR damaged\r\n")), 4, "UIDL id-3: the server said", false},
		"an empty message":      {on("RETR 3", 99, say("+OK\r\n.\r\n")), 4, "UIDL id-3: the message is empty", false},
		"an endless reply":      {on("RETR 3", 99, func(w net.Conn) { endless(w, "x") }), 4, "UIDL id-3", false},
		"hangs at the list":     {on("LIST", 99, hang), 0, "", true},
		"sizes that are none":   {on("LIST", 99, say("+OK\r\n1 x\r\n2 99999999999999999999\r\n3 0\r\n4\r\n5 4294967295\r\n.\r\n")), 5, "", false},
		"a number twice":        {on("LIST", 99, say("+OK\r\n1 1\r\n1 1\r\n.\r\n")), 0, "", true},
		"an endless line":       {on("LIST", 99, func(w net.Conn) { io.WriteString(w, "+OK\r\n"); endless(w, "1") }), 0, "", true},
		"an endless list":       {on("UIDL", 99, func(w net.Conn) { io.WriteString(w, "+OK\r\n"); endless(w, "x\r\n") }), 0, "", true},
		"the password is wrong": {on("PASS", 99, say("-ERR [AUTH] no\r\n")), 0, "", true},
		"in use for a while":    {on("PASS", 2, say("-ERR [IN-USE] wait\r\n")), 5, "", false},
		"what is no POP3":       {on("CAPA", 99, say("* OK IMAP\r\n")), 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, f := newHouse(t), fakeMaildrop(5)
				f.trick = c.trick
				counts, err := h.fromPOP3(f, nil)
				if (err != nil) != c.fails || counts.Messages != c.messages {
					t.Errorf("%+v, %v", counts, err)
				}
				if c.problem == "" && len(h.problems) > 0 || c.problem != "" && (len(h.problems) == 0 || !strings.Contains(h.problems[0], c.problem)) {
					t.Errorf("problems: %q", h.problems)
				}
				if n := strings.Count(h.list(), "\n"); n != int(counts.Messages) {
					t.Errorf("there are %d messages", n)
				}
				f.trick = nil
				if counts, err = h.fromPOP3(f, nil); err != nil || counts.Messages != 5-c.messages || counts.Before != c.messages {
					t.Errorf("mended: %+v, %v, %q", counts, err, h.problems)
				}
			})
		})
	}
}

// TestUIDLFrom finds the ids of POP3 for messages that come by IMAP, where both list the same, where one has another order, and where one
// has more.
func TestUIDLFrom(t *testing.T) {
	for name, order := range map[string][]int{
		"the same": {0, 1, 2, 3}, "another order": {2, 0, 3, 1}, "fewer": {3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, imap, drop := newHouse(t), fakeInbox(t, 4), new(fakePOP3)
				for _, i := range order {
					drop.letters = append(drop.letters, imap.boxes[0].messages[i].text)
					drop.uidls = append(drop.uidls, fmt.Sprintf("id-%d", i))
				}
				counts, err := h.from(imap, func(o *Options) {
					o.Server.UIDLFrom = "pop3://anna@old.example.org"
					o.Server.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						if strings.HasSuffix(address, ":110") {
							return drop.dial(ctx, network, address)
						}
						return imap.dial(ctx, network, address)
					}
				})
				drop.running.Wait()
				if err != nil || counts.Messages != 4 || counts.NoUIDL > 0 {
					t.Fatalf("%+v, %v, %q", counts, err, h.problems)
				}
				list := h.list()
				for i := range 4 {
					has := strings.Contains(list, fmt.Sprintf(`id-%d "Subject: %d\r\n`, i, i))
					if in := strings.Contains(fmt.Sprint(order), fmt.Sprint(i)); has != in {
						t.Errorf("message %d: %v, want %v\n%s", i, has, in, list)
					}
				}
			})
		})
	}
}

func TestHeaderDate(t *testing.T) {
	for header, want := range map[string]string{
		"Received: a; Mon, 4 May 2020 05:02:01 +0200 (x)\r\nReceived: b; Sun, 3 May 2020 05:02:01 +0200\r\n\r\n": "2020-05-04T03:02:01Z",
		"Received: a;\r\n\t Mon, 4 May 2020 05:02:01 +0200\r\n\r\n":                                              "2020-05-04T03:02:01Z",
		"Received: nothing\r\nDate: Mon, 4 May 2020 05:02:01 +0200\r\n\r\n":                                      "2020-05-04T03:02:01Z",
		"Subject: x\r\n\r\nDate: Mon, 4 May 2020 05:02:01 +0200\r\n":                                             "0001-01-01T00:00:00Z",
		"": "0001-01-01T00:00:00Z",
	} {
		if got := headerDate([]byte(header)).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// TestCourier keeps the UIDs of Courier's list for IMAP and the ids of its list for POP3.
func TestCourierUIDs(t *testing.T) {
	h := newHouse(t)
	dir := tree(t, map[string]string{
		"new/": "", "tmp/": "",
		"cur/100.a:2,S": "Subject: a\n\na\n", "cur/200.b:2,": "Subject: b\n\nb\n", "cur/300.c:2,": "Subject: c\n\nc\n",
		"courierimapuiddb":     "1 77 12\n3 200.b\n7 100.a\n",
		"courierpop3dsizelist": "/2 40 1500000000\n100.a 20 1:1500000000\n200.b 20 2:1500000000\n300.c 20 0\n",
	})
	h.bring(dir, nil)
	h.same(
		`INBOX 1970-01-01T00:03:20Z [] [] UID2-1500000000 "Subject: b\r\n\r\nb\r\n"`,
		`INBOX 1970-01-01T00:01:40Z [\Seen] [] UID1-1500000000 "Subject: a\r\n\r\na\r\n"`,
		`INBOX 1970-01-01T00:05:00Z [] [] 300.c "Subject: c\r\n\r\nc\r\n"`,
	)
	if got, want := h.uids("INBOX"), "77 13: 3 7 12"; got != want {
		t.Errorf("UIDs %s, want %s", got, want)
	}
}
