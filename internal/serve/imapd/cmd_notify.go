package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
)

// maxWatched bounds the names of mailboxes that a session holds for NOTIFY.
const maxWatched = 1000

// notifiable are the events that there are. Annotations (RFC 5257) are none of ours.
const notifiable = imapwire.EventMessageNew | imapwire.EventMessageExpunge | imapwire.EventFlagChange |
	imapwire.EventMailboxName | imapwire.EventSubscriptionChange | metadataEvents

const metadataEvents = imapwire.EventMailboxMetadataChange | imapwire.EventServerMetadataChange

// NOTIFY: RFC 5465 3.1.
//
//	notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-group *(SP event-group) / "NONE")
//
// Events are found as all news are, by comparing the view that the client knows with a newer one, so many of them cost no more than
// the last, none waits in a queue, and NOTIFICATIONOVERFLOW is only for what is wrong with the server.
func cmdNotify(s *session, ctx context.Context, c *imapwire.Notify) (done, error) {
	n, err := newNotifying(c)
	if err != nil {
		return done{}, err
	}
	if len(c.Groups) > 0 && s.sel != nil {
		// RFC 5465 3.1: what has gathered is told now, also what was not wanted before.
		s.stopNotify()
		if err := s.sync(ctx, true); err != nil || s.ending {
			return done{}, err
		}
	}
	s.stopNotify()
	s.notify = n
	if len(c.Groups) == 0 {
		return done{}, nil
	}
	for _, it := range n.selected.Fetch {
		if it.Kind == imapwire.FetchModSeq {
			s.enableCondStore() // RFC 7162 3.1
		}
	}
	// Subscribed first, looked second: what changes after the look has a hint.
	n.sub = s.srv.opts.Store.Bus().SubscribeFunc(uint32(s.who.Account), s.conn.Interrupt)
	n.seen = s.account.View()
	if n.hasEvent(metadataEvents) {
		s.watchMetadata()
	}
	if c.Status {
		s.tellWatched()
	}
	var res done
	s.settleModSeq(&res, nil)
	return res, nil
}

// newNotifying checks what is asked for.
func newNotifying(c *imapwire.Notify) (*notifying, error) {
	n := new(notifying)
	names, selected := 0, false
	for i := range c.Groups {
		g := &c.Groups[i]
		if g.Unknown || g.Events&^notifiable != 0 {
			// RFC 5465 3.1: NO, and not BAD.
			return nil, no(imapwire.CodeBadEvent(notifiable), "there is no such event here")
		}
		if names += len(g.Filter.Mailboxes); names > maxWatched {
			return nil, no(imapwire.CodeNotificationOverflow, "too many mailboxes")
		}
		// RFC 5465 5: both or none, and FlagChange with both.
		const both = imapwire.EventMessageNew | imapwire.EventMessageExpunge
		if g.Events&imapwire.MessageEvents != 0 && g.Events&both != both {
			return nil, badCommand("MessageNew, MessageExpunge: both or none, and FlagChange with them only")
		}
		if g.Filter.Kind != imapwire.FilterSelected && g.Filter.Kind != imapwire.FilterSelectedDelayed {
			if len(g.Fetch) > 0 { // RFC 5465 8, message-event
				return nil, badCommand("only new messages of the selected mailbox are fetched")
			}
			n.others = append(n.others, *g)
			continue
		}
		switch {
		case selected: // RFC 5465 6.1
			return nil, badCommand("SELECTED and SELECTED-DELAYED: one of them, once")
		case g.Events&^imapwire.MessageEvents != 0:
			return nil, badCommand("SELECTED has events of messages only")
		}
		selected, n.selected = true, *g
		for k := range g.Fetch {
			g.Fetch[k].Peek = true // nobody has read what the server sends unasked
		}
	}
	return n, nil
}
