package internet

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// stranger is a mail host that answers as it is told, or does worse. The steps of a session are CONNECT, the verbs of SMTP, TEXT (before
// a message is read), "." (it has been read), and HANDSHAKE. Instead of an answer there may be a deed:
//
//	drop      the connection is closed
//	hang      nothing is answered
//	endless   an answer of lines without end
//	drip      an answer that never ends, an octet now and then
//	long      an answer of one line without end
//
// Lines of an answer are parted by " | ".
type stranger struct {
	answers map[string]string
	config  *tls.Config       // nil: no STARTTLS
	at      func(step string) // is told of each step before it is answered, and may keep it waiting
	keep    bool              // what comes, octet for octet

	mu struct {
		sync.Mutex
		took map[string]int    // by subject, those answered with 250
		kept map[string]string // by subject, with the final dot
	}
}

// stranger starts a host for a domain. Fields must not be changed any more.
func (w *internet) stranger(t *testing.T, domain string, s *stranger) netip.Addr {
	t.Helper()
	ip := w.address()
	w.exchanger(t, domain, ip)
	s.mu.took, s.mu.kept = make(map[string]int), make(map[string]string)
	l, err := net.Listen("tcp", w.at(ip))
	if err != nil {
		t.Fatal(err)
	}
	var sessions sync.WaitGroup
	var open sync.Map
	sessions.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(conn, true)
			sessions.Go(func() {
				defer open.Delete(conn)
				defer conn.Close()
				v := &visit{s: s, conn: conn, br: bufio.NewReader(conn), name: "mx." + domain}
				v.run()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		sessions.Wait()
	})
	return ip
}

// taken is how many times a message was answered with 250.
func (s *stranger) taken(subject string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.took[subject]
}

// raw is what came of a message, with the dot after it.
func (s *stranger) raw(subject string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.kept[subject]
}

// visit is one connection.
type visit struct {
	s    *stranger
	conn net.Conn
	br   *bufio.Reader
	name string
}

func (v *visit) run() {
	if !v.step("CONNECT", "220 "+v.name+" ESMTP") {
		return
	}
	for {
		line, err := v.br.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		ok := false
		switch verb {
		case "EHLO":
			hello := "250-" + v.name + " | 250-ENHANCEDSTATUSCODES | 250-PIPELINING | 250 8BITMIME"
			if _, secure := v.conn.(*tls.Conn); v.s.config != nil && !secure {
				hello = strings.Replace(hello, "250 8", "250-STARTTLS | 250 8", 1)
			}
			ok = v.step(verb, hello)
		case "STARTTLS":
			ok = v.step(verb, "220 2.0.0 go on") && (strings.HasPrefix(v.s.answers[verb], "4") || v.handshake())
		case "DATA":
			ok = v.step(verb, "354 go on") && v.text()
		case "QUIT":
			v.step(verb, "221 2.0.0 bye")
		default:
			ok = v.step(verb, "250 2.0.0 ok")
		}
		if !ok {
			return
		}
	}
}

// step does what is to be done at a step; false ends the session.
func (v *visit) step(name, usual string) bool {
	if v.s.at != nil {
		v.s.at(name)
	}
	answer, ok := v.s.answers[name]
	if !ok {
		answer = usual
	}
	switch answer {
	case "":
		return true
	case "drop":
		return false
	case "hang":
		io.Copy(io.Discard, v.br)
		return false
	case "endless":
		return v.forever(strings.Repeat("250-and so on\r\n", 100), 0)
	case "long":
		return v.forever(strings.Repeat("250-and so on", 100), 0)
	case "drip":
		return v.forever("2", 100*time.Millisecond)
	}
	_, err := io.WriteString(v.conn, strings.ReplaceAll(answer, " | ", "\r\n")+"\r\n")
	return err == nil && !strings.HasPrefix(answer, "421") && (name != "DATA" || answer[0] == '3')
}

// forever says something again and again, until the other side has had enough.
func (v *visit) forever(text string, pause time.Duration) bool {
	for {
		if _, err := io.WriteString(v.conn, text); err != nil {
			return false
		}
		<-time.After(pause)
	}
}

func (v *visit) handshake() bool {
	if _, err := v.br.Peek(1); err != nil || !v.step("HANDSHAKE", "") { // it has begun
		return false
	}
	conn := tls.Server(&begun{v.conn, v.br}, v.s.config)
	if conn.Handshake() != nil {
		return false
	}
	v.conn, v.br = conn, bufio.NewReader(conn)
	return true
}

// begun is a connection of which something has been read.
type begun struct {
	net.Conn
	br *bufio.Reader
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) { return b.br.Read(p) }

// text reads a message.
func (v *visit) text() bool {
	if !v.step("TEXT", "") {
		return false
	}
	subject, raw := "", ""
	for {
		line, err := v.br.ReadString('\n')
		if err != nil {
			return false
		}
		if v.s.keep {
			raw += line
		}
		if line == ".\r\n" {
			break
		}
		if s, ok := strings.CutPrefix(line, "Subject: "); ok && subject == "" {
			subject = strings.TrimSpace(s)
		}
	}
	if answer, ok := v.s.answers["."]; !ok || strings.HasPrefix(answer, "2") {
		v.s.mu.Lock()
		v.s.mu.took[subject]++
		v.s.mu.kept[subject] = raw
		v.s.mu.Unlock()
	}
	return v.step(".", fmt.Sprintf("250 2.0.0 taken by %s", v.name))
}
