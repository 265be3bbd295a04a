package inbound

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow/check"
	"restante/internal/store"
	"restante/internal/trust/dkim"
)

const zone = `
example.com TXT v=spf1 ip4:192.0.2.1 -all
_dmarc.example.com TXT v=DMARC1; p=reject
_dmarc.mild.example TXT v=DMARC1; p=quarantine
1.2.0.192.in-addr.arpa PTR client.example
client.example A 192.0.2.1
`

// checked makes the fixture check what comes, by a zone.
func (f *fixture) checked(z *dnstest.Zone) {
	f.in.opts.Check = check.New(check.Options{Resolver: z, DMARC: true, Forwarders: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	f.in.opts.Policy = Policy{Reject: true}
}

// junk is how many messages are in Junk.
func (f *fixture) junk(id store.AccountID) int {
	f.Helper()
	h, err := f.s.Account(f.Context(), id)
	if err != nil {
		f.Fatal(err)
	}
	defer h.Close()
	m, err := h.View().ByRole(store.RoleJunk)
	if err != nil {
		return 0
	}
	if err := m.Load(f.Context()); err != nil {
		f.Fatal(err)
	}
	n := 0
	for range m.All() {
		n++
	}
	return n
}

// What comes from where the author's domain says goes to the inbox, with the evidence before it and without what others have said in our name.
func TestChecked(t *testing.T) {
	f := newFixture(t)
	f.checked(dnstest.New(t, zone))
	a := f.account("a", 0)
	const message = "From: Me <me@example.com>\r\nSubject: x\r\n\r\nHello.\r\n"
	if _, err := f.send(f.envelope(false, "a"), "Authentication-Results: mx.example.org; dkim=pass header.d=bank.example\r\n"+message); err != nil {
		t.Fatal(err)
	}
	got := f.inbox(a.Account)
	want := "Delivered-To: a@example.org\r\nAuthentication-Results: mx.example.org;\r\n\tiprev=pass (client.example)\r\n\t policy.iprev=192.0.2.1;\r\n" +
		"\tspf=pass\r\n\t smtp.mailfrom=sender@example.com;\r\n\tdkim=none;\r\n\tdmarc=pass (p=reject)\r\n\t header.from=example.com\r\nReceived: "
	if len(got) != 1 || !strings.Contains(got[0], want) || strings.Contains(got[0], "bank") || !strings.HasSuffix(got[0], "\r\n"+message) {
		t.Errorf("%q", got)
	}
}

// What it says of mail from elsewhere is done; a signature speaks for it wherever it comes from.
func TestForged(t *testing.T) {
	f := newFixture(t)
	key, err := dkim.Generate("example.com", "s", dkim.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	name, record, err := key.DNS()
	if err != nil {
		t.Fatal(err)
	}
	f.checked(dnstest.New(t, zone+name+" TXT "+record+"\n"))
	a := f.account("a", 0)
	const message = "From: Me <me@example.com>\r\n\r\nHello.\r\n"
	s := dkim.NewSigner(f.in.opts.Clock(), key)
	s.Write([]byte(message))
	signature, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer, text string
		refused    bool
		inbox, bin int
	}{
		{"192.0.2.99", message, true, 0, 0},
		{"192.0.2.99", string(signature) + message, false, 1, 0},
		{"192.0.2.99", strings.Replace(string(signature)+message, "Hello", "Buy", 1), true, 1, 0},
		{"198.51.100.1", message, false, 2, 0}, // a forwarder
		{"127.0.0.1", message, false, 3, 0},    // this machine
		{"192.0.2.1", "From: me@mild.example\r\n\r\n", false, 3, 1},
		{"192.0.2.1", "From: me@example.com\r\nFrom: me@mild.example\r\n\r\n", false, 3, 2},
		{"192.0.2.1", "From: me@other.example\r\n\r\n", false, 4, 2},
	} {
		env := f.envelope(false, "a")
		env.Session.Peer = netip.MustParseAddr(c.peer)
		_, err := f.send(env, c.text)
		if errors.Is(err, ErrForged) != c.refused || !c.refused && err != nil {
			t.Errorf("%s %q: %v", c.peer, c.text, err)
		}
		if got := len(f.inbox(a.Account)); got != c.inbox || f.junk(a.Account) != c.bin {
			t.Errorf("%s %q: %d, and %d in Junk", c.peer, c.text, got, f.junk(a.Account))
		}
	}
	// LMTP brings what another host has looked at.
	env := f.envelope(true, "a")
	env.Session.Peer = netip.MustParseAddr("192.0.2.99")
	if _, err := f.send(env, message); err != nil {
		t.Error(err)
	}
}

// A DNS that hangs holds nobody up for long, and loses no mail.
func TestHangingDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		z := dnstest.New(t, "* * TIMEOUT")
		z.Patience = time.Hour
		f.checked(z)
		a := f.account("a", 0)
		began := time.Now()
		if _, err := f.send(f.envelope(false, "a"), "From: me@example.com\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("%v", took)
		}
		if got := f.inbox(a.Account); len(got) != 1 || !strings.Contains(got[0], "spf=temperror") || !strings.Contains(got[0], "dmarc=temperror") {
			t.Errorf("%q", got)
		}
		f.in.opts.Policy.Defer = true
		if _, err := f.send(f.envelope(false, "a"), "From: me@example.com\r\n\r\n"); !errors.Is(err, ErrUnsure) {
			t.Error(err)
		}
	})
}
