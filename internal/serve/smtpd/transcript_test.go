package smtpd_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"go.uber.org/goleak"

	"restante/internal/base/certs"
	"restante/internal/flow/guard"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/smtpd"
)

var update = flag.Bool("update", false, "write the golden files again")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		flag.Set("rewrite", "true") // datadriven's name for it
	}
	goleak.VerifyTestMain(m)
}

// TestTranscripts runs testdata/*.txt against a server on a network in memory,
// with a clock that only moves when everybody waits. The commands of a file:
//
//	server [lmtp] [tls] [implicit] [size=N] [rcpts=N] ...
//	open NAME [from=A]   connect
//	NAME                 send each line and show what comes back
//	send NAME            the same in one write
//	tls NAME             do a TLS handshake
//	close NAME           close without QUIT
//	wait 5m              let time pass, then show what all connections got
//	backend              show what happened there
//	queue, mailbox NAME  of a submission server: show what is in the queue, in a mailbox of u1
//	revoke               change u1's password
//	drain                shut the server down
//
// A line that begins with "go:" is a Go string, and sent without a line end. Each
// reply line is shown after "< "; "(closed)" is the server's end.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			p := &play{t: t, conns: make(map[string]*client)}
			defer p.end()
			datadriven.RunTest(t, path, p.step)
		})
	})
}

// play is the state of one file.
type play struct {
	t      *testing.T
	house  house
	agency *agency // of a submission server
	ln     *listentest.Listener
	stop   func()
	done   chan error
	conns  map[string]*client
	order  []string
}

func (p *play) step(t *testing.T, d *datadriven.TestData) string {
	arg := ""
	if len(d.CmdArgs) > 0 {
		arg = d.CmdArgs[0].Key
	}
	switch d.Cmd {
	case "server":
		p.serve(d)
		return "ok"
	case "open":
		from := "192.0.2.1:4000"
		d.MaybeScanArgs(t, "from", &from)
		return p.open(arg, from)
	case "send":
		return p.send(p.conns[arg], d.Input)
	case "tls":
		return p.conns[arg].startTLS()
	case "close":
		p.conns[arg].conn.Close()
		synctest.Wait()
		return "ok"
	case "wait":
		return p.wait(arg)
	case "backend":
		return p.house.take()
	case "queue":
		return p.agency.queue()
	case "mailbox":
		return p.agency.mailbox(arg)
	case "revoke":
		return p.agency.revoke()
	case "drain":
		p.stop()
		synctest.Wait()
		return p.all()
	}
	if c := p.conns[d.Cmd]; c != nil {
		return p.talk(c, d.Input)
	}
	t.Fatalf("%s: no such command", d.Pos)
	return ""
}

func (p *play) serve(d *datadriven.TestData) {
	o := smtpd.Options{Hostname: "mx.demo.test", Backend: &p.house}
	lo := listen.Options{}
	for _, a := range d.CmdArgs {
		n := int64(0)
		if len(a.Vals) > 0 {
			n, _ = strconv.ParseInt(a.Vals[0], 10, 64)
		}
		switch a.Key {
		case "lmtp":
			o.LMTP = true
		case "tls", "implicit":
			source, err := certs.New(certs.Options{SelfSigned: filepath.Join(p.t.TempDir(), "tls.pem")})
			if err != nil {
				p.t.Fatal(err)
			}
			lo.TLS = source.TLSConfig()
			lo.Implicit = a.Key == "implicit"
		case "size":
			o.MaxSize = n
		case "rcpts":
			o.MaxRcpts = int(n)
		case "messages":
			o.MaxMessages = int(n)
		case "errors":
			o.MaxErrors = int(n)
		case "commands":
			o.MaxCommands = int(n)
		case "submission":
			p.agency = newAgency(p.t)
			o.Backend, o.Login, o.MaxHold = smtpd.Submission(p.agency.sub), p.agency.dir, 7*24*time.Hour
		case "cleartext":
			o.Cleartext = true
		case "proxies":
			o.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		case "header":
			lo.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		case "peraddress":
			lo.Limits = listen.NewLimits(listen.LimitOptions{PerAddress: int(n)})
		case "guard":
			p.house.guard = guard.New(guard.Options{
				Host: "mx.demo.test", Hello: guard.HelloSane, Greet: 2 * time.Second,
				Limits: guard.Limits{Connections: 6, Messages: 3, Recipients: 8, Unknown: 4, Faults: 8},
			})
			o.Guard = p.house.guard
		case "delay":
			o.GreetDelay = time.Duration(n) * time.Second
		default:
			p.t.Fatalf("%s: no option %s", d.Pos, a.Key)
		}
	}
	lo.Handler = smtpd.New(o).Handle
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(func() {
		if p.agency != nil {
			p.agency.store.Close()
		}
	})
	p.ln, p.stop, p.done = listentest.Listen(), cancel, make(chan error, 1)
	go func() { p.done <- listen.New(lo).Serve(ctx, p.ln) }()
}

func (p *play) open(name, from string) string {
	conn, err := p.ln.Dial(from)
	if err != nil {
		return err.Error()
	}
	c := &client{conn: conn}
	p.conns[name] = c
	p.order = append(p.order, name)
	c.read(conn)
	return c.got()
}

// talk sends line by line.
func (p *play) talk(c *client, input string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(input, "\n") {
		fmt.Fprintf(&out, "%s\n", line)
		out.WriteString(c.write(wire(line)))
	}
	return out.String()
}

// send sends all lines at once.
func (p *play) send(c *client, input string) string {
	var all strings.Builder
	for line := range strings.SplitSeq(input, "\n") {
		all.WriteString(wire(line))
	}
	return c.write(all.String())
}

func wire(line string) string {
	if s, ok := strings.CutPrefix(line, "go:"); ok {
		// "x"*1000 repeats
		lit, times, _ := strings.Cut(s, "*")
		text, err := strconv.Unquote(lit)
		if err != nil {
			panic(line)
		}
		if n, err := strconv.Atoi(times); err == nil {
			text = strings.Repeat(text, n)
		}
		return text
	}
	return line + "\r\n"
}

func (p *play) wait(arg string) string {
	d, err := time.ParseDuration(arg)
	if err != nil {
		p.t.Fatal(err)
	}
	<-time.After(d)
	return p.all()
}

func (p *play) all() string {
	var out strings.Builder
	for _, name := range p.order {
		if got := p.conns[name].got(); got != "" {
			out.WriteString(name + "\n" + got)
		}
	}
	if out.Len() == 0 {
		return "nothing"
	}
	return out.String()
}

func (p *play) end() {
	for _, c := range p.conns {
		c.conn.Close()
	}
	if p.stop == nil {
		return
	}
	p.stop()
	if err := <-p.done; err != nil {
		p.t.Error(err)
	}
	for _, c := range p.conns {
		<-c.ended
	}
}

// queuedAs is how a queue id is told that is another one each time; those of a house are not.
var queuedAs = regexp.MustCompile(`queued as [0-9a-v]{13}$`)

// client is a connection's other end.
type client struct {
	conn  net.Conn
	ended chan struct{}

	mu struct {
		sync.Mutex
		buf    bytes.Buffer
		closed string
		pause  bool
	}
}

// read gathers what comes until the end.
func (c *client) read(conn net.Conn) {
	c.ended = make(chan struct{})
	go func() {
		defer close(c.ended)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			c.mu.Lock()
			c.mu.buf.Write(buf[:n])
			if err != nil && !c.mu.pause {
				c.mu.closed = "(closed)\n"
				if err != io.EOF {
					c.mu.closed = "(closed: " + err.Error() + ")\n"
				}
			}
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

func (c *client) write(s string) string {
	if _, err := io.WriteString(c.conn, s); err != nil {
		return "(write: " + err.Error() + ")\n" + c.got()
	}
	return c.got()
}

// got returns what came, once everybody waits.
func (c *client) got() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var out strings.Builder
	for line := range strings.SplitAfterSeq(c.mu.buf.String(), "\r\n") {
		if text, ok := strings.CutSuffix(line, "\r\n"); ok {
			out.WriteString("< " + queuedAs.ReplaceAllString(text, "queued as ID") + "\n")
		} else if line != "" {
			fmt.Fprintf(&out, "< %q without a line end\n", line)
		}
	}
	out.WriteString(c.mu.closed)
	c.mu.buf.Reset()
	c.mu.closed = ""
	return out.String()
}

// startTLS takes the connection from the reader, and gives it back in TLS.
func (c *client) startTLS() string {
	c.mu.Lock()
	c.mu.pause = true
	c.mu.Unlock()
	c.conn.SetReadDeadline(time.Unix(1, 0))
	<-c.ended
	c.conn.SetReadDeadline(time.Time{})
	t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	err := t.Handshake()
	c.mu.Lock()
	c.mu.pause = false
	c.mu.Unlock()
	if err != nil {
		return "handshake: " + err.Error()
	}
	c.conn = t
	c.read(t)
	return "in TLS\n" + c.got()
}
