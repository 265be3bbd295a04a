package imapd_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
)

// foreign is a client that we did not write, logged in. It hears of what others do on the channel.
func foreign(t *testing.T, h *house) (*imapclient.Client, <-chan uint32) {
	t.Helper()
	exists := make(chan uint32, 10)
	c := imapclient.New(h.dial(), &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				exists <- *data.NumMessages
			}
		},
	}})
	t.Cleanup(func() { c.Close() })
	if err := c.Login("u1@demo.test", "pass").Wait(); err != nil {
		t.Fatal(err)
	}
	return c, exists
}

func TestForeignMailboxes(t *testing.T) {
	c, _ := foreign(t, newHouse(t, plain()))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Create("Projekte/Größe", nil).Wait())
	must(c.Subscribe("Projekte/Größe").Wait())
	list, err := c.List("", "*", &imap.ListOptions{
		ReturnSpecialUse: true, ReturnSubscribed: true, ReturnChildren: true,
		ReturnStatus: &imap.StatusOptions{NumMessages: true, UIDNext: true, NumUnseen: true, Size: true},
	}).Collect()
	must(err)
	var names []string
	for _, l := range list {
		names = append(names, l.Mailbox)
		if l.Mailbox == "Sent" && !slices.Contains(l.Attrs, imap.MailboxAttrSent) {
			t.Errorf("Sent: %v", l.Attrs)
		}
		if l.Status == nil || *l.Status.NumMessages != 0 {
			t.Errorf("%s: status %+v", l.Mailbox, l.Status)
		}
	}
	if diff := cmp.Diff([]string{"INBOX", "Archive", "Drafts", "Junk", "Projekte", "Projekte/Größe", "Sent", "Trash"}, names); diff != "" {
		t.Error(diff)
	}
	must(c.Rename("Projekte", "Alt", nil).Wait())
	must(c.Delete("Alt/Größe").Wait())
	ns, err := c.Namespace().Wait()
	must(err)
	if len(ns.Personal) != 1 || ns.Personal[0].Delim != '/' || len(ns.Other) != 1 || ns.Other[0].Prefix != "Other Users/" {
		t.Errorf("namespace %+v", ns)
	}
	id, err := c.ID(&imap.IDData{Name: "test"}).Wait()
	must(err)
	if id.Name != "Restante" {
		t.Errorf("id %+v", id)
	}
	must(c.Logout().Wait())
}

func TestForeignMessages(t *testing.T) {
	c, _ := foreign(t, newHouse(t, plain()))
	p := &player{house: &house{t: t}}
	text := p.message("nested")
	app := c.Append("INBOX", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDraft}, Time: time.Unix(1e9, 0)})
	if _, err := io.WriteString(app, text); err != nil {
		t.Fatal(err)
	}
	if err := app.Close(); err != nil {
		t.Fatal(err)
	}
	added, err := app.Wait()
	if err != nil || added.UID != 1 {
		t.Fatal(added, err)
	}
	sel, err := c.Select("INBOX", nil).Wait()
	if err != nil || sel.NumMessages != 1 || sel.UIDNext != 2 {
		t.Fatal(sel, err)
	}
	html := &imap.FetchItemBodySection{Part: []int{3, 2}, Peek: true}
	zero := &imap.FetchItemBinarySection{Part: []int{2}, Peek: true}
	got, err := c.Fetch(imap.UIDSetNum(1), &imap.FetchOptions{
		Flags: true, Envelope: true, InternalDate: true, RFC822Size: true, UID: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{html},
		BinarySection: []*imap.FetchItemBinarySection{zero},
	}).Collect()
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	m := got[0]
	if m.Envelope.Subject != "nested" || m.RFC822Size != int64(len(text)) || !m.InternalDate.Equal(time.Unix(1e9, 0)) || m.UID != 1 {
		t.Errorf("%+v", m)
	}
	if s := string(m.FindBodySection(html)); s != "<p>html of the <b>inner</b></p>" {
		t.Errorf("3.2 is %q", s)
	}
	if s := string(m.FindBinarySection(zero)); s != "\x00\x01\x02\x03\x04\x05\x06\x07" {
		t.Errorf("binary 2 is %q", s)
	}
	if m.BodyStructure.MediaType() != "multipart/mixed" {
		t.Errorf("structure %v", m.BodyStructure.MediaType())
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Body: []string{"grüße"}}, nil).Wait()
	if err != nil || !slices.Equal(found.AllUIDs(), []imap.UID{1}) {
		t.Error(found, err)
	}
	stored, err := c.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{"$Forwarded"}}, nil).Collect()
	if err != nil || len(stored) != 1 || !slices.Contains(stored[0].Flags, "$Forwarded") {
		t.Error(stored, err)
	}
	copied, err := c.Copy(imap.SeqSetNum(1), "Sent").Wait()
	if err != nil || copied.DestUIDs.String() != "1" {
		t.Error(copied, err)
	}
	moved, err := c.Move(imap.SeqSetNum(1), "Archive").Wait()
	if err != nil || moved.DestUIDs == nil {
		t.Error(moved, err)
	}
	if err := c.UnselectAndExpunge().Wait(); err != nil {
		t.Error(err)
	}
}

func TestForeignIdle(t *testing.T) {
	h := newHouse(t, plain())
	c, exists := foreign(t, h)
	other, _ := foreign(t, h)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	for len(exists) > 0 {
		<-exists
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	text := "Subject: news\r\n\r\n"
	app := other.Append("INBOX", int64(len(text)), nil)
	io.WriteString(app, text)
	app.Close()
	if _, err := app.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := <-exists; n != 1 {
		t.Errorf("%d EXISTS", n)
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
}
