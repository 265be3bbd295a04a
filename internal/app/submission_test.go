package app

import (
	"crypto/tls"
	"net"
	"net/smtp"
	"strings"
	"testing"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// submitter is a session of anna's on one of the doors for those who send.
func (h *house) submitter(t *testing.T, protocol string) *smtp.Client {
	t.Helper()
	const name = "mail.example.org"
	insecure := &tls.Config{InsecureSkipVerify: true, ServerName: name}
	conn, err := net.Dial("tcp", h.address(protocol))
	if err != nil {
		t.Fatal(err)
	}
	if protocol == "submissions" {
		conn = tls.Client(conn, insecure)
	}
	c, err := smtp.NewClient(conn, name)
	if err == nil && protocol == "submission" {
		err = c.StartTLS(insecure)
	}
	if err == nil {
		err = c.Auth(smtp.PlainAuth("", "anna@example.org", "geheim", name))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func submit(c *smtp.Client, from, text string, to ...string) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	for _, a := range to {
		if err := c.Rcpt(a); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Close()
}

// mailbox returns how many messages a mailbox of an account has.
func (h *house) mailbox(t *testing.T, login, path string) int {
	t.Helper()
	n := 0
	err := h.withAccount(t.Context(), login, func(_ *directory.Directory, _ addr.Address, a *store.Account) error {
		m, err := a.View().Lookup(path)
		if err == nil {
			n = m.Len()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSubmission has a message go all the way: by both doors, through the queue, into the mailbox of somebody here, and into Sent.
func TestSubmission(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	if _, err := h.AddAccount(t.Context(), admind.NewAccount{Address: "ben@example.org", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	for i, protocol := range []string{"submission", "submissions"} {
		c := h.submitter(t, protocol)
		if err := submit(c, "ben@example.org", "", "ben@example.org"); err == nil {
			t.Error("anna may send as ben")
		}
		if err := c.Reset(); err != nil {
			t.Fatal(err)
		}
		err := submit(c, "anna@example.org", "From: anna@example.org\r\nBcc: ben@example.org\r\nSubject: across\r\n\r\nHello.\r\n", "ben@example.org")
		if err != nil {
			t.Fatal(err)
		}
		text := h.received(t, "ben@example.org", i+1)[i]
		for _, want := range []string{"\r\nReceived: ", "\r\nDate: ", "\r\nMessage-ID: <", "\r\nSubject: across\r\n", "\r\n\r\nHello.\r\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %q", protocol, want, text)
			}
		}
		if strings.Contains(text, "Bcc") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%s: it tells too much: %q", protocol, text)
		}
		if n := h.mailbox(t, "anna@example.org", "Sent"); n != i+1 {
			t.Errorf("%s: Sent has %d messages", protocol, n)
		}
	}
	if !strings.Contains(h.log.String(), "submitted") {
		t.Error("the log does not say who has sent what")
	}
}
