package pop3d_test

import (
	"io"
	"strings"
	"testing"

	"restante/internal/store"
)

// imported puts messages into an INBOX as an importer does, each with the UIDL that it had elsewhere, if it had one.
func (h *house) imported(who string, uidls ...string) {
	h.t.Helper()
	ctx := h.t.Context()
	h.open(who, func(a *store.Account, inbox *store.MailboxView) {
		for _, uidl := range uidls {
			w, err := h.store.NewBody(ctx, store.BodyOptions{})
			h.must(err)
			_, err = io.WriteString(w, "Subject: "+uidl+"\r\n\r\n")
			h.must(err)
			body, err := w.Finish(ctx)
			h.must(err)
			_, err = a.Update(ctx, store.Origin{Protocol: store.ProtocolImport}, func(tx *store.Tx) error {
				_, err := tx.AddMessage(inbox.ID(), body, store.AddOptions{UIDL: uidl})
				return err
			})
			h.must(err)
		}
	})
}

// TestUIDLOfAnotherServer is scene F for the server's side: what came from another server with a UIDL is listed under it, so that a
// client which remembers that it has taken it takes nothing again; what came without one and what is new have our own.
func TestUIDLOfAnotherServer(t *testing.T) {
	inHouse(t, nil, func(h *house) {
		h.imported("u1", "000000015ea6f500", "", strings.Repeat("~", 70))
		h.fill("u1", 1)
		h.double("u1", 1)
		var seed store.Seed
		var ids []store.MessageID
		h.open("u1", func(a *store.Account, inbox *store.MailboxView) {
			seed = a.View().Seed()
			for e := range inbox.All() {
				ids = append(ids, e.Message)
			}
		})
		want := "1 000000015ea6f500\r\n2 " + seed.EmailID(ids[1]) + "\r\n3 " + strings.Repeat("~", 70) + "\r\n4 " + seed.EmailID(ids[3]) + "\r\n.\r\n"
		got := talk(t, h.dial(), "USER u1\r\nPASS pass\r\nUIDL\r\nUIDL 3\r\nUIDL 2\r\nDELE 1\r\nUIDL\r\nUIDL 1\r\nUIDL 9\r\nQUIT\r\n")
		for _, part := range []string{
			want, "+OK 3 " + strings.Repeat("~", 70) + "\r\n", "+OK 2 " + seed.EmailID(ids[1]) + "\r\n",
			"\r\n" + want[strings.Index(want, "2 "):], "-ERR message 1 is deleted", "-ERR no such message",
		} {
			if !strings.Contains(got, part) {
				t.Errorf("%q is missing in\n%s", part, got)
			}
		}
	})
}
