package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Rewound says what Rewind has changed.
type Rewound struct {
	Accounts, Mailboxes int
	Held                int // messages in the queue, which were not held before
}

// errRewound says that an account cannot be rewound once more.
var errRewound = errors.New("store: it has been taken back too often")

// Rewind makes an engine that has gone back to an earlier state fit to go on from it. Clients have seen what came after that state, so no
// UID, EMAILID, UIDL, THREADID or MAILBOXID that may have been given out since is given again:
//
//   - each account gets the next incarnation, and its counters of messages and mailboxes go on from the present time, in milliseconds and
//     seconds. That keeps apart also what comes after two restores of one state, which have the same incarnation;
//   - each mailbox gets a new UIDVALIDITY, so that IMAP clients forget what they know of it (RFC 9051 2.3.1.1);
//   - bodies and accounts get numbers above all that may have been given;
//   - what is in the queue is held, and its note says so: it may have been sent since.
//
// The messages that are there keep their EMAILID and UIDL: who has taken them over POP3 does not take them again. Nobody may have the
// store open. After an error, or a crash, it is to be run again before anything else.
func Rewind(ctx context.Context, engine kv.Engine, now time.Time) (Rewound, error) {
	s, err := Open(ctx, engine, Options{})
	if err != nil {
		return Rewound{}, err
	}
	defer s.Close()
	var done Rewound
	for _, l := range []struct {
		row string
		to  uint64
	}{
		{rowBlobs, uint64(now.UnixMilli()) << 16}, // nobody makes 65,536 in a millisecond, for years on end
		{rowAccounts, 0},
	} {
		if err := s.leases.skip(ctx, l.row, l.to); err != nil {
			return done, fmt.Errorf("store: rewinding: lease of %s: %w", l.row, err)
		}
	}
	err = s.Accounts(ctx, func(id AccountID) error {
		n, err := s.rewind(ctx, id, now)
		if err != nil {
			return fmt.Errorf("store: rewinding account %d: %w", id, err)
		}
		done.Accounts++
		done.Mailboxes += n
		return nil
	})
	if err == nil {
		done.Held, err = s.holdQueue(ctx)
	}
	return done, err
}

// rewoundNote is the note of messages in a queue that has gone back.
const rewoundNote = "from a backup: it may have been sent after that was made"

// holdQueue holds what is in the queue, so that nothing is sent twice without anybody's having said so.
func (s *Store) holdQueue(ctx context.Context) (held int, err error) {
	err = s.Queue(ctx, 0, func(q *Queued) error {
		if q.Held {
			return nil
		}
		q.Held, q.Note = true, rewoundNote
		held++
		return s.Requeue(ctx, q)
	})
	return held, err
}

// rewindBatch bounds a commit; a batch may have 8 MiB.
const rewindBatch = 4 << 20

// rewind makes an account fit to go on from an earlier state.
func (s *Store) rewind(ctx context.Context, id AccountID, now time.Time) (mailboxes int, err error) {
	key := keys.OfAccount(keys.TableAccount, id)
	old, err := s.engine.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	row, err := keys.DecodeAccount(old)
	if err != nil {
		return 0, err
	}
	if row.Incarnation == math.MaxUint16 {
		return 0, errRewound
	}
	row.Incarnation++
	row.NextMessage = max(row.NextMessage, uint64(now.UnixMilli())) // 48 bits last until the year 10889
	row.NextMailbox = max(row.NextMailbox, MailboxID(now.Unix()))
	b := new(kv.Batch)
	commit := func() error {
		b.RequireValue(key, old)
		next := row.Encode()
		b.Put(key, next)
		err := s.engine.Commit(ctx, b, kv.Durable)
		old, b = next, new(kv.Batch)
		return err
	}
	boxes, err := mailboxRows(ctx, s.engine, id)
	if err != nil {
		return 0, err
	}
	for _, box := range boxes {
		props, err := keys.DecodeMailbox(box.Value)
		if err != nil {
			return 0, err
		}
		row.UIDValidity = max(row.UIDValidity+1, uint32(now.Unix()))
		props.UIDValidity = row.UIDValidity
		b.Put(box.Key, props.Encode())
		if b.Size() > rewindBatch {
			if err := commit(); err != nil {
				return 0, err
			}
		}
	}
	return len(boxes), commit()
}

func mailboxRows(ctx context.Context, r kv.Reader, id AccountID) (rows []kv.Pair, err error) {
	err = r.Scan(ctx, kv.Prefix(keys.OfAccount(keys.TableMailbox, id)), func(k, v []byte) (bool, error) {
		rows = append(rows, kv.Pair{Key: append([]byte(nil), k...), Value: append([]byte(nil), v...)})
		return true, nil
	})
	return rows, err
}

// rewindSkip is by how many ids a counter goes further at least: more accounts than were made since any backup.
const rewindSkip = 1 << 16

// skip makes a counter go on from to, or from further on than anybody has got.
func (l *leases) skip(ctx context.Context, row string, to uint64) error {
	key := keys.StoreKey(row)
	b := new(kv.Batch)
	next := uint64(1)
	value, err := l.engine.Get(ctx, key)
	switch {
	case isNotFound(err):
		b.RequireAbsent(key)
	case err != nil:
		return err
	default:
		if next, err = keys.DecodeID(value); err != nil {
			return corrupt(row, err)
		}
		b.RequireValue(key, value)
	}
	b.Put(key, keys.EncodeID(max(next+rewindSkip, to)))
	return l.engine.Commit(ctx, b, kv.Durable)
}
