package coexist

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/imapd"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/pop3d"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

const domain = "demo.test"

// house is a server for POP3 and IMAP in memory.
type house struct {
	t    *testing.T
	s    *store.Store
	dir  *directory.Directory
	pop  *listentest.Listener
	imap *listentest.Listener
	stop func()
}

func newHouse(t *testing.T) *house {
	ctx, cancel := context.WithCancel(context.Background())
	h := &house{t: t, pop: listentest.Listen(), imap: listentest.Listen()}
	engine := memkv.New()
	var err error
	h.s, err = store.Open(ctx, engine, store.Options{
		POPDevices: func(ctx context.Context, id store.AccountID) ([]store.POPDevice, error) {
			return h.dir.POPDevices(ctx, id)
		},
		Recovery: time.Hour,
	})
	h.must(err)
	h.dir, err = directory.Open(ctx, h.s, directory.Options{
		DefaultDomain: domain, MinPassword: 1, Cost: directory.Cost{Memory: 64, Time: 1, Iterations: 4096}, Remember: 1000 * time.Hour,
	})
	h.must(err)
	h.must(h.dir.AddDomain(ctx, domain))
	var wg sync.WaitGroup
	for _, door := range []struct {
		ln      *listentest.Listener
		handler func(context.Context, *listen.Conn)
	}{
		{h.pop, pop3d.New(pop3d.Options{Store: h.s, Directory: h.dir, Plaintext: true}).ServeConn},
		{h.imap, imapd.New(imapd.Options{Store: h.s, Auth: h.dir, ServerName: "mail." + domain, AllowPlainLogin: true}).ServeConn},
	} {
		server := listen.New(listen.Options{Handler: door.handler})
		wg.Go(func() {
			if err := server.Serve(ctx, door.ln); err != nil {
				t.Error(err)
			}
		})
	}
	h.stop = func() {
		cancel()
		wg.Wait()
		h.s.Close()
		engine.Close()
	}
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func address(name string) addr.Address { return addr.Address{Local: name, Domain: domain} }

// wire is a connection of a client that says lines and reads answers.
type wire struct {
	net.Conn
	in   *bufio.Reader
	tags int
}

func dial(ln *listentest.Listener) (*wire, error) {
	c, err := ln.Dial("192.0.2.1:1025")
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: c, in: bufio.NewReader(c)}
	_, err = w.in.ReadString('\n') // the greeting
	return w, err
}

// command says a line of POP3 and returns the answer, which has more lines when many is true.
func (w *wire) command(many bool, format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(w, format+"\r\n", args...); err != nil {
		return "", err
	}
	first, err := w.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "+OK") {
		return "", fmt.Errorf("%s: %q %w", fmt.Sprintf(format, args...), first, err)
	}
	if !many {
		return first, nil
	}
	var b strings.Builder
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == ".\r\n" {
			return b.String(), nil
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// do says a command of IMAP and returns all that comes up to its completion, which is OK.
func (w *wire) do(format string, args ...any) (string, error) {
	w.tags++
	tag := fmt.Sprintf("t%d ", w.tags)
	if _, err := io.WriteString(w, tag+fmt.Sprintf(format, args...)+"\r\n"); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		line, err := w.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(line, tag) {
			if !strings.HasPrefix(line, tag+"OK") {
				return "", fmt.Errorf("%s: %s", fmt.Sprintf(format, args...), line)
			}
			return b.String(), nil
		}
		b.WriteString(line)
	}
}

// fetched finds the messages in the answer to FETCH (UID FLAGS RFC822.SIZE ENVELOPE).
var fetched = regexp.MustCompile(`UID (\d+) FLAGS \(([^)]*)\) RFC822.SIZE (\d+) ENVELOPE \(NIL "(\d+)"`)
