package smtpd_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"restante/internal/directory"
	"restante/internal/flow/inbound"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/smtpd"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// office is the real thing behind a server: directory, inbound and store.
type office struct {
	t     *testing.T
	store *store.Store
	dir   *directory.Directory
	in    *inbound.Inbound
}

func newOffice(t *testing.T, users ...string) *office {
	t.Helper()
	engine := memkv.New()
	s, err := store.Open(t.Context(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		engine.Close()
	})
	dir, err := directory.Open(t.Context(), s, directory.Options{
		DefaultDomain: "demo.test", Detail: "+", Cost: directory.Cost{Memory: 64, Time: 1, Iterations: 4096},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, store: s, dir: dir, in: inbound.New(inbound.Options{Store: s, Directory: dir, Host: "mx.demo.test"})}
	if err := dir.AddDomain(t.Context(), "demo.test"); err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if _, err := dir.CreateAccount(t.Context(), o.address(u), directory.NewAccount{}); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func (o *office) address(local string) addr.Address {
	a, err := addr.New(local, "demo.test")
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

// send brings one message, as a client would.
func (o *office) send(lmtp bool, tx smtpwire.Transaction) smtpwire.Outcome {
	o.t.Helper()
	client, server := listentest.Pipe("192.0.2.1:4000")
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		so := smtpd.Options{Hostname: "mx.demo.test", Backend: smtpd.Inbound(o.in), LMTP: lmtp}
		listen.New(listen.Options{Handler: smtpd.New(so).Handle}).ServeConn(context.Background(), server)
	})
	defer client.Close()
	c := smtpwire.NewClient(bufio.NewReader(client), bufio.NewWriter(client), lmtp)
	_, err := c.Greeting()
	_, herr := c.Hello("client.example")
	out, serr := c.Send(tx)
	if err := errors.Join(err, herr, serr, c.Quit()); err != nil {
		o.t.Fatal(err)
	}
	return out
}

// inbox returns the messages of an account.
func (o *office) inbox(local string) (list []string) {
	o.t.Helper()
	ctx := o.t.Context()
	target, err := o.dir.Lookup(ctx, o.address(local))
	if err != nil {
		o.t.Fatal(err)
	}
	h, err := o.store.Account(ctx, target.Recipients[0].Account)
	if err != nil {
		o.t.Fatal(err)
	}
	defer h.Close()
	box, err := h.View().ByRole(store.RoleInbox)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := box.Load(ctx); err != nil {
		o.t.Fatal(err)
	}
	for e := range box.All() {
		m, err := h.Message(ctx, e.Message, 0)
		if err != nil {
			o.t.Fatal(err)
		}
		text, err := io.ReadAll(m.Reader(0, m.Size()))
		if err != nil {
			o.t.Fatal(err)
		}
		list = append(list, string(text))
	}
	return list
}

func message(text string, rcpts ...string) smtpwire.Transaction {
	tx := smtpwire.Transaction{Size: int64(len(text)), Body: strings.NewReader(text)}
	tx.Mail.From, _ = addr.Parse("a@b.example")
	for _, r := range rcpts {
		a, err := addr.Parse(r)
		if err != nil {
			panic(err)
		}
		tx.Rcpts = append(tx.Rcpts, smtpwire.Rcpt{To: a})
	}
	return tx
}

// TestInbound brings mail by both protocols and by DATA and BDAT, and looks at
// what is in the mailboxes.
func TestInbound(t *testing.T) {
	// Texts that some hop or other has been known to change.
	texts := []string{
		"Subject: x\r\n\r\nplain\r\n",
		"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.x\r\nx.\r\n",
		"Subject: \xe9\r\n\r\n8-bit \xff\xfe\x80 and From here\r\nFrom the start\r\n",
		"Subject: no body\r\n\r\n",
		"no header at all\r\n",
		"Subject: long\r\n\r\n" + strings.Repeat("x", 200_000) + "\r\n",
		"Subject: blank lines\r\n\r\n\r\n\r\n \r\n\t\r\n\r\n",
	}
	for _, lmtp := range []bool{false, true} {
		for _, useData := range []bool{false, true} {
			o := newOffice(t, "u1", "u2")
			for _, text := range texts {
				tx := message(text, "u1@demo.test", "U2+tag@demo.test", "nobody@demo.test", "x@elsewhere.example")
				tx.UseData = useData
				out := o.send(lmtp, tx)
				for i, want := range []int{250, 250, 550, 550} {
					if got := out.Rcpt(i, lmtp); got.Code != want {
						t.Errorf("lmtp %v: %.40q to %s: %v, want %d", lmtp, text, tx.Rcpts[i].To, got, want)
					}
				}
			}
			for _, user := range []string{"u1", "u2"} {
				got := o.inbox(user)
				if len(got) != len(texts) {
					t.Fatalf("lmtp %v: %s has %d messages, want %d", lmtp, user, len(got), len(texts))
				}
				for i, text := range texts {
					trace, ok := strings.CutSuffix(got[i], text)
					if !ok || !strings.HasPrefix(trace, "Return-Path: <a@b.example>\r\n") ||
						!strings.Contains(trace, "\r\nReceived: from client.example ([192.0.2.1])\r\n") {
						t.Errorf("lmtp %v: %s got %.400q", lmtp, user, got[i])
					}
				}
			}
		}
	}
}

func TestInboundLoop(t *testing.T) {
	o := newOffice(t, "u1")
	text := strings.Repeat("Received: from a by b; Thu, 5 Mar 2026 14:07:09 +0100\r\n", 50) + "\r\nx\r\n"
	if got := o.send(false, message(text, "u1@demo.test")).Rcpt(0, false); got.Code != 554 || got.Enhanced != (smtpwire.Enhanced{Class: 5, Subject: 4, Detail: 6}) {
		t.Errorf("50 hops: %v", got)
	}
	if got := o.inbox("u1"); got != nil {
		t.Errorf("delivered all the same: %q", got)
	}
}

// TestInboundBinary brings octets that no line-based path could.
func TestInboundBinary(t *testing.T) {
	o := newOffice(t, "u1")
	text := "Subject: x\r\nContent-Transfer-Encoding: binary\r\n\r\n" + string(bytes.Repeat([]byte{0, '\r', '\n', '.', '\r', 0xff, '\n'}, 5000))
	tx := message(text, "u1@demo.test")
	tx.Mail.Body = smtpwire.BodyBinaryMIME
	if got := o.send(true, tx).Rcpt(0, true); !got.OK() {
		t.Fatal(got)
	}
	if got := o.inbox("u1"); len(got) != 1 || !strings.HasSuffix(got[0], text) {
		t.Errorf("the octets changed: %.200q", got)
	}
}
