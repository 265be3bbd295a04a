package imapd_test

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"testing"

	"restante/internal/store"
)

// BenchmarkResync selects a mailbox with what the client knew before 100 messages got flags and 100 others were removed. It ought to cost the same
// however large the mailbox is.
func BenchmarkResync(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip("takes a minute to make")
			}
			h := newHouse(b, plain())
			fillInbox(h, n)
			c := &benchClient{client: h.login("u1")}
			c.r = bufio.NewReaderSize(c.conn, 256<<10)
			c.run("ENABLE QRESYNC")
			a := h.open("u1")
			defer a.Close()
			box, err := a.View().Lookup("INBOX")
			h.must(err)
			since := box.HighestModSeq()
			for i := range 100 {
				uid := store.UID(i*(n/200) + 1)
				_, err := a.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
					if _, err := tx.SetFlags(box.ID(), []store.UIDRange{{Lo: uid, Hi: uid}}, store.FlagChange{Flags: store.Flagged}); err != nil {
						return err
					}
					_, err := tx.Expunge(box.ID(), []store.UIDRange{{Lo: uid + 1, Hi: uid + 1}})
					return err
				})
				h.must(err)
			}
			c.run("SELECT INBOX")
			b.Run("select", func(b *testing.B) {
				measure(b, 0, func() { c.run("SELECT INBOX") })
			})
			b.Run("qresync", func(b *testing.B) {
				measure(b, 0, func() { c.run(fmt.Sprintf("SELECT INBOX (QRESYNC (%d %d))", box.UIDValidity(), since)) })
			})
			b.Run("vanished", func(b *testing.B) {
				measure(b, 0, func() { c.run(fmt.Sprintf("UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)", since)) })
			})
			c.close()
		})
	}
}

// fillInbox puts n messages into u1's INBOX, as copies of 20,000 at most.
func fillInbox(h *house, n int) {
	seeds := min(n, 20_000)
	for have := 0; have < seeds; have += 500 {
		var texts []string
		for i := range 500 {
			texts = append(texts, fmt.Sprintf("Subject: %d\r\n\r\n%s", have+i, strings.Repeat("x", 10)))
		}
		h.putMany("u1", "INBOX", store.AddOptions{}, texts...)
	}
	a := h.open("u1")
	defer a.Close()
	const run = 5000
	for have := seeds; have < n; have += run {
		m, err := a.View().Lookup("INBOX")
		h.must(err)
		from := store.UID(have%seeds + 1)
		_, err = a.Copy(context.Background(), store.Origin{}, m, []store.UIDRange{{Lo: from, Hi: from + run - 1}}, m.ID())
		h.must(err)
	}
}
