package app

import (
	"context"
	"fmt"
	"log/slog"

	"restante/internal/flow"
	"restante/internal/flow/trace"
	"restante/internal/store"
	"restante/internal/trust/arc"
)

// arrived is told of each message that mailboxes here were to have: inbound.Options.Observe.
func (c *Core) arrived(ctx context.Context, r *flow.Received, v *flow.Verdict, out *flow.Receipt) {
	c.logChecks(ctx, r, v)
	c.logDelivery(ctx, r, v, out)
	for _, e := range trace.OfReceived(r, v, out) {
		c.trace.Add(e)
	}
	c.countDMARC(ctx, r, v)
}

// logChecks says what was found out about a message, and what that led to.
func (c *Core) logChecks(ctx context.Context, r *flow.Received, v *flow.Verdict) {
	if !r.Checked && v.Why == "" {
		return
	}
	args := []any{"queue_id", store.FormatQueueID(r.Queue), "peer", r.Session.Peer.String(), "iprev", r.Reverse.Status}
	if r.SPF != nil {
		args = append(args, "spf", string(r.SPF.Status), "spf_reason", r.SPF.Reason)
	}
	for i := range r.DKIM {
		s := &r.DKIM[i]
		args = append(args, "dkim", string(s.Status)+" "+string(s.Domain)+" "+s.Reason)
	}
	if a := r.ARC; a != nil && a.Status != arc.None {
		args = append(args, "arc", fmt.Sprintf("%s of %d %s", a.Status, len(a.Sets), a.Reason))
	}
	for i := range r.DMARC {
		d := &r.DMARC[i]
		args = append(args, "dmarc", string(d.Status)+" "+string(d.Author)+" "+d.Reason)
	}
	if r.Door.Allowed != "" {
		args = append(args, "allowed", r.Door.Allowed)
	}
	for i := range r.Door.Lists {
		if l := &r.Door.Lists[i]; l.Status != "none" {
			args = append(args, "list", l.Zone+" "+l.Name+" "+l.Status)
		}
	}
	outcome := "accepted"
	switch {
	case v.Refuse != nil:
		outcome = "refused"
	case v.Discard:
		outcome = "dropped"
	case v.Junk:
		outcome = "junk"
	}
	c.opts.Log.InfoContext(ctx, "checked", append(args, "outcome", outcome, "why", v.Why)...)
}

// logDelivery says what each recipient has got.
func (c *Core) logDelivery(ctx context.Context, r *flow.Received, v *flow.Verdict, out *flow.Receipt) {
	if v.Refuse != nil || v.Discard {
		return // logChecks has said it
	}
	for i := range r.Recipients {
		level, outcome := slog.LevelInfo, "delivered"
		switch {
		case out.Errs[i] != nil:
			level, outcome = slog.LevelWarn, out.Errs[i].Error()
		case len(r.Recipients[i].Accounts) == 0:
			outcome = "sent on"
		}
		c.opts.Log.Log(ctx, level, "message", "queue_id", store.FormatQueueID(r.Queue), "from", r.Mail.From.String(),
			"to", r.Recipients[i].To.String(), "size", r.Body.Size(), "outcome", outcome)
	}
	for i := range out.Onward {
		o := &out.Onward[i]
		c.opts.Log.InfoContext(ctx, "sent on", "queue_id", store.FormatQueueID(o.Queue), "came_as", store.FormatQueueID(r.Queue), "for", r.Recipients[o.Of].To.String(),
			"to", fmt.Sprint(o.To))
	}
}
