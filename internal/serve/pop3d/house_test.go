package pop3d_test

import (
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

	"restante/internal/base/certs"
	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/pop3d"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
	"restante/internal/store/retention"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "demo.test"

// house is a POP3 server in memory and what is under it.
type house struct {
	t        testing.TB
	store    *store.Store
	dir      *directory.Directory
	accounts map[string]store.AccountID
	ln       *listentest.Listener
	tls      *tls.Config      // of clients
	policy   retention.Policy // of all accounts' passwords
	others   []store.POPDevice
	stop     func()
}

// newHouse starts a server with the accounts u1 and u2, password "pass". wrap,
// if not nil, puts something between the store and its engine.
func newHouse(t testing.TB, opts pop3d.Options, wrap func(kv.Engine) kv.Engine) *house {
	t.Helper()
	return newHouseWith(t, opts, wrap, func(*directory.Options, *listen.Options) {})
}

// newHouseWith is newHouse with other logins.
func newHouseWith(t testing.TB, opts pop3d.Options, wrap func(kv.Engine) kv.Engine, change func(*directory.Options, *listen.Options)) *house {
	t.Helper()
	h := &house{t: t, accounts: make(map[string]store.AccountID), ln: listentest.Listen()}
	ctx, cancel := context.WithCancel(context.Background())
	var engine kv.Engine = memkv.New()
	if wrap != nil {
		engine = wrap(engine)
	}
	var err error
	// Nothing can be put back, so that only a session's pin keeps a message.
	h.policy = retention.Policy{Keep: retention.KeepNone, Then: retention.ThenDelete}
	h.store, err = store.Open(ctx, engine, store.Options{Recovery: -1, POPDevices: func(context.Context, store.AccountID) ([]store.POPDevice, error) {
		return append([]store.POPDevice{{ID: directory.MainDevice, Policy: h.policy}}, h.others...), nil
	}})
	h.must(err)
	logins := directory.Options{
		DefaultDomain: domain, MinPassword: 1, Cost: directory.Cost{Memory: 64, Time: 1, Iterations: 4096},
	}
	source, err := certs.New(certs.Options{SelfSigned: filepath.Join(t.TempDir(), "cert")})
	h.must(err)
	door := listen.Options{TLS: source.TLSConfig()}
	change(&logins, &door)
	h.dir, err = directory.Open(ctx, h.store, logins)
	h.must(err)
	h.must(h.dir.AddDomain(ctx, domain))
	credential, err := h.dir.Derive(ctx, "pass")
	h.must(err)
	for _, name := range []string{"u1", "u2"} {
		a, err := h.dir.CreateAccount(ctx, addr.Address{Local: name, Domain: domain}, directory.NewAccount{Credential: credential})
		h.must(err)
		h.accounts[name] = a.ID
	}
	h.tls = &tls.Config{InsecureSkipVerify: true}

	opts.Store, opts.Directory = h.store, h.dir
	door.Handler = pop3d.New(opts).ServeConn
	server := listen.New(door)
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

// open runs fn with an account and its INBOX.
func (h *house) open(who string, fn func(*store.Account, *store.MailboxView)) {
	h.t.Helper()
	a, err := h.store.Account(h.t.Context(), h.accounts[who])
	h.must(err)
	defer a.Close()
	inbox, err := a.View().ByRole(store.RoleInbox)
	h.must(err)
	h.must(inbox.Load(h.t.Context()))
	fn(a, inbox)
}

// deliver puts a message into an INBOX.
func (h *house) deliver(who, text string) { h.file(who, "INBOX", text) }

// file puts a message into a mailbox, and makes it if need be.
func (h *house) file(who, path, text string) {
	h.t.Helper()
	ctx := h.t.Context()
	w, err := h.store.NewBody(ctx, store.BodyOptions{})
	h.must(err)
	_, err = io.WriteString(w, text)
	h.must(err)
	body, err := w.Finish(ctx)
	h.must(err)
	for _, d := range h.store.Deliver(ctx, store.Origin{Protocol: store.ProtocolLMTP}, body,
		[]store.Delivery{{Account: h.accounts[who], Mailbox: func(tx *store.Tx) (store.MailboxID, error) {
			if id, err := tx.Lookup(path); err == nil {
				return id, nil
			}
			return tx.CreateMailbox(path, store.RoleNone)
		}}}) {
		h.must(d.Err)
	}
}

// fill puts n small messages into an INBOX.
func (h *house) fill(who string, n int) {
	h.t.Helper()
	h.open(who, func(_ *store.Account, inbox *store.MailboxView) {
		for i := range n {
			h.deliver(who, fmt.Sprintf("Subject: %d\r\n\r\nmessage %d\r\n", inbox.Len()+i+1, inbox.Len()+i+1))
		}
	})
}

// uids are those of sequence numbers lo to hi.
func uids(inbox *store.MailboxView, lo, hi int) []store.UIDRange {
	return []store.UIDRange{{Lo: inbox.At(lo - 1).UID, Hi: inbox.At(hi - 1).UID}}
}

// expunge removes messages by sequence number, as IMAP does, and sweeps up.
func (h *house) expunge(who string, lo, hi int) {
	h.t.Helper()
	h.open(who, func(a *store.Account, inbox *store.MailboxView) {
		_, err := a.Expunge(h.t.Context(), store.Origin{Protocol: store.ProtocolIMAP}, inbox, uids(inbox, lo, hi))
		h.must(err)
	})
	_, err := h.store.Sweep(h.t.Context())
	h.must(err)
}

// double copies a message of the INBOX into the INBOX.
func (h *house) double(who string, n int) {
	h.t.Helper()
	h.open(who, func(a *store.Account, inbox *store.MailboxView) {
		_, err := a.Copy(h.t.Context(), store.Origin{Protocol: store.ProtocolIMAP}, inbox, uids(inbox, n, n), inbox.ID())
		h.must(err)
	})
}

// subjects lists an INBOX.
func (h *house) subjects(who string) string {
	h.t.Helper()
	var list []string
	h.open(who, func(a *store.Account, inbox *store.MailboxView) {
		for e := range inbox.All() {
			m, err := a.Message(h.t.Context(), e.Message, 0)
			h.must(err)
			header, err := m.Header(h.t.Context())
			h.must(err)
			_, subject, _ := strings.Cut(string(header), "Subject: ")
			subject, _, _ = strings.Cut(subject, "\r\n")
			list = append(list, subject)
		}
	})
	return strings.Join(list, ", ")
}
