package interop

import (
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"restante/test/demo"
)

// TestGoIMAP works through the library of another project, whose parser is
// strict where others guess.
func TestGoIMAP(t *testing.T) {
	s := demo.Start(t, 1)
	c, news := dialGoIMAP(t, s)
	if got := c.Caps(); !got.Has(imap.CapIMAP4rev2) {
		t.Errorf("capabilities %v", got)
	}
	boxes := must(c.List("", "*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true}}).Collect())(t)
	roles := map[imap.MailboxAttr]bool{}
	for _, box := range boxes {
		for _, attr := range box.Attrs {
			roles[attr] = true
		}
	}
	for _, want := range []imap.MailboxAttr{imap.MailboxAttrSent, imap.MailboxAttrTrash, imap.MailboxAttrJunk, imap.MailboxAttrDrafts, imap.MailboxAttrArchive} {
		if !roles[want] {
			t.Errorf("no mailbox is %s", want)
		}
	}

	for n := range 10 {
		text := letter(n + 1)
		w := c.Append("INBOX", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}})
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if data := must(w.Wait())(t); data.UID != imap.UID(n+1) {
			t.Errorf("APPENDUID %d, want %d", data.UID, n+1)
		}
	}
	box := must(c.Select("INBOX", nil).Wait())(t)
	if box.NumMessages != 10 || box.UIDNext != 11 {
		t.Errorf("SELECT: %d messages, UIDNEXT %d", box.NumMessages, box.UIDNext)
	}
	goIMAPFetch(t, c)
	goIMAPChange(t, c)
	goIMAPIdle(t, s, c, news)
	if err := c.Logout().Wait(); err != nil {
		t.Error(err)
	}
}

// must unwraps a result.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// dialGoIMAP logs in; the channel has the numbers that EXISTS tells unasked.
func dialGoIMAP(t *testing.T, s *demo.Server) (*imapclient.Client, <-chan uint32) {
	t.Helper()
	news := make(chan uint32, 100)
	c, err := imapclient.DialInsecure(s.Addr(demo.IMAP), &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				news <- *data.NumMessages
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login("u1", demo.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c, news
}

func goIMAPFetch(t *testing.T, c *imapclient.Client) {
	t.Helper()
	found := must(c.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "letter 7"}}}, nil).Wait())(t)
	if got := found.AllUIDs(); !slices.Equal(got, []imap.UID{7}) {
		t.Errorf("search found %v", got)
	}
	messages := must(c.Fetch(imap.SeqSetNum(7), &imap.FetchOptions{
		Envelope: true, Flags: true, InternalDate: true, RFC822Size: true, UID: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection:   []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect())(t)
	m := messages[0]
	if m.UID != 7 || m.Envelope.Subject != "letter 7" || m.Envelope.From[0].Addr() != "anna@example.org" ||
		m.RFC822Size != int64(len(letter(7))) || m.BodyStructure.MediaType() != "text/plain" ||
		string(m.BodySection[0].Bytes) != string(letter(7)) || time.Since(m.InternalDate) > time.Hour {
		t.Errorf("FETCH: %+v", m)
	}
}

func goIMAPChange(t *testing.T, c *imapclient.Client) {
	t.Helper()
	must(c.Store(imap.SeqSetNum(1, 2), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged, "$Work"}}, nil).Collect())(t)
	if err := c.Create("Projects/Restante", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	moved := must(c.Move(imap.SeqSetNum(1, 2, 3), "Projects/Restante").Wait())(t)
	if moved.UIDValidity == 0 || len(moved.DestUIDs.(imap.UIDSet)) == 0 {
		t.Errorf("MOVE: %+v", moved)
	}
	must(c.Copy(imap.SeqSetNum(1), "Projects/Restante").Wait())(t)
	status := must(c.Status("Projects/Restante", &imap.StatusOptions{NumMessages: true, UIDNext: true, Size: true}).Wait())(t)
	if *status.NumMessages != 4 || status.UIDNext != 5 || *status.Size != int64(len(letter(1))*4) {
		t.Errorf("STATUS: %+v", status)
	}
	must(c.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Collect())(t)
	if gone := must(c.Expunge().Collect())(t); !slices.Equal(gone, []uint32{1}) {
		t.Errorf("EXPUNGE: %v", gone)
	}
}

// goIMAPIdle waits for a delivery.
func goIMAPIdle(t *testing.T, s *demo.Server, c *imapclient.Client, news <-chan uint32) {
	t.Helper()
	for len(news) > 0 {
		<-news
	}
	idle := must(c.Idle())(t)
	deliver(t, s, "u1", letter(11))
	select {
	case n := <-news:
		if n != 7 {
			t.Errorf("IDLE told of %d messages, want 7", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("IDLE told nothing within 10 s of a delivery")
	}
	if err := idle.Close(); err != nil {
		t.Error(err)
	}
	if err := idle.Wait(); err != nil {
		t.Error(err)
	}
}
