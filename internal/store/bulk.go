package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"restante/internal/store/keys"
)

// A commit has at most 8 MiB, so an operation on very many messages is done in
// slices, each an operation with a MODSEQ of its own. sliceFlags counts pages'
// worth of messages whose pages are written whole; slicePlace, messages that
// each cost a few rows.
const (
	sliceFlags = 1000 * keys.PageSize
	slicePlace = 20_000
)

// slices cuts the messages of a mailbox view that lie in ranges into runs of at
// most n messages, and calls do with the ranges of each, or with parts of it where the whole is too much
// for a commit.
func (h *Account) slices(ctx context.Context, m *MailboxView, ranges []UIDRange, n int, do func([]UIDRange) error) error {
	fn := func(run []UIDRange) error { return inParts(run, do) }
	if err := m.LoadUIDs(ctx, ranges...); err != nil {
		return err
	}
	var run []UIDRange
	count := 0
	for _, r := range ranges {
		for e := range m.Entries(r.Lo, min(r.Hi, m.UIDNext()-1)) {
			if count == n {
				if err := fn(run); err != nil {
					return err
				}
				run, count = nil, 0
			}
			run = appendUID(run, e.UID)
			count++
		}
	}
	if count == 0 {
		return nil
	}
	return fn(run)
}

// inParts calls do with exact ranges, or with each half of them when they are too much at once.
func inParts(run []UIDRange, do func([]UIDRange) error) error {
	err := do(run)
	if !errors.Is(err, errTooMuch) {
		return err
	}
	total := 0
	for _, r := range run {
		total += int(r.Hi-r.Lo) + 1
	}
	if total < 2 {
		return err
	}
	var first, second []UIDRange
	left := total / 2
	for _, r := range run {
		n := min(left, int(r.Hi-r.Lo)+1)
		if left -= n; n > 0 {
			first = append(first, UIDRange{Lo: r.Lo, Hi: r.Lo + UID(n) - 1})
		}
		if r.Lo += UID(n); r.Lo <= r.Hi {
			second = append(second, r)
		}
	}
	if err := inParts(first, do); err != nil {
		return err
	}
	return inParts(second, do)
}

// SetFlags is Tx.SetFlags for any number of messages of the mailbox view; messages
// that came later are not touched. It returns the MODSEQ of the last slice. After an error the
// result says what was done.
func (h *Account) SetFlags(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange, c FlagChange) (all FlagResult, modseq ModSeq, err error) {
	err = h.slices(ctx, m, uids, sliceFlags, func(run []UIDRange) error {
		var res FlagResult
		n, err := h.Update(ctx, o, func(tx *Tx) (err error) {
			res, err = tx.SetFlags(m.ID(), run, c)
			return err
		})
		if err == nil {
			all.Changed, all.Modified = append(all.Changed, res.Changed...), append(all.Modified, res.Modified...)
			modseq = n
		}
		return err
	})
	return all, modseq, err
}

// Copy is Tx.Copy for any number of messages of the mailbox view, all or nothing (RFC 9051
// 6.4.7): when a slice fails, those before it are taken back, and all that is left of them is
// a higher UIDNEXT. Others may have seen them meanwhile, and so may those who
// look after a crash. When even taking back fails, the result says what was copied.
func (h *Account) Copy(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange, to MailboxID) ([]Placed, error) {
	done, err := h.place(ctx, o, m, uids, to, (*Tx).Copy)
	if err == nil || len(done) == 0 {
		return done, err
	}
	for slice := range slices.Chunk(done, slicePlace) {
		copies := make([]UID, len(slice))
		for i, p := range slice {
			copies[i] = p.To
		}
		// As the server: who may insert need not have the right to expunge.
		_, undone := h.Update(context.WithoutCancel(ctx), Origin{Device: o.Device, Protocol: o.Protocol}, func(tx *Tx) error {
			_, err := tx.Expunge(to, Ranges(copies))
			return err
		})
		if undone != nil {
			return done, errors.Join(err, fmt.Errorf("store: taking copies back: %w", undone))
		}
	}
	return nil, err
}

// Move is Tx.Move for any number of messages of the mailbox view; after an error the
// result says what was moved.
func (h *Account) Move(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange, to MailboxID) ([]Placed, error) {
	return h.place(ctx, o, m, uids, to, (*Tx).Move)
}

func (h *Account) place(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange, to MailboxID, do func(*Tx, MailboxID, []UIDRange, MailboxID) ([]Placed, error)) (all []Placed, err error) {
	err = h.slices(ctx, m, uids, slicePlace, func(run []UIDRange) error {
		var done []Placed
		_, err := h.Update(ctx, o, func(tx *Tx) (err error) {
			done, err = do(tx, m.ID(), run, to)
			return err
		})
		if err == nil {
			all = append(all, done...)
		}
		return err
	})
	return all, err
}

// Expunge is Tx.Expunge for any number of messages of the mailbox view; after an error
// the result says what was removed.
func (h *Account) Expunge(ctx context.Context, o Origin, m *MailboxView, uids []UIDRange) (all []UID, err error) {
	err = h.slices(ctx, m, uids, slicePlace, func(run []UIDRange) error {
		var done []UID
		_, err := h.Update(ctx, o, func(tx *Tx) (err error) {
			done, err = tx.Expunge(m.ID(), run)
			return err
		})
		if err == nil {
			all = append(all, done...)
		}
		return err
	})
	return all, err
}
