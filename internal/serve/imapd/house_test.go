package imapd_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"restante/internal/base/bus"
	"restante/internal/base/certs"
	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/imapwire"
	"restante/internal/serve/imapd"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "demo.test"

// house is an IMAP server in memory and what is under it, with the accounts u1, u2, u3 and boss, password "pass".
type house struct {
	t        testing.TB
	store    *store.Store
	dir      *directory.Directory
	accounts map[string]store.AccountID
	ln       *listentest.Listener
	imap     *imapd.Server
	stop     func()
}

// houseOptions are what tests change of a house.
type houseOptions struct {
	imap   imapd.Options
	listen listen.Options
	store  store.Options
	engine kv.Engine // default: memkv
	logins func(*directory.Options)
}

func plain() houseOptions {
	return houseOptions{imap: imapd.Options{ServerName: "mail.demo.test", AllowPlainLogin: true}}
}

func newHouse(t testing.TB, o houseOptions) *house {
	t.Helper()
	h := &house{t: t, accounts: make(map[string]store.AccountID), ln: listentest.Listen()}
	ctx, cancel := context.WithCancel(context.Background())
	engine := o.engine
	if engine == nil {
		engine = memkv.New()
	}
	var err error
	if o.store.Bus == nil {
		o.store.Bus = bus.New()
	}
	h.store, err = store.Open(ctx, engine, o.store)
	h.must(err)
	logins := directory.Options{
		DefaultDomain: domain, MinPassword: 1, Cost: directory.Cost{Memory: 64, Time: 1, Iterations: 4096},
	}
	if o.logins != nil {
		o.logins(&logins)
	}
	h.dir, err = directory.Open(ctx, h.store, logins)
	h.must(err)
	h.must(h.dir.AddDomain(ctx, domain))
	credential, err := h.dir.Derive(ctx, "pass")
	h.must(err)
	for _, name := range []string{"u1", "u2", "u3", "boss"} {
		a, err := h.dir.CreateAccount(ctx, addr.Address{Local: name, Domain: domain}, directory.NewAccount{Credential: credential})
		h.must(err)
		h.accounts[name] = a.ID
	}
	o.imap.Store, o.imap.Auth = h.store, h.dir
	h.imap = imapd.New(o.imap)
	o.listen.Handler = h.imap.ServeConn
	server := listen.New(o.listen)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, h.ln) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		h.store.Close()
		engine.Close()
	})
	t.Cleanup(h.stop)
	return h
}

// withTLS adds a certificate to the options.
func withTLS(t testing.TB, o houseOptions) (houseOptions, *tls.Config) {
	t.Helper()
	source, err := certs.New(certs.Options{SelfSigned: filepath.Join(t.TempDir(), "cert")})
	if err != nil {
		t.Fatal(err)
	}
	o.listen.TLS = source.TLSConfig()
	return o, &tls.Config{InsecureSkipVerify: true}
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) dial() net.Conn {
	h.t.Helper()
	c, err := h.ln.Dial("192.0.2.1:1025")
	h.must(err)
	return c
}

// open opens an account.
func (h *house) open(who string) *store.Account {
	h.t.Helper()
	a, err := h.store.Account(context.Background(), h.accounts[who])
	h.must(err)
	return a
}

// put adds a message.
func (h *house) put(who, mailbox, text string, o store.AddOptions) {
	h.t.Helper()
	h.putMany(who, mailbox, o, text)
}

// putMany adds messages in one transaction.
func (h *house) putMany(who, mailbox string, o store.AddOptions, texts ...string) {
	h.t.Helper()
	ctx := context.Background()
	var bodies []*store.Body
	for _, text := range texts {
		w, err := h.store.NewBody(ctx, store.BodyOptions{})
		h.must(err)
		_, err = io.WriteString(w, text)
		h.must(err)
		b, err := w.Finish(ctx)
		h.must(err)
		bodies = append(bodies, b)
	}
	a := h.open(who)
	defer a.Close()
	_, err := a.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		id, err := tx.Lookup(mailbox)
		if err != nil {
			return err
		}
		for _, b := range bodies {
			if _, err := tx.AddMessage(id, b, o); err != nil {
				return err
			}
		}
		return nil
	})
	h.must(err)
}

// client is a connection with imapwire's own reader of responses.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	tags int
}

// client connects and reads the greeting.
func (h *house) client() *client {
	h.t.Helper()
	c := &client{t: h.t, conn: h.dial()}
	c.r = bufio.NewReaderSize(c.conn, 64<<10)
	c.read()
	return c
}

// login is client, logged in.
func (h *house) login(who string) *client {
	h.t.Helper()
	c := h.client()
	c.ok("LOGIN %s pass", who)
	return c
}

func (c *client) read() *imapwire.Response {
	c.t.Helper()
	res, err := imapwire.ReadResponse(c.r, 64<<20)
	if err != nil {
		c.t.Fatalf("reading a response: %v", err)
	}
	return res
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format, args...); err != nil {
		c.t.Fatalf("sending %q: %v", format, err)
	}
}

// do sends a command and reads up to its tagged reply, which is the last.
func (c *client) do(format string, args ...any) []*imapwire.Response {
	c.t.Helper()
	c.tags++
	tag := fmt.Sprintf("t%d", c.tags)
	c.send("%s", tag+" "+fmt.Sprintf(format, args...)+"\r\n")
	return c.until(tag)
}

// until reads up to a reply with that tag.
func (c *client) until(tag string) []*imapwire.Response {
	c.t.Helper()
	var out []*imapwire.Response
	for {
		res := c.read()
		if out = append(out, res); res.Tag == tag || res.Tag == "+" {
			return out
		}
	}
}

// ok is do for a command that must succeed.
func (c *client) ok(format string, args ...any) []*imapwire.Response {
	c.t.Helper()
	all := c.do(format, args...)
	if last := all[len(all)-1]; last.Name != "OK" {
		c.t.Fatalf("%s: %s", fmt.Sprintf(format, args...), last.Raw)
	}
	return all
}

func (c *client) close() { c.conn.Close() }

// raw is the responses as they came.
func raw(all []*imapwire.Response) string {
	var b strings.Builder
	for _, r := range all {
		b.WriteString(r.Raw + "\n")
	}
	return b.String()
}
