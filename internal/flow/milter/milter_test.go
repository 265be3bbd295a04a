package milter

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"go.uber.org/goleak"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/milterwire"
	"restante/internal/proto/smtpwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a filter that says what it is told to.
type script struct {
	ln      net.Listener
	wg      sync.WaitGroup
	offer   milterwire.Offer
	answers map[milterwire.Code][]string // the next ones to each step; "c" where there are none

	mu struct {
		sync.Mutex
		heard strings.Builder
	}
}

// listen starts a filter that ends with the test.
func listen(t *testing.T) *script {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "filter"))
	if err != nil {
		t.Fatal(err)
	}
	s := &script{ln: ln, offer: milterwire.Offer{Version: 6, Actions: actions}, answers: make(map[milterwire.Code][]string)}
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(s.stop)
	return s
}

// stop waits until the other side has closed all connections.
func (s *script) stop() {
	s.ln.Close()
	s.wg.Wait()
}

func (s *script) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		code, data, err := milterwire.Read(r)
		if err != nil {
			return
		}
		s.hear(code, data)
		switch code {
		case milterwire.Quit:
			return
		case milterwire.Macros:
			continue
		case milterwire.Negotiate:
			if list := s.answers[code]; len(list) == 0 {
				c.Write(s.offer.Append(nil))
				continue
			}
		}
		if s.mute(code) {
			continue
		}
		for _, a := range s.next(code) {
			if a == "-" { // silence
				continue
			}
			c.Write(answer(a))
		}
	}
}

// next are the answers to a step: several are separated by "|".
func (s *script) next(code milterwire.Code) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.answers[code]
	if len(list) == 0 {
		return []string{"c"}
	}
	s.answers[code] = list[1:]
	return strings.Split(list[0], "|")
}

// answer is a packet: a code, and data with \0 and so on; "!" and raw octets.
func answer(s string) []byte {
	text := strings.NewReplacer(`\0`, "\x00", `\n`, "\n", `\1`, "\x01", `\t`, "\t").Replace(s[1:])
	if s[0] == '!' {
		return []byte(text)
	}
	return milterwire.Append(nil, milterwire.Code(s[0]), []byte(text))
}

func (s *script) mute(c milterwire.Code) bool {
	bit := map[milterwire.Code]milterwire.Steps{
		milterwire.Connect: milterwire.MuteConnect, milterwire.Helo: milterwire.MuteHelo, milterwire.Mail: milterwire.MuteMail,
		milterwire.Rcpt: milterwire.MuteRcpt, milterwire.Data: milterwire.MuteData, milterwire.Header: milterwire.MuteHeader,
		milterwire.EndOfHeader: milterwire.MuteEnd, milterwire.Body: milterwire.MuteBody,
	}[c]
	return s.offer.Steps&bit != 0
}

func (s *script) hear(code milterwire.Code, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code == milterwire.Negotiate {
		fmt.Fprintf(&s.mu.heard, "  O %d %#x %#x\n", binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), binary.BigEndian.Uint32(data[8:]))
		return
	}
	if len(data) > 200 {
		fmt.Fprintf(&s.mu.heard, "  %c %d octets\n", code, len(data))
		return
	}
	fmt.Fprintf(&s.mu.heard, "  %c %q\n", code, data)
}

func (s *script) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.mu.heard.String()
	s.mu.heard.Reset()
	return out
}

var socketFile = regexp.MustCompile(`@->\S+/filter`)

// client asks the filters, in a hurry.
func client(t *testing.T, pass bool, log *strings.Builder, list ...*script) *Client {
	o := Options{Host: "mx.example.org", Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "filter" {
			return slog.Attr{}
		}
		return slog.String(a.Key, socketFile.ReplaceAllString(a.Value.String(), "FILTER"))
	}}))}
	for _, s := range list {
		hurry := 300 * time.Millisecond
		o.Filters = append(o.Filters, Filter{Network: "unix", Address: s.ln.Addr().String(), Pass: pass, Command: hurry, Message: hurry})
	}
	return New(o)
}

func address(t *testing.T, s string) addr.Address {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// transact does a transaction, the text in pieces, and says how it went.
func transact(t *testing.T, c *Client, text string, pieces int, rcpts ...string) string {
	t.Helper()
	var out strings.Builder
	ctx := t.Context()
	s := &flow.Session{Peer: netip.MustParseAddr("192.0.2.7"), Hello: "client.example", TLS: true, TLSVersion: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"}
	f, err := c.Begin(ctx, s, &smtpwire.Mail{From: address(t, "me@sender.example"), Size: 100})
	if err != nil {
		return fmt.Sprintf("begin: %s\n", told(err))
	}
	defer f.Close()
	taken := 0
	for _, r := range rcpts {
		if err := f.Recipient(ctx, smtpwire.Rcpt{To: address(t, r)}); err != nil {
			fmt.Fprintf(&out, "%s: %s\n", r, told(err))
			continue
		}
		taken++
	}
	if taken == 0 {
		return out.String()
	}
	if err := f.Data(ctx, "QUEUEID"); err != nil {
		return out.String() + fmt.Sprintf("data: %s\n", told(err))
	}
	size := len(text)/pieces + 1
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := f.Write([]byte(text[:n])); err != nil {
			return out.String() + fmt.Sprintf("text: %s\n", told(err))
		}
		text = text[n:]
	}
	got := f.Finish(ctx)
	if got.Declined != nil {
		fmt.Fprintf(&out, "end: %s\n", told(got.Declined))
		return out.String()
	}
	if got.Quarantine != "" {
		_, why, _ := strings.Cut(got.Quarantine, ": ")
		fmt.Fprintf(&out, "quarantine: %s\n", why)
	}
	if got.Discard != "" {
		out.WriteString("discard\n")
	}
	fmt.Fprintf(&out, "taken %q\n", got.Fields)
	return out.String()
}

func told(err error) string {
	var r smtpwire.Reply
	switch {
	case errors.As(err, &r):
		return r.Error()
	case errors.Is(err, ErrFailed):
		return "a filter failed"
	}
	return err.Error()
}

// TestConversations runs testdata/conversations (go test -args -rewrite writes the answers anew). "mail" is a message: steps=0x... is what the filter does not
// want, version=, pieces=, pass; the lines before an empty one are answers ("R y550 no": to the first recipient), the rest is the message.
func TestConversations(t *testing.T) {
	datadriven.RunTest(t, "testdata/conversations", func(t *testing.T, d *datadriven.TestData) string {
		s := listen(t)
		var log strings.Builder
		pieces := 1
		d.MaybeScanArgs(t, "pieces", &pieces)
		var steps, version int
		for _, a := range d.CmdArgs {
			switch a.Key {
			case "steps":
				fmt.Sscanf(a.Vals[0], "%v", &steps)
			case "version":
				fmt.Sscanf(a.Vals[0], "%v", &version)
				s.offer.Version = uint32(version)
			}
		}
		s.offer.Steps = milterwire.Steps(steps)
		answers, text, _ := strings.Cut("\n"+d.Input, "\n--\n")
		for line := range strings.Lines(answers) {
			if code, a, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
				s.answers[milterwire.Code(code[0])] = append(s.answers[milterwire.Code(code[0])], a)
			}
		}
		c := client(t, d.HasArg("pass"), &log, s)
		got := transact(t, c, strings.ReplaceAll(text, "\n", "\r\n")+"\r\n", pieces, "a@example.org", "b@example.org")
		s.stop()
		if d.HasArg("brief") {
			return got + log.String()
		}
		return s.take() + got + log.String()
	})
}

// Each filter sees the message as it came; one that accepts hears no more, and one that refuses speaks for all.
func TestSeveral(t *testing.T) {
	a, b, c := listen(t), listen(t), listen(t)
	a.answers[milterwire.Mail] = []string{"a"}
	b.answers[milterwire.End] = []string{`hX-B\0yes\0|c`}
	c.answers[milterwire.End] = []string{`y550 5.7.1 no\0`}
	var log strings.Builder
	got := transact(t, client(t, false, &log, a, b, c), "Subject: x\r\n\r\ntext\r\n", 3, "a@example.org")
	if got != "end: 550 5.7.1 no\n" {
		t.Error(got)
	}
	a.stop()
	b.stop()
	if heard := a.take(); strings.Contains(heard, "  R ") || !strings.Contains(heard, "  Q ") {
		t.Error(heard)
	}
	if heard := b.take(); !strings.Contains(heard, `  L "Subject\x00x\x00"`) || strings.Contains(heard, "X-B") {
		t.Error(heard)
	}
}

// Whoever waits for a filter can be called off, and a filter that is not there is told from one that says no.
func TestCalledOff(t *testing.T) {
	s := listen(t)
	s.answers[milterwire.End] = []string{"-"}
	c := New(Options{Filters: []Filter{{Network: "unix", Address: s.ln.Addr().String()}}}) // it has two minutes
	f, err := c.Begin(t.Context(), &flow.Session{}, &smtpwire.Mail{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(f.Recipient(t.Context(), smtpwire.Rcpt{}), f.Data(t.Context(), "ID")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if got := f.Finish(ctx); !errors.Is(got.Declined, ErrFailed) {
		t.Errorf("%+v", got)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	f.Close()
	s.stop()
	if _, err := c.Begin(t.Context(), &flow.Session{}, &smtpwire.Mail{}); !errors.Is(err, ErrFailed) {
		t.Error(err)
	}
	var nobody *Client
	if f, err := nobody.Begin(t.Context(), &flow.Session{}, &smtpwire.Mail{}); f != nil || err != nil {
		t.Error(f, err)
	}
}

// FuzzSplitter: however a header is cut into pieces, the same fields come out, and the body after it is whole.
func FuzzSplitter(f *testing.F) {
	f.Add("A: b\r\nC: d\r\n\te\r\n\r\nbody\r\n", 3)
	f.Add("\r\nbody", 1)
	f.Add("no colon\r\n x\r\nA:\r\n", 2)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 || len(text) > 10_000 {
			return
		}
		split := func(size int) (fields []field, body string) {
			var s splitter
			for p := []byte(text); len(p) > 0; {
				n := min(size, len(p))
				piece := p[:n]
				p = p[n:]
				for len(piece) > 0 && !s.done {
					fld, whole, rest := s.next(piece)
					if whole {
						fields = append(fields, fld)
					}
					piece = rest
				}
				body += string(piece)
			}
			return fields, body
		}
		a, bodyA := split(len(text) + 1)
		b, bodyB := split(size)
		if fmt.Sprint(a) != fmt.Sprint(b) || bodyA != bodyB || !strings.HasSuffix(text, bodyA) {
			t.Errorf("%q: %q %q, in pieces %q %q", text, a, bodyA, b, bodyB)
		}
	})
}
