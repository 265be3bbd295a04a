package app

import (
	"crypto/tls"
	"errors"
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

// TestQueueVerbs takes a scheduled message through what an operator can do with it.
func TestQueueVerbs(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	if _, err := h.AddAccount(t.Context(), admind.NewAccount{Address: "ben@example.org", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	c := h.submitter(t, "submissions")
	ids := make([]string, 3)
	for i := range ids {
		for _, line := range []string{"MAIL FROM:<anna@example.org> HOLDFOR=3600", "RCPT TO:<ben@example.org>", "DATA"} {
			if err := c.Text.PrintfLine("%s", line); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Text.ReadResponse(0); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Text.PrintfLine("Subject: later %d\r\n\r\nHello.\r\n.", i); err != nil {
			t.Fatal(err)
		}
		_, text, err := c.Text.ReadResponse(250)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = text[strings.LastIndexByte(text, ' ')+1:]
	}
	want := func(why string, n int, s admind.QueueSelection) {
		t.Helper()
		got := 0
		for m, err := range h.Queue(t.Context(), s) {
			if err != nil {
				t.Fatal(err)
			}
			if got++; m.Why != why || m.Account != "anna@example.org" {
				t.Errorf("%+v, want %q", m, why)
			}
		}
		if got != n {
			t.Errorf("%+v: %d messages, want %d", s, got, n)
		}
	}
	change := func(n int, r admind.QueueChange) {
		t.Helper()
		if got, err := h.ChangeQueue(t.Context(), r); err != nil || got != n {
			t.Fatalf("%+v: %d, %v; want %d", r, got, err, n)
		}
	}
	one := admind.QueueSelection{ID: ids[0]}
	want("scheduled by its sender", 3, admind.QueueSelection{Account: "anna@example.org", Domain: "example.org"})
	want("", 0, admind.QueueSelection{Account: "ben@example.org"})
	want("", 0, admind.QueueSelection{Domain: "example.net"})
	change(1, admind.QueueChange{QueueSelection: one, Do: "hold", Note: "look at this"})
	want("held: look at this", 1, admind.QueueSelection{Held: true})
	if _, err := h.ChangeQueue(t.Context(), admind.QueueChange{QueueSelection: one, Do: "retry"}); !errors.Is(err, admind.ErrNothingToDo) {
		t.Errorf("a held message is retried: %v", err)
	}
	if s, err := h.Status(t.Context()); err != nil || s.Queue.Messages != 3 || s.Queue.Held != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	change(1, admind.QueueChange{QueueSelection: one, Do: "release"})
	change(1, admind.QueueChange{QueueSelection: one, Do: "retry"})
	if text := h.received(t, "ben@example.org", 1)[0]; !strings.Contains(text, "later 0") {
		t.Errorf("he got %q", text)
	}
	change(1, admind.QueueChange{QueueSelection: admind.QueueSelection{ID: ids[1]}, Do: "drop", Report: true})
	if text := h.received(t, "anna@example.org", 1)[0]; !strings.Contains(text, "taken it back") {
		t.Errorf("she is told %q", text)
	}
	change(1, admind.QueueChange{QueueSelection: admind.QueueSelection{Account: "anna@example.org"}, Do: "drop"})
	want("", 0, admind.QueueSelection{Account: "anna@example.org"}) // the report about the other may still be leaving
	if n := h.mailbox(t, "ben@example.org", "INBOX"); n != 1 {
		t.Errorf("ben has %d messages", n)
	}
}
