package app

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// received waits until a mailbox has so many messages, and returns them.
func (h *house) received(t *testing.T, login string, n int) []string {
	t.Helper()
	a, err := addr.Parse(login)
	if err != nil {
		t.Fatal(err)
	}
	target, err := h.directory.Lookup(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	account, err := h.store.Account(t.Context(), target.Recipients[0].Account)
	if err != nil {
		t.Fatal(err)
	}
	defer account.Close()
	sub := h.store.Bus().Subscribe(uint32(target.Recipients[0].Account))
	defer sub.Close()
	for {
		if got := inbox(t, account); len(got) >= n {
			return got
		}
		select {
		case <-sub.C():
		case <-t.Context().Done():
			t.Fatalf("there are no %d messages", n)
		}
	}
}

// inbox returns the texts of an account's messages.
func inbox(t *testing.T, a *store.Account) (out []string) {
	t.Helper()
	m, err := a.View().Lookup("INBOX")
	if err == nil {
		err = m.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	for e := range m.All() {
		msg, err := a.Message(t.Context(), e.Message, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := msg.CopyRange(t.Context(), &b, 0, msg.Size()); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.String())
	}
	return out
}

// enqueue puts a message from anna into the queue.
func (h *house) enqueue(t *testing.T, to ...string) {
	t.Helper()
	body, err := h.store.NewBody(t.Context(), store.BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(body, "Subject: across\r\n\r\nHello.\r\n")
	o := queue.Outgoing{Kind: store.QueueSubmitted}
	if o.Body, err = body.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o.Mail.From, err = addr.Parse("anna@example.org"); err != nil {
		t.Fatal(err)
	}
	for _, s := range to {
		a, err := addr.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		o.To = append(o.To, queue.Recipient{Rcpt: smtpwire.Rcpt{To: a}})
	}
	if _, err := h.front().Enqueue(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// What is queued on one server arrives on another, in TLS, and at home; who is unknown there comes back as a report.
func TestSend(t *testing.T) {
	for _, way := range []string{"by a transport", "by the DNS"} {
		t.Run(way, func(t *testing.T) { testSend(t, way == "by the DNS") })
	}
}

func testSend(t *testing.T, byDNS bool) {
	b := startWith(t, edited(t, "mail.other.test", ""))
	if err := b.AddDomain(t.Context(), "other.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAccount(t.Context(), admind.NewAccount{Address: "bert@other.test", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(b.address("smtp"))
	more := fmt.Sprintf("[[send.transport]]\ndomains = [\"other.test\"]\nhost = %q\n", at)
	if byDNS {
		zone := dnstest.Serve(t, "other.test MX 10 mail.other.test\nmail.other.test A "+at.Addr().String())
		more = fmt.Sprintf("[send]\nport = %d\nnetworks = [\"127.0.0.0/8\"]\n[dns]\nservers = [%q]\n", at.Port(), zone.Addr())
	}
	a := startWith(t, edited(t, "mail.example.org", more)).furnished(t)
	a.enqueue(t, "bert@other.test", "nobody@other.test", "anna@example.org")
	if got := b.received(t, "bert@other.test", 1)[0]; !strings.Contains(got, "Subject: across") || !strings.Contains(got, "with ESMTPS") {
		t.Errorf("%s", got)
	}
	got := strings.Join(a.received(t, "anna@example.org", 2), "\n---\n")
	if !strings.Contains(got, "nobody@other.test") || !strings.Contains(got, "5.1.1") || !strings.Contains(got, "Subject: across") {
		t.Errorf("%s", got)
	}
}

// edited is the usual configuration for another host name, with more at its end.
func edited(t *testing.T, host, more string) string {
	t.Helper()
	file := configFile(t, t.TempDir(), "")
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Replace(string(text), "mail.example.org", host, 1) + more
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
