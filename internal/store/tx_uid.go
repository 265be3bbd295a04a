package store

import (
	"fmt"

	"restante/internal/store/keys"
)

// A mailbox that comes from another server can keep what IMAP clients know its messages by: UIDVALIDITY and UIDs (RFC 9051 2.3.1.1).
// The rules of that section hold here too: UIDs ascend as messages come, and no UID ever stands for two messages under one
// UIDVALIDITY.

// MaxGivenUID is the greatest UID that a message can bring along. The table of pages has a place for each 64 UIDs below UIDNEXT,
// used or not, so that a single message with a great one would cost what a mailbox full of messages does.
const MaxGivenUID UID = 1 << 24

// MaxGivenUIDValidity is the greatest UIDVALIDITY that a mailbox can bring along: there must be room for greater ones, which the
// mailbox that is made under the same name after it needs.
const MaxGivenUIDValidity uint32 = 0xE000_0000

// SetUIDValidity gives a mailbox that has never had a message the UIDVALIDITY that it had elsewhere: ErrUIDsUsed when it has had one,
// ErrLimit when the number is 0 or greater than MaxGivenUIDValidity.
func (tx *Tx) SetUIDValidity(id MailboxID, validity uint32) error {
	d, err := tx.selectable(id)
	if err != nil {
		return err
	}
	switch {
	case validity == d.mailbox.props.UIDValidity:
		return nil
	case d.ctr.UIDNext != 1:
		return ErrUIDsUsed
	case validity == 0 || validity > MaxGivenUIDValidity:
		return fmt.Errorf("%w: UIDVALIDITY %d", ErrLimit, validity)
	}
	// Those that this account gives out later must be greater.
	tx.state.row.UIDValidity = max(tx.state.row.UIDValidity, validity)
	tx.validate(d, validity)
	return nil
}

// RenewUIDValidity gives a mailbox a new UIDVALIDITY and leaves its UIDs: clients load it again. It is for a mailbox whose UIDs were another
// server's, when that server has given one to a message and this one to another.
func (tx *Tx) RenewUIDValidity(id MailboxID) error {
	d, err := tx.selectable(id)
	if err != nil {
		return err
	}
	tx.validate(d, tx.uidValidity())
	return nil
}

func (tx *Tx) validate(d *draft, validity uint32) {
	d.mailbox.props.UIDValidity = validity
	d.props = true
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Updated, Mailbox: d.id, Name: tx.state.path(d.mailbox)})
}

// UIDNext is the UID that the next message of a mailbox gets if it brings none along.
func (tx *Tx) UIDNext(id MailboxID) (UID, error) {
	m, _ := tx.state.mailbox(id)
	if m == nil {
		return 0, ErrNoMailbox
	}
	return m.ctr.UIDNext, nil
}

// RaiseUIDNext passes over UIDs that another server has given to messages that are gone. It never lowers UIDNEXT. Beyond MaxGivenUID it
// is ErrLimit.
func (tx *Tx) RaiseUIDNext(id MailboxID, next UID) error {
	d, err := tx.selectable(id)
	if err != nil || next <= d.ctr.UIDNext {
		return err
	}
	if next > MaxGivenUID+1 {
		return fmt.Errorf("%w: UID %d", ErrLimit, next)
	}
	// The table of pages ends with the page of the last UID that was given out.
	if _, err := tx.page(d, uint32(next-1)>>keys.PageBits); err != nil {
		return err
	}
	d.ctr.UIDNext, d.counters = next, true
	return nil
}

// passOver makes uid the next one that a mailbox gives.
func (tx *Tx) passOver(to MailboxID, uid UID) error {
	d, err := tx.selectable(to)
	if err != nil {
		return err
	}
	switch {
	case uid < d.ctr.UIDNext:
		return ErrUIDsUsed
	case uid > MaxGivenUID:
		return fmt.Errorf("%w: UID %d", ErrLimit, uid)
	}
	d.ctr.UIDNext = uid
	return nil
}
