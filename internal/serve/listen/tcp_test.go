package listen_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"restante/internal/serve/listen"
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
