package app

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/base/dns/dnstest"
	"restante/internal/serve/admind"
)

var rewrite = flag.Bool("update", false, "write the golden files anew")

// strangerZone is what the DNS says in the tests of lives.
const strangerZone = `
example.com TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.example.com TXT v=DMARC1; p=reject
1.2.0.192.in-addr.arpa PTR client.example.com
client.example.com A 192.0.2.1
`

// remote is another host, whose answers to RCPT are the next of a list; the last one stays.
type remote struct {
	ln net.Listener
	mu sync.Mutex
	to []string
}

func newRemote(t *testing.T, to ...string) *remote {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{ln: ln, to: to}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return r
}

func (r *remote) serve(conn net.Conn) {
	defer conn.Close()
	stop := time.AfterFunc(time.Minute, func() { conn.Close() })
	defer stop.Stop()
	in := bufio.NewScanner(conn)
	say := func(s string) { fmt.Fprint(conn, s+"\r\n") }
	say("220 mx.example.net ESMTP")
	text := false
	for in.Scan() {
		line := in.Text()
		switch {
		case text && line == ".":
			text = false
			say("250 2.0.0 taken as 4711")
		case text:
		case strings.HasPrefix(line, "EHLO"):
			say("250 mx.example.net")
		case strings.HasPrefix(line, "RCPT"):
			r.mu.Lock()
			say(r.to[0])
			if len(r.to) > 1 {
				r.to = r.to[1:]
			}
			r.mu.Unlock()
		case line == "DATA":
			text = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// traced is a server with a stranger's DNS, trusted proxies on this machine, and a host for everybody else's mail.
func traced(t *testing.T, r *remote) *house {
	t.Helper()
	zone := dnstest.Serve(t, strangerZone)
	more := fmt.Sprintf("\n[dns]\nservers = [%q]\n", zone.Addr())
	if r != nil {
		more += fmt.Sprintf("[[send.transport]]\ndomains = [\"*\"]\nhost = %q\n", r.ln.Addr())
	}
	file := configFile(t, t.TempDir(), "")
	b, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(b), "[listen]\n", "[listen]\nproxies = [\"127.0.0.0/8\"]\nproxy_protocol = []\n", 1)+more), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, file).furnished(t)
}

// stranger brings a message by SMTP as somebody else would; what is answered to its end, or to what is refused before, comes back.
func (h *house) stranger(t *testing.T, client, from, to, text string, also ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", h.address("smtp"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	answer := func() (last string) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if len(line) > 3 && line[3] == ' ' {
				return strings.TrimSpace(line)
			}
		}
	}
	answer()
	lines := []string{"XCLIENT " + client, "EHLO mx.example.com", "MAIL FROM:<" + from + ">", "RCPT TO:<" + to + ">"}
	for _, a := range also {
		lines = append(lines, "RCPT TO:<"+a+">")
	}
	for _, line := range append(lines, "DATA", text+"\r\n.") {
		fmt.Fprintf(conn, "%s\r\n", line)
		if got := answer(); got[0] > '3' || strings.HasSuffix(line, "\r\n.") {
			return got
		}
	}
	return ""
}

// await waits until the lives that a request finds are as they should be.
func (h *house) await(t *testing.T, r admind.TraceRequest, good func([]admind.Trace) bool) []admind.Trace {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		var list []admind.Trace
		for m, err := range h.Trace(t.Context(), r) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, m)
		}
		if good(list) {
			return list
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-late:
			t.Fatalf("after 30 s: %s", plainLife(list))
		}
	}
}

// plainLife is a life as the golden files have it: without what is another one each time.
func plainLife(list []admind.Trace) string {
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, "%s  %s  from <%s> to %s\n", m.ID, m.State, m.From, strings.Join(m.To, " "))
		for _, line := range m.Lines {
			at := "then"
			if line.At.IsZero() {
				at = "now "
			}
			fmt.Fprintf(&b, "%s  %s\n", at, line.Text)
		}
	}
	out := b.String()
	for i, m := range list {
		out = strings.ReplaceAll(out, m.ID, fmt.Sprintf("ID%d", i+1))
	}
	for _, r := range []struct{ from, to string }{
		{`\b\d{1,2} [A-Z][a-z]+ \d{4}\b`, "DAY"}, {`\b\d{1,2} [A-Z][a-z]{2} \d\d:\d\d:\d\d`, "TIME"}, {`127\.0\.0\.1:\d+`, "HOST:PORT"}, {`SRS0=[^=]+=[^=]+=`, "SRS0=HASH=DAY="}, {`\b3[0-9a-v]{12}\b`, "OTHERID"},
	} {
		out = regexp.MustCompile(r.from).ReplaceAllString(out, r.to)
	}
	return out
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "trace", name)
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", file, diff)
	}
}

func some(list []admind.Trace) bool { return len(list) > 0 }

const hello = "From: Bob <bob@example.com>\r\nMessage-ID: <1@example.com>\r\nSubject: secret\r\n\r\nHello.\r\n"

// A message from a stranger that a device takes over POP3.
func TestTraceDelivered(t *testing.T) {
	h := traced(t, nil)
	if _, err := h.AddAlias(t.Context(), "info@example.org", admind.NewAlias{Targets: []string{"anna@example.org"}}); err != nil {
		t.Fatal(err)
	}
	if got := h.stranger(t, "ADDR=192.0.2.1", "bob@example.com", "info@example.org", hello); got[0] != '2' {
		t.Fatal(got)
	}
	conn, err := net.Dial("tcp", h.address("pop3"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	talk(t, conn, "USER anna@example.org", "PASS geheim")
	if _, err := fmt.Fprint(conn, "DELE 1\r\nQUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"<1@example.com>", "anna@example.org", "INFO@example.org", "bob@example.com", "example.com"} {
		list := h.await(t, admind.TraceRequest{Query: query}, some)
		golden(t, "delivered.txt", plainLife(list))
	}
}

// A forged message is refused, and its author's domain is why.
func TestTraceForged(t *testing.T) {
	h := traced(t, nil)
	if got := h.stranger(t, "ADDR=192.0.2.99 NAME=evil.example", "bob@example.com", "anna@example.org", hello); got[0] != '5' {
		t.Fatal(got)
	}
	golden(t, "forged.txt", plainLife(h.await(t, admind.TraceRequest{Failed: true}, some)))
}

// Nobody of that name is here.
func TestTraceUnknown(t *testing.T) {
	h := traced(t, nil)
	if got := h.stranger(t, "ADDR=192.0.2.1", "bob@example.com", "nobody@example.org", hello); got[0] != '5' {
		t.Fatal(got)
	}
	golden(t, "unknown.txt", plainLife(h.await(t, admind.TraceRequest{Query: "nobody@example.org"}, some)))
}

// A message that another host takes at the third attempt.
func TestTraceDeferred(t *testing.T) {
	r := newRemote(t, "451 4.7.1 greylisted", "452 4.2.2 full for now", "250 2.1.5 ok")
	h := traced(t, r)
	c := h.submitter(t, "submission")
	if err := submit(c, "anna@example.org", "From: anna@example.org\r\nMessage-ID: <2@example.org>\r\n\r\nHello.\r\n", "carl@example.net"); err != nil {
		t.Fatal(err)
	}
	query := admind.TraceRequest{Query: "2@example.org"}
	for n := 1; n < 3; n++ {
		h.await(t, query, func(list []admind.Trace) bool { return attempts(list) == n })
		h.retry(t)
	}
	list := h.await(t, query, func(list []admind.Trace) bool { return len(list) == 1 && list[0].State == "relayed" })
	golden(t, "deferred.txt", plainLife(list))
}

func attempts(list []admind.Trace) (n int) {
	for _, m := range list {
		for _, e := range m.Events {
			if e.Attempt != nil {
				n++
			}
		}
	}
	return n
}

// retry has what waits tried now, as soon as there is something.
func (h *house) retry(t *testing.T) {
	t.Helper()
	for {
		n, err := h.ChangeQueue(t.Context(), admind.QueueChange{Do: "retry"})
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// An address that leads to an account here and to one elsewhere, and one that leads to two elsewhere: each copy has its life.
func TestTraceForwarded(t *testing.T) {
	h := traced(t, newRemote(t, "250 2.1.5 ok"))
	for address, targets := range map[string][]string{"info@example.org": {"anna@example.org", "carl@example.net"}, "out@example.org": {"dora@example.net"}} {
		if _, err := h.AddAlias(t.Context(), address, admind.NewAlias{Targets: targets}); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.stranger(t, "ADDR=192.0.2.1", "bob@example.com", "info@example.org", hello, "out@example.org"); got[0] != '2' {
		t.Fatal(got)
	}
	list := h.await(t, admind.TraceRequest{To: "example.net", Full: true}, func(list []admind.Trace) bool { return attempts(list) == 2 })
	golden(t, "forwarded.txt", plainLife(list))
}

// A scheduled message that is taken back, with word to its sender.
func TestTraceTakenBack(t *testing.T) {
	h := traced(t, nil)
	c := h.submitter(t, "submissions")
	for _, line := range []string{"MAIL FROM:<anna@example.org> HOLDFOR=3600", "RCPT TO:<ben@example.net>", "DATA", "Message-ID: <4@example.org>\r\n\r\nHello.\r\n."} {
		if err := c.Text.PrintfLine("%s", line); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Text.ReadResponse(0); err != nil {
			t.Fatal(err)
		}
	}
	for _, change := range []admind.QueueChange{{Do: "hold", Note: "look at this"}, {Do: "release"}, {Do: "drop", Report: true}} {
		if n, err := h.ChangeQueue(t.Context(), change); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	golden(t, "taken-back.txt", plainLife(h.await(t, admind.TraceRequest{Query: "4@example.org"}, some)))
}

// A message that another host refuses, and the letter that its sender gets.
func TestTraceBounced(t *testing.T) {
	h := traced(t, newRemote(t, "550 5.1.1 <dora@example.net> is not here"))
	c := h.submitter(t, "submissions")
	if err := submit(c, "anna@example.org", "From: anna@example.org\r\nMessage-ID: <3@example.org>\r\n\r\nHello.\r\n", "dora@example.net"); err != nil {
		t.Fatal(err)
	}
	h.received(t, "anna@example.org", 1)
	list := h.await(t, admind.TraceRequest{Query: "anna@example.org", Full: true}, func(list []admind.Trace) bool {
		return len(list) == 2 && list[0].State == "delivered"
	})
	golden(t, "bounced.txt", plainLife(list))
}
