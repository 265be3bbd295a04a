package trace

import (
	"fmt"

	"restante/internal/flow"
	"restante/internal/store"
)

// OfOnward is what goes on of a message that mailboxes here were to have, by the queue: in the life of that message, and in its own.
func OfOnward(r *flow.Received, out *flow.Receipt) (list []Event) {
	for i := range out.Onward {
		o := &out.Onward[i]
		to := make([]Recipient, 0, maxRecipients)
		for _, a := range o.To[:min(len(o.To), maxRecipients)] {
			to = append(to, Recipient{Address: clip(a.String(), maxText)})
		}
		by := r.Recipients[o.Of].To
		why := fmt.Sprintf("goes on from %s to %s", by, addresses(to, len(o.To)-len(to)))
		if o.Queue != r.Queue {
			why += ", as " + store.FormatQueueID(o.Queue)
			list = append(list, Event{Queue: o.Queue, Time: r.Time, Stage: Handled, Why: clip(fmt.Sprintf("sent on from %s, where it came as %s", by, store.FormatQueueID(r.Queue)), maxReply)})
		}
		list = append(list, Event{Queue: r.Queue, Time: r.Time, Stage: Handled, Why: clip(why, maxReply)})
	}
	return list
}
