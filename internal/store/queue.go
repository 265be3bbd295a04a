package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"restante/internal/proto/smtpwire"
	"restante/internal/store/blob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// QueueKind says how a message came into the queue; its numbers are on disk.
type QueueKind uint8

// The kinds.
const (
	QueueSubmitted QueueKind = iota + 1 // by one of our users
	QueueForwarded                      // mail that came in, sent on for one of our users
	QueueReport                         // the server's own word: a DSN, a report, an automatic reply
)

// QueueClass is how urgent a message is: all that is due of one class goes before the next. Its numbers are on disk.
type QueueClass uint8

// The classes.
const (
	QueueUrgent QueueClass = 1
	QueueNormal QueueClass = 2
	QueueBulk   QueueClass = 3
)

// QueueState is what has become of a recipient; its numbers are on disk.
type QueueState uint8

// The states.
const (
	QueueWaiting   QueueState = iota
	QueueDelivered            // it is in a mailbox
	QueueRelayed              // the next host has taken it
	QueueFailed
)

// QueuedRecipient is where a queued message is to go, and how far it has come.
type QueuedRecipient struct {
	smtpwire.Rcpt
	State    QueueState
	Attempts int
	Next     time.Time // of one that waits: the next attempt
	Last     time.Time // the last attempt; zero: none
	Host     string    // that it was tried with, for people
	Reply    string    // what that host said, or what went wrong; at most 1000 octets of it are kept
	Source   string    // the local address that this one was made of by forwarding; empty: none

	unknown []byte
}

const maxQueuedReply = 1000

// Queued is a message on its way to other hosts, or to mailboxes here by the same way. It is a copy: Requeue writes what has been
// changed. It is not safe for concurrent use.
type Queued struct {
	ID      QueueID
	Kind    QueueKind
	Account AccountID // whose message it is; 0: the server's own
	Device  DeviceID
	// Mail is the envelope that it is sent with. HoldFor, HoldUntil and By are not in it: they have become times of their own.
	Mail smtpwire.Mail
	// Prepend stands before the body: Received, DKIM-Signature and the like, with CRLF line ends, at most 16 KiB.
	Prepend   []byte
	MessageID string // for people who look for it

	Accepted time.Time
	Expires  time.Time // then the recipients that still wait have failed
	Warn     time.Time // then the sender is told of the delay; zero: not (any more)
	Deadline time.Time // of DELIVERBY, whose mode is in Mail.By.Mode; zero: none
	Class    QueueClass
	Held     bool   // nothing is tried before it is released
	Note     string // why it is held, for people

	Recipients []QueuedRecipient // at least one

	blob     BlobID
	blobSize uint64
	row      []byte // as it was read
	place    []byte // its row Q then
	unknown  []byte
}

// Size is the message's size in octets, with what stands before the body.
func (q *Queued) Size() int64 { return int64(q.blobSize) + int64(len(q.Prepend)) }

// Due is when the message is next to be looked at; ok is false when nothing is left to do.
func (q *Queued) Due() (t time.Time, ok bool) {
	for i := range q.Recipients {
		if r := &q.Recipients[i]; r.State == QueueWaiting && (!ok || r.Next.Before(t)) {
			t, ok = r.Next, true
		}
	}
	return t, ok
}

var (
	// ErrQueueChanged says that somebody else has written the message since it was read.
	ErrQueueChanged = errors.New("store: the queued message has changed meanwhile")
	// ErrNotQueued says that there is no such message in the queue.
	ErrNotQueued = errors.New("store: no such message in the queue")
)

// QueueHint is the account number under which the bus tells that something new is in the queue; no account has it.
const QueueHint = 0

// Enqueued is a message to put into the queue.
type Enqueued struct {
	Body    *Body
	Message *Queued
}

// Enqueue puts a message into the queue, durably. An id that is in the queue already is ErrExists, and nothing is done: a step that is
// repeated after a crash enqueues under the same id.
func (s *Store) Enqueue(ctx context.Context, e ...Enqueued) error { return s.writeQueue(ctx, nil, e) }

// Requeue writes what has been changed in q, and enqueues others in the same step: the reports that the change leads to. When no recipient
// waits any more, the message leaves the queue. ErrQueueChanged: nothing was done.
func (s *Store) Requeue(ctx context.Context, q *Queued, also ...Enqueued) error {
	return s.writeQueue(ctx, q, also)
}

func (s *Store) writeQueue(ctx context.Context, q *Queued, add []Enqueued) error {
	for range commitAttempts {
		b := new(kv.Batch)
		var row []byte
		if q != nil {
			row = s.requeue(b, q)
		}
		for _, e := range add {
			if err := s.enqueue(b, e); err != nil {
				return err
			}
		}
		err := s.engine.Commit(context.WithoutCancel(ctx), b, kv.Durable)
		if err == nil {
			if q != nil {
				q.row, q.place = row, q.order()
			}
			s.enqueued(add)
			if row != nil { // what has left the queue is nothing new
				s.tellQueue()
			}
			return nil
		}
		if !isConflict(err) {
			return fmt.Errorf("store: queue: %w", err)
		}
		if err := s.queueConflict(ctx, q, add); err != nil {
			return err
		}
	}
	return errRetryConflict
}

// queueConflict finds out what has changed: a body that went away meanwhile can be brought again, the rest is the caller's.
func (s *Store) queueConflict(ctx context.Context, q *Queued, add []Enqueued) error {
	if q != nil {
		row, err := s.engine.Get(ctx, keys.QueueKey(q.ID))
		if err != nil && !isNotFound(err) {
			return fmt.Errorf("store: queue: %w", err)
		}
		if err != nil || string(row) != string(q.row) {
			return ErrQueueChanged
		}
	}
	for _, e := range add {
		switch _, err := s.engine.Get(ctx, keys.QueueKey(e.Message.ID)); {
		case err == nil:
			return ErrExists
		case !isNotFound(err):
			return fmt.Errorf("store: queue: %w", err)
		}
		e.Body.refresh(ctx)
	}
	return nil
}

// enqueued is called after the commit of these.
func (s *Store) enqueued(list []Enqueued) {
	for _, e := range list {
		e.Body.live.Store(true)
	}
	if len(list) > 0 {
		s.tellQueue()
	}
}

// tellQueue gives the hint that something is to be looked at.
func (s *Store) tellQueue() { s.opts.Bus.Publish(QueueHint, uint64(s.now().UnixMilli())) }

func (s *Store) enqueue(b *kv.Batch, e Enqueued) error {
	m := e.Message
	if len(m.Prepend) > maxPrepend {
		return ErrTooBig
	}
	if len(m.Recipients) == 0 {
		return fmt.Errorf("store: queued message %s has no recipients", FormatQueueID(m.ID))
	}
	if m.Class == 0 {
		m.Class = QueueNormal
	}
	m.blob, m.blobSize = e.Body.bring(b), e.Body.staged.Size
	key := keys.QueueKey(m.ID)
	b.RequireAbsent(key)
	m.row = m.encode()
	m.place = m.order()
	b.Put(key, m.row)
	b.Put(m.place, []byte{})
	b.Put(keys.ReferenceKey(m.blob, keys.RefQueue, 0, uint64(m.ID)), []byte{})
	return nil
}

// bring adds to a batch what makes the body live, or makes sure that it is.
func (b *Body) bring(kb *kv.Batch) BlobID {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows, require := b.rowsLocked()
	for i := range kb.Require {
		if string(kb.Require[i].Key) == string(require.Key) {
			return b.mu.id // another message of the batch brings it
		}
	}
	kb.Require = append(kb.Require, require)
	kb.Set = append(kb.Set, rows...)
	return b.mu.id
}

// requeue adds the new state of a message to a batch and returns its row.
func (s *Store) requeue(b *kv.Batch, q *Queued) []byte {
	key := keys.QueueKey(q.ID)
	b.RequireValue(key, q.row)
	b.Remove(q.place)
	if _, waits := q.Due(); !waits {
		b.Remove(key)
		b.Remove(keys.ReferenceKey(q.blob, keys.RefQueue, 0, uint64(q.ID)))
		b.Put(keys.CandidateKey(uint64(s.now().UnixMilli()), q.blob), []byte{})
		return nil
	}
	row := q.encode()
	b.Put(key, row)
	b.Put(q.order(), []byte{})
	return row
}

// order is the row Q of the message.
func (q *Queued) order() []byte {
	due, _ := q.Due()
	ms := uint64(max(due.UnixMilli(), 0))
	if q.Held {
		ms = math.MaxUint64
	}
	return keys.QueueOrderKey(uint8(q.Class), ms, q.ID)
}

// everyExtension is what envelopes in the queue may use: they are kept as the commands that stand for them.
const everyExtension = ^smtpwire.Extensions(0)

func (q *Queued) encode() []byte {
	mail := q.Mail
	mail.HoldFor, mail.HoldUntil, mail.Size = 0, time.Time{}, 0
	row := keys.Queued{
		Blob: q.blob, BlobSize: q.blobSize, Prepend: q.Prepend, Kind: uint8(q.Kind), Account: q.Account, Device: q.Device,
		Mail: argument(mail.AppendTo(nil, everyExtension)), MessageID: q.MessageID, Accepted: millis(q.Accepted), Expires: millis(q.Expires),
		Warn: millis(q.Warn), Deadline: millis(q.Deadline), Class: uint8(q.Class), Held: q.Held, Note: q.Note, Unknown: q.unknown,
	}
	for i := range q.Recipients {
		r := &q.Recipients[i]
		r.Reply = strings.ToValidUTF8(r.Reply[:min(len(r.Reply), maxQueuedReply)], "")
		row.To = append(row.To, keys.QueuedTo{
			Rcpt: argument(r.Rcpt.AppendTo(nil, everyExtension)), State: uint8(r.State), Attempts: uint32(r.Attempts),
			Next: millis(r.Next), Last: millis(r.Last), Host: r.Host, Reply: r.Reply, Source: r.Source, Unknown: r.unknown,
		})
	}
	return row.Encode()
}

// argument is what comes after the verb of a command.
func argument(line []byte) string {
	_, arg, _ := strings.Cut(strings.TrimSuffix(string(line), "\r\n"), " ")
	return arg
}

func decodeQueued(id QueueID, b []byte) (*Queued, error) {
	row, err := keys.DecodeQueued(b)
	if err != nil {
		return nil, corrupt("queued message "+FormatQueueID(id), err)
	}
	q := &Queued{
		ID: id, Kind: QueueKind(row.Kind), Account: row.Account, Device: row.Device, Prepend: row.Prepend, MessageID: row.MessageID,
		Accepted: instant(row.Accepted), Expires: instant(row.Expires), Warn: instant(row.Warn), Deadline: instant(row.Deadline),
		Class: QueueClass(row.Class), Held: row.Held, Note: row.Note, blob: row.Blob, blobSize: row.BlobSize, row: b, unknown: row.Unknown,
	}
	if q.Mail, err = smtpwire.ParseMail(row.Mail, everyExtension); err != nil {
		return nil, corrupt("queued message "+FormatQueueID(id), err)
	}
	for _, t := range row.To {
		rcpt, err := smtpwire.ParseRcpt(t.Rcpt, everyExtension)
		if err != nil {
			return nil, corrupt("queued message "+FormatQueueID(id), err)
		}
		q.Recipients = append(q.Recipients, QueuedRecipient{
			Rcpt: rcpt, State: QueueState(t.State), Attempts: int(t.Attempts), Next: instant(t.Next), Last: instant(t.Last),
			Host: t.Host, Reply: t.Reply, Source: t.Source, unknown: t.Unknown,
		})
	}
	q.place = q.order()
	return q, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Queued reads a message of the queue, or says ErrNotQueued.
func (s *Store) Queued(ctx context.Context, id QueueID) (*Queued, error) {
	row, err := s.engine.Get(ctx, keys.QueueKey(id))
	if isNotFound(err) {
		return nil, ErrNotQueued
	}
	if err != nil {
		return nil, fmt.Errorf("store: queue: %w", err)
	}
	return decodeQueued(id, row)
}

// QueueItem is a place in the order of the queue.
type QueueItem struct {
	Class QueueClass
	Due   time.Time
	ID    QueueID
}

// QueueDue returns what is to be looked at by a time, of one class, the earliest first: at most limit items that come after one. The zero
// QueueItem is before all.
func (s *Store) QueueDue(ctx context.Context, class QueueClass, after QueueItem, by time.Time, limit int) ([]QueueItem, error) {
	var out []QueueItem
	lo := keys.QueueOrderKey(uint8(class), 0, 0)
	if after.ID != 0 {
		lo = append(keys.QueueOrderKey(uint8(class), uint64(millis(after.Due)), after.ID), 0)
	}
	r := kv.Range{Lo: lo, Hi: keys.QueueOrderKey(uint8(class), uint64(millis(by))+1, 0), Limit: limit, KeysOnly: true}
	err := s.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
		class, due, id, err := keys.QueueOrderOf(k)
		out = append(out, QueueItem{QueueClass(class), time.UnixMilli(int64(due)), id})
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("store: queue: %w", err)
	}
	return out, nil
}

// Queue calls fn for the messages in the queue after one id, in the order in which they came, until fn returns an error; ErrStop ends it
// without one. fn may change the queue. A message that cannot be read is passed over and is in the error at the end.
func (s *Store) Queue(ctx context.Context, after QueueID, fn func(*Queued) error) error {
	var broken []error
	for {
		rows, err := s.queueRows(ctx, after)
		if err != nil {
			return errors.Join(append(broken, fmt.Errorf("store: queue: %w", err))...)
		}
		for _, r := range rows {
			after = r.id
			q, err := decodeQueued(r.id, r.value)
			if err != nil {
				if len(broken) < maxBroken {
					broken = append(broken, err)
				}
				continue
			}
			if err := fn(q); err != nil {
				if !errors.Is(err, ErrStop) {
					broken = append(broken, fmt.Errorf("store: queue: %w", err))
				}
				return errors.Join(broken...)
			}
		}
		if len(rows) < queueAhead {
			return errors.Join(broken...)
		}
	}
}

const (
	queueAhead = 200 // rows that Queue reads at once
	maxBroken  = 10  // messages that cannot be read and are told of
)

type queueRow struct {
	id    QueueID
	value []byte
}

// queueRows reads the next rows. The scan has ended before anybody looks at them: who walks through the queue may change it, and take his time.
func (s *Store) queueRows(ctx context.Context, after QueueID) (rows []queueRow, err error) {
	r := kv.Prefix([]byte{byte(keys.TableQueue)})
	r.Limit = queueAhead
	if after != 0 {
		r.Lo = keys.QueueKey(after + 1)
	}
	err = s.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		rows = append(rows, queueRow{QueueID(n), append([]byte(nil), v...)})
		return true, err
	})
	return rows, err
}

// QueuedText opens the octets of a queued message: what stands before the body, then the body.
func (s *Store) QueuedText(q *Queued) *Text {
	return &Text{prepend: q.Prepend, body: s.bodies.Open(s.engine, q.blob, q.blobSize)}
}

// QueuedBody says whose body a queued message has: two with the same number have the same octets after what stands before them.
func (q *Queued) QueuedBody() BlobID { return q.blob }

// ReuseBody makes the body of a queued message ready to be added to accounts: they share it. What stands before it in the queue is not
// part of it.
func (s *Store) ReuseBody(ctx context.Context, q *Queued) (*Body, error) {
	row, state, err := s.blobRow(ctx, q.blob)
	if err != nil {
		return nil, fmt.Errorf("store: body of queued message %s: %w", FormatQueueID(q.ID), err)
	}
	p := s.parser()
	if err := s.bodies.Open(s.engine, q.blob, q.blobSize).CopyRange(ctx, p, 0, int64(q.blobSize)); err != nil {
		return nil, fmt.Errorf("store: body of queued message %s: %w", FormatQueueID(q.ID), err)
	}
	b := &Body{store: s, staged: blob.Staged{ID: q.blob, Size: q.blobSize, Chunks: state.Chunks}, tenant: state.Tenant, hash: state.Hash, parsed: p.Finish()}
	s.parsers.Put(p)
	b.threads = s.threadKeys(b.parsed)
	b.setLocked(q.blob, row)
	b.live.Store(true)
	return b, nil
}
