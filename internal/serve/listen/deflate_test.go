package listen_test

import (
	"bufio"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/serve/listen"
)

// squeezing answers each line with "> line"; "on" and "off" switch compression behind the answer, "rest" gives the buffers back.
func squeezing(_ context.Context, c *listen.Conn) {
	for {
		if event, err := c.WaitInput(time.Hour); event != listen.Input || err != nil {
			return
		}
		line, err := c.Reader().ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprintf(c.Writer(), "> %s", line)
		switch line {
		case "on\n":
			err = c.StartDeflate()
		case "off\n":
			err = c.StopDeflate()
		case "rest\n":
			err = c.ReleaseBuffers()
		}
		if err != nil {
			fmt.Fprintf(c.Writer(), "%v\n", err)
		}
	}
}

// squeezed is a client's end of a compressed connection.
type squeezed struct {
	t   *testing.T
	c   net.Conn
	w   *flate.Writer
	r   io.Reader
	raw *bufio.Reader // below r
}

func squeeze(t *testing.T, c net.Conn) *squeezed {
	send(t, c, "on\n")
	expect(t, c, "> on\n")
	w, err := flate.NewWriter(c, 6)
	if err != nil {
		t.Fatal(err)
	}
	raw := bufio.NewReader(c)
	return &squeezed{t, c, w, flate.NewReader(raw), raw}
}

func (s *squeezed) send(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.w, text)
	if err = errors.Join(err, s.w.Flush()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *squeezed) expect(want string) {
	s.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(s.r, got)
	if string(got[:n]) != want {
		s.t.Fatalf("got %.100q (%v), want %.100q", got[:n], err, want)
	}
}

func TestDeflate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: squeezing})
		defer stop()
		c := dial(t, ln, "192.0.2.1:1")
		defer c.Close()
		s := squeeze(t, c)
		long := strings.Repeat("x", 100_000) + "\n"
		for _, line := range []string{"hello\n", long, "rest\n", "hello\n", "hello again\n"} {
			s.send(line)
			s.expect("> " + line)
		}
		time.Sleep(time.Minute) // it is parked
		s.send("awake\n")
		s.expect("> awake\n")
		s.send("on\n")
		s.expect("> on\n" + listen.ErrDeflateActive.Error() + "\n")

		// Compression ends with the line, whether the client waits for the answer or not.
		for _, pipelined := range []string{"", "plain\n"} {
			s.send("off\n")
			if pipelined != "" {
				send(t, c, pipelined)
			}
			s.expect("> off\n")
			if pipelined == "" {
				pipelined = "later\n"
				send(t, c, pipelined)
			}
			got, err := s.raw.ReadString('\n')
			if !strings.HasSuffix(got, "> "+pipelined) || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			s = squeeze(t, c)
		}
	})
}

// TestDeflateTooEarly: who does not wait for the answer stays in the clear.
func TestDeflateTooEarly(t *testing.T) {
	ln, stop := start(t, listen.Options{Handler: squeezing})
	defer stop()
	c := dial(t, ln, "192.0.2.1:1")
	send(t, c, "on\nhello\n")
	expect(t, c, "> on\n"+listen.ErrPipelined.Error()+"\n> hello\n")
	c.Close()
}

// TestDeflateCorrupt: what is no stream ends the connection.
func TestDeflateCorrupt(t *testing.T) {
	ln, stop := start(t, listen.Options{Handler: squeezing})
	defer stop()
	c := dial(t, ln, "192.0.2.1:1")
	squeeze(t, c)
	send(t, c, "\xff\xffhello\n")
	expectEOF(t, c)
}

// TestDeflateBusy: there are more busy connections than compressors; the others' output is stored.
func TestDeflateBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: squeezing})
		defer stop()
		var conns []*squeezed
		for range 70 {
			conns = append(conns, squeeze(t, dial(t, ln, "192.0.2.1:1")))
		}
		long := strings.Repeat("hello ", 30_000) + "\n"
		for range 2 {
			for _, s := range conns {
				s.send(long)
				s.expect("> " + long)
			}
			time.Sleep(time.Minute)
		}
		for _, s := range conns {
			s.c.Close()
		}
	})
}

// TestIdleDeflateIsSmall holds what compression adds to a connection that waits: what the client has sent.
func TestIdleDeflateIsSmall(t *testing.T) {
	const n = 200
	ln, stop := start(t, listen.Options{Handler: squeezing})
	defer stop()
	var plain, compressed []net.Conn
	measure := func(conns *[]net.Conn, begin func(net.Conn)) int64 {
		before := inUse()
		for range n {
			c := dial(t, ln, "192.0.2.1:1")
			begin(c)
			*conns = append(*conns, c)
		}
		return (inUse() - before) / n
	}
	send := func(c net.Conn, s string) { send(t, c, s) }
	bare := measure(&plain, func(c net.Conn) {
		send(c, "rest\n")
		expect(t, c, "> rest\n")
	})
	with := measure(&compressed, func(c net.Conn) {
		s := squeeze(t, c)
		s.send(strings.Repeat("a1 UID FETCH 1:* (FLAGS)\n", 20))
		s.expect(strings.Repeat("> a1 UID FETCH 1:* (FLAGS)\n", 20))
		s.send("rest\n")
		s.expect("> rest\n")
		s.w, s.r, s.raw = nil, nil, nil
	})
	t.Logf("%d octets in the clear, %d compressed", bare, with)
	if with > bare+8<<10 {
		t.Errorf("compression costs %d octets while a connection waits", with-bare)
	}
	for _, c := range append(plain, compressed...) {
		c.Close()
	}
}
