package imapd

import (
	"context"
	"errors"
	"io"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
	"restante/internal/store"
)

// maxAppendHeld bounds one APPEND with several messages, which becomes one transaction: what their records take in it, in octets. The bodies
// are written ahead. It is room for some thousand messages.
const maxAppendHeld = 6 << 20

// APPEND: RFC 9051 6.3.12; several messages at once: RFC 3502; literal8: RFC 3516; UTF8: RFC 6855 4; TOOBIG: RFC 7889 4; CATENATE: catenate.go.
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
	if err := a.takeAll(ctx, c); err != nil {
		return done{}, err
	}
	code, err := a.commit(ctx, nil)
	return done{code: code}, err
}

// appending is one APPEND.
type appending struct {
	s        *session
	name     imapwire.Mailbox
	to       located
	messages []appended
	held     int // octets that the messages take in the transaction
	octets   uint64
	instead  *store.Entry // the message that goes in the same transaction, nil for none
}

// appended is a message that waits to be added.
type appended struct {
	body *store.Body
	opts store.AddOptions
}

func (a *appending) find(ctx context.Context) error {
	var err error
	a.to, err = a.s.locateFor(ctx, a.name, store.RightInsert)
	return missing(err, a.name)
}

// takeAll reads the messages of a command.
func (a *appending) takeAll(ctx context.Context, c *imapwire.Append) error {
	for {
		m, err := c.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return inTransit(err)
		}
		if err = a.s.appendable(len(a.messages)); err == nil {
			err = a.take(ctx, m)
		}
		if err != nil {
			return err
		}
	}
}

// take reads one message.
func (a *appending) take(ctx context.Context, m *imapwire.AppendMessage) error {
	if err := a.s.off.message(m, len(a.messages)); err != nil {
		return err
	}
	if err := a.check(m); err != nil {
		return err
	}
	o := store.AddOptions{Once: a.instead == nil}
	o.Flags, o.Keywords = storeFlags(m.Flags)
	o.Internal = m.Date
	// What came as literal8 may be binary: its line ends are its own business (RFC 3516 4.4).
	w, err := a.s.srv.opts.Store.NewBody(ctx, store.BodyOptions{Binary: m.Binary && !m.UTF8})
	if err != nil {
		return err
	}
	if m.Catenate {
		err = a.catenate(ctx, m, w)
	} else if m.Binary && !m.UTF8 && m.Size <= maxArmour {
		err = a.readBinary(m, w)
	} else {
		err = a.read(m.Size, m.Open, w)
	}
	if err != nil {
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

// read reads a literal into the store, if there is room for it.
func (a *appending) read(size int64, open func() (io.Reader, error), w *store.BodyWriter) error {
	if err := a.room(size, w); err != nil {
		return err
	}
	r, err := open()
	if err != nil {
		return &connError{err}
	}
	return copyBody(w, r)
}

// maxArmour bounds a message that came as literal8 and is held in memory to encode what is binary in it.
//
// deviates: RFC 3516 4.3 wants binary parts encoded whenever a whole message is fetched. Larger messages than this are given out as they came.
const maxArmour = 8 << 20

// readBinary is read for a literal8: what has NUL in it becomes base64, for no other command could say it (RFC 3516 4.3).
func (a *appending) readBinary(m *imapwire.AppendMessage, w *store.BodyWriter) error {
	if err := a.room(m.Size, w); err != nil {
		return err
	}
	r, err := m.Open()
	if err != nil {
		return &connError{err}
	}
	message, err := io.ReadAll(r)
	if err != nil {
		return &connError{err}
	}
	_, err = w.Write(mime.WithoutNUL(message))
	return err
}

// room refuses so many octets more of a message if they are too many.
func (a *appending) room(size int64, w *store.BodyWriter) error {
	if size > a.s.srv.opts.MaxAppend-w.Size() {
		return no(imapwire.CodeTooBig, "the message is too big")
	}
	a.octets += uint64(size)
	messages, octets := len(a.messages)+1, a.octets
	if a.instead != nil {
		messages, octets = messages-1, octets-min(octets, a.instead.Size)
	}
	if !a.to.box.View().Fits(uint64(messages), octets) {
		return store.ErrOverQuota
	}
	return nil
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
	if m.Size == 0 && !m.Catenate {
		return no("", "no message, nothing appended") // RFC 3502: the client has changed its mind
	}
	if a.held > maxAppendHeld {
		return no(imapwire.CodeLimit, "too many messages in one APPEND")
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

// commit adds the messages, in one transaction with what first does there, and returns the code that says where they are.
func (a *appending) commit(ctx context.Context, first func(*store.Tx) error) (imapwire.Code, error) {
	id := a.to.box.ID()
	var uids imapwire.UIDSet
	_, err := a.to.account.Update(ctx, a.s.origin(), func(tx *store.Tx) error {
		if first != nil {
			if err := first(tx); err != nil {
				return err
			}
		}
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
		return "", missing(err, a.name)
	}
	box, err := a.to.account.View().Mailbox(id)
	if errors.Is(err, store.ErrNoMailbox) {
		return "", nil // deleted at once, with what was added
	}
	if err != nil {
		return "", err
	}
	return imapwire.CodeAppendUID(box.UIDValidity(), uids), nil
}
