package imapd

import (
	"context"
	"errors"
	"io"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// maxAppendHeld bounds one APPEND with several messages, which becomes one transaction: what their records take in it, in octets. The bodies
// are written ahead. It is room for some thousand messages.
const maxAppendHeld = 6 << 20

// APPEND: RFC 9051 6.3.12; several messages at once: RFC 3502; literal8: RFC 3516; UTF8: RFC 6855 4; TOOBIG: RFC 7889 4.
//
//	append = "APPEND" SP mailbox 1*append-message
//
// Whatever can be refused is refused before the client is asked for the message. All messages are added, or none.
//
// deviates: RFC 6855 4 wants messages with 8-bit header fields refused from clients that have not enabled UTF8=ACCEPT. Mail of twenty years has
// such fields, and those who bring it here from elsewhere must not lose it.
func cmdAppend(s *session, ctx context.Context, c *imapwire.Append) (done, error) {
	a := appending{s: s, name: c.Mailbox}
	if err := a.find(ctx); err != nil {
		return done{}, err
	}
	for {
		m, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return done{}, inTransit(err)
		}
		if err := a.take(ctx, m); err != nil {
			return done{}, err
		}
	}
	return a.commit(ctx)
}

// appending is one APPEND.
type appending struct {
	s        *session
	name     imapwire.Mailbox
	to       located
	messages []appended
	held     int // octets that the messages take in the transaction
	octets   uint64
}

// appended is a message that waits to be added.
type appended struct {
	body *store.Body
	opts store.AddOptions
}

func (a *appending) find(ctx context.Context) error {
	var err error
	a.to, err = a.s.locate(ctx, a.name)
	return missing(err)
}

// take reads one message.
func (a *appending) take(ctx context.Context, m *imapwire.AppendMessage) error {
	if err := a.check(m); err != nil {
		return err
	}
	var o store.AddOptions
	o.Flags, o.Keywords = storeFlags(m.Flags)
	o.Internal = m.Date
	r, err := m.Open()
	if err != nil {
		return &connError{err}
	}
	// What came as literal8 may be binary: its line ends are its own business (RFC 3516 4.4).
	w, err := a.s.srv.opts.Store.NewBody(ctx, store.BodyOptions{Binary: m.Binary && !m.UTF8})
	if err != nil {
		return err
	}
	if err := copyBody(w, r); err != nil {
		return err
	}
	body, err := w.Finish(ctx)
	if err != nil {
		return err
	}
	a.held += body.Weight()
	a.messages = append(a.messages, appended{body, o})
	return a.ahead(ctx)
}

// ahead writes the bodies before the transaction, if there are several: it takes so much and no more.
func (a *appending) ahead(ctx context.Context) error {
	if n := len(a.messages); n == 2 {
		if err := a.messages[0].body.Ahead(ctx); err != nil {
			return err
		}
	} else if n < 2 {
		return nil
	}
	return a.messages[len(a.messages)-1].body.Ahead(ctx)
}

// check refuses what cannot be added.
func (a *appending) check(m *imapwire.AppendMessage) error {
	if m.Size == 0 {
		return no("", "no message, nothing appended") // RFC 3502: the client has changed its mind
	}
	if m.Size > a.s.srv.opts.MaxAppend {
		return no(imapwire.CodeTooBig, "the message is too big")
	}
	if a.held > maxAppendHeld {
		return no(imapwire.CodeLimit, "too many messages in one APPEND")
	}
	a.octets += uint64(m.Size)
	if !a.to.box.View().Fits(uint64(len(a.messages)+1), a.octets) {
		return store.ErrOverQuota
	}
	for _, f := range m.Flags {
		if !f.System() && !store.GoodKeyword(string(f)) {
			return store.ErrBadKeyword
		}
	}
	return nil
}

// copyBody reads a message from the client into the store. An error of the client's side ends the connection, one of the
// store's side only the command.
func copyBody(w *store.BodyWriter, r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &connError{err}
		}
	}
}

// commit adds the messages.
func (a *appending) commit(ctx context.Context) (done, error) {
	id := a.to.box.ID()
	var uids imapwire.UIDSet
	_, err := a.to.account.Update(ctx, a.s.origin(), func(tx *store.Tx) error {
		uids = uids[:0]
		for _, m := range a.messages {
			added, err := tx.AddMessage(id, m.body, m.opts)
			if err != nil {
				return err
			}
			uids.Add(imapwire.UID(added.UID))
		}
		return nil
	})
	if err != nil {
		return done{}, missing(err)
	}
	box, err := a.to.account.View().Mailbox(id)
	if errors.Is(err, store.ErrNoMailbox) {
		return done{}, nil // deleted at once, with what was added
	}
	if err != nil {
		return done{}, err
	}
	return done{code: imapwire.CodeAppendUID(box.UIDValidity(), uids)}, nil
}
