package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"restante/internal/proto/mime"
	"restante/internal/store/keys"
)

// What is looked at to find a message's twin in Sent: one saves it and then the other, the server and the client, and seldom a day later.
const (
	twinAge   = 24 * time.Hour
	twinsSeen = 100
	// twinGap is by how many octets they may differ: a Date, a Message-ID and a From that the server has added, or a Bcc that the program has kept to itself.
	twinGap = 4 << 10
)

// SaveSent adds a message that its owner has sent to the mailbox that is for that, or finds it there: Added.Duplicate. What his program adds after that is the
// same message, too: AddOptions.Once. ErrNoMailbox says that there is no such mailbox.
func (h *Account) SaveSent(ctx context.Context, o Origin, body *Body, opts AddOptions) (added Added, err error) {
	_, err = h.Update(ctx, o, func(tx *Tx) error {
		to, err := tx.ByRole(RoleSent)
		if err != nil {
			return err
		}
		e, err := tx.lastSent(to, body, uint64(len(opts.Prepend))+body.staged.Size)
		if err != nil {
			return err
		}
		if e != nil {
			added, err = tx.again(to, e, &opts)
			return err
		}
		if added, err = tx.AddMessage(to, body, opts); err == nil && body.parsed.MessageID != "" {
			tx.put(keys.ImportedKey(tx.a.id, tx.sentSource(body)), keys.EncodeID(added.Message))
		}
		return err
	})
	return added, err
}

// sentSource is the name under which it is remembered that the server has saved a message.
func (tx *Tx) sentSource(body *Body) (id SourceID) {
	m := hmac.New(sha256.New, derive(tx.a.store.secret[:], "sent", uint64(tx.a.id)))
	m.Write([]byte(body.parsed.MessageID))
	copy(id[:], m.Sum(nil))
	return id
}

// lastSent finds a message of about that size among the last of Sent: one that the sender's program has saved before it sent it.
func (tx *Tx) lastSent(to MailboxID, body *Body, size uint64) (*Entry, error) {
	d, err := tx.selectable(to)
	if err != nil || body.parsed.MessageID == "" {
		return nil, err
	}
	seen, since := 0, tx.now-twinAge.Milliseconds()
	for n := int64(d.ctr.UIDNext-1) >> keys.PageBits; n >= 0; n-- {
		p, err := tx.peek(d, uint32(n))
		if err != nil {
			return nil, err
		}
		for i := len(p.Entries) - 1; i >= 0; i-- {
			e := &p.Entries[i]
			if seen++; seen > twinsSeen || e.Saved < since {
				return nil, nil
			}
			if max(e.Size, size)-min(e.Size, size) > twinGap {
				continue // without a look at its record
			}
			same, err := tx.sameMessage(e, body)
			if err != nil || same {
				return e, err
			}
		}
	}
	return nil, nil
}

// savedSent finds the copy that the server has saved of a message, if it is still where it was.
func (tx *Tx) savedSent(to MailboxID, body *Body) (*Entry, error) {
	d, err := tx.selectable(to)
	if err != nil || body.parsed.MessageID == "" || d.mailbox.props.Role != keys.RoleSent {
		return nil, err
	}
	msg, err := tx.imported(tx.sentSource(body))
	if err != nil || msg == 0 {
		return nil, err
	}
	members, err := tx.membersIf(msg)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if m.Mailbox != to {
			continue
		}
		e, err := tx.entry(d.mailbox, m.UID)
		if err != nil || e == nil || e.Saved < tx.now-twinAge.Milliseconds() {
			return nil, err
		}
		if same, err := tx.sameMessage(e, body); err != nil || !same {
			return nil, err
		}
		return e, nil
	}
	return nil, nil
}

// sameMessage says whether a message is the same as body: of the same Message-ID, preview and structure. The octets of the headers differ, for the server
// takes Bcc away and adds what is missing.
func (tx *Tx) sameMessage(e *Entry, body *Body) (bool, error) {
	v, err := tx.get(keys.OfMessage(keys.TableMessage, tx.a.id, e.Message))
	if err != nil {
		return false, err
	}
	rec, err := keys.DecodeMessage(v, WantEnvelope|WantStructure|WantPreview)
	if err != nil {
		return false, corrupt(fmt.Sprintf("record of message %d of account %d", e.Message, tx.a.id), err)
	}
	if rec.Envelope == nil || rec.Structure == nil || rec.Preview != body.parsed.Preview {
		return false, nil
	}
	ids := mime.MessageIDs(rec.Envelope.MessageID, 1)
	return len(ids) == 1 && ids[0] == body.parsed.MessageID && sameShape(rec.Structure, &body.parsed.Root), nil
}

// sameShape says whether two parts have the same parts of the same sizes, but for a line end at the end.
func sameShape(a, b *mime.Part) bool {
	const lineEnd = 2
	if d := a.Size() - b.Size(); d < -lineEnd || d > lineEnd || a.Type != b.Type || a.Subtype != b.Subtype || len(a.Parts) != len(b.Parts) {
		return false
	}
	for i := range a.Parts {
		if !sameShape(&a.Parts[i], &b.Parts[i]) {
			return false
		}
	}
	return true
}

// again is the outcome of an addition whose message is there already: it gets the flags that it would have got.
func (tx *Tx) again(to MailboxID, e *Entry, o *AddOptions) (Added, error) {
	added := Added{Mailbox: to, UID: e.UID, Message: e.Message, Thread: e.Thread, Size: e.Size, Duplicate: true}
	_, err := tx.SetFlags(to, []UIDRange{{Lo: e.UID, Hi: e.UID}}, FlagChange{Mode: FlagsAdd, Flags: o.Flags, Keywords: o.Keywords})
	return added, err
}
