package store

import (
	"context"

	"restante/internal/store/keys"
)

// ExpungeDeleted is Expunge for those of the messages that have \Deleted when the operation takes place (RFC 9051 6.4.3): a flag that
// somebody else has just taken off keeps its message.
func (tx *Tx) ExpungeDeleted(from MailboxID, uids []UIDRange) ([]UID, error) {
	d, err := tx.selectable(from)
	if err != nil {
		return nil, err
	}
	var marked []UIDRange
	err = tx.each(d, uids, func(e keys.Entry) error {
		if e.Flags&Deleted != 0 {
			marked = appendUID(marked, e.UID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tx.Expunge(from, marked)
}

// ExpungeDeleted is Tx.ExpungeDeleted for any number of messages of the mailbox view, as Expunge is.
func (h *Account) ExpungeDeleted(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange) (all []UID, err error) {
	err = h.slices(ctx, m, uids, slicePlace, func(run []UIDRange) error {
		var done []UID
		_, err := h.Update(ctx, o, func(tx *Tx) (err error) {
			done, err = tx.ExpungeDeleted(m.ID(), run)
			return err
		})
		if err == nil {
			all = append(all, done...)
		}
		return err
	})
	return all, err
}
