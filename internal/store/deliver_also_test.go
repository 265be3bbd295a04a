package store_test

import (
	"context"
	"errors"
	"testing"

	"restante/internal/store"
)

// What is to be enqueued with a delivery is there when the delivery is, and not otherwise.
func TestDeliverAndEnqueue(t *testing.T) {
	f := newFixture(t)
	a, full := f.account(), f.account()
	if _, err := full.Update(t.Context(), store.Origin{}, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Octets: 1}) }); err != nil {
		t.Fatal(err)
	}
	to := func(queue store.QueueID, list ...*store.Account) (out []store.Delivery) {
		for _, h := range list {
			out = append(out, store.Delivery{Account: h.ID(), Options: store.AddOptions{Queue: queue, Recipient: "r"}})
		}
		return out
	}
	deliver := func(body *store.Body, to []store.Delivery, also ...*store.Queued) (err error) {
		var list []store.Enqueued
		for _, q := range also {
			list = append(list, store.Enqueued{Body: body, Message: q})
		}
		for _, d := range f.DeliverAll(context.Background(), store.Origin{}, body, to, list...) {
			err = errors.Join(err, d.Err)
		}
		return err
	}
	body := f.body("Subject: x\r\n\r\nHello.\r\n")
	first, second := f.queued("x@far.example"), f.queued("y@far.example")
	if err := deliver(body, to(1, a, full), first); !errors.Is(err, store.ErrOverQuota) || len(f.due()) != 0 {
		t.Fatalf("%v, queued: %v", err, f.due())
	}
	if err := deliver(body, to(1, a), first, second); err != nil || len(f.due()) != 2 {
		t.Fatalf("%v, queued: %v", err, f.due())
	}
	// Once more: the account has it, and the queue says so too.
	if err := deliver(body, to(1, a), first); !errors.Is(err, store.ErrExists) || len(f.due()) != 2 {
		t.Fatalf("%v, queued: %v", err, f.due())
	}
	if err := deliver(body, to(2, a), f.queued("z@far.example")); err != nil || len(f.due()) != 3 {
		t.Fatalf("%v, queued: %v", err, f.due())
	}
	// The body is one, and stays as long as somebody needs it.
	for _, id := range f.due() {
		q, err := f.Queued(t.Context(), id)
		if err != nil || q.Size() != int64(len("X: y\r\nSubject: x\r\n\r\nHello.\r\n")) {
			t.Errorf("%+v %v", q, err)
		}
	}
}
