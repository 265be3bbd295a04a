package trace

import (
	"testing"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

func TestOfOnward(t *testing.T) {
	at := func(s string) addr.Address {
		a, err := addr.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	r := &flow.Received{Queue: 7}
	for _, s := range []string{"sales@example.org", "anna@example.org"} {
		r.Recipients = append(r.Recipients, flow.Recipient{Rcpt: smtpwire.Rcpt{To: at(s)}})
	}
	list := OfOnward(r, &flow.Receipt{Onward: []flow.Onward{
		{Of: 0, Queue: 7, To: []addr.Address{at("x@far.example"), at("y@far.example")}},
		{Of: 1, Queue: 8, To: []addr.Address{at("z@far.example")}},
	}})
	want := []Event{
		{Queue: 7, Why: "goes on from sales@example.org to x@far.example, y@far.example"},
		{Queue: 8, Why: "sent on from anna@example.org, where it came as " + store.FormatQueueID(7)},
		{Queue: 7, Why: "goes on from anna@example.org to z@far.example, as " + store.FormatQueueID(8)},
	}
	for i, e := range list {
		if len(list) != len(want) || e.Stage != Handled || e.Queue != want[i].Queue || e.Why != want[i].Why {
			t.Errorf("%d of %d: %+v", i, len(list), e)
		}
	}
}
