package listen_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
)

// overTCP serves o on loopback until stop is called.
func overTCP(t *testing.T, o listen.Options) (address string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ln, err := listen.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- listen.New(o).Serve(ctx, ln) }()
	return ln.Addr().String(), func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

// A client that sends too much still gets to read why it was cut off.
func TestLastWordsArrive(t *testing.T) {
	address, stop := overTCP(t, listen.Options{Handler: func(_ context.Context, c *listen.Conn) {
		c.Reader().Peek(1000)
		fmt.Fprint(c.Writer(), "-ERR too much\r\n")
	}})
	defer stop()
	for range 20 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Write(make([]byte, 500<<10)) // may fail late in the game
		got, err := io.ReadAll(c)
		if string(got) != "-ERR too much\r\n" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		c.Close()
	}
}

// Interrupts that come at any moment are never taken for the end of input, in
// the clear and under TLS.
func TestInterruptsWhileTalking(t *testing.T) {
	serverConf, clientConf := selfSigned(t)
	for _, secure := range []bool{false, true} {
		conns := make(chan *listen.Conn, 1)
		address, stop := overTCP(t, listen.Options{TLS: serverConf, Implicit: secure, Handler: func(ctx context.Context, c *listen.Conn) {
			conns <- c
			for n := 0; ; n++ {
				if n%3 == 0 {
					c.ReleaseBuffers()
				}
				switch event, err := c.WaitInput(time.Minute); {
				case err != nil:
					return
				case event == listen.Input:
					line, err := c.Reader().ReadString('\n')
					if err != nil {
						t.Errorf("after %q: %v", line, err)
						return
					}
					fmt.Fprint(c.Writer(), line)
				case event != listen.Interrupted:
					return
				}
			}
		}})
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if secure {
			c = tls.Client(c, clientConf)
			if err := c.(*tls.Conn).Handshake(); err != nil {
				t.Fatal(err)
			}
		}
		sc := <-conns
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					sc.Interrupt()
				}
			}
		})
		for i := range 500 {
			line := fmt.Sprintf("line %d\n", i)
			send(t, c, line)
			expect(t, c, line)
		}
		close(done)
		wg.Wait()
		c.Close()
		stop()
	}
}

// The PROXY seam: what Prepare returns is whom limits and logs see.
func TestPrepare(t *testing.T) {
	var log bytes.Buffer
	address, stop := overTCP(t, listen.Options{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Prepare: func(_ context.Context, nc net.Conn) (net.Conn, error) {
			line := make([]byte, len("from 203.0.113.9\n"))
			if _, err := io.ReadFull(nc, line); err != nil {
				return nil, err
			}
			ip := strings.TrimPrefix(strings.TrimSpace(string(line)), "from ")
			return &proxied{nc, listentest.Addr(ip + ":25")}, nil
		},
		Handler: func(_ context.Context, c *listen.Conn) {
			c.TraceIn("secret " + listen.Masked)
			c.TraceOut(strings.Repeat("x", 5000))
			fmt.Fprintf(c.Writer(), "%v %v\n", c.RemoteIP(), c.RemoteAddr())
		},
	})
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, "from 203.0.113.9\n")
	expect(t, c, "203.0.113.9 203.0.113.9:25\n")
	c.Close()
	stop()
	for _, want := range []string{"remote=203.0.113.9", `client="secret ***"`, strings.Repeat("x", 1024) + "\n"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %.40q in the log", want)
		}
	}
}

type proxied struct {
	net.Conn
	remote net.Addr
}

func (p *proxied) RemoteAddr() net.Addr { return p.remote }
