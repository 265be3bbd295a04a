package listen_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"restante/internal/serve/listen"
)

// TestIdleConnectionIsSmall holds what a parked connection costs in the clear,
// a client's end in this process included. The server's aim is 5,000 idle IMAP
// sessions; what the session adds is imapd's.
func TestIdleConnectionIsSmall(t *testing.T) {
	const n = 500
	parked := make(chan *listen.Conn, n)
	s := listen.New(listen.Options{Handler: func(ctx context.Context, c *listen.Conn) {
		if _, err := c.Reader().ReadString('\n'); err != nil {
			return
		}
		c.Writer().WriteString("* OK\r\n")
		if err := c.ReleaseBuffers(); err != nil {
			return
		}
		parked <- c
		c.WaitInput(time.Hour)
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := listen.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	defer func() { cancel(); <-served }()

	before := inUse()
	clients := make([]net.Conn, n)
	for i := range clients {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients[i] = c
		send(t, c, "hello\r\n")
		expect(t, c, "* OK\r\n")
	}
	for range n {
		<-parked
	}
	per := (inUse() - before) / n
	t.Logf("%d octets for a parked connection and its client", per)
	if per > 16<<10 {
		t.Errorf("a parked connection holds %d octets", per)
	}
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the pools give up their buffers at the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
