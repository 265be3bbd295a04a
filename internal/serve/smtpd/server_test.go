package smtpd_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/smtpd"
)

// codes returns the code of each reply in out.
func codes(t testing.TB, out string) (list []int) {
	t.Helper()
	br := bufio.NewReader(strings.NewReader(out))
	for {
		r, err := smtpwire.ReadReply(br)
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		list = append(list, r.Code)
	}
}

// TestManyPipelined has 5,000 commands in one go. The answers are more than the
// client's window: both sides must go on reading.
func TestManyPipelined(t *testing.T) {
	client, server := listentest.Pipe("")
	var wg sync.WaitGroup
	h := &house{}
	wg.Go(func() {
		o := smtpd.Options{Hostname: "mx.demo.test", Backend: h, MaxRcpts: 2000}
		listen.New(listen.Options{Handler: smtpd.New(o).Handle}).ServeConn(context.Background(), server)
	})
	br := bufio.NewReader(client)
	io.WriteString(client, "EHLO client.example\r\n")
	for range 2 { // greeting, EHLO
		if _, err := smtpwire.ReadReply(br); err != nil {
			t.Fatal(err)
		}
	}
	const n = 5000
	wg.Go(func() {
		var group strings.Builder
		group.WriteString("MAIL FROM:<a@b.example>\r\n")
		for i := range 2 * n / 5 {
			fmt.Fprintf(&group, "RCPT TO:<u%d@demo.test>\r\nNOOP\r\n", i)
		}
		group.WriteString(strings.Repeat("RCPT TO:<late@demo.test>\r\n", n/5-2))
		group.WriteString("DATA\r\n")
		io.WriteString(client, group.String())
	})
	count := make(map[int]int)
	for range n {
		r, err := smtpwire.ReadReply(br)
		if err != nil {
			t.Fatal(err)
		}
		count[r.Code]++
	}
	if count[250] != 1+4*n/5 || count[452] != n/5-2 || count[354] != 1 {
		t.Errorf("answers: %v", count)
	}
	client.Close()
	wg.Wait()
}

// TestCorked counts the writes of the server: one for a group (RFC 2920 3.2 (2)).
func TestCorked(t *testing.T) {
	client, server := listentest.Pipe("")
	counted := &countWrites{Conn: server}
	var wg sync.WaitGroup
	wg.Go(func() {
		o := smtpd.Options{Hostname: "mx.demo.test", Backend: &house{}}
		listen.New(listen.Options{Handler: smtpd.New(o).Handle}).ServeConn(context.Background(), counted)
	})
	br := bufio.NewReader(client)
	answers := func(n int) {
		t.Helper()
		for range n {
			if _, err := smtpwire.ReadReply(br); err != nil {
				t.Fatal(err)
			}
		}
	}
	io.WriteString(client, "EHLO client.example\r\n")
	answers(2)
	group := "RSET\r\nMAIL FROM:<a@b.example>\r\n" + strings.Repeat("RCPT TO:<u1@demo.test>\r\n", 50) + "DATA\r\n"
	io.WriteString(client, group)
	answers(53)
	io.WriteString(client, "x\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<u1@demo.test>\r\nQUIT\r\n")
	answers(4)
	wg.Wait()
	client.Close()
	if counted.n > 4 { // greeting, EHLO and two groups
		t.Errorf("%d writes", counted.n)
	}
}

type countWrites struct {
	net.Conn
	n int
}

func (c *countWrites) Write(p []byte) (int, error) {
	c.n++
	return c.Conn.Write(p)
}

// FuzzSession sends anything after a proper beginning. What gets through, in chunks
// (DATA has a fuzz target in proto/smtpwire, and nothing may follow it at once
// here), is clean text as it was sent; every answer is a reply.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"DATA\r\n",
		"BDAT 3 LAST\r\nabcMAIL FROM:<>\r\n",
		"BDAT 3\r\na\r\nBDAT 0 LAST\r\nQUIT\r\n",
		"RSET\r\nVRFY x\r\nEXPN x\r\nHELP\r\nAUTH PLAIN\r\n",
		"NOOP\n", "NOOP\r", "BDAT 99999999999\r\n", "RCPT TO:<late-full@demo.test>\r\nBDAT 1 LAST\r\nx",
		"STARTTLS\r\nMAIL FROM:<>\r\n", "RSET\r\nXCLIENT ADDR=203.0.113.9 HELO=x PROTO=ESMTP\r\n",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, in string, lmtp bool) {
		if strings.Contains(strings.ToLower(in), "panic") || strings.Contains(strings.ToLower(in), "slow") {
			return // names with a meaning to the house
		}
		h := &house{}
		hello := "EHLO"
		if lmtp {
			hello = "LHLO"
		}
		client, server := listentest.Pipe("")
		var wg sync.WaitGroup
		wg.Go(func() {
			o := smtpd.Options{Hostname: "mx.demo.test", Backend: h, LMTP: lmtp, MaxSize: 1000}
			listen.New(listen.Options{Handler: smtpd.New(o).Handle}).ServeConn(context.Background(), server)
		})
		io.WriteString(client, hello+" client.example\r\n")
		br := bufio.NewReader(client)
		for range 2 {
			if _, err := smtpwire.ReadReply(br); err != nil {
				t.Fatal(err)
			}
		}
		wg.Go(func() {
			io.WriteString(client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<u1@demo.test>\r\n"+in)
			client.(interface{ CloseWrite() error }).CloseWrite()
		})
		out, err := io.ReadAll(br)
		if err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		codes(t, string(out))
		for _, text := range h.texts {
			clean := strings.ReplaceAll(text, "\r\n", "")
			if strings.ContainsAny(clean, "\r\n\x00") && !strings.Contains(strings.ToUpper(in), "BINARYMIME") {
				t.Fatalf("%q came through", text)
			}
			if !strings.Contains(in, text) {
				t.Fatalf("%q came through and was not sent in %q", text, in)
			}
		}
	})
}

func BenchmarkServer(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			line := strings.Repeat("x", 76) + "\r\n"
			text := bytes.Repeat([]byte(line), size/len(line))
			ctx, cancel := context.WithCancel(context.Background())
			ln, err := listen.Listen(ctx, "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				o := smtpd.Options{Hostname: "mx.demo.test", Backend: sink{}}
				listen.New(listen.Options{Handler: smtpd.New(o).Handle}).Serve(ctx, ln)
			})
			defer wg.Wait()
			defer cancel()
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			c := smtpwire.NewClient(bufio.NewReader(conn), bufio.NewWriterSize(conn, 64<<10), false)
			if _, err := c.Greeting(); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Hello("client.example"); err != nil {
				b.Fatal(err)
			}
			m, err := smtpwire.ParseMail("FROM:<a@b.example>", 0)
			if err != nil {
				b.Fatal(err)
			}
			r, err := smtpwire.ParseRcpt("TO:<u1@demo.test>", 0)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				o, err := c.Send(smtpwire.Transaction{Mail: m, Rcpts: []smtpwire.Rcpt{r}, Body: bytes.NewReader(text), Size: int64(len(text)), UseData: true})
				if err != nil || !o.Rcpt(0, false).OK() {
					b.Fatal(o, err)
				}
			}
		})
	}
}
