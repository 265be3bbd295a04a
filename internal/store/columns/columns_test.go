package columns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/proto/collation"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// naiveRank is how many texts come before the first that is equal to it.
func naiveRank(by collation.Collation, list []string) []uint32 {
	var keys []string
	for _, s := range list {
		keys = append(keys, by.Key(s))
	}
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	var out []uint32
	for _, k := range keys {
		n, _ := slices.BinarySearch(sorted, k)
		out = append(out, uint32(n))
	}
	return out
}

// TestRanks adds texts in portions and ranks them after each.
func TestRanks(t *testing.T) {
	text := rapid.OneOf(
		rapid.StringMatching(`[abAB\x00é]{0,4}`),
		rapid.Map(rapid.StringMatching(`[abAB\x00]{0,2}`), func(s string) string { return strings.Repeat("the same beginning ", 3) + s }),
		rapid.Map(rapid.StringMatching(`[ab]{0,1}`), func(s string) string { return strings.Repeat("x", 300) + s }),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		table := newTexts()
		for range rapid.IntRange(1, 5).Draw(t, "portions") {
			for range rapid.SampledFrom([]int{0, 1, 3, 200}).Draw(t, "n") {
				s := text.Draw(t, "text")
				n, _ := table.of(s)
				if again, grown := table.of(s); again != n || grown != 0 || table.list[n] != s || (n == 0) != (s == "") {
					t.Fatalf("%q has the number %d, then %d", s, n, again)
				}
			}
			for by := range collation.Collation(collation.Count) {
				if rapid.Bool().Draw(t, "look") {
					if got, want := table.ranks(by, new(atomic.Int64)), naiveRank(by, table.list); !slices.Equal(got, want) {
						t.Fatalf("%v of %q: %v, want %v", by, table.list, got, want)
					}
				}
			}
		}
	})
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, header string
		want         record
	}{
		{"nothing", "\r\n", record{sent: noDate}},
		{"all", "DATE: Mon, 1 Jan 2001 00:01:02 -0800\r\nSubject: =?utf-8?q?Re:_Gr=C3=BC=C3=9Fe?=\r\nMessage-Id: <a@b>\r\nReferences: <1@x>\r\n\t<\"2\"@x>\r\n" +
			"In-Reply-To: <3@x>\r\nFrom: =?utf-8?q?J=C3=B6rg?= <j@x>\r\nTo: t@x, u@x\r\nCc: \"C\" <c@x>\r\n\r\n",
			record{sent: 978336062, reply: true, id: "a@b", refs: []string{"1@x", "2@x"}, texts: [numTexts]string{"Grüße", "j", "t", "c", "Jörg", "t@x"}}},
		{"the first counts", "Subject: a\r\nSubject: b\r\nTo:\r\nTo: x@y\r\nFrom: one@x\r\nFrom: two@x\r\nDate:\r\nDate: 1 Jan 2001 00:00 Z\r\n\r\n",
			record{sent: noDate, texts: [numTexts]string{"a", "one", "x", "", "one@x", "x@y"}}},
		{"In-Reply-To", "References: none\r\nIn-Reply-To: you <1@x> <2@x>\r\n\r\n", record{sent: noDate, refs: []string{"1@x"}}},
		{"a group", "From: the team: a@x;\r\n\r\n", record{sent: noDate, texts: [numTexts]string{From: "the team", DisplayFrom: "the team"}}},
		{"no time zone", "Date: 1 Jan 2001 00:00:00 NOWHERE\r\n\r\n", record{sent: 978307200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := parse([]byte(c.header))
			if got.sent != c.want.sent || got.reply != c.want.reply || got.id != c.want.id || got.texts != c.want.texts || !slices.Equal(got.refs, c.want.refs) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// FuzzParse: any header is read, and what comes of it is text.
func FuzzParse(f *testing.F) {
	f.Add([]byte("Subject: Re: x\r\nFrom: a <b@c>\r\nDate: 1 Jan 2001 00:00 Z\r\n\r\n"))
	f.Add([]byte("References: <a@b\r\n <c@d>\r\n\r\n"))
	f.Fuzz(func(t *testing.T, header []byte) {
		r := parse(header)
		if len(r.refs) > maxRefs {
			t.Errorf("%d references", len(r.refs))
		}
		for _, s := range r.texts {
			if strings.ContainsAny(s, "\r\n") {
				t.Errorf("%q", s)
			}
		}
	})
}

type fixture struct {
	t     *testing.T
	store *store.Store
}

func newFixture(t *testing.T) *fixture {
	engine := memkv.New()
	s, err := store.Open(context.Background(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		engine.Close()
	})
	return &fixture{t, s}
}

func (f *fixture) account() *store.Account {
	id, err := f.store.CreateAccount(context.Background(), store.AccountOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	a, err := f.store.Account(context.Background(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(a.Close)
	return a
}

// put adds a message with that subject.
func (f *fixture) put(a *store.Account, subject string) store.MessageID {
	ctx := context.Background()
	w, err := f.store.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	fmt.Fprintf(w, "Subject: %s\r\nMessage-ID: <%s@x>\r\n\r\n", subject, subject)
	body, err := w.Finish(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	var added store.Added
	_, err = a.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		id, err := tx.Lookup("INBOX")
		if err == nil {
			added, err = tx.AddMessage(id, body, store.AddOptions{})
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return added.Message
}

func (f *fixture) look(c *Cache, a *store.Account, ids ...store.MessageID) *Look {
	l, err := c.Look(context.Background(), a, ids, Want{Texts: true})
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

func TestLook(t *testing.T) {
	f, c := newFixture(t), New(0)
	a := f.account()
	b1, b2 := f.put(a, "b"), f.put(a, "Re: B")
	l := f.look(c, a, b2, b1)
	if l.Rank(Subject, 0) != l.Rank(Subject, 1) || !l.IsReply(0) || l.IsReply(1) || l.ID(0) == l.ID(1) || l.Len() != 2 || l.IDs() != 3 {
		t.Errorf("%+v", l)
	}
	rank := l.Rank(Subject, 0)
	a1 := f.put(a, "a")
	more := f.look(c, a, a1, b1, 1<<40, b2) // one was never there
	if more.Rank(Subject, 0) >= more.Rank(Subject, 1) || more.Rank(Subject, 1) != more.Rank(Subject, 3) || more.Rank(Subject, 2) != 0 || more.ID(2) != 0 {
		t.Errorf("%+v", more)
	}
	if _, ok := more.Sent(2); ok || len(more.Refs(2)) > 0 {
		t.Error("what is not there was sent")
	}
	if l.Rank(Subject, 0) != rank || l.Rank(Subject, 1) != rank {
		t.Error("a look has changed")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.mu.tables[a.ID()].busy <- struct{}{}
	if _, err := c.Look(ctx, a, nil, Want{}); err != context.Canceled {
		t.Error(err)
	}
	<-c.mu.tables[a.ID()].busy
}

// TestForgetting: what was used last stays, and rows of the dead do not gather.
func TestForgetting(t *testing.T) {
	f, c := newFixture(t), New(4<<10)
	one, two := f.account(), f.account()
	m1, m2 := f.put(one, "one"), f.put(two, "two")
	old := f.look(c, one, m1)
	f.look(c, two, m2)
	if len(c.mu.tables) != 1 || c.mu.tables[two.ID()] == nil || c.mu.bytes <= 0 {
		t.Errorf("%d tables, %d octets", len(c.mu.tables), c.mu.bytes)
	}
	if old.ID(0) != 1 {
		t.Error("a look has changed")
	}
	c = New(0)
	var gone []store.MessageID
	for i := range 4 * spareRows {
		gone = append(gone, store.MessageID(1<<40+i))
	}
	f.look(c, one, gone...)
	for range 2*spareRows + 10 {
		c.mu.tables[one.ID()].add(&record{})
	}
	f.look(c, one, m1)
	if rows := len(c.mu.tables[one.ID()].sent); rows != 2 {
		t.Errorf("%d rows", rows)
	}
}
