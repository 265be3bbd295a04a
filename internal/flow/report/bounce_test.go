package report

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/dsn"
	"restante/internal/proto/mime"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

var update = flag.Bool("update", false, "write the golden files anew")

type office struct {
	*testing.T
	s      *store.Store
	front  *queue.Front
	bounce *Bounce
}

func newOffice(t *testing.T) *office {
	t.Helper()
	clock := func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	s, err := store.Open(t.Context(), memkv.New(), store.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	front := &queue.Front{Store: s, Clock: clock}
	return &office{t, s, front, New(Options{Store: s, Front: front, Host: "mail.example.org", Clock: clock})}
}

func (o *office) address(s string) addr.Address {
	o.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		o.Fatal(err)
	}
	return a
}

// queued puts a message into the queue.
func (o *office) queued(mail smtpwire.Mail, text string, to ...store.QueuedRecipient) *store.Queued {
	o.Helper()
	w, err := o.s.NewBody(o.Context(), store.BodyOptions{})
	if err != nil {
		o.Fatal(err)
	}
	fmt.Fprint(w, text)
	body, err := w.Finish(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	e := o.front.Entry(&queue.Outgoing{Kind: store.QueueSubmitted, Mail: mail, Body: body, MessageID: "1@example.org", Prepend: []byte("Received: from pc\r\n")})
	e.Message.Recipients = to
	if err := o.s.Enqueue(o.Context(), e); err != nil {
		o.Fatal(err)
	}
	return e.Message
}

// letter is the report's text, without what is new each time.
func (o *office) letter(q *store.Queued, s queue.Settled) (string, *store.Queued) {
	o.Helper()
	list, err := o.bounce.Report(o.Context(), q, s)
	if err != nil {
		o.Fatal(err)
	}
	if len(list) == 0 {
		return "", nil
	}
	if err := o.s.Requeue(o.Context(), q, list...); err != nil {
		o.Fatal(err)
	}
	var b bytes.Buffer
	t := o.s.QueuedText(list[0].Message)
	if err := t.CopyRange(context.Background(), &b, 0, t.Size()); err != nil {
		o.Fatal(err)
	}
	return b.String(), list[0].Message
}

var ids = regexp.MustCompile(`[0-9a-v]{13}`)

func (o *office) golden(name, got string) {
	o.Helper()
	got = strings.ReplaceAll(ids.ReplaceAllString(got, "QUEUEID"), "\r\n", "\n")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			o.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		o.Fatal(err)
	}
	if got != string(want) {
		o.Errorf("%s:\ngot\n%s\nwant\n%s", name, got, want)
	}
}

const original = "From: a@example.org\r\nTo: b@example.com\r\nSubject: caf\xc3\xa9\r\n\r\nHello.\r\n"

func TestLetters(t *testing.T) {
	o := newOffice(t)
	rcpt := func(to, reply string) store.QueuedRecipient {
		return store.QueuedRecipient{Rcpt: smtpwire.Rcpt{To: o.address(to)}, State: store.QueueFailed, Host: "mx.example.com [192.0.2.1]", Reply: reply, Last: o.front.Clock()}
	}
	from := smtpwire.Mail{From: o.address("a@example.org"), EnvID: "env+1"}

	unknown, full := rcpt("b@example.com", "550 5.1.1 no such user\nreally"), rcpt("full@example.com", "4.4.7 Gave up after 120h0m0s; the last word was: 452 4.2.2 full")
	unknown.ORcptType, unknown.ORcpt = "rfc822", "boss@example.com"
	waiting := rcpt("slow@example.net", "4.4.1 mx.example.net does not answer")
	waiting.State = store.QueueWaiting
	q := o.queued(from, original, unknown, full, waiting)
	text, letter := o.letter(q, queue.Settled{Failed: []int{0, 1}, Delayed: []int{2}})
	o.golden("failed.txt", text)
	if !letter.Mail.From.IsZero() || letter.Recipients[0].To != from.From || letter.Recipients[0].Notify != smtpwire.NotifyNever {
		t.Errorf("%+v", letter)
	}
	o.read(text, 2)

	headers := from
	headers.Ret = smtpwire.RetHeaders
	international := rcpt("ü@example.com", "550 nein")
	q = o.queued(headers, original, international, waiting)
	text, _ = o.letter(q, queue.Settled{Failed: []int{0}})
	o.golden("international.txt", text)
	o.read(text, 1)

	private := from
	private.RequireTLS, private.Ret = true, smtpwire.RetFull
	q = o.queued(private, original, unknown, waiting)
	text, letter = o.letter(q, queue.Settled{Failed: []int{0}})
	if !letter.Mail.RequireTLS || strings.Contains(text, "Hello.") { // RFC 8689 5
		t.Errorf("%+v\n%s", letter.Mail, text)
	}

	done := rcpt("b@example.com", "250 2.0.0 taken")
	done.State = store.QueueRelayed
	q = o.queued(from, original, done, waiting)
	text, _ = o.letter(q, queue.Settled{Relayed: []int{0}})
	o.golden("relayed.txt", text)

	forwarded := rcpt("secret@example.net", "550 5.7.1 go away")
	forwarded.Source = "anna@example.org"
	q = o.queued(from, original, forwarded, waiting)
	text, _ = o.letter(q, queue.Settled{Failed: []int{0}})
	o.golden("forwarded.txt", text)
	if strings.Contains(text, "secret@") {
		t.Error("the sender learns where mail is forwarded to")
	}
}

// read reads the letter as a program would.
func (o *office) read(text string, failed int) {
	o.Helper()
	m := mime.Parse([]byte(text))
	if m.Root.Type != "multipart" || m.Root.Subtype != "report" || len(m.Root.Parts) != 3 {
		o.Fatalf("%s/%s of %d parts", m.Root.Type, m.Root.Subtype, len(m.Root.Parts))
	}
	p := m.Root.Parts[1]
	r, err := dsn.Parse([]byte(text[p.BodyStart:p.End]))
	if err != nil {
		o.Fatal(err)
	}
	for _, one := range r.Recipients {
		if one.Action == dsn.Failed {
			failed--
		}
	}
	if failed != 0 {
		o.Errorf("%+v", r)
	}
}

func TestNoReportOfReports(t *testing.T) {
	o := newOffice(t)
	q := o.queued(smtpwire.Mail{}, original, store.QueuedRecipient{Rcpt: smtpwire.Rcpt{To: o.address("b@example.com")}, State: store.QueueFailed})
	if text, letter := o.letter(q, queue.Settled{Failed: []int{0}}); letter != nil {
		t.Errorf("a report of a report:\n%s", text)
	}
}

// What is large does not come back whole.
func TestLarge(t *testing.T) {
	o := newOffice(t)
	big := original + strings.Repeat("0123456789\r\n", 20000)
	q := o.queued(smtpwire.Mail{From: o.address("a@example.org")}, big, store.QueuedRecipient{Rcpt: smtpwire.Rcpt{To: o.address("b@example.com")}, State: store.QueueFailed, Reply: "550 no"})
	text, _ := o.letter(q, queue.Settled{Failed: []int{0}})
	if len(text) > 4000 || !strings.Contains(text, "text/rfc822-headers") || !strings.Contains(text, "Subject: café") {
		t.Errorf("%d octets:\n%.4000s", len(text), text)
	}
}
