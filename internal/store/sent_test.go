package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"restante/internal/store"
)

// mine is a message as its sender's program wrote it, and as the server sends it.
func mine(id, bcc, text string) string {
	return "From: a@example.org\r\n" + bcc + "Message-ID: <" + id + "@example.org>\r\n\r\n" + text + "\r\n"
}

// append adds a message to a mailbox as a client does.
func (f *fixture) append(h *store.Account, path, text string, flags store.Flags) (added store.Added) {
	f.t.Helper()
	body := f.body(text)
	f.update(h, func(tx *store.Tx) error {
		to, err := tx.Lookup(path)
		if err != nil {
			return err
		}
		added, err = tx.AddMessage(to, body, store.AddOptions{Flags: flags, Once: true})
		return err
	})
	return added
}

func (f *fixture) saveSent(h *store.Account, text string) store.Added {
	f.t.Helper()
	added, err := h.SaveSent(context.Background(), store.Origin{}, f.body(text), store.AddOptions{Flags: store.Seen, Prepend: []byte("Bcc: c@example.com\r\n")})
	if err != nil {
		f.t.Fatal(err)
	}
	return added
}

// Whoever saves a sent message first, the server or its sender's program, there is one.
func TestOneSentCopy(t *testing.T) {
	f := newFixture(t)
	h := f.account()
	sent := func(want uint32) {
		t.Helper()
		if got := f.box(h, "Sent").Len(); uint32(got) != want {
			t.Errorf("%d messages in Sent, want %d", got, want)
		}
	}
	server := f.saveSent(h, mine("1", "", "hello"))
	client := f.append(h, "Sent", mine("1", "Bcc: c@example.com\r\n", "hello"), store.Flagged)
	if !client.Duplicate || client.UID != server.UID || client.Message != server.Message {
		t.Errorf("the server's %+v, then the client's %+v", server, client)
	}
	if e := f.box(h, "Sent").At(0); e.Flags != store.Seen|store.Flagged {
		t.Errorf("flags %v", e.Flags)
	}
	sent(1)
	before := f.append(h, "Sent", mine("2", "Bcc: c@example.com\r\n", "hello"), store.Seen)
	if after := f.saveSent(h, mine("2", "", "hello")); before.Duplicate || !after.Duplicate || after.UID != before.UID {
		t.Errorf("the client's %+v, then the server's %+v", before, after)
	}
	sent(2)
	// Another text is another message, and so is one without an id.
	f.saveSent(h, mine("1", "", strings.Repeat("more ", 10)))
	f.append(h, "Sent", mine("3", "", "hello"), 0)
	for range 2 {
		f.saveSent(h, "From: a@example.org\r\n\r\nno id\r\n")
	}
	sent(6)
	// What a client adds twice by itself, or to another mailbox, it means.
	f.append(h, "Sent", mine("3", "", "hello"), 0)
	f.append(h, "Archive", mine("1", "", "hello"), 0)
	if f.append(h, "Archive", mine("1", "", "hello"), 0).Duplicate {
		t.Error("Archive is not Sent")
	}
	sent(7)
	// What was moved away, and what was sent long ago, can be added again.
	f.update(h, func(tx *store.Tx) error {
		from, _ := tx.Lookup("Sent")
		to, _ := tx.Lookup("Archive")
		_, err := tx.Move(from, []store.UIDRange{{Lo: server.UID, Hi: server.UID}}, to)
		return err
	})
	if f.append(h, "Sent", mine("1", "", "hello"), 0).Duplicate {
		t.Error("the copy had been moved away")
	}
	f.saveSent(h, mine("4", "", "hello"))
	f.clock.add(25 * time.Hour)
	if f.append(h, "Sent", mine("4", "", "hello"), 0).Duplicate {
		t.Error("a day later it is no copy of what was just sent")
	}
}
