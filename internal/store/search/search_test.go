package search

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"restante/internal/base/bus"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a store with one account and an index of it, in memory.
type house struct {
	t      tester
	store  *store.Store
	news   *News
	engine kv.Engine
	index  *Index
	h      *store.Account
	inbox  store.MailboxID
	close  func()
}

type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newHouse(t tester) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{t: t, news: NewNews(bus.New()), engine: memkv.New()}
	mail := memkv.New()
	var err error
	h.store, err = store.Open(ctx, mail, store.Options{Bus: h.news, Recovery: -1})
	h.must(err)
	id, err := h.store.CreateAccount(ctx, store.AccountOptions{})
	h.must(err)
	h.h, err = h.store.Account(ctx, id)
	h.must(err)
	box, err := h.h.View().Lookup("INBOX")
	h.must(err)
	h.inbox = box.ID()
	h.index = New(Options{Store: h.store, Engine: h.engine, News: h.news})
	h.close = func() {
		h.h.Close()
		h.store.Close()
		mail.Close()
		h.engine.Close()
	}
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// put delivers a message.
func (h *house) put(text string) store.MessageID {
	h.t.Helper()
	return h.add(text, store.AddOptions{})
}

func (h *house) add(text string, o store.AddOptions) store.MessageID {
	h.t.Helper()
	ctx := context.Background()
	w, err := h.store.NewBody(ctx, store.BodyOptions{})
	h.must(err)
	_, err = io.WriteString(w, text)
	h.must(err)
	body, err := w.Finish(ctx)
	h.must(err)
	var added store.Added
	_, err = h.h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		var err error
		added, err = tx.AddMessage(h.inbox, body, o)
		return err
	})
	h.must(err)
	return added.Message
}

// sync indexes all that there is.
func (h *house) sync() {
	h.t.Helper()
	h.must(h.index.Sync(context.Background(), h.h.ID()))
}

// ids are all messages of the account.
func (h *house) ids() []store.MessageID {
	h.t.Helper()
	ids, err := h.h.MessageIDs(context.Background(), 0, 1<<30)
	h.must(err)
	return ids
}

// scan looks for keys in every message without the index.
func (h *house) scan(keys []Key) [][]bool {
	h.t.Helper()
	ids := h.ids()
	out := make([][]bool, len(ids))
	var s Scanner
	h.must(h.h.Messages(context.Background(), ids, store.WantStructure, func(i int, m *store.Message) error {
		header, err := m.Header(context.Background())
		h.must(err)
		found, err := s.Scan(context.Background(), m, header, keys)
		h.must(err)
		out[i] = append([]bool(nil), found...)
		return nil
	}))
	return out
}

// check compares what the index says with what a scan finds. It returns how many
// verdicts the index gave without a look into the text.
func (h *house) check(keys []Key) (sure int) {
	h.t.Helper()
	ctx := context.Background()
	want := h.scan(keys)
	hits, err := h.index.Search(ctx, h.h, keys)
	h.must(err)
	defer hits.Close()
	ids := h.ids()
	for i, id := range ids {
		for k := range keys {
			switch v := hits.Lookup(k, id); {
			case v == Yes && !want[i][k], v == No && want[i][k]:
				h.t.Fatalf("message %d, %+v: the index says %d, the scan %v", id, keys[k], v, want[i][k])
			case v == Yes, v == No:
				sure++
			}
		}
	}
	h.must(hits.Look(ctx, ids, func(i int, found []bool) {
		for k := range keys {
			if found[k] != want[i][k] {
				h.t.Fatalf("message %d, %+v: the text in the index says %v, the scan %v", ids[i], keys[k], found[k], want[i][k])
			}
		}
	}))
	return sure
}

// words are of many scripts; texts and needles are made of them and of their parts.
func words() []string {
	return []string{
		"hello", "Hello", "HELLO", "help", "the", "and", "a", "I", "x1", "100%", "foo@example.org", "<id.1@mx>", "=?", "Straße", "STRASSE",
		"café", "cafe", "CAFE\u0301", "naïve", "Ångström", "øre", "łódź", "ﬁne", "ＡＢＣ", "Σίσυφος", "ΣΊΣΥΦΟΣ", "привет", "ПРИВЕТ", "ёлка", "елка",
		"漢字", "漢", "東京都", "京都", "すし", "が", "か\u3099", "서울", "한국어", "𠮷野家", "😀", "😁", "שָׁלוֹם", "שלום", "مَرْحَبًا", "مرحبا", "สวัสดี", "नमस्ते", "İstanbul", "ıstanbul",
		"\u0301", "a\u0301\u0302", "ß", "ss", "Ω", "\u2126", "\u00a0", "…", "...", "\t", "\ufffd",
	}
}

func drawText(t *rapid.T, label string, most int) string {
	var b strings.Builder
	for range rapid.IntRange(0, most).Draw(t, label) {
		b.WriteString(rapid.SampledFrom(words()).Draw(t, "word"))
		b.WriteString(rapid.SampledFrom([]string{"", " ", " ", " ", "\r\n", "-"}).Draw(t, "gap"))
	}
	return b.String()
}

func drawMessage(t *rapid.T) string {
	var b strings.Builder
	for _, name := range []string{"From", "To", "Cc", "Bcc", "Subject", "X-Thing", "List-Id", "subject"} {
		if rapid.Bool().Draw(t, name) {
			fmt.Fprintf(&b, "%s: %s\r\n", name, strings.NewReplacer("\r\n", " ").Replace(drawText(t, name, 6)))
		}
	}
	text := drawText(t, "text", 30)
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return b.String() + "\r\n" + text
	case 1:
		return b.String() + "Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + text + "</p><script>hello</script>"
	case 2:
		return b.String() + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text +
			"\r\n--b\r\nContent-Type: application/pdf; name=\"hello café.pdf\"\r\nX-Thing: help\r\n\r\nhello\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: " +
			"京都 the\r\n\r\n" + text + "\r\n--b--\r\n"
	}
	return "Content-Type: application/octet-stream\r\n" + b.String() + "\r\n" + text
}

func drawKey(t *rapid.T) Key {
	needle := drawText(t, "needle", 3)
	if rapid.Bool().Draw(t, "part") {
		r := []rune(needle)
		i := rapid.IntRange(0, len(r)).Draw(t, "from")
		needle = string(r[i:rapid.IntRange(i, min(i+6, len(r))).Draw(t, "to")])
	}
	switch rapid.IntRange(0, 3).Draw(t, "where") {
	case 0:
		return Body(needle)
	case 1:
		return Text(needle)
	}
	return Field(rapid.SampledFrom([]string{"From", "to", "CC", "bcc", "Subject", "x-thing", "List-Id", "List", "none"}).Draw(t, "field"), needle)
}

// TestIndexIsScan: for any messages and needles the index says what a scan finds,
// whatever of them is indexed, merged or erased.
func TestIndexIsScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(t)
		defer h.close()
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range rapid.IntRange(0, 12).Draw(t, "messages") {
				h.put(drawMessage(t))
			}
			h.sync()
		}
		h.put(drawMessage(t)) // not indexed
		keys := make([]Key, rapid.IntRange(1, 8).Draw(t, "keys"))
		for i := range keys {
			keys[i] = drawKey(t)
		}
		h.check(keys)
	})
}

// TestManyMessages is TestIndexIsScan for segments of many blocks, and says that the
// index is of use: it knows every message, and most answers without its text.
func TestManyMessages(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	n := 3000
	if testing.Short() {
		n = 600
	}
	for i := range n {
		h.put(fmt.Sprintf("From: Sender %04d <sender%04d@corp%d.example>\r\nSubject: %x report %d\r\nMessage-ID: <%d.%x@example>\r\n\r\nItem %d of %s and café %d\r\n",
			i%500, i%500, i%7, i*7919, i, i, i*i*104729, i, strings.Repeat(words()[i%len(words())]+" ", i%9), i%77))
		if i%700 == 0 {
			h.sync()
		}
	}
	h.sync()
	keys := []Key{
		Field("From", "sender0042"), Field("From", "42"), Field("subject", "report 29"), Field("Message-ID", "<17."), Field("Message-ID", ""),
		Text("sender0042"), Text("from: sender 0042"), Text("bject: 1ee"), Text(": 1"), Body("café 7"), Body("cafe"), Body("item 2999"), Body("item 29"), Body("京都"), Body("漢"),
		Body("z"), Body("zz"), Body("absent"), Text(""),
	}
	if sure := h.check(keys); sure < n*(len(keys)-4)*9/10 {
		t.Errorf("the index is sure of %d of %d", sure, n*len(keys))
	}
}
