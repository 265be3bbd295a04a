package queue

import (
	"context"
	"fmt"
	"time"

	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// Outgoing is a message that is to leave.
type Outgoing struct {
	// ID makes a repeated Enqueue harmless: store.ErrExists. 0 is a new one.
	ID      store.QueueID
	Kind    store.QueueKind
	Account store.AccountID // whose message it is; 0: the server's own
	Device  store.DeviceID
	Mail    smtpwire.Mail // HoldFor, HoldUntil, By and Priority as the client gave them
	To      []Recipient   // at least one
	Prepend []byte        // Received, DKIM-Signature and the like; see store.Queued
	Body    *store.Body
	// MessageID is what people look for; without angle brackets.
	MessageID string
	Time      time.Time // when it came; zero is now
	// Hold is why nothing is tried before somebody releases it, for people; empty: it is not held.
	Hold string
}

// Recipient is where it goes.
type Recipient struct {
	smtpwire.Rcpt
	Source string // the local address that this one was made of by forwarding; empty: none
}

// Times are how long things take; the zero value is 5 days to expire and 4 hours to tell of a delay (RFC 5321 4.5.4.1).
type Times struct {
	Expire time.Duration
	Warn   time.Duration
}

func (t Times) withDefaults() Times {
	if t.Expire <= 0 {
		t.Expire = 5 * 24 * time.Hour
	}
	if t.Warn <= 0 {
		t.Warn = 4 * time.Hour
	}
	return t
}

// Front puts messages into the queue. The zero value is not usable; it is safe for concurrent use.
type Front struct {
	Store *store.Store
	Times Times
	Clock func() time.Time
}

// Enqueue takes messages over, durably and all together: when it has returned without an error, each is delivered or its sender will know. It
// returns their ids.
func (f *Front) Enqueue(ctx context.Context, list ...Outgoing) ([]store.QueueID, error) {
	var ids []store.QueueID
	var in []store.Enqueued
	for i := range list {
		e := f.Entry(&list[i])
		in = append(in, e)
		ids = append(ids, e.Message.ID)
	}
	if err := f.Store.Enqueue(ctx, in...); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return ids, nil
}

// Entry is what is put into the queue for a message.
func (f *Front) Entry(o *Outgoing) store.Enqueued {
	times := f.Times.withDefaults()
	first := f.Clock() // not when its first octet came: the queue looks for what is new where the time is now
	now := o.Time
	if now.IsZero() {
		now = first
	}
	id := o.ID
	if id == 0 {
		id = f.Store.NewQueueID()
	}
	if until := now.Add(o.Mail.HoldFor); until.After(first) { // RFC 4865 4: not before
		first = until
	}
	if o.Mail.HoldUntil.After(first) {
		first = o.Mail.HoldUntil
	}
	q := &store.Queued{
		ID: id, Kind: o.Kind, Account: o.Account, Device: o.Device, Mail: o.Mail, Prepend: o.Prepend, MessageID: o.MessageID,
		Accepted: now, Expires: first.Add(times.Expire), Warn: first.Add(times.Warn), Class: class(&o.Mail),
		Held: o.Hold != "", Note: o.Hold,
	}
	if by := o.Mail.By; by.Mode != 0 { // RFC 2852 4
		q.Deadline = now.Add(time.Duration(by.Seconds) * time.Second)
		if by.Mode == smtpwire.ByReturn && q.Deadline.Before(q.Expires) {
			q.Expires = q.Deadline
		}
	}
	for _, to := range o.To {
		q.Recipients = append(q.Recipients, store.QueuedRecipient{Rcpt: to.Rcpt, Source: to.Source, Next: first})
	}
	return store.Enqueued{Body: o.Body, Message: q}
}

// class is how urgent a message is by its priority (RFC 6710 5).
func class(m *smtpwire.Mail) store.QueueClass {
	switch {
	case m.Priority > 0:
		return store.QueueUrgent
	case m.Priority < 0:
		return store.QueueBulk
	}
	return store.QueueNormal
}
