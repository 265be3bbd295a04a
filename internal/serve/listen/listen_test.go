package listen_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"restante/internal/base/metrics"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves o on an in-memory listener until stop is called.
func start(t *testing.T, o listen.Options) (ln *listentest.Listener, stop func()) {
	t.Helper()
	ln = listentest.Listen()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	s := listen.New(o)
	go func() { served <- s.Serve(ctx, ln) }()
	return ln, sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func dial(t *testing.T, ln *listentest.Listener, from string) net.Conn {
	t.Helper()
	c, err := ln.Dial(from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		t.Fatalf("got %q (%v), want %q", got[:n], err, want)
	}
}

func expectEOF(t *testing.T, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Fatalf("got %q, %v, want the end", rest, err)
	}
}

// echo answers each line with "> line", and tells of events.
func echo(wait time.Duration) func(context.Context, *listen.Conn) {
	return func(_ context.Context, c *listen.Conn) {
		for {
			event, err := c.WaitInput(wait)
			switch {
			case err != nil:
				return
			case event == listen.TimedOut:
				fmt.Fprint(c.Writer(), "timed out\n")
				return
			case event == listen.Draining:
				fmt.Fprint(c.Writer(), "draining\n")
				return
			case event == listen.Interrupted:
				fmt.Fprint(c.Writer(), "interrupted\n")
				continue
			}
			line, err := c.Reader().ReadString('\n')
			if err != nil {
				fmt.Fprintf(c.Writer(), "read: %v\n", err)
				return
			}
			fmt.Fprintf(c.Writer(), "> %s", line)
		}
	}
}

func TestEchoBeforeAndAfterParking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: echo(time.Hour)})
		defer stop()
		c := dial(t, ln, "")
		for range 3 {
			send(t, c, "one\n")
			expect(t, c, "> one\n")
			<-time.After(time.Minute) // long enough to lose the buffers
			send(t, c, "two\nthree\n")
			expect(t, c, "> two\n> three\n")
		}
		c.Close()
	})
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: echo(10 * time.Minute), ReadTimeout: time.Minute})
		defer stop()

		silent := dial(t, ln, "")
		began := time.Now()
		expect(t, silent, "timed out\n")
		expectEOF(t, silent)
		if took := time.Since(began); took != 10*time.Minute {
			t.Errorf("a silent connection was kept for %v", took)
		}

		// Half a line, then nothing: the rolling limit, not the long one.
		half := dial(t, ln, "")
		send(t, half, "NO")
		began = time.Now()
		expect(t, half, "read: ")
		io.Copy(io.Discard, half)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("half a line was waited for %v", took)
		}

		// One octet each 50 s keeps a rolling limit from striking.
		slow := dial(t, ln, "")
		for _, b := range []byte("slow\n") {
			<-time.After(50 * time.Second)
			send(t, slow, string(b))
		}
		expect(t, slow, "> slow\n")
	})
}

func TestLimitUntilBeatsRollingLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: func(ctx context.Context, c *listen.Conn) {
			c.LimitUntil(time.Now().Add(time.Minute))
			echo(time.Hour)(ctx, c)
		}})
		defer stop()
		c := dial(t, ln, "")
		began := time.Now()
		var drip sync.WaitGroup
		defer drip.Wait()
		drip.Go(func() {
			for { // drips for ever
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				<-time.After(5 * time.Second)
			}
		})
		io.Copy(io.Discard, c)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("a dripping client was served for %v", took)
		}
		c.Close()
	})
}

func TestReadErrorIsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second error
		ln, stop := start(t, listen.Options{ReadTimeout: time.Second, Handler: func(_ context.Context, c *listen.Conn) {
			_, first = c.Reader().ReadString('\n')
			<-time.After(time.Second) // the line goes on arriving meanwhile
			_, second = c.Reader().ReadString('\n')
		}})
		c := dial(t, ln, "")
		send(t, c, "half a li")
		<-time.After(1500 * time.Millisecond)
		send(t, c, "ne\nDELE 1\n")
		expectEOF(t, c)
		stop()
		var timeout net.Error
		if !errors.As(first, &timeout) || !timeout.Timeout() {
			t.Errorf("first read: %v", first)
		}
		if second == nil {
			t.Error("a read after a failed read went on in mid-line")
		}
	})
}

func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := make(chan *listen.Conn, 1)
		ln, stop := start(t, listen.Options{Handler: func(ctx context.Context, c *listen.Conn) {
			c.Interrupt() // before the wait: kept, and twice is once
			c.Interrupt()
			conns <- c
			echo(time.Hour)(ctx, c)
		}})
		defer stop()
		c := dial(t, ln, "")
		sc := <-conns
		expect(t, c, "interrupted\n")
		for _, pause := range []time.Duration{0, time.Minute} { // with buffers, and parked
			<-time.After(pause)
			sc.Interrupt()
			expect(t, c, "interrupted\n")
			send(t, c, "still there\n")
			expect(t, c, "> still there\n")
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		ln, stop := start(t, listen.Options{Grace: time.Minute, Handler: func(ctx context.Context, c *listen.Conn) {
			if line, _ := c.Reader().ReadString('\n'); line == "busy\n" {
				<-release
				fmt.Fprint(c.Writer(), "done\n")
			}
			echo(time.Hour)(ctx, c)
		}})
		idle, parked, busy := dial(t, ln, ""), dial(t, ln, ""), dial(t, ln, "")
		send(t, parked, "hello\n")
		<-time.After(time.Minute)
		send(t, idle, "hello\n")
		send(t, busy, "busy\n")
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		expect(t, idle, "draining\n")
		expectEOF(t, idle)
		expect(t, parked, "draining\n")
		expectEOF(t, parked)
		if _, err := ln.Dial(""); err == nil {
			t.Error("the listener is still open")
		}
		<-time.After(10 * time.Second)
		close(release)
		expect(t, busy, "done\ndraining\n")
		expectEOF(t, busy)
		<-stopped
	})
}

func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Grace: 3 * time.Second, Handler: func(ctx context.Context, c *listen.Conn) {
			fmt.Fprint(c.Writer(), "hello\n")
			c.Flush()
			if _, err := c.Reader().ReadString('\n'); err == nil {
				t.Error("a read outlived the grace time")
			}
			<-ctx.Done()
		}})
		c := dial(t, ln, "")
		expect(t, c, "hello\n")
		began := time.Now()
		stop()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("drained in %v", took)
		}
		expectEOF(t, c)
	})
}

func TestPanicEndsOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		reg := metrics.New()
		ln, stop := start(t, listen.Options{
			Name: "test", Metrics: reg, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Handler: func(_ context.Context, c *listen.Conn) {
				if line, _ := c.Reader().ReadString('\n'); line == "boom\n" {
					panic("a bug")
				}
				fmt.Fprint(c.Writer(), "fine\n")
			},
		})
		bad, good := dial(t, ln, ""), dial(t, ln, "")
		send(t, bad, "boom\n")
		expectEOF(t, bad)
		send(t, good, "x\n")
		expect(t, good, "fine\n")
		stop()
		if s := log.String(); !strings.Contains(s, "a bug") || !strings.Contains(s, "listen_test.go") {
			t.Errorf("the log has no panic with its stack: %s", s)
		}
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{
			Handler: echo(time.Hour), Refusal: "-ERR too many\r\n",
			Limits: listen.NewLimits(listen.LimitOptions{Total: 4, PerAddress: 2}),
		})
		defer stop()
		works := func(c net.Conn) { t.Helper(); send(t, c, "x\n"); expect(t, c, "> x\n") }
		refused := func(c net.Conn) { t.Helper(); expect(t, c, "-ERR too many\r\n"); expectEOF(t, c) }

		a := dial(t, ln, "[2001:db8::1]:1")
		works(a)
		works(dial(t, ln, "[2001:db8::2]:1"))
		refused(dial(t, ln, "[2001:db8::3]:1")) // the same /64
		works(dial(t, ln, "[2001:db8:0:1::1]:1"))
		works(dial(t, ln, "192.0.2.1:1"))
		refused(dial(t, ln, "192.0.2.2:1")) // in total
		a.Close()
		synctest.Wait()
		works(dial(t, ln, "[2001:db8::3]:1"))
	})
}

func TestRepliesAreCorked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := listentest.Pipe("")
		counting := &countingWrites{Conn: server}
		done := make(chan struct{})
		go func() {
			defer close(done)
			listen.New(listen.Options{Handler: echo(time.Hour)}).ServeConn(context.Background(), counting)
		}()
		send(t, client, strings.Repeat("NOOP\n", 1000)+"half")
		expect(t, client, strings.Repeat("> NOOP\n", 1000)) // though the last line is not whole
		if counting.n > 2 {
			t.Errorf("1000 replies took %d writes", counting.n)
		}
		client.Close()
		<-done
	})
}

type countingWrites struct {
	net.Conn
	n int
}

func (c *countingWrites) Write(p []byte) (int, error) { c.n++; return c.Conn.Write(p) }

func TestSlowReaderIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var werr error
		ln, stop := start(t, listen.Options{WriteTimeout: time.Minute, Handler: func(_ context.Context, c *listen.Conn) {
			_, werr = c.Write(make([]byte, 10<<20))
		}})
		c := dial(t, ln, "")
		buf := make([]byte, 64<<10)
		for range 10 { // slow, but going on
			<-time.After(50 * time.Second)
			if _, err := io.ReadFull(c, buf); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(2 * time.Minute)
		stop()
		var timeout net.Error
		if !errors.As(werr, &timeout) || !timeout.Timeout() {
			t.Errorf("a client that stopped reading: %v", werr)
		}
	})
}

func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := listentest.Listen()
		ln := &failing{Listener: inner, temporary: 3}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		served := make(chan error, 1)
		go func() { served <- listen.New(listen.Options{Handler: echo(time.Hour)}).Serve(ctx, ln) }()
		c := dial(t, inner, "")
		send(t, c, "x\n")
		expect(t, c, "> x\n")
		c.Close()
		inner.Close()
		if err := <-served; err == nil {
			t.Error("a listener that failed was not reported")
		}
	})
}

type failing struct {
	*listentest.Listener
	temporary int
}

type temporaryError struct{ error }

func (temporaryError) Temporary() bool { return true }

func (f *failing) Accept() (net.Conn, error) {
	if f.temporary > 0 {
		f.temporary--
		return nil, temporaryError{errors.New("too many open files")}
	}
	return f.Listener.Accept()
}
