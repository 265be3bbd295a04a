package store_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

func path(t testing.TB, s string) addr.Address {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// queued is a message for some recipients, to be tried at once.
func (f *fixture) queued(to ...string) *store.Queued {
	f.t.Helper()
	q := &store.Queued{
		ID: f.NewQueueID(), Kind: store.QueueSubmitted, Account: 1, Mail: smtpwire.Mail{From: path(f.t, "a@example.org")},
		Prepend: []byte("X: y\r\n"), Accepted: f.clock.now(), Expires: f.clock.now().Add(5 * 24 * time.Hour),
	}
	for _, r := range to {
		q.Recipients = append(q.Recipients, store.QueuedRecipient{Rcpt: smtpwire.Rcpt{To: path(f.t, r)}, Next: f.clock.now()})
	}
	return q
}

func (f *fixture) enqueue(text string, q *store.Queued) {
	f.t.Helper()
	if err := f.Enqueue(context.Background(), store.Enqueued{Body: f.body(text), Message: q}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) due() (ids []store.QueueID) {
	f.t.Helper()
	for _, class := range []store.QueueClass{store.QueueUrgent, store.QueueNormal, store.QueueBulk} {
		var after store.QueueItem
		for {
			list, err := f.QueueDue(context.Background(), class, after, f.clock.now(), 2)
			if err != nil {
				f.t.Fatal(err)
			}
			for _, i := range list {
				ids = append(ids, i.ID)
			}
			if len(list) == 0 {
				break
			}
			after = list[len(list)-1]
		}
	}
	return ids
}

// What is in the queue comes back as it was put there, whatever its envelope asks for.
func TestQueuedEnvelope(t *testing.T) {
	f := newFixture(t)
	q := f.queued("b@example.com", `"odd one"@example.com`, "ü@example.com")
	q.Mail = smtpwire.Mail{
		From: path(t, "ä@example.org"), NonASCII: true, Body: smtpwire.BodyBinaryMIME, SMTPUTF8: true, Ret: smtpwire.RetHeaders, EnvID: "a b+c=d",
		RequireTLS: true, Priority: -3, PriorityGiven: true, By: smtpwire.By{Seconds: 100, Mode: smtpwire.ByReturn}, AuthGiven: true,
	}
	q.Device, q.MessageID, q.Class, q.Held, q.Note = 7, "x@y", store.QueueBulk, true, "because"
	q.Warn, q.Deadline = q.Accepted.Add(time.Hour), q.Accepted.Add(2*time.Hour)
	q.Recipients[0].Notify, q.Recipients[0].ORcptType, q.Recipients[0].ORcpt = smtpwire.NotifySuccess|smtpwire.NotifyDelay, "rfc822", "c+d@example.com"
	q.Recipients[1].State, q.Recipients[1].Attempts, q.Recipients[1].Last = store.QueueFailed, 3, q.Accepted
	q.Recipients[1].Host, q.Recipients[1].Reply, q.Recipients[1].Source = "mx.example.com", "550 no", "list@example.org"
	q.Recipients[2].NonASCII = true
	f.enqueue(message(1), q)
	got, err := f.Queued(context.Background(), q.ID)
	if err != nil {
		t.Fatal(err)
	}
	opts := cmp.Options{cmpopts.IgnoreUnexported(store.Queued{}, store.QueuedRecipient{}), cmpopts.EquateApproxTime(time.Millisecond)}
	if d := cmp.Diff(q, got, opts); d != "" {
		t.Error(d)
	}
	text := f.QueuedText(got)
	var b bytes.Buffer
	if err := text.CopyRange(context.Background(), &b, 0, text.Size()); err != nil || b.String() != "X: y\r\n"+message(1) || got.Size() != text.Size() {
		t.Errorf("%d octets, %q, %v", got.Size(), &b, err)
	}
}

func TestQueueOrder(t *testing.T) {
	f := newFixture(t)
	late, urgent, now, held := f.queued("late@example.com"), f.queued("u@example.com"), f.queued("n@example.com"), f.queued("h@example.com")
	late.Recipients[0].Next = f.clock.now().Add(time.Hour)
	urgent.Class = store.QueueUrgent
	held.Held = true
	for i, q := range []*store.Queued{late, now, urgent, held} {
		f.enqueue(message(i), q)
	}
	if d := cmp.Diff([]store.QueueID{urgent.ID, now.ID}, f.due()); d != "" {
		t.Error(d)
	}
	f.clock.add(time.Hour)
	if d := cmp.Diff([]store.QueueID{urgent.ID, now.ID, late.ID}, f.due()); d != "" {
		t.Error(d)
	}
	held.Held = false
	if err := f.Requeue(context.Background(), held); err != nil {
		t.Fatal(err)
	}
	if got := f.due(); len(got) != 4 {
		t.Errorf("%d are due", len(got))
	}
}

// A message is in the queue once, and leaves it with its body when the last recipient is done; what is enqueued along with that is there.
func TestQueueEnds(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	q := f.queued("b@example.com", "c@example.com")
	body := f.body(message(1))
	for i, want := range []error{nil, store.ErrExists} {
		if err := f.Enqueue(ctx, store.Enqueued{Body: body, Message: q}); !errors.Is(err, want) {
			t.Errorf("time %d: %v", i, err)
		}
	}
	mine, err := f.Queued(ctx, q.ID)
	if err != nil {
		t.Fatal(err)
	}
	theirs, _ := f.Queued(ctx, q.ID)
	mine.Recipients[0].State = store.QueueRelayed
	if err := f.Requeue(ctx, mine); err != nil {
		t.Fatal(err)
	}
	theirs.Held = true
	if err := f.Requeue(ctx, theirs); !errors.Is(err, store.ErrQueueChanged) {
		t.Error(err)
	}
	mine.Recipients[1].State = store.QueueFailed
	report := f.queued("a@example.org")
	report.Kind, report.Mail = store.QueueReport, smtpwire.Mail{}
	if err := f.Requeue(ctx, mine, store.Enqueued{Body: f.body(message(2)), Message: report}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Queued(ctx, q.ID); !errors.Is(err, store.ErrNotQueued) {
		t.Error(err)
	}
	var left []store.QueueID
	if err := f.Queue(ctx, 0, func(q *store.Queued) error { left = append(left, q.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]store.QueueID{report.ID}, left); d != "" {
		t.Error(d)
	}
	done, err := f.Sweep(ctx)
	if err != nil || done.Bodies != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	text := f.QueuedText(report)
	if err := text.CopyRange(ctx, new(bytes.Buffer), 0, text.Size()); err != nil {
		t.Errorf("the report's body: %v", err)
	}
}

// A body that mailboxes and the queue share goes with the last of them.
func TestQueueSharesBodies(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	h := f.account()
	body := f.body(message(1))
	q, again := f.queued("b@example.com"), f.queued("c@example.com")
	f.update(h, func(tx *store.Tx) error {
		to, _ := tx.Lookup("INBOX")
		_, err := tx.AddMessage(to, body, store.AddOptions{})
		return err
	})
	if err := f.Enqueue(ctx, store.Enqueued{Body: body, Message: q}, store.Enqueued{Body: body, Message: again}); err != nil {
		t.Fatal(err)
	}
	reused, err := f.ReuseBody(ctx, q)
	if err != nil || reused.Size() != int64(len(message(1))) || reused.Message().BaseSubject != body.Message().BaseSubject {
		t.Fatalf("%+v, %v", reused, err)
	}
	f.update(h, func(tx *store.Tx) error {
		to, _ := tx.Lookup("Sent")
		_, err := tx.AddMessage(to, reused, store.AddOptions{})
		return err
	})
	if got := f.read(h, f.box(h, "Sent").At(0).Message); got != message(1) {
		t.Errorf("reused: %q", got)
	}
	for i, q := range []*store.Queued{q, again} {
		q.Recipients[0].State = store.QueueRelayed
		if err := f.Requeue(ctx, q); err != nil {
			t.Fatal(i, err)
		}
	}
	if done, err := f.Sweep(ctx); err != nil || done.Bodies != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if got := f.read(h, f.box(h, "INBOX").At(0).Message); got != message(1) {
		t.Errorf("%q", got)
	}
}

// Who walks through the queue may change it on the way, however long it is.
func TestQueueChangesUnderway(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	const n = 450
	body := f.body(message(1))
	for range n {
		if err := f.Enqueue(ctx, store.Enqueued{Body: body, Message: f.queued("b@example.com")}); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	err := f.Queue(ctx, 0, func(q *store.Queued) error {
		seen++
		q.Recipients[0].State = store.QueueFailed
		return f.Requeue(ctx, q)
	})
	if err != nil || seen != n {
		t.Errorf("%d messages, %v", seen, err)
	}
	if err := f.Queue(ctx, 0, func(*store.Queued) error { return errors.New("one is left") }); err != nil {
		t.Error(err)
	}
}

func TestRowsFrom(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	for _, n := range []string{"a", "b1", "b2", "c"} {
		if err := f.AppendRows(ctx, store.TraceRows, store.Row{Name: n, Value: []byte(n)}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(from, to string, limit int) (got []string) {
		err := f.RowsFrom(ctx, store.TraceRows, from, to, limit, func(name string, v []byte) error {
			got = append(got, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if d := cmp.Diff([]string{"b1", "b2"}, list("b", "c", 0)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"b1"}, list("b", "", 1)); d != "" {
		t.Error(d)
	}
	if err := f.DropRows(ctx, store.TraceRows, "", "b2"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"b2", "c"}, list("", "", 0)); d != "" {
		t.Error(d)
	}
}
