package smtpwire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/proto/addr"
)

// script runs a client against a server that is written down: lines "S: x" are
// sent, lines "C: x" must come, and "--" says that here the client must have
// sent all before in one write.
func script(t *testing.T, text string, run func(c *Client) error, lmtp bool) error {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- serveScript(far, text)
		far.Close()
	}()
	c := NewClient(bufio.NewReader(near), bufio.NewWriterSize(near, 64<<10), lmtp)
	err := run(c)
	near.Close()
	if serr := <-served; serr != nil {
		t.Error(serr)
	}
	return err
}

func serveScript(conn net.Conn, text string) error {
	buf := make([]byte, 64<<10)
	pending := ""
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.TrimLeft(line, "\t")
		what, arg, _ := strings.Cut(line, ": ")
		switch what {
		case "S":
			if _, err := io.WriteString(conn, arg+"\r\n"); err != nil {
				return fmt.Errorf("sending %q: %w", arg, err)
			}
		case "C":
			if pending == "" { // what comes in one write is one Read on a pipe
				n, err := conn.Read(buf)
				if err != nil {
					return fmt.Errorf("waiting for %q: %w", arg, err)
				}
				pending = string(buf[:n])
			}
			got, rest, ok := strings.Cut(pending, "\r\n")
			if !ok || got != arg {
				return fmt.Errorf("the client sent %q, want %q", pending, arg)
			}
			pending = rest
		case "--":
			if pending != "" {
				return fmt.Errorf("the client went on with %q", pending)
			}
		}
	}
	if pending != "" {
		return fmt.Errorf("the client sent %q at the end", pending)
	}
	return nil
}

func mustAddr(s string) addr.Address {
	a, err := addr.Parse(s)
	if err != nil {
		panic(err)
	}
	return a
}

func send(o *Outcome, t Transaction) func(*Client) error {
	return func(c *Client) error {
		if _, err := c.Greeting(); err != nil {
			return err
		}
		if _, err := c.Hello("me.example"); err != nil {
			return err
		}
		var err error
		*o, err = c.Send(t)
		return err
	}
}

func transaction(text string, rcpts ...string) Transaction {
	t := Transaction{Mail: Mail{From: mustAddr("a@b.example"), Size: int64(len(text))}, Size: int64(len(text)), Body: strings.NewReader(text)}
	for _, r := range rcpts {
		t.Rcpts = append(t.Rcpts, Rcpt{To: mustAddr(r)})
	}
	return t
}

func TestClientPipelining(t *testing.T) {
	var o Outcome
	err := script(t, `
		S: 220 mx.example
		C: EHLO me.example
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250 SIZE 1000
		C: MAIL FROM:<a@b.example> SIZE=17
		C: RCPT TO:<u1@demo.test>
		C: RCPT TO:<u2@demo.test>
		C: DATA
		--
		S: 250 2.1.0 Ok
		S: 550 5.1.1 unknown
		S: 250 2.1.5 Ok
		S: 354 go on
		C: Subject: x
		C: 
		C: ..
		C: .
		--
		S: 250 2.0.0 queued`,
		send(&o, transaction("Subject: x\r\n\r\n.\r\n", "u1@demo.test", "u2@demo.test")), false)
	if err != nil {
		t.Fatal(err)
	}
	if r := o.Rcpt(0, false); r.Code != 550 || r.Enhanced != (Enhanced{5, 1, 1}) {
		t.Errorf("first: %v", r)
	}
	if r := o.Rcpt(1, false); r.Code != 250 || r.Text != "queued" {
		t.Errorf("second: %v", r)
	}
}

func TestClientWithoutExtensions(t *testing.T) {
	var o Outcome
	tx := transaction("x", "u1@demo.test")
	tx.Mail.Body = Body8BitMIME
	tx.Mail.EnvID = "id"
	tx.Rcpts[0].Notify = NotifyNever
	err := script(t, `
		S: 220 mx.example
		C: EHLO me.example
		S: 500 what
		C: HELO me.example
		S: 250 mx.example
		C: MAIL FROM:<a@b.example>
		--
		S: 250 Ok
		C: RCPT TO:<u1@demo.test>
		--
		S: 250 Ok
		C: DATA
		--
		S: 354 go on
		C: x
		C: .
		S: 451 4.3.0 later`, send(&o, tx), false)
	if err != nil || !o.Rcpt(0, false).Temporary() {
		t.Fatalf("%+v, %v", o, err)
	}
}

func TestClientNobodyTaken(t *testing.T) {
	for name, text := range map[string]string{
		"DATA refused": `
			S: 550 unknown
			S: 503 no valid recipients
			C: RSET
			S: 250 Ok`,
		"DATA taken": `
			S: 550 unknown
			S: 354 go on
			C: .
			S: 554 no valid recipients`,
	} {
		t.Run(name, func(t *testing.T) {
			var o Outcome
			err := script(t, `
				S: 220 mx.example
				C: EHLO me.example
				S: 250-mx.example
				S: 250 PIPELINING
				C: MAIL FROM:<a@b.example>
				C: RCPT TO:<u1@demo.test>
				C: DATA
				S: 250 Ok`+text, send(&o, transaction("x\r\n", "u1@demo.test")), false)
			if err != nil || o.Rcpt(0, false).Code != 550 || o.Final != nil {
				t.Fatalf("%+v, %v", o, err)
			}
		})
	}
}

func TestClientMailRefused(t *testing.T) {
	var o Outcome
	err := script(t, `
		S: 220 mx.example
		C: EHLO me.example
		S: 250-mx.example
		S: 250 PIPELINING
		C: MAIL FROM:<a@b.example>
		C: RCPT TO:<u1@demo.test>
		C: DATA
		S: 452 4.3.1 full
		S: 503 no MAIL
		S: 503 no MAIL
		C: RSET
		S: 250 Ok`, send(&o, transaction("x\r\n", "u1@demo.test")), false)
	if err != nil || o.Rcpt(0, false).Code != 452 {
		t.Fatalf("%+v, %v", o, err)
	}
}

func TestClientChunking(t *testing.T) {
	var o Outcome
	tx := transaction(".\r\na\r\n", "u1@demo.test")
	tx.Mail.Body = BodyBinaryMIME
	err := script(t, `
		S: 220 mx.example
		C: EHLO me.example
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-BINARYMIME
		S: 250 CHUNKING
		C: MAIL FROM:<a@b.example> BODY=BINARYMIME
		C: RCPT TO:<u1@demo.test>
		--
		S: 250 Ok
		S: 250 Ok
		C: BDAT 6 LAST
		C: .
		C: a
		--
		S: 250 queued`, send(&o, tx), false)
	if err != nil || o.Rcpt(0, false).Text != "queued" {
		t.Fatalf("%+v, %v", o, err)
	}
}

func TestClientLMTP(t *testing.T) {
	var o Outcome
	err := script(t, `
		S: 220 mx.example
		C: LHLO me.example
		S: 250-mx.example
		S: 250 PIPELINING
		C: MAIL FROM:<a@b.example>
		C: RCPT TO:<u1@demo.test>
		C: RCPT TO:<u2@demo.test>
		C: RCPT TO:<u1@demo.test>
		C: DATA
		S: 250 Ok
		S: 250 Ok
		S: 550 5.1.1 unknown
		S: 250 Ok
		S: 354 go on
		C: x
		C: .
		S: 250 2.1.5 first
		S: 452 4.2.2 full`,
		send(&o, transaction("x\r\n", "u1@demo.test", "u2@demo.test", "u1@demo.test")), true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range 3 {
		got = append(got, o.Rcpt(i, true).Error())
	}
	if diff := cmp.Diff([]string{"250 2.1.5 first", "550 5.1.1 unknown", "452 4.2.2 full"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestClientGroups has more recipients than one group of commands may have.
func TestClientGroups(t *testing.T) {
	var text strings.Builder
	text.WriteString("S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250 PIPELINING\nC: MAIL FROM:<a@b.example>\n")
	var rcpts []string
	for i := range 100 {
		rcpts = append(rcpts, fmt.Sprintf("u%d@demo.test", i))
	}
	for i := range 63 {
		fmt.Fprintf(&text, "C: RCPT TO:<%s>\n", rcpts[i])
	}
	text.WriteString("--\n" + strings.Repeat("S: 250 Ok\n", 64))
	for i := 63; i < 100; i++ {
		fmt.Fprintf(&text, "C: RCPT TO:<%s>\n", rcpts[i])
	}
	text.WriteString("C: DATA\n--\n" + strings.Repeat("S: 250 Ok\n", 37) + "S: 354 Ok\nC: x\nC: .\nS: 250 queued")
	var o Outcome
	if err := script(t, text.String(), send(&o, transaction("x\r\n", rcpts...)), false); err != nil || len(o.Rcpts) != 100 {
		t.Fatalf("%d answers, %v", len(o.Rcpts), err)
	}
}

func TestClientUnsupported(t *testing.T) {
	greet := "S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250 8BITMIME"
	for name, change := range map[string]func(*Transaction){
		"SMTPUTF8":   func(tx *Transaction) { tx.Rcpts[0].To = mustAddr("δ@demo.test") },
		"REQUIRETLS": func(tx *Transaction) { tx.Mail.RequireTLS = true },
		"DELIVERBY":  func(tx *Transaction) { tx.Mail.By = By{Seconds: 1, Mode: ByReturn} },
		"CHUNKING":   func(tx *Transaction) { tx.Mail.Body = BodyBinaryMIME },
	} {
		t.Run(name, func(t *testing.T) {
			tx := transaction("x\r\n", "u1@demo.test")
			change(&tx)
			var o Outcome
			err := script(t, greet, send(&o, tx), false)
			if u := (*UnsupportedError)(nil); !errors.As(err, &u) || !strings.Contains(u.Error(), name) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestClientInjection(t *testing.T) {
	tx := transaction("x\r\n", "u1@demo.test")
	tx.Rcpts[0].To.Domain = "demo.test>\r\nRCPT TO:<evil@demo.test"
	var o Outcome
	if err := script(t, "S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250 PIPELINING", send(&o, tx), false); err == nil {
		t.Error("a line end in an address was sent")
	}
}

func TestClientStartTLS(t *testing.T) {
	start := func(c *Client) error {
		_, err := c.Greeting()
		return errors.Join(err, c.StartTLS())
	}
	if err := script(t, "S: 220 mx\nC: STARTTLS\nS: 220 2.0.0 Ready", start, false); err != nil {
		t.Error(err)
	}
	var r Reply
	if err := script(t, "S: 220 mx\nC: STARTTLS\nS: 454 4.7.0 no", start, false); !errors.As(err, &r) || r.Code != 454 {
		t.Error(err)
	}
	// A second reply in the same segment as the first.
	near := struct {
		io.Reader
		io.Writer
	}{strings.NewReader("220 2.0.0 Ready\r\n250 evil\r\n"), io.Discard}
	if err := NewClient(bufio.NewReader(near), bufio.NewWriter(near), false).StartTLS(); err != ErrInjected {
		t.Error(err)
	}
}

func TestClientGreeting(t *testing.T) {
	for in, want := range map[string]string{
		"554 5.3.2 no SMTP service here\r\n": "554 5.3.2 no SMTP service here",
		"421-a\r\n421 b\r\n":                 "421 a / b",
		"SSH-2.0-OpenSSH_9.6\r\n":            `malformed SMTP reply: "SSH-2.0-OpenSSH_9.6"`,
		"354 what\r\n":                       "malformed SMTP reply: code 354 here",
		"":                                   "EOF",
	} {
		var out bytes.Buffer
		_, err := NewClient(bufio.NewReader(strings.NewReader(in)), bufio.NewWriter(&out), false).Greeting()
		if fmt.Sprint(err) != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}
