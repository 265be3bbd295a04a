package store

import (
	"context"
	"errors"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// A commit takes so many messages of another account at once, or so many octets of
// their records.
const (
	adoptMessages = 500
	adoptBytes    = 2 << 20
)

// stranger is a message of another account that is to be added here.
type stranger struct {
	entry    keys.Entry
	keywords []string
	record   []byte // row M as it is there
	from     SenderID
	blob     BlobID
	threads  [][16]byte
}

// CopyTo copies messages of a mailbox view into a mailbox of another account of the
// same tenant. They are new messages there, of ids of their own, whose bodies are
// the same ones: nothing is read or written of them. All are copied or none,
// however many. UIDs that are not there are passed over.
func (h *Account) CopyTo(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange, dst *Account, to MailboxID) (all []Placed, err error) {
	if h.View().state.row.Tenant != dst.View().state.row.Tenant {
		return nil, ErrNoPerm // bodies are never shared between tenants
	}
	if err := m.Load(ctx); err != nil {
		return nil, err
	}
	var batch []stranger
	size := 0
	flush := func() error {
		placed, err := dst.adopt(ctx, o, to, batch)
		all = append(all, placed...)
		batch, size = batch[:0], 0
		return err
	}
	for _, r := range uids {
		for e := range m.Entries(r.Lo, r.Hi) {
			s, serr := h.stranger(ctx, m.view, e)
			if errors.Is(serr, ErrNoMessage) {
				continue
			}
			if err = serr; err == nil {
				batch = append(batch, s)
				if size += len(s.record); size >= adoptBytes || len(batch) >= adoptMessages {
					err = flush()
				}
			}
			if err != nil {
				return nil, errors.Join(err, dst.disown(ctx, to, all))
			}
		}
	}
	if len(batch) > 0 {
		if err := flush(); err != nil {
			return nil, errors.Join(err, dst.disown(ctx, to, all))
		}
	}
	return all, nil
}

// stranger gathers what is to be known of a message to add it elsewhere.
func (h *Account) stranger(ctx context.Context, v *View, e *Entry) (stranger, error) {
	record, err := h.store.engine.Get(ctx, keys.OfMessage(keys.TableMessage, h.id, e.Message))
	if isNotFound(err) {
		return stranger{}, ErrNoMessage
	}
	if err != nil {
		return stranger{}, fmt.Errorf("store: message %d: %w", e.Message, err)
	}
	rec, err := keys.DecodeMessage(record, keys.WantEnvelope)
	if err != nil {
		return stranger{}, corrupt(fmt.Sprintf("record of message %d of account %d", e.Message, h.id), err)
	}
	p := h.store.parser()
	_, _ = p.Write(rec.Header) // never fails
	s := stranger{entry: *e, record: record, from: SenderHash(h.store.secret[:], SenderOf(rec.Envelope)), blob: rec.Blob, threads: h.store.threadKeys(p.Finish())}
	h.store.parsers.Put(p)
	for name := range v.KeywordsOf(e) {
		s.keywords = append(s.keywords, name)
	}
	return s, nil
}

// adopt adds messages of another account in one operation.
func (h *Account) adopt(ctx context.Context, o Origin, to MailboxID, list []stranger) (placed []Placed, err error) {
	_, err = h.Update(ctx, o, func(tx *Tx) error {
		placed = placed[:0]
		for i := range list {
			uid, msg, err := tx.adopt(to, &list[i])
			if err != nil {
				return err
			}
			placed = append(placed, Placed{From: list[i].entry.UID, To: uid, Message: msg})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

func (tx *Tx) adopt(to MailboxID, s *stranger) (UID, MessageID, error) {
	d, err := tx.insertable(to)
	if err != nil {
		return 0, 0, err
	}
	if err := tx.room(1, s.entry.Size); err != nil {
		return 0, 0, err
	}
	if err := tx.holdBody(s.blob); err != nil {
		return 0, 0, err
	}
	e := s.entry
	if err := tx.setAllowed(d, &e, e.Flags, s.keywords); err != nil {
		return 0, 0, err
	}
	e.Saved, e.Blob = tx.now, s.blob
	e.Message = tx.newMessageID()
	if e.Thread, err = tx.thread(e.Message, s.threads); err != nil {
		return 0, 0, err
	}
	uid, err := tx.enter(d, e, s.record, s.from)
	if err != nil {
		return 0, 0, err
	}
	tx.noteCreated(to, uid, e.Message, 0, false)
	return uid, e.Message, nil
}

// holdBody requires that a body is there, and stays until it is referred to.
func (tx *Tx) holdBody(id BlobID) error {
	key := keys.BlobKey(keys.TableBlob, id)
	_, before := tx.build.writes[string(key)] // an operation of the same commit brings it
	_, here := tx.writes[string(key)]
	if before || here {
		return nil
	}
	row, err := tx.get(key)
	if isNotFound(err) {
		return ErrNoMessage
	}
	if err != nil {
		return err
	}
	state, err := keys.DecodeBlob(row)
	if err != nil {
		return corrupt("body row", err)
	}
	if state.State != keys.BlobLive {
		return ErrNoMessage
	}
	tx.require = append(tx.require, kv.Requirement{Key: key, Value: row})
	return nil
}

// disown takes back what a copy has placed that has failed since.
func (h *Account) disown(ctx context.Context, from MailboxID, placed []Placed) error {
	if len(placed) == 0 {
		return nil
	}
	var uids []UIDRange
	for _, p := range placed {
		uids = appendUID(uids, p.To)
	}
	_, err := h.Update(context.WithoutCancel(ctx), Origin{}, func(tx *Tx) error {
		_, err := tx.Expunge(from, uids)
		return err
	})
	return err
}
