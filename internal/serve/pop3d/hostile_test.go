package pop3d_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/pop3d"
	"restante/internal/store/kv"
)

// talk sends all of text and returns all of the answer. The server must end
// the connection.
func talk(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() { io.WriteString(c, text) }) // may fail: the server may hang up first
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	c.Close()
	wg.Wait()
	return string(answer)
}

func inHouse(t *testing.T, wrap func(kv.Engine) kv.Engine, test func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(newHouse(t, pop3d.Options{Plaintext: true}, wrap))
	})
}

const login = "USER u1\r\nPASS pass\r\n"

func TestTenThousandCommandsInOnePacket(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.fill("u1", 1)
		got := talk(t, h.dial(), login+strings.Repeat("RETR 1\r\nNOOP\r\n", 5000)+"QUIT\r\n")
		if n := strings.Count(got, "message 1\r\n.\r\n+OK\r\n"); n != 5000 {
			t.Errorf("%d of 5000 answers", n)
		}
		if !strings.HasSuffix(got, "+OK goodbye (1 message left)\r\n") {
			t.Errorf("ends with %q", got[max(0, len(got)-60):])
		}
	})
}

func TestAnotherProtocolIsCutOff(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		got := talk(t, h.dial(), strings.Repeat("GET / HTTP/1.1\r\n", 10000))
		if n := strings.Count(got, "-ERR"); n != 100 || !strings.HasSuffix(got, "-ERR too many errors\r\n") {
			t.Errorf("%d errors, ends with %q", n, got[max(0, len(got)-60):])
		}
	})
}

func TestLongLines(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		got := talk(t, h.dial(), "USER "+strings.Repeat("x", 300)+"\r\n"+strings.Repeat("y", 40<<10)+"\r\nQUIT\r\n")
		if want := "+OK Restante ready\r\n-ERR line too long\r\n-ERR unknown command\r\n+OK goodbye\r\n"; got != want &&
			got != strings.Replace(want, "unknown command", "line too long", 1) {
			t.Errorf("%q", got)
		}
		got = talk(t, h.dial(), strings.Repeat("z", 1<<20))
		if want := "+OK Restante ready\r\n-ERR line too long\r\n"; got != want {
			t.Errorf("a line without an end: %q", got)
		}
	})
}

func TestHalfOpenConnections(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		silent, half := h.dial(), h.dial()
		began := time.Now()
		io.WriteString(half, "USER u")
		io.Copy(io.Discard, half)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("half a command was waited for %v", took)
		}
		io.Copy(io.Discard, silent)
		if took := time.Since(began); took != 10*time.Minute {
			t.Errorf("a silent client was waited for %v", took)
		}
		silent.Close()
		half.Close()
	})
}

// A client that asks for much and reads nothing is cut off, and holds one
// message's octets and not all.
func TestClientThatDoesNotRead(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.deliver("u1", "Subject: big\r\n\r\n"+strings.Repeat("0123456789\r\n", 100_000))
		c := h.dial()
		io.WriteString(c, login+strings.Repeat("RETR 1\r\n", 100))
		began := time.Now()
		<-time.After(time.Minute)
		for { // until the maildrop is free
			if got := talk(t, h.dial(), login+"QUIT\r\n"); strings.Contains(got, "goodbye (1") {
				break
			}
			<-time.After(10 * time.Second)
		}
		if took := time.Since(began); took > 6*time.Minute {
			t.Errorf("cut off after %v", took)
		}
		c.Close()
	})
}

func TestDropInTheMiddleOfRETR(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.deliver("u1", "Subject: big\r\n\r\n"+strings.Repeat("0123456789\r\n", 100_000))
		c := h.dial()
		io.WriteString(c, login+"DELE 1\r\nRSET\r\nRETR 1\r\n")
		io.ReadFull(c, make([]byte, 1000))
		c.Close()
		synctest.Wait()
		if got := talk(t, h.dial(), login+"STAT\r\nQUIT\r\n"); !strings.Contains(got, "+OK 1 1200016\r\n") {
			t.Errorf("after a dropped connection: %q", got)
		}
	})
}

// brokenEngine fails on demand.
type brokenEngine struct {
	kv.Engine
	commits atomic.Bool // fail
	bodies  atomic.Bool // fail the reading of body chunks
}

var errBroken = errors.New("the disk is on fire")

func (e *brokenEngine) Commit(ctx context.Context, b *kv.Batch, d kv.Durability) error {
	if e.commits.Load() {
		return errBroken
	}
	return e.Engine.Commit(ctx, b, d)
}

func (e *brokenEngine) Get(ctx context.Context, key []byte) ([]byte, error) {
	if e.bodies.Load() && key[0] == 'B' {
		return nil, errBroken
	}
	return e.Engine.Get(ctx, key)
}

func (e *brokenEngine) View(ctx context.Context, key []byte, fn func([]byte) error) error {
	if e.bodies.Load() && key[0] == 'B' {
		return errBroken
	}
	return e.Engine.View(ctx, key, fn)
}

func (e *brokenEngine) Scan(ctx context.Context, r kv.Range, fn func(key, value []byte) (bool, error)) error {
	if e.bodies.Load() && len(r.Lo) > 0 && r.Lo[0] == 'B' {
		return errBroken
	}
	return e.Engine.Scan(ctx, r, fn)
}

func TestCommitThatFails(t *testing.T) {
	broken := new(brokenEngine)
	inHouse(t, func(e kv.Engine) kv.Engine { broken.Engine = e; return broken }, func(h *house) {
		h.fill("u1", 2)
		broken.commits.Store(true)
		got := talk(t, h.dial(), login+"DELE 1\r\nQUIT\r\n")
		if !strings.HasSuffix(got, "-ERR [SYS/TEMP] some deleted messages not removed\r\n") {
			t.Errorf("%q", got)
		}
		broken.commits.Store(false)
	})
}

func TestBodyThatCannotBeRead(t *testing.T) {
	broken := new(brokenEngine)
	inHouse(t, func(e kv.Engine) kv.Engine { broken.Engine = e; return broken }, func(h *house) {
		h.deliver("u1", "Subject: big\r\n\r\n"+strings.Repeat("0123456789\r\n", 100_000))
		h.fill("u1", 1)
		broken.bodies.Store(true)
		got := talk(t, h.dial(), login+"RETR 1\r\nSTAT\r\n")
		if strings.Contains(got, "\r\n.\r\n") {
			t.Error("a message that could not be read ends as if it had been")
		}
		if strings.Contains(got, "+OK 2 ") || strings.Contains(got, "fire") {
			t.Errorf("%q", got)
		}
		broken.bodies.Store(false)
	})
}

// TestTranscriptHasNoSecrets looks for passwords in a debug log.
func TestTranscriptHasNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, pop3d.Options{}, nil)
		var log bytes.Buffer
		server := listen.New(listen.Options{
			Handler: pop3d.New(pop3d.Options{Store: h.store, Directory: h.dir, Plaintext: true}).ServeConn,
			Logger:  slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		client, conn := listentest.Pipe("")
		done := make(chan struct{})
		go func() { defer close(done); server.ServeConn(t.Context(), conn) }()
		talk(t, client, "USER u1\r\nPASS hunter2\r\nPASS  hunter2\r\nPASSWORD hunter2\r\nAUTH PLAIN AHUxAGh1bnRlcjI=\r\n"+
			"AUTH PLAIN\r\nAHUxAGh1bnRlcjI=\r\nAUTH PLAIN AHUxAGh1bnRlcjI=!\r\n"+
			"AUTH LOGIN\r\ndTE=\r\naHVudGVyMg==\r\nUSER u1\r\nPASS pass\r\nTOP 1 2\r\nQUIT\r\n")
		<-done
		for _, secret := range []string{"hunter2", "AHUxAGh1bnRlcjI", "aHVudGVyMg"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("%s is in the log:\n%s", secret, log.String())
			}
		}
		for _, want := range []string{`client="USER u1"`, `client="PASS ***"`, `client="TOP 1 2"`, "goodbye", "login=u1@demo.test"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s is not in the log:\n%s", want, log.String())
			}
		}
	})
}

// FuzzSession holds that no octets get in, break the server, or delete
// anything without a login.
func FuzzSession(f *testing.F) {
	f.Add([]byte(login + "STAT\r\nRETR 1\r\nQUIT\r\n"))
	f.Add([]byte("AUTH PLAIN\r\n=\r\nCAPA\r\n"))
	f.Add([]byte(login + "DELE 1\r\nTOP 2 5\r\nUIDL\r\nLIST\r\nRSET\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, pop3d.Options{Plaintext: true}, nil)
			h.fill("u1", 2)
			c := h.dial()
			var wg sync.WaitGroup
			wg.Go(func() {
				c.Write(in)
				c.(interface{ CloseWrite() error }).CloseWrite()
			})
			answer, err := io.ReadAll(c)
			if err != nil {
				t.Error(err)
			}
			c.Close()
			wg.Wait()
			if quit := bytes.Contains(bytes.ToUpper(in), []byte("QUIT")); !quit {
				if got := h.subjects("u1"); got != "1, 2" {
					t.Errorf("without QUIT the mailbox became %q; answers %q", got, answer)
				}
			}
		})
	})
}
