package pop3d_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"restante/internal/proto/pop3wire"
	"restante/internal/serve/listen"
	"restante/internal/serve/pop3d"
	"restante/internal/store"
)

// bench is a server on loopback with n messages of size octets for u1.
func bench(b *testing.B, n, size int) (address string) {
	b.Helper()
	h := newHouse(b, pop3d.Options{}, nil)
	ctx := context.Background()
	w, err := h.store.NewBody(ctx, store.BodyOptions{})
	h.must(err)
	text := bytes.Repeat([]byte("A line of a message, as long as most of them are, more or less.\r\n"), size/65)
	fmt.Fprintf(w, "Subject: bench\r\n\r\n%s", text)
	body, err := w.Finish(ctx)
	h.must(err)
	a, err := h.store.Account(ctx, h.accounts["u1"])
	h.must(err)
	defer a.Close()
	inbox, err := a.View().ByRole(store.RoleInbox)
	h.must(err)
	for left := n; left > 0; left -= 2000 {
		_, err := a.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
			for range min(left, 2000) {
				if _, err := tx.AddMessage(inbox.ID(), body, store.AddOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
		h.must(err)
	}
	ln, err := listen.Listen(ctx, "127.0.0.1:0")
	h.must(err)
	serveCtx, cancel := context.WithCancel(ctx)
	server := listen.New(listen.Options{Handler: pop3d.New(pop3d.Options{Store: h.store, Directory: h.dir, Plaintext: true}).ServeConn})
	served := make(chan error, 1)
	go func() { served <- server.Serve(serveCtx, ln) }()
	b.Cleanup(func() { cancel(); <-served })
	return ln.Addr().String()
}

// client is a session that has logged in.
type client struct {
	b *testing.B
	net.Conn
	r *bufio.Reader
}

func dialBench(b *testing.B, address string) *client {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	c := &client{b, conn, bufio.NewReaderSize(conn, 64<<10)}
	c.reply()
	c.send("USER u1\r\nPASS pass\r\n")
	c.reply()
	c.reply()
	return c
}

func (c *client) send(s string) {
	if _, err := io.WriteString(c, s); err != nil {
		c.b.Fatal(err)
	}
}

func (c *client) reply() {
	r, err := pop3wire.ReadReply(c.r)
	if err != nil || !r.OK {
		c.b.Fatal(r, err)
	}
}

func (c *client) text() {
	c.reply()
	if _, err := io.Copy(io.Discard, &pop3wire.DotReader{R: c.r}); err != nil {
		c.b.Fatal(err)
	}
}

func (c *client) quit() {
	c.send("QUIT\r\n")
	c.reply()
	c.Close()
}

func BenchmarkLoginSTAT100k(b *testing.B) {
	address := bench(b, 100_000, 1000)
	dialBench(b, address).quit() // the pages are in memory now, as of a mailbox in use
	b.ReportAllocs()
	for b.Loop() {
		c := dialBench(b, address)
		c.send("STAT\r\n")
		c.reply()
		c.quit()
	}
}

func BenchmarkUIDL100k(b *testing.B) {
	c := dialBench(b, bench(b, 100_000, 1000))
	b.ReportAllocs()
	for b.Loop() {
		c.send("UIDL\r\n")
		c.text()
	}
	c.quit()
}

func BenchmarkLIST100k(b *testing.B) {
	c := dialBench(b, bench(b, 100_000, 1000))
	b.ReportAllocs()
	for b.Loop() {
		c.send("LIST\r\n")
		c.text()
	}
	c.quit()
}

// BenchmarkRETR asks for 100 messages of 12 KB in one packet.
func BenchmarkRETR(b *testing.B) {
	const n, size = 100, 12_000
	c := dialBench(b, bench(b, n, size))
	var all bytes.Buffer
	for i := range n {
		fmt.Fprintf(&all, "RETR %d\r\n", i+1)
	}
	b.SetBytes(n * size)
	b.ReportAllocs()
	for b.Loop() {
		c.send(all.String())
		for range n {
			c.text()
		}
	}
	c.quit()
}
