package imapd

import (
	"context"
	"errors"
	"io"
	"math"

	"restante/internal/proto/imapurl"
	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
	"restante/internal/store"
)

// catenate puts a message together of text that the client sends and of parts of messages that are here (RFC 4469 3). Each part goes into the store
// as it comes, so that no more than one URL is held.
func (a *appending) catenate(ctx context.Context, m *imapwire.AppendMessage, w *store.BodyWriter) error {
	for {
		p, err := m.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return inTransit(err)
		}
		if p.URL != "" {
			err = a.copyURL(ctx, p.URL, w)
		} else {
			w.Verbatim(p.Binary && !p.UTF8)
			err = a.read(p.Size, p.Open, w)
		}
		if err != nil {
			return err
		}
	}
	if w.Size() == 0 {
		return no("", "no message, nothing appended")
	}
	return nil
}

// copyURL copies what a URL stands for, octet by octet. No flag is set by that (RFC 4469 3).
func (a *appending) copyURL(ctx context.Context, text string, w *store.BodyWriter) error {
	t, err := a.s.ownURL(ctx, text)
	if err != nil {
		if errors.Is(err, errBadURL) {
			return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeBadURL(text), Text: "nothing can be had by this URL", Err: err}
		}
		return err
	}
	if err := a.room(t.size(), w); err != nil {
		return err
	}
	w.Verbatim(true)
	return t.copyTo(ctx, w)
}

// errBadURL says that a URL stands for nothing: it is none, or what it names is not there, or not for this user. Which of these is
// nobody's business.
var errBadURL = errors.New("imapd: bad URL")

// badURL is errBadURL with the reason, for the log.
func badURL(reason error) error { return errors.Join(errBadURL, reason) }

// ownURL finds what a URL without a server stands for (RFC 4469 3). The base is the session's user and, in the selected state, the mailbox.
//
// deviates: RFC 5092 7.2 wants no relative paths, yet 9.1 has ";UID=20" for a message of the base's mailbox. So it means here.
func (s *session) ownURL(ctx context.Context, text string) (*target, error) {
	u, err := imapurl.Parse(text)
	if err != nil {
		return nil, badURL(err)
	}
	if u.Server != nil || !u.Message() || u.Partial != (imapurl.Partial{}) && s.off.has("URL-PARTIAL") {
		return nil, badURL(errors.New("no message of this session"))
	}
	if u.Mailbox == "" && s.sel == nil {
		return nil, badURL(errors.New("no mailbox is selected"))
	}
	at, err := s.urlMailbox(ctx, u)
	if err != nil {
		if errors.Is(err, store.ErrNoMailbox) || errors.Is(err, store.ErrNoSelect) || errors.Is(err, store.ErrNoPerm) {
			err = badURL(err)
		}
		return nil, err
	}
	return follow(ctx, at, u)
}

// urlMailbox is the mailbox that a URL names, as it is now, and with the rights of now: the command may have begun long ago.
func (s *session) urlMailbox(ctx context.Context, u *imapurl.URL) (located, error) {
	if u.Mailbox != "" {
		return s.locate(ctx, imapwire.Mailbox(u.Mailbox))
	}
	box, err := s.sel.account.View().Mailbox(s.sel.id)
	if err != nil {
		return located{}, err
	}
	rights := box.Rights(s.visitor)
	return located{s.sel.account, box, s.sel.prefix, rights}, store.Permit(rights, store.RightRead)
}

// target is what a URL stands for: octets of a message.
type target struct {
	message *store.Message
	section imapwire.Section
	partial imapwire.Partial
	value   value // of the section, not decoded
}

// follow finds what a URL names in a mailbox: BODY.PEEK[section]<partial> of a message (RFC 5092 6; RFC 5550 5.7.1).
func follow(ctx context.Context, at located, u *imapurl.URL) (*target, error) {
	t := new(target)
	var err error
	if t.section, err = imapwire.ParseSection(u.Section); err != nil {
		return nil, badURL(err)
	}
	if u.UIDValidity != 0 && u.UIDValidity != at.box.UIDValidity() {
		return nil, badURL(errors.New("another UIDVALIDITY"))
	}
	uid := store.UID(u.UID)
	if err := at.box.LoadUIDs(ctx, store.UIDRange{Lo: uid, Hi: uid}); err != nil {
		return nil, err
	}
	e := at.box.Entry(uid)
	if e == nil {
		return nil, badURL(store.ErrNoMessage)
	}
	if t.message, err = at.account.Message(ctx, e.Message, store.WantStructure); err != nil {
		if errors.Is(err, store.ErrNoMessage) {
			err = badURL(err)
		}
		return nil, err
	}
	if t.value, err = new(fetcher).section(ctx, t.message, &t.section, mime.NewFieldSet(t.section.Fields...)); err != nil {
		return nil, err
	}
	if t.value.null {
		return nil, badURL(errors.New("no such part"))
	}
	t.partial = imapwire.Partial(u.Partial)
	if t.partial.Offset > 0 && t.partial.Count == 0 {
		t.partial.Count = math.MaxInt64 // RFC 5092 11, partial-range: without a length it goes to the end
	}
	t.value.cut(t.partial)
	return t, nil
}

// size is the number of octets.
func (t *target) size() int64 {
	if t.value.text != nil {
		return int64(len(t.value.text))
	}
	return t.value.n
}

// copyTo writes the octets.
func (t *target) copyTo(ctx context.Context, w io.Writer) error {
	if t.value.text != nil {
		_, err := w.Write(t.value.text)
		return err
	}
	return t.message.CopyRange(ctx, w, t.value.off, t.value.n)
}
