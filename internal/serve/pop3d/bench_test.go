package pop3d_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"restante/internal/directory"
	"restante/internal/proto/pop3wire"
	"restante/internal/serve/listen"
	"restante/internal/serve/pop3d"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// benchHouse is a server on loopback.
type benchHouse struct {
	*house
	address string
}

// bench puts n messages of about size octets each into u1's INBOX, all different.
func bench(b *testing.B, n, size int) benchHouse {
	b.Helper()
	h := newHouse(b, pop3d.Options{}, nil)
	ctx := context.Background()
	h.policy = retention.Default()
	a, err := h.store.Account(ctx, h.accounts["u1"])
	h.must(err)
	defer a.Close()
	inbox, err := a.View().ByRole(store.RoleInbox)
	h.must(err)
	step := max(1, min(1000, 4<<20/(size+1000)))
	for done := 0; done < n; done += step {
		var bodies []*store.Body
		for i := range min(n-done, step) {
			w, err := h.store.NewBody(ctx, store.BodyOptions{})
			h.must(err)
			fmt.Fprintf(w, "Subject: message %d\r\nMessage-ID: <%d@bench.test>\r\n\r\n", done+i, done+i)
			noise := rand.New(rand.NewPCG(uint64(done+i), 1))
			for w.Size() < int64(size) {
				fmt.Fprintf(w, "%016x%016x%016x%016x\r\n", noise.Uint64(), noise.Uint64(), noise.Uint64(), noise.Uint64())
			}
			body, err := w.Finish(ctx)
			h.must(err)
			h.must(body.Ahead(ctx))
			bodies = append(bodies, body)
		}
		_, err := a.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
			for _, body := range bodies {
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
	return benchHouse{h, ln.Addr().String()}
}

// give has the device be offered again what it has taken.
func (h benchHouse) give() {
	h.open("u1", func(a *store.Account, inbox *store.MailboxView) {
		d, err := a.POPDevice(h.t.Context(), directory.MainDevice)
		h.must(err)
		var ids []store.MessageID
		for e := range inbox.All() {
			ids = append(ids, e.Message)
		}
		h.must(a.GiveBack(h.t.Context(), store.Origin{}, d, ids))
	})
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
	h := bench(b, 100_000, 300)
	dialBench(b, h.address).quit() // the pages are in memory now, as of a mailbox in use
	b.Run("new", func(b *testing.B) { h.poll(b) })
	c := dialBench(b, h.address)
	c.each(100_000, "DELE", c.reply)
	c.quit()
	b.Run("taken", func(b *testing.B) { h.poll(b) })
}

func (h benchHouse) poll(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c := dialBench(b, h.address)
		c.send("STAT\r\n")
		c.reply()
		c.quit()
	}
}

func BenchmarkUIDL100k(b *testing.B) {
	c := dialBench(b, bench(b, 100_000, 300).address)
	b.ReportAllocs()
	for b.Loop() {
		c.send("UIDL\r\n")
		c.text()
	}
	c.quit()
}

func BenchmarkLIST100k(b *testing.B) {
	c := dialBench(b, bench(b, 100_000, 300).address)
	b.ReportAllocs()
	for b.Loop() {
		c.send("LIST\r\n")
		c.text()
	}
	c.quit()
}

// each sends a command for each of n messages, some at a time, and reads the answers.
func (c *client) each(n int, command string, answer func()) {
	const window = 100
	for done := 0; done < n; done += window {
		var some bytes.Buffer
		for i := range min(window, n-done) {
			fmt.Fprintf(&some, "%s %d\r\n", command, done+i+1)
		}
		c.send(some.String())
		for range min(window, n-done) {
			answer()
		}
	}
}

// benchText measures a command that answers with a text, on messages of a size.
func benchText(b *testing.B, command string, n, size int) {
	c := dialBench(b, bench(b, n, size).address)
	b.SetBytes(int64(n * size))
	b.ReportAllocs()
	for b.Loop() {
		c.each(n, command, c.text)
	}
	c.quit()
}

func BenchmarkRETR(b *testing.B) {
	b.Run("tiny", func(b *testing.B) { benchText(b, "RETR", 10_000, 300) })
	b.Run("12k", func(b *testing.B) { benchText(b, "RETR", 2000, 12_000) })
	b.Run("73k", func(b *testing.B) { benchText(b, "RETR", 500, 73_000) })
}

// BenchmarkDELE takes 10,000 messages.
func BenchmarkDELE(b *testing.B) {
	h := bench(b, 10_000, 300)
	b.ReportAllocs()
	for b.Loop() {
		c := dialBench(b, h.address)
		c.each(10_000, "DELE", c.reply)
		c.quit()
		b.StopTimer()
		h.give()
		b.StartTimer()
	}
}
