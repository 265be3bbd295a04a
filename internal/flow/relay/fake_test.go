package relay

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeHost answers as its script says. A rule is the beginning of a command and what is answered to it; of several with the same beginning each is used once, and the
// last one from then on. Lines of an answer are parted by " | ". These are no answers but deeds:
//
//	drop      the connection is closed
//	hang      nothing is answered
//	stall     nothing is read for four minutes
//	slow      250 after five seconds
//	drip      an answer that never ends, an octet a second
//	endless   an answer of endless lines
//	starttls  220, and a handshake
//	implicit  a handshake, and 220
//	broken    220, and something that is no handshake, then drop
//	inject    220 and more in one write
//
// The line "show" has the text of messages in the transcript.
//
// What is answered to TEXT comes in the middle of a message, and then the connection is closed. A leading "+" closes the connection after the answer.
type fakeHost struct {
	silent bool // to connections
	show   bool // the text of messages
	rules  []rule
	cert   string // the name in its certificate
	mu     sync.Mutex
}

type rule struct {
	prefix string
	answer []string
}

func parseHost(script string) *fakeHost {
	h := new(fakeHost)
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		prefix, answer, ok := strings.Cut(line, " => ")
		switch {
		case line == "silent":
			h.silent = true
		case line == "show":
			h.show = true
		case strings.HasPrefix(line, "cert "):
			h.cert = line[5:]
		case ok:
			h.add(prefix, answer)
		}
	}
	for _, d := range [][2]string{
		{"GREETING", "220 mx.test ESMTP"}, {"EHLO", "250-mx.test | 250-PIPELINING | 250 ENHANCEDSTATUSCODES"}, {"HELO", "250 mx.test"},
		{"MAIL", "250 2.1.0 ok"}, {"RCPT", "250 2.1.5 ok"}, {"DATA", "354 go on"}, {".", "250 2.0.0 taken"}, {"BDAT", "250 2.0.0 taken"},
		{"RSET", "250 2.0.0 ok"}, {"QUIT", "+221 2.0.0 bye"}, {"STARTTLS", "starttls"}, {"", "500 5.5.1 what?"},
	} {
		if !slices.ContainsFunc(h.rules, func(r rule) bool { return r.prefix == d[0] }) {
			h.add(d[0], d[1])
		}
	}
	return h
}

func (h *fakeHost) add(prefix, answer string) {
	for i := range h.rules {
		if h.rules[i].prefix == prefix {
			h.rules[i].answer = append(h.rules[i].answer, answer)
			return
		}
	}
	h.rules = append(h.rules, rule{prefix, []string{answer}})
}

// answer is what is next for a line. The defaults that come last are for those that have no rule of their own.
func (h *fakeHost) answer(line string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	best := -1
	for i, r := range h.rules {
		if strings.HasPrefix(line, r.prefix) && (best < 0 || len(r.prefix) > len(h.rules[best].prefix)) {
			best = i
		}
	}
	r := &h.rules[best]
	a := r.answer[0]
	if len(r.answer) > 1 {
		r.answer = r.answer[1:]
	}
	return a
}

// fakeSession is one connection to it.
type fakeSession struct {
	w    *world
	h    *fakeHost
	n    int
	conn net.Conn
	br   *bufio.Reader

	mail bool     // MAIL was taken
	to   []string // who was taken since
}

func (s *fakeSession) say(who, line string) { s.w.say("%d: %s %s", s.n, who, line) }

func (s *fakeSession) run(conn net.Conn) {
	defer conn.Close()
	s.conn, s.br = conn, bufio.NewReader(conn)
	for line := "GREETING"; ; {
		if !s.react(line) {
			return
		}
		who := "C:"
		if s.br.Buffered() > 0 {
			who = "C+" // it came together with what was before it
		}
		text, err := s.br.ReadString('\n')
		if err != nil {
			s.say("--", "closed")
			return
		}
		line = strings.TrimSuffix(text, "\r\n")
		s.say(who, line)
	}
}

// react does what the script says; false ends the connection.
func (s *fakeSession) react(line string) bool {
	if strings.HasPrefix(line, "BDAT ") {
		var n int64
		fmt.Sscanf(line, "BDAT %d", &n)
		var b strings.Builder
		if m, _ := io.CopyN(&b, s.br, n); m < n {
			s.say("--", fmt.Sprintf("closed after %d octets of %d", m, n))
			return false
		}
		for text := range strings.Lines(b.String()) {
			s.text(text)
		}
	}
	a := s.h.answer(line)
	good := strings.HasPrefix(strings.TrimPrefix(a, "+"), "2")
	switch {
	case strings.HasPrefix(line, "MAIL"):
		s.mail, s.to = good, nil
	case strings.HasPrefix(line, "RCPT") && s.mail && good:
		s.to = append(s.to, line)
	case strings.HasPrefix(line, "BDAT") && good:
		s.take()
	}
	ok := s.do(a)
	if ok && strings.HasPrefix(a, "354") {
		if early := s.h.answer("TEXT"); early != s.h.answer("") {
			_, _ = s.br.Peek(1)
			s.do(early)
			return false
		}
		n := 0
		for {
			text, err := s.br.ReadString('\n')
			if err != nil {
				s.say("--", "closed before the end of the message")
				return false
			}
			if text == ".\r\n" {
				break
			}
			s.text(text)
			n += len(text)
		}
		s.say("C:", fmt.Sprintf("(%d octets).", n))
		a := s.h.answer(".")
		if strings.HasPrefix(strings.TrimPrefix(a, "+"), "2") {
			s.take()
		}
		return s.do(a)
	}
	return ok
}

// text shows a line of a message.
func (s *fakeSession) text(line string) {
	if s.h.show {
		s.say("C>", fmt.Sprintf("%+q", strings.TrimSuffix(line, "\r\n")))
	}
}

// take notes that the host has the message for those that it has taken.
func (s *fakeSession) take() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, to := range s.to {
		_, to, _ = strings.Cut(to, "<")
		to, _, _ = strings.Cut(to, ">")
		s.w.took[to]++
	}
	s.mail, s.to = false, nil
}

func (s *fakeSession) do(answer string) bool {
	answer, last := strings.CutPrefix(answer, "+")
	switch answer {
	case "drop":
		s.say("--", "drops")
		return false
	case "hang":
		s.say("--", "hangs")
		io.Copy(io.Discard, s.br)
		s.say("--", "closed")
		return false
	case "stall":
		<-time.After(4 * time.Minute)
		return false
	case "slow":
		<-time.After(5 * time.Second)
		return s.answer("250 2.0.0 at last")
	case "drip":
		s.say("--", "drips")
		for {
			if _, err := io.WriteString(s.conn, "2"); err != nil {
				return false
			}
			<-time.After(time.Second)
		}
	case "endless":
		s.say("--", "an endless answer")
		for {
			if _, err := io.WriteString(s.conn, "250-and so on\r\n"); err != nil {
				s.say("--", "closed")
				return false
			}
		}
	case "starttls":
		return s.answer("220 2.0.0 go on") && s.handshake()
	case "implicit":
		return s.handshake() && s.answer("220 ready")
	case "broken":
		if s.answer("220 2.0.0 go on") {
			_, _ = s.br.Peek(1) // the handshake has begun
			s.answer("454 no, rather not")
		}
		return false
	case "inject":
		return s.answer("220 2.0.0 go on | 250 injected")
	}
	return s.answer(answer) && !last
}

func (s *fakeSession) answer(text string) bool {
	lines := strings.Split(text, " | ")
	for _, l := range lines {
		s.say("S:", l)
	}
	_, err := io.WriteString(s.conn, strings.Join(lines, "\r\n")+"\r\n")
	return err == nil
}

func (s *fakeSession) handshake() bool {
	name := s.h.cert
	if name == "" {
		name = "mx.test"
	}
	t := tls.Server(s.conn, &tls.Config{Certificates: []tls.Certificate{s.w.certs.issue(name)}})
	if err := t.Handshake(); err != nil {
		s.say("--", "the handshake fails")
		return false
	}
	s.say("--", "TLS")
	s.conn, s.br = t, bufio.NewReader(t)
	return true
}

// authority issues certificates.
type authority struct {
	t    *testing.T
	pool *x509.CertPool
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	a.key, der = a.sign(template, template, nil)
	a.cert, _ = x509.ParseCertificate(der)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, with *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if with == nil {
		with = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, with)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, der
}

func (a *authority) issue(name string) tls.Certificate {
	key, der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
