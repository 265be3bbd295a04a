package inbound

import (
	"fmt"
	"testing"

	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// What the queue brings to mailboxes here arrives once, however often it is brought, and says which way it came.
func TestCarry(t *testing.T) {
	f := newFixture(t)
	a, b := f.account("a", 0), f.account("b", 2000)
	front := queue.Front{Store: f.s, Clock: f.in.opts.Clock}
	w, err := f.s.NewBody(t.Context(), store.BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, text)
	body, err := w.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := queue.Outgoing{Kind: store.QueueSubmitted, Mail: smtpwire.Mail{From: address(t, "a@example.org")}, Body: body, Prepend: []byte("Received: from pc\r\n")}
	for _, to := range []string{"a@example.org", "nobody@example.org", "b@example.org"} {
		o.To = append(o.To, queue.Recipient{Rcpt: smtpwire.Rcpt{To: address(t, to)}})
	}
	ids, err := front.Enqueue(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	q, err := f.s.Queued(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out := f.in.Carry(t.Context(), queue.Attempt{Message: q, To: []int{0, 1, 2}})
		if out[0].State != store.QueueDelivered || out[2].State != store.QueueDelivered || out[1].State != store.QueueFailed || out[1].Status.String() != "5.1.1" {
			t.Fatalf("%+v", out)
		}
	}
	want := "Return-Path: <a@example.org>\r\nDelivered-To: a@example.org\r\nReceived: from pc\r\n" + text
	if got := f.inbox(a.Account); len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := f.inbox(b.Account); len(got) != 1 {
		t.Errorf("%d copies", len(got))
	}
}
