package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// History implements admind.Backend.
func (c *Core) History(ctx context.Context, r admind.HistoryRequest) iter.Seq2[admind.History, error] {
	return told(func(tell func(admind.History) error) error {
		return c.withAccount(ctx, r.Address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
			ids, err := wanted(ctx, h, r)
			if err != nil {
				return err
			}
			t, err := newTeller(ctx, d, a, h)
			if err != nil {
				return err
			}
			for _, id := range ids {
				history, err := t.history(ctx, id)
				if err == nil {
					err = tell(history)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// teller puts histories into words.
type teller struct {
	account *store.Account
	names   map[store.DeviceID]string
	rules   []store.POPDevice
}

func (t *teller) history(ctx context.Context, id store.MessageID) (admind.History, error) {
	out := admind.History{ID: t.account.View().Seed().EmailID(id)}
	h, err := t.account.History(ctx, id)
	if err != nil {
		return out, err
	}
	m, err := t.account.Message(ctx, id, store.WantEnvelope)
	if err == nil {
		env, err := m.Envelope(ctx)
		if err != nil {
			return out, err
		}
		out.Subject, out.From = printable(mime.DecodeHeader(env.Subject)), printable(store.SenderOf(env))
	} else if !errors.Is(err, store.ErrNoMessage) { // it may have been erased
		return out, err
	}
	out.Since = h.Since
	for i := range h.Events {
		out.Events = append(out.Events, t.event(&h.Events[i]))
	}
	out.Outlook = t.outlook(&h)
	return out, nil
}

func (t *teller) event(e *store.Event) admind.HistoryEvent {
	out := admind.HistoryEvent{
		At: e.At, Device: t.names[e.Device], Protocol: admind.ProtocolName(e.Protocol), Mailbox: e.Mailbox, From: e.From,
	}
	who, in := t.who(e), named(e.Mailbox)
	switch e.Kind {
	case store.EventArrived:
		out.Kind, out.Text = "arrived", "arrived in "+in+who
		if e.Queue != 0 {
			out.Queue = store.FormatQueueID(e.Queue)
			out.Text += ", queue id " + out.Queue
		}
	case store.EventBack:
		out.Kind, out.Text = "back", "put back into "+in+who
	case store.EventCopied:
		out.Kind, out.Text = "copied", "copied from "+named(e.From)+" to "+in+who
	case store.EventMoved:
		out.Kind, out.Text = "moved", "moved from "+named(e.From)+" to "+in+who
	case store.EventFlags:
		out.Kind, out.Text = "flags", flagWords(e)+who
	case store.EventTaken:
		out.Kind, out.Text = "taken", "taken"+who
	case store.EventRemoved:
		out.Kind, out.Text = "removed", "removed from "+in+who
	case store.EventLeftLast:
		out.Kind, out.Text = "removed", "removed from "+in+", its last mailbox,"+who
	}
	return out
}

func named(path string) string {
	if path == "" {
		return "a mailbox that is gone"
	}
	return path
}

// who says by whom something was done, with a space before it.
func (t *teller) who(e *store.Event) string {
	name, known := t.names[e.Device]
	over := ""
	if e.Protocol != store.ProtocolServer {
		over = " over " + admind.ProtocolName(e.Protocol)
	}
	switch {
	case e.Protocol == store.ProtocolImport:
		return " by import"
	case e.Device == store.SharedDevice:
		return " by a device that shares its view" + over
	case known:
		return " by " + name + over
	case e.Device != 0:
		return " by a device that is gone" + over
	case over == "":
		return " by the server"
	}
	return over
}

// flagWords says what a change of flags did, as people say it.
func flagWords(e *store.Event) string {
	var words []string
	for _, w := range []struct {
		flag    store.Flags
		on, off string
	}{
		{store.Seen, "marked read", "marked unread"}, {store.Flagged, "flagged", "unflagged"}, {store.Answered, "marked answered", "marked not answered"},
		{store.Deleted, "marked deleted", "marked not deleted"}, {store.Draft, "marked as a draft", "marked as no draft"},
	} {
		switch {
		case e.Added&w.flag != 0:
			words = append(words, w.on)
		case e.Cleared&w.flag != 0:
			words = append(words, w.off)
		}
	}
	for _, kw := range e.Set {
		if strings.EqualFold(kw, store.KeepKeyword) {
			words = append(words, "kept")
		} else {
			words = append(words, "tagged "+kw)
		}
	}
	for _, kw := range e.Unset {
		if strings.EqualFold(kw, store.KeepKeyword) {
			words = append(words, "kept no longer")
		} else {
			words = append(words, "tag "+kw+" taken off")
		}
	}
	if len(words) == 0 {
		return "flags changed"
	}
	return strings.Join(words, ", ")
}

// dayWords is a day as people write it.
const dayWords = "2 January 2006"

// outlook says where a message is, and what will become of it.
func (t *teller) outlook(h *store.History) (out []string) {
	for _, p := range h.Places {
		line := fmt.Sprintf("is in %s, UID %d", p.Mailbox, p.UID)
		switch {
		case !p.Leaves.IsZero():
			line += "; leaves it on " + p.Leaves.Local().Format(dayWords) + ", unless it is flagged or moved"
		case p.Exempt:
			line += "; stays there although the mailbox empties itself"
		}
		out = append(out, line)
	}
	for _, r := range h.Removed {
		out = append(out, "was removed, and can be put back until "+r.Until.Local().Format(dayWords))
	}
	if len(h.Places)+len(h.Removed) == 0 {
		out = append(out, "is erased")
	}
	if r := h.Release; r != nil {
		out = append(out, t.release(r))
	}
	return out
}

func (t *teller) release(r *store.Release) string {
	if r.Reason != retention.Released {
		return (&dryRun{names: t.names}).why(*r)
	}
	by, keep := t.names[store.DeviceID(r.Device)], ""
	for _, d := range t.rules {
		if d.ID == store.DeviceID(r.Device) {
			keep = " (" + d.Policy.Keep.String() + ")"
		}
	}
	where := map[retention.Then]string{retention.ThenTrash: "to Trash ", retention.ThenArchive: "to Archive "}[r.Then]
	when := "at the next sweep"
	if r.At.After(time.Now()) {
		when = "on " + r.At.Local().Format(dayWords)
	}
	return fmt.Sprintf("leaves %s%s by the rule of %s%s, unless it is flagged, answered, moved or kept", where, when, by, keep)
}
