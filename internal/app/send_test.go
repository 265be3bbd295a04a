package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	if _, err := h.sending.front.Enqueue(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// What is queued on one server arrives on another, in TLS, and at home; who is unknown there comes back as a report.
func TestSend(t *testing.T) {
	there := t.TempDir()
	b := startWith(t, configFile(t, there, ""))
	if err := b.AddDomain(t.Context(), "other.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAccount(t.Context(), admind.NewAccount{Address: "bert@other.test", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	here := t.TempDir()
	file := configFile(t, here, "")
	f, err := os.OpenFile(filepath.Clean(file), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "[[send.transport]]\ndomains = [\"other.test\"]\nhost = %q\n", b.address("smtp"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a := startWith(t, file).furnished(t)
	a.enqueue(t, "bert@other.test", "nobody@other.test", "anna@example.org")
	if got := b.received(t, "bert@other.test", 1)[0]; !strings.Contains(got, "Subject: across") || !strings.Contains(got, "with ESMTPS") {
		t.Errorf("%s", got)
	}
	got := strings.Join(a.received(t, "anna@example.org", 2), "\n---\n")
	if !strings.Contains(got, "nobody@other.test") || !strings.Contains(got, "5.1.1") || !strings.Contains(got, "Subject: across") {
		t.Errorf("%s", got)
	}
}
