package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/ops/backup"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// anna opens anna's account.
func (c *Core) anna(t *testing.T) *store.Account {
	t.Helper()
	a, err := c.Account(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.store.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// box is a mailbox of anna's, all of it.
func box(t *testing.T, h *store.Account, path string) *store.MailboxView {
	t.Helper()
	m, err := h.View().Lookup(path)
	if err == nil {
		err = m.Load(t.Context())
	}
	if err != nil {
		t.Fatal(path, err)
	}
	return m
}

func update(t *testing.T, h *store.Account, fn func(tx *store.Tx) error) {
	t.Helper()
	if _, err := h.Update(t.Context(), store.Origin{Protocol: store.ProtocolIMAP}, fn); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreOfTheWholeServer loses a server that has gone on after its backup.
func TestRestoreOfTheWholeServer(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	h.deliver(t, "one")
	h.deliver(t, "two")
	if _, err := h.AddDevice(t.Context(), admind.NewDevice{Address: "anna@example.org", Name: "Phone"}); err != nil {
		t.Fatal(err)
	}
	h.backedUp(t, to)
	h.deliver(t, "three")
	anna := h.anna(t)
	lost := box(t, anna, "INBOX")
	if err := h.stop(); err != nil {
		t.Error(err)
	}

	data := filepath.Join(dir, "restored")
	s, done, err := Restore(t.Context(), RestoreOptions{From: to, Data: data})
	if err != nil || done.Accounts != 1 || s == nil {
		t.Fatalf("%+v, %+v, %v", s, done, err)
	}
	if _, _, err := Restore(t.Context(), RestoreOptions{From: to, Data: data}); err == nil {
		t.Error("it was written over a store")
	}
	core := openData(t, data)
	if v, err := core.Verify(t.Context(), true); err != nil || v.Total != 0 || v.Messages != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	back := core.anna(t)
	m := box(t, back, "INBOX")
	if m.UIDValidity() <= lost.UIDValidity() || m.Len() != 2 {
		t.Errorf("UIDVALIDITY %d after %d, %d messages", m.UIDValidity(), lost.UIDValidity(), m.Len())
	}
	for i := range m.Len() {
		if m.At(i).Message != lost.At(i).Message {
			t.Errorf("%+v was %+v", m.At(i), lost.At(i))
		}
	}
	body := bodyOf(t, core.store, "new")
	var added store.Added
	update(t, back, func(tx *store.Tx) (err error) {
		added, err = tx.AddMessage(m.ID(), body, store.AddOptions{})
		return err
	})
	if added.Message <= lost.At(2).Message {
		t.Errorf("id %d, the lost server had got to %d", added.Message, lost.At(2).Message)
	}
	devices := 0
	for range core.Devices(t.Context(), "anna@example.org") {
		devices++
	}
	if devices == 0 {
		t.Error("the devices are gone")
	}
}

func bodyOf(t *testing.T, s *store.Store, text string) *store.Body {
	t.Helper()
	w, err := s.NewBody(t.Context(), store.BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("Subject: " + text + "\r\n\r\n" + text + "\r\n")); err != nil {
		t.Fatal(err)
	}
	b, err := w.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// broughtBack runs a restore of anna's and says what it brought, as "mailbox from subject".
func (h *house) broughtBack(t *testing.T, r admind.BackupRequest) (list []string) {
	t.Helper()
	r.Address = "anna@example.org"
	for m, err := range h.BringBack(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.TrimSpace(m.Mailbox+" "+m.From+" "+m.Subject))
	}
	slices.Sort(list)
	return list
}

// fill gives anna five messages, one of them in two mailboxes, and returns their ids by their subjects.
func (h *house) fill(t *testing.T, anna *store.Account, internal time.Time) map[string]store.MessageID {
	t.Helper()
	ids := make(map[string]store.MessageID)
	update(t, anna, func(tx *store.Tx) error { _, err := tx.CreateMailbox("Projects", store.RoleNone); return err })
	for _, m := range []struct{ path, subject string }{{"INBOX", "stays"}, {"INBOX", "moved"}, {"INBOX", "removed"}, {"Projects", "erased"}, {"Projects", "twice"}} {
		body := bodyOf(t, h.store, m.subject)
		update(t, anna, func(tx *store.Tx) error {
			id, err := tx.Lookup(m.path)
			if err != nil {
				return err
			}
			a, err := tx.AddMessage(id, body, store.AddOptions{Flags: store.Flagged, Keywords: []string{"work"}, Internal: internal})
			ids[m.subject] = a.Message
			if err == nil && m.subject == "twice" {
				var archive store.MailboxID
				if archive, err = tx.ByRole(store.RoleArchive); err == nil {
					_, err = tx.Copy(id, []store.UIDRange{{Lo: a.UID, Hi: a.UID}}, archive)
				}
			}
			return err
		})
	}
	return ids
}

// lose moves one of the messages, removes one, and erases all of Projects for good.
func (h *house) lose(t *testing.T, anna *store.Account) {
	t.Helper()
	update(t, anna, func(tx *store.Tx) error {
		inbox, _ := tx.Lookup("INBOX")
		trash, err := tx.ByRole(store.RoleTrash)
		if err == nil {
			_, err = tx.Move(inbox, []store.UIDRange{{Lo: 2, Hi: 2}}, trash)
		}
		if err == nil {
			_, err = tx.Expunge(inbox, []store.UIDRange{{Lo: 3, Hi: 3}})
		}
		if err == nil {
			var a store.MailboxID
			if a, err = tx.ByRole(store.RoleArchive); err == nil {
				_, err = tx.Expunge(a, []store.UIDRange{{Lo: 1, Hi: 1}})
			}
		}
		if err == nil {
			p, _ := tx.Lookup("Projects")
			err = tx.DeleteMailbox(p)
		}
		return err
	})
	if n, err := h.EraseRemoved(t.Context(), admind.RemovedFilter{Address: "anna@example.org", Mailbox: "Projects"}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	for range 3 {
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

}

func TestRestoreOfAnAccount(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	anna := h.anna(t)
	internal := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	ids := h.fill(t, anna, internal)
	h.backedUp(t, to)
	h.lose(t, anna)

	plan := []string{"Archive backup twice", "INBOX removed removed", "Projects backup erased", "Projects backup twice"}
	if got := h.broughtBack(t, admind.BackupRequest{From: to}); !slices.Equal(got, plan) {
		t.Errorf("would bring back %q", got)
	}
	if got := h.broughtBack(t, admind.BackupRequest{From: to, Mailbox: "Projects"}); len(got) != 2 {
		t.Errorf("of Projects %q", got)
	}
	if got := h.broughtBack(t, admind.BackupRequest{From: to, Do: true}); len(got) != len(plan) {
		t.Errorf("brought back %q", got)
	}
	if got := h.broughtBack(t, admind.BackupRequest{From: to, Do: true}); len(got) != 0 {
		t.Errorf("a second time %q", got)
	}
	projects := box(t, anna, "Projects")
	for i, subject := range []string{"erased", "twice"} {
		e := projects.At(i)
		if e.Message != ids[subject] || e.Flags != store.Flagged || !store.InternalDate(e).Equal(internal) || !slices.Equal(slices.Collect(projects.View().KeywordsOf(e)), []string{"work"}) {
			t.Errorf("%s is %+v, was %d", subject, e, ids[subject])
		}
	}
	if a := box(t, anna, "Archive"); a.Len() != 1 || a.At(0).Message != ids["twice"] {
		t.Errorf("the archive has %d", a.Len())
	}
	if in := box(t, anna, "INBOX"); in.Len() != 2 || in.At(1).Message != ids["removed"] {
		t.Errorf("INBOX has %d", in.Len())
	}
	beside := h.broughtBack(t, admind.BackupRequest{From: to, Into: "Then", Do: true})
	again := h.broughtBack(t, admind.BackupRequest{From: to, Into: "Then", Do: true})
	if len(beside) != 6 || len(again) != 0 {
		t.Errorf("beside %q, again %q", beside, again)
	}
	if m := box(t, anna, "Then/INBOX"); m.Len() != 3 || m.At(1).Message != ids["moved"] {
		t.Errorf("Then/INBOX has %d", m.Len())
	}
	if v, err := h.Verify(t.Context(), true); err != nil || v.Total != 0 || v.Messages != 5 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := os.Stat(filepath.Join(h.config.Data, lookScratch)); !os.IsNotExist(err) {
		t.Error("the snapshot stays behind")
	}
	r, err := backup.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Snapshots()
	if err == nil {
		err = r.Verify(t.Context(), all, nil)
	}
	if err != nil {
		t.Errorf("looking into it changed it: %v", err)
	}
}

// TestAccountMadeAnew: who was removed altogether, and has the address again, gets the mail of then.
func TestAccountMadeAnew(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	h.deliver(t, "one")
	uidl := h.pop3(t, "USER anna@example.org", "PASS geheim", "UIDL 1", "QUIT")
	h.backedUp(t, to)
	if err := h.RemoveAccount(t.Context(), "anna@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddAccount(t.Context(), admind.NewAccount{Address: "anna@example.org", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	if got := h.broughtBack(t, admind.BackupRequest{From: to, Do: true}); !slices.Equal(got, []string{"INBOX backup"}) {
		t.Errorf("%q", got)
	}
	h.broughtBack(t, admind.BackupRequest{From: to, Do: true})
	if got := h.pop3(t, "USER anna@example.org", "PASS geheim", "STAT", "QUIT"); !strings.Contains(got, "+OK 1 ") {
		t.Error(got)
	}
	if got := h.pop3(t, "USER anna@example.org", "PASS geheim", "UIDL 1", "QUIT"); !strings.Contains(got, strings.Split(uidl, "\n")[3]) {
		t.Errorf("%s, was %s", got, uidl)
	}
	if v, err := h.Verify(t.Context(), true); err != nil || v.Total != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestRestoreOfAMessage brings one message back, first into its place and then beside, as it was at a time.
func TestRestoreOfAMessage(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "backup")
	h := start(t, dir).furnished(t)
	anna := h.anna(t)
	internal := time.Date(2001, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	flagged := store.AddOptions{Flags: store.Flagged, Keywords: []string{"work"}, Internal: internal}
	var added store.Added
	for _, id := range []string{"one@example.net", "two@example.net"} {
		body := bodyOf(t, h.store, "about "+id+"\r\nMessage-ID: <"+id+">")
		update(t, anna, func(tx *store.Tx) error {
			inbox, err := tx.Lookup("INBOX")
			if err == nil {
				added, err = tx.AddMessage(inbox, body, flagged)
			}
			return err
		})
	}
	uidl := h.pop3(t, "USER anna@example.org", "PASS geheim", "UIDL 2", "QUIT")
	then := h.backedUp(t, to)
	update(t, anna, func(tx *store.Tx) error {
		inbox, err := tx.Lookup("INBOX")
		if err == nil {
			_, err = tx.Expunge(inbox, []store.UIDRange{{Lo: 1, Hi: 2}})
		}
		return err
	})
	if n, err := h.EraseRemoved(t.Context(), admind.RemovedFilter{Address: "anna@example.org"}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	h.backedUp(t, to) // of later, without them

	two := admind.BackupRequest{From: to, At: then.Time, MessageID: "<two@example.net>", Do: true}
	if got := h.broughtBack(t, two); !slices.Equal(got, []string{"INBOX backup"}) {
		t.Errorf("%q", got)
	}
	two.Beside = true
	beside := "Restored " + then.Time.Local().Format(time.DateOnly) + "/INBOX"
	if got := h.broughtBack(t, two); !slices.Equal(got, []string{beside + " copy"}) {
		t.Errorf("%q", got)
	}
	two.MessageID, two.ID = "", anna.View().Seed().EmailID(added.Message)
	if got := h.broughtBack(t, two); len(got) != 0 {
		t.Errorf("again: %q", got)
	}
	for _, path := range []string{"INBOX", beside} {
		m := box(t, anna, path)
		if m.Len() != 1 {
			t.Fatalf("%s has %d messages", path, m.Len())
		}
		e := m.At(0)
		if e.Message != added.Message || e.Flags != store.Flagged || !store.InternalDate(e).Equal(internal) || !slices.Equal(slices.Collect(m.View().KeywordsOf(e)), []string{"work"}) {
			t.Errorf("in %s it is %+v", path, e)
		}
	}
	got := h.pop3(t, "USER anna@example.org", "PASS geheim", "UIDL 1", "QUIT")
	if _, id, _ := strings.Cut(strings.Split(uidl, "\n")[3], "+OK 2 "); id == "" || !strings.Contains(got, "+OK 1 "+id) {
		t.Errorf("%s, was %s", got, uidl)
	}
	for _, none := range []admind.BackupRequest{{At: then.Time, MessageID: "nobody@example.net"}, {MessageID: "two@example.net", Mailbox: "Nowhere"}} {
		none.From, none.Address = to, "anna@example.org"
		for _, err := range h.BringBack(t.Context(), none) {
			if err == nil {
				t.Errorf("%+v was found", none)
			}
		}
	}
	if v, err := h.Verify(t.Context(), true); err != nil || v.Total != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}
