package app

import (
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-milter"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// mind is a filter that goes by the subject.
type mind struct {
	milter.NoOpMilter
	subject string
	body    strings.Builder
}

func (m *mind) RcptTo(to string, _ *milter.Modifier) (milter.Response, error) {
	if strings.Contains(to, "+spam") {
		return milter.NewResponseStr('y', "550 5.7.1 not with this tag"), nil
	}
	return milter.RespContinue, nil
}

func (m *mind) Headers(h textproto.MIMEHeader, _ *milter.Modifier) (milter.Response, error) {
	if m.subject = h.Get("Subject"); h.Get("Bcc") != "" {
		m.subject = "later" // nobody is to see it
	}
	return milter.RespContinue, nil
}

func (m *mind) BodyChunk(p []byte, _ *milter.Modifier) (milter.Response, error) {
	m.body.Write(p)
	return milter.RespContinue, nil
}

func (m *mind) Body(x *milter.Modifier) (milter.Response, error) {
	switch m.subject {
	case "virus":
		return milter.NewResponseStr('y', "554 5.7.1 "+strings.TrimSpace(m.body.String())), nil
	case "later":
		return milter.RespTempFail, nil
	case "drop":
		return milter.RespDiscard, nil
	case "spam":
		if err := x.Quarantine("it is spam"); err != nil {
			return nil, err
		}
	}
	return milter.RespAccept, x.AddHeader("X-Seen", x.Macros["i"]+" "+m.subject)
}

// filtered is a server with a filter that somebody else's library speaks for.
func filtered(t *testing.T, at string) *house {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "filter"))
	if err != nil {
		t.Fatal(err)
	}
	m := &milter.Server{NewMilter: func() milter.Milter { return new(mind) }, Actions: milter.OptAddHeader | milter.OptQuarantine}
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ln) }() // owner: the cleanup
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	return guarded(t, "", "[[milter]]\nsocket = \"unix:"+ln.Addr().String()+"\"\nat = ["+at+"]\n[guard]\ngreet_delay = \"0s\"\n")
}

// A filter refuses, puts off, drops, puts into Junk, and adds what it has to say; the queue id is the same for all.
func TestFilters(t *testing.T) {
	h := filtered(t, "")
	for _, c := range []struct{ subject, want string }{
		{"fine", "250 2.0.0 Ok: queued as "},
		{"virus", "554 5.7.1 the body"},
		{"later", "451 4.7.1 a filter says: try again later"},
		{"drop", "250 2.0.0 Ok: queued as "},
		{"spam", "250 2.0.0 Ok: queued as "},
	} {
		got := h.brings(t, "203.0.113.1", "HELO there.example", "MAIL FROM:<bob@there.example>", "RCPT TO:<anna@example.org>", "DATA", "Subject: "+c.subject+"\r\n\r\nthe body\r\n.")
		if _, last, _ := strings.Cut(got, "354 "); !strings.Contains(last, "\n"+c.want) {
			t.Errorf("%s: %q, want %q", c.subject, got, c.want)
		}
	}
	if got := h.brings(t, "203.0.113.1", "HELO there.example", "MAIL FROM:<bob@there.example>", "RCPT TO:<anna+spam@example.org>", "RCPT TO:<anna@example.org>", "QUIT"); !strings.Contains(got, "\n550 5.7.1 not with this tag\n250 ") {
		t.Error(got)
	}
	if in, junk := h.mailbox(t, "anna@example.org", "INBOX"), h.mailbox(t, "anna@example.org", "Junk"); in != 1 || junk != 1 {
		t.Errorf("%d in INBOX and %d in Junk, want 1 and 1", in, junk)
	}
	h.await(t, admind.TraceRequest{Query: "anna@example.org"}, func(list []admind.Trace) bool { // what was dropped is told from what somebody has got
		n := make(map[string]int)
		for _, m := range list {
			n[m.State]++
		}
		return n["delivered"] == 1 && n["junk"] == 1 && n["dropped"] == 1
	})
	text := h.first(t, "INBOX")
	_, id, _ := strings.Cut(text, "X-Seen: ")
	id, _, _ = strings.Cut(id, " fine\r\n")
	if len(id) != 13 || !strings.Contains(text, "with SMTP id "+id) {
		t.Errorf("%q", text)
	}
}

// What people send is shown to filters that are to see it, as it goes out. What they want kept apart waits in the queue.
func TestFiltersOfSubmissions(t *testing.T) {
	h := filtered(t, `"submission"`)
	c := h.submitter(t, "submissions")
	for _, step := range []struct{ subject, to, want string }{
		{"virus", "anna@example.org", `554 "5.7.1 the body"`},
		{"fine", "anna+spam@example.org", `550 "5.7.1 not with this tag"`},
		{"spam", "anna@example.org", ""},
		{"drop", "anna@example.org", ""},
		{"fine", "anna@example.org", ""},
	} {
		err := submit(c, "anna@example.org", "From: anna@example.org\r\nBcc: secret@example.org\r\nSubject: "+step.subject+"\r\n\r\nthe body\r\n", step.to)
		if (err != nil) != (step.want != "") || err != nil && err.Error() != step.want {
			t.Errorf("%s to %s: %v, want %q", step.subject, step.to, err, step.want)
		}
		if err := c.Reset(); err != nil {
			t.Fatal(err)
		}
	}
	for until := time.Now().Add(20 * time.Second); h.mailbox(t, "anna@example.org", "INBOX") == 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("nothing came")
		}
	}
	if text := h.first(t, "INBOX"); !strings.Contains(text, "\r\nX-Seen: ") || !strings.Contains(text, "Subject: fine\r\n") {
		t.Errorf("%q", text)
	}
	var held []string
	if err := h.store.Queue(t.Context(), 0, func(q *store.Queued) error {
		held = append(held, fmt.Sprint(q.Held, q.Note[strings.LastIndex(q.Note, "/"):]))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(held) != 1 || held[0] != "true/filter: it is spam" {
		t.Errorf("held: %q", held)
	}
	// Mail from elsewhere is none of this filter's business.
	if got := h.brings(t, "203.0.113.1", "HELO there.example", "MAIL FROM:<bob@there.example>", "RCPT TO:<anna@example.org>", "DATA", "Subject: virus\r\n\r\nthe body\r\n."); !strings.Contains(got, "250 2.0.0 Ok") {
		t.Error(got)
	}
}

// first is the first message in a mailbox of anna's.
func (h *house) first(t *testing.T, path string) string {
	t.Helper()
	var text bytes.Buffer
	err := h.withAccount(t.Context(), "anna@example.org", func(_ *directory.Directory, _ addr.Address, a *store.Account) error {
		m, err := a.View().Lookup(path)
		if err == nil {
			err = m.Load(t.Context())
		}
		if err != nil {
			return err
		}
		for e := range m.All() {
			msg, err := a.Message(t.Context(), e.Message, 0)
			if err != nil {
				return err
			}
			return msg.CopyRange(t.Context(), &text, 0, msg.Size())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
