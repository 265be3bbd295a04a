package transfer

import (
	"context"
	"errors"

	"restante/internal/store"
)

// keeper keeps the UIDs of a folder in a mailbox: IMAP programs that knew the old server find all that they have. It follows RFC 9051
// 2.3.1.1: under one UIDVALIDITY no UID ever stands for two messages. A keeper is a value: what a transaction that is tried again has
// done to its copy is forgotten.
type keeper struct {
	on      bool
	first   store.UID // UIDNEXT when the run began
	next    store.UID // UIDNEXT by what this run has added
	source  store.UID // the source's UIDNEXT
	renewed bool      // UIDs were kept no longer
}

// keep says whether the UIDs of a folder can be kept in its mailbox: this has never had a message, or has its UIDVALIDITY from
// that folder already.
func (im *importer) keep(ctx context.Context, f *folder) (keeper, error) {
	if f.validity == 0 || im.o.NewestFirst || im.o.NewUIDs {
		return keeper{}, nil
	}
	m, err := im.a.View().Mailbox(im.box)
	if err != nil {
		return keeper{}, err
	}
	k := keeper{on: true, first: m.UIDNext(), next: m.UIDNext(), source: store.UID(f.next)}
	if m.UIDValidity() == f.validity {
		return k, nil
	}
	err = store.ErrUIDsUsed
	if store.UID(f.next) > store.MaxGivenUID {
		err = store.ErrLimit
	} else if m.UIDNext() == 1 {
		_, err = im.a.Update(ctx, origin(), func(tx *store.Tx) error { return tx.SetUIDValidity(im.box, f.validity) })
	}
	switch {
	case err == nil:
		return k, nil
	case errors.Is(err, store.ErrUIDsUsed) && f.total > 0:
		return keeper{}, im.note("%s: messages get new UIDs, for it has had mail already", im.path)
	case errors.Is(err, store.ErrLimit):
		return keeper{}, im.note("%s: messages get new UIDs, for those of the source are too great", im.path)
	}
	return keeper{}, err
}

// uid is the UID that a message is to have, 0 for any.
func (k *keeper) uid(it *item) store.UID {
	if !k.on {
		return 0
	}
	return store.UID(it.uid)
}

// given notes a UID that a message has got.
func (k *keeper) given(uid store.UID) { k.next = max(k.next, uid+1) }

// begin looks whether somebody else has added to the mailbox since. He may have been given a UID there that the source has given to another
// message.
func (k *keeper) begin(tx *store.Tx, box store.MailboxID) error {
	if !k.on {
		return nil
	}
	if next, err := tx.UIDNext(box); err != nil || next == k.next {
		return err
	}
	return k.renew(tx, box)
}

func (k *keeper) renew(tx *store.Tx, box store.MailboxID) error {
	k.on, k.renewed = false, true
	return tx.RenewUIDValidity(box)
}

// late is for a message that comes after one with a greater UID. It gets a new one. Where this run has given out what lies between, the old
// UID stands for nothing here, and a new one beyond all that the source has given out does no harm. Otherwise it may stand for another
// message, and all programs must load the mailbox again.
func (k *keeper) late(tx *store.Tx, box store.MailboxID, uid store.UID) error {
	if uid < k.first || uid > store.MaxGivenUID {
		return k.renew(tx, box)
	}
	return k.fresh(tx, box)
}

// fresh makes the next UID one that the source has not given out.
func (k *keeper) fresh(tx *store.Tx, box store.MailboxID) error {
	return tx.RaiseUIDNext(box, min(k.source, store.MaxGivenUID+1))
}

// passOver leaves out UIDs that the source has given to messages that are gone.
func (im *importer) passOver(ctx context.Context, next uint32) error {
	if !im.uids.on || next == 0 || store.UID(next) > store.MaxGivenUID+1 {
		return nil
	}
	_, err := im.a.Update(ctx, origin(), func(tx *store.Tx) error { return tx.RaiseUIDNext(im.box, store.UID(next)) })
	return err
}
