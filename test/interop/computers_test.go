package interop

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"restante/test/demo"
)

// computer is a computer whose mail program collects by POP3: fetchmail, mpop or getmail. What a program remembers
// between its runs is in a folder of its own.
type computer struct {
	device
	program string
	home    string
	kept    *mailroom // where getmail puts letters
}

func newComputer(t *testing.T, program string, d device) *computer {
	t.Helper()
	c := &computer{d, program, t.TempDir(), nil}
	switch program {
	case "mpop":
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(c.home, "mail/in", sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	case "getmail":
		c.kept = newMailroom(t)
	}
	return c
}

// collect runs the program once against a server's address, with options as its own configuration has them, and
// returns what it said.
func (c *computer) collect(t *testing.T, addr string, options ...string) string {
	t.Helper()
	return run(t, c.run(t, addr, options))
}

// try is collect that may fail.
func (c *computer) try(t *testing.T, addr string, options ...string) string {
	t.Helper()
	p := c.run(t, addr, options)
	for code := range 128 {
		p.ok = append(p.ok, code)
	}
	return run(t, p)
}

func (c *computer) run(t *testing.T, addr string, options []string) program {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	rc, env := filepath.Join(c.home, "getmailrc"), []string{"HOME=" + c.home, "FETCHMAILHOME=" + c.home}
	switch c.program {
	case "fetchmail":
		poll := ""
		if len(options) > 0 && strings.HasSuffix(options[0], "uidl") { // an option of the server's
			poll, options = options[0], options[1:]
		}
		write(t, rc, fmt.Sprintf("set invisible\npoll %s protocol pop3 port %s auth password %s\n  user %q password %q is \"me\" here\n"+
			"  sslproto \"\" no sslcertck bsmtp %q %s\n", host, port, poll, c.login, c.password, filepath.Join(c.home, "batch"), strings.Join(options, " ")))
		return program{name: "fetchmail", args: []string{"-f", rc, "-i", filepath.Join(c.home, "ids"), "--pidfile", filepath.Join(c.home, "pid"), "-N"}, env: env, ok: []int{0, 1, 13}} // 1: no new mail; 13: fetchlimit
	case "mpop":
		write(t, rc, fmt.Sprintf("account default\nhost %s\nport %s\nuser %q\npassword %q\nauth user\ntls off\nreceived_header off\n"+
			"uidls_file %q\ndelivery maildir %q\n%s\n", host, port, c.login, c.password,
			filepath.Join(c.home, "uidls"), filepath.Join(c.home, "mail/in"), strings.Join(options, "\n")))
		return program{name: "mpop", args: []string{"-C", rc, "-Q"}, env: env}
	case "getmail":
		write(t, rc, fmt.Sprintf("[retriever]\ntype = SimplePOP3Retriever\nserver = %s\nport = %s\nusername = %s\npassword = %s\n"+
			"[destination]\ntype = MDA_lmtp\nhost = 127.0.0.1\nport = %s\noverride = me@here\n[options]\nread_all = false\nverbose = 0\n%s\n",
			host, port, c.login, c.password, c.kept.port(), strings.Join(options, "\n")))
		return program{name: "getmail", args: []string{"--getmaildir", c.home}, env: env}
	}
	t.Fatalf("no program %s", c.program)
	return program{}
}

// takeAll are the options that make a program delete what it has downloaded.
func (c *computer) takeAll() []string {
	return map[string][]string{"fetchmail": {"nokeep", "fetchall"}, "mpop": {"keep off"}, "getmail": {"delete = true"}}[c.program]
}

// leaveAll are the options that make a program leave it.
func (c *computer) leaveAll() []string {
	return map[string][]string{"fetchmail": {"uidl", "keep"}, "mpop": {"keep on"}, "getmail": {"delete = false"}}[c.program]
}

// has is the letters on the computer, and how often each.
func (c *computer) has(t *testing.T) map[int]int {
	t.Helper()
	if c.kept != nil {
		return c.kept.letters()
	}
	got := map[int]int{}
	if c.program == "fetchmail" {
		batch, err := os.ReadFile(filepath.Join(c.home, "batch"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		for _, text := range regexp.MustCompile(`(?m)^DATA\r?$`).Split(string(batch), -1)[1:] {
			got[subject([]byte(text))]++
		}
		return got
	}
	for _, name := range (maildir{filepath.Join(c.home, "mail")}).files(t, "in") {
		got[number(t, name)]++
	}
	return got
}

// wantAll checks that the computer has the letters from 1 to n, each once.
func (c *computer) wantAll(t *testing.T, when string, n int) {
	t.Helper()
	got := c.has(t)
	for i := range n {
		if got[i+1] != 1 {
			t.Errorf("%s: %s has letter %d %d times", when, c.program, i+1, got[i+1])
		}
	}
	if len(got) != n {
		t.Errorf("%s: %s has %d letters, want %d", when, c.program, len(got), n)
	}
}

// mailroom takes letters by LMTP and counts them, for getmail, which otherwise starts a process for each and sometimes waits for
// one without an end.
type mailroom struct {
	listener net.Listener
	mu       sync.Mutex
	got      map[int]int
}

func newMailroom(t *testing.T) *mailroom {
	t.Helper()
	m := &mailroom{got: map[int]int{}}
	m.listener = serveEach(t, m.take)
	return m
}

func (m *mailroom) port() string {
	_, port, _ := net.SplitHostPort(m.listener.Addr().String())
	return port
}

func (m *mailroom) letters() map[int]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	got := map[int]int{}
	for n, times := range m.got {
		got[n] = times
	}
	return got
}

// take speaks LMTP as far as getmail does: a recipient a message.
func (m *mailroom) take(c net.Conn) {
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 1<<20)
	fmt.Fprint(c, "220 mailroom\r\n")
	for lines.Scan() {
		switch verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); verb {
		case "LHLO":
			fmt.Fprint(c, "250-mailroom\r\n250 8BITMIME\r\n")
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			var text strings.Builder
			for lines.Scan() && lines.Text() != "." {
				text.WriteString(lines.Text() + "\n")
			}
			m.mu.Lock()
			m.got[subject([]byte(text.String()))]++
			m.mu.Unlock()
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 fine\r\n")
		}
	}
}

// tap is a wire to the server, which hears each line before it goes on, and may do something first. It returns its address.
func tap(t *testing.T, to string, hear func(fromServer bool, line string)) (addr string) {
	t.Helper()
	l := serveEach(t, func(client net.Conn) {
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		var back sync.WaitGroup
		back.Go(func() { pass(server, client, func(line string) { hear(true, line) }) })
		pass(client, server, func(line string) { hear(false, line) })
		back.Wait()
	})
	return l.Addr().String()
}

// pass carries lines until either end is closed.
func pass(from, to net.Conn, hear func(string)) {
	defer from.Close()
	defer to.Close()
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		hear(strings.TrimRight(line, "\r\n"))
		if _, err := to.Write([]byte(line)); err != nil {
			return
		}
	}
}

// serveEach accepts connections for the length of a test.
func serveEach(t *testing.T, serve func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			all.Go(func() {
				defer func() {
					c.Close()
					mu.Lock()
					delete(open, c)
					mu.Unlock()
				}()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return l
}

// both runs what several do at the same time.
func both(t *testing.T, each ...func(*testing.T)) {
	t.Helper()
	t.Run("at the same time", func(t *testing.T) {
		for i, f := range each {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	})
	if t.Failed() {
		t.FailNow()
	}
}

// pop3 is where the server speaks it.
func pop3(s *demo.Server) string { return s.Addr(demo.POP3) }
