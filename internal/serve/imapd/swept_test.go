package imapd_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/base/bus"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
	"restante/internal/store/search"
)

// TestFetchOfWhatIsSwept: a message that another session has removed can be read as long as the mailbox stays selected, and when it is erased for all
// that, the client is told so, gets the other messages, and goes on.
func TestFetchOfWhatIsSwept(t *testing.T) {
	var ahead atomic.Int64
	o := plain()
	o.store = store.Options{Recovery: -1, Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	h := newHouse(t, o)
	for _, text := range []string{"one", "two", "three"} {
		h.put("u1", "INBOX", "Subject: "+text+"\r\n\r\nbody of "+text+"\r\n", store.AddOptions{Flags: store.Seen})
	}
	reader, other := h.login("u1"), h.login("u1")
	defer reader.close()
	defer other.close()
	reader.ok("SELECT INBOX")
	other.ok("SELECT INBOX")
	other.ok(`STORE 2 +FLAGS.SILENT (\Deleted)`)
	other.ok("EXPUNGE")
	other.ok("LOGOUT")
	sweep := func() {
		t.Helper()
		_, err := h.store.Sweep(t.Context())
		h.must(err)
	}
	items := []string{"BODY.PEEK[]", "BODY.PEEK[TEXT]<0.4>", "BODY.PEEK[1]", "BINARY.PEEK[1]", "ENVELOPE", "BODYSTRUCTURE", "(PREVIEW BODY.PEEK[HEADER])"}
	sweep()
	for _, item := range items {
		if all := reader.ok("FETCH 1:3 %s", item); len(all) != 4 {
			t.Errorf("%s while it is pinned: %s", item, raw(all))
		}
	}
	ahead.Store(int64(25 * time.Hour)) // nobody keeps a message longer than a day
	sweep()
	for _, item := range items {
		all := reader.do("FETCH 1:3 %s", item)
		last := all[len(all)-1]
		if len(all) != 3 || last.Name != "NO" || last.Code != "EXPUNGEISSUED" {
			t.Errorf("%s of what is erased: %s", item, raw(all))
		}
	}
	reader.ok("SEARCH BODY body")
	reader.ok("NOOP")
	if all := reader.ok("FETCH 1:2 BODY.PEEK[]"); len(all) != 3 {
		t.Errorf("afterwards: %s", raw(all))
	}
}

// TestSearchOfWhatIsBack: a message that a backup brings back under its old id is found, whatever the text index knows of that id.
func TestSearchOfWhatIsBack(t *testing.T) {
	news, late, engine := search.NewNews(bus.New()), new(struct{ *search.Index }), memkv.New()
	defer engine.Close()
	o := plain()
	o.store, o.imap.Index = store.Options{Recovery: -1, Bus: news}, late
	h := newHouse(t, o)
	late.Index = search.New(search.Options{Store: h.store, Engine: engine, News: news})
	text := func(n int) string { return fmt.Sprintf("Subject: s%d\r\n\r\nneedle %d\r\n", n, n) }
	for n := range 5 {
		h.put("u1", "INBOX", text(n+1), store.AddOptions{})
	}
	sync := func() { h.must(late.Sync(t.Context(), h.accounts["u1"])) }
	a := h.open("u1")
	defer a.Close()
	box, err := a.View().Lookup("INBOX")
	h.must(err)
	h.must(box.Load(t.Context()))
	ids := make(map[int]store.MessageID)
	for e := range box.All() {
		ids[int(e.UID)] = e.Message
	}
	erase := func(uid store.UID) {
		_, err := a.Update(t.Context(), store.Origin{}, func(tx *store.Tx) error {
			_, err := tx.Expunge(box.ID(), []store.UIDRange{{Lo: uid, Hi: uid}})
			return err
		})
		h.must(err)
		swept, err := h.store.Sweep(t.Context())
		h.must(err)
		late.Erased(swept.Accounts)
	}
	c := h.login("u1")
	defer c.close()
	c.ok("SELECT INBOX")
	c.ok("UNSELECT") // and nothing is pinned
	found := func(when, want string) {
		t.Helper()
		c.ok("EXAMINE INBOX")
		for _, key := range []string{"BODY needle", "TEXT needle", `TEXT "eedle "`} {
			if got := raw(c.ok("UID SEARCH RETURN (COUNT) %s", key)); !strings.Contains(got, "COUNT "+want) {
				t.Errorf("%s, %s: %s", when, key, got)
			}
		}
		c.ok("UNSELECT")
	}
	found("before there is an index", "5")
	sync()
	found("with all in the index", "5")
	erase(2)
	h.put("u1", "INBOX", text(2), store.AddOptions{As: ids[2]})
	found("back before the index has heard of it", "5")
	sync()
	found("and then", "5")
	erase(3)
	sync()
	found("without one", "4")
	h.put("u1", "INBOX", text(3), store.AddOptions{As: ids[3]})
	found("back", "5")
	sync()
	found("back, in the index", "5")
}
