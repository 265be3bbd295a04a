package imapd_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// FuzzSession sends anything to a session that has a mailbox selected. Whatever it is, the server must not fail, must end when the client
// does, and everything that it says must be responses.
func FuzzSession(f *testing.F) {
	for _, seed := range transcriptInputs(f) {
		f.Add(seed)
	}
	f.Add([]byte("a APPEND INBOX {4294967295+}\r\nx"))
	f.Add([]byte("a SEARCH " + strings.Repeat("NOT ", 300) + "ALL\r\n"))
	f.Add([]byte("a FETCH " + strings.Repeat("1,", 9000) + "1 FLAGS\r\n"))
	f.Add([]byte("a FETCH 1 (" + strings.Repeat("BODY[1.1.1.1] ", 900) + "UID)\r\n"))

	var panics atomic.Int64
	o := plain()
	o.imap.MaxAppend = 8 << 10
	o.listen.Logger = slog.New(panicCounter{slog.DiscardHandler, &panics})
	h := newHouse(f, o)
	p := &player{house: h}
	messages := []string{p.message("nested"), p.message("latin"), p.message("headonly")}
	credential, err := h.dir.Derive(context.Background(), "pass")
	h.must(err)
	var count atomic.Int64
	f.Fuzz(func(t *testing.T, input []byte) {
		login := fmt.Sprintf("f%d", count.Add(1))
		a, err := h.dir.CreateAccount(context.Background(), addr.Address{Local: login, Domain: domain}, directory.NewAccount{Credential: credential})
		if err != nil {
			t.Fatal(err)
		}
		mine := &house{t: t, store: h.store, accounts: map[string]store.AccountID{login: a.ID}, ln: h.ln}
		mine.putMany(login, "INBOX", store.AddOptions{}, messages...)
		conn := mine.dial()
		defer conn.Close()
		var wg sync.WaitGroup
		wg.Go(func() {
			io.WriteString(conn, "a LOGIN "+login+" pass\r\nb SELECT INBOX\r\n")
			conn.Write(input)
			conn.(interface{ CloseWrite() error }).CloseWrite()
		})
		out, err := io.ReadAll(conn)
		conn.Close()
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if panics.Load() > 0 {
			t.Fatalf("a panic, after %q", out)
		}
		checkResponses(t, out)
		mine.must(h.dir.RemoveAccount(context.Background(), addr.Address{Local: login, Domain: domain}))
	})
}

// checkResponses reads all that a server has said.
func checkResponses(t *testing.T, out []byte) {
	r := bufio.NewReader(bytes.NewReader(out))
	bye := false
	for {
		res, err := imapwire.ReadResponse(r, 64<<20)
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v in %q", err, out)
		}
		if bye && res.Tag == "*" {
			t.Fatalf("%q behind BYE", res.Raw)
		}
		bye = bye || res.Name == "BYE"
	}
}

// transcriptInputs is what clients send in the transcripts.
func transcriptInputs(f *testing.F) (seeds [][]byte) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	p := &player{house: &house{t: f}}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var b bytes.Buffer
		for line := range strings.Lines(string(script)) {
			line = strings.TrimSuffix(line, "\n")
			if len(line) > 2 && line[1] == '>' {
				b.WriteString(p.expand(strings.TrimPrefix(strings.TrimLeft(line[1:], ">"), " ")) + "\r\n")
			}
		}
		seeds = append(seeds, b.Bytes())
	}
	return seeds
}

// panicCounter counts what listen says of panics.
type panicCounter struct {
	slog.Handler
	n *atomic.Int64
}

func (p panicCounter) Enabled(context.Context, slog.Level) bool { return true }
func (p panicCounter) WithAttrs([]slog.Attr) slog.Handler       { return p }
func (p panicCounter) WithGroup(string) slog.Handler            { return p }

func (p panicCounter) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "panic" {
		p.n.Add(1)
	}
	return nil
}
