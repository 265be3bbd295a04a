package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// EventKind is what happened to a message.
type EventKind uint8

// What can happen to a message.
const (
	EventArrived  EventKind = iota + 1 // in Mailbox
	EventBack                          // was put back, into Mailbox
	EventCopied                        // From one mailbox into another
	EventMoved                         // the same
	EventFlags                         // Added, Cleared, Set, Unset say which; in Mailbox
	EventTaken                         // by Device, over POP3
	EventRemoved                       // from Mailbox
	EventLeftLast                      // EventRemoved, and it was in no other: it can be put back
)

// Event is one thing that happened to a message. Flags and keywords are those that the operation changed, which may have been about other
// messages too.
type Event struct {
	At       time.Time
	Kind     EventKind
	Device   DeviceID // 0: none
	Protocol Protocol
	Queue    QueueID // EventArrived by a delivery; else 0

	Mailbox, From  string // paths as they are now; empty for a mailbox that is gone, and whose name is not known
	Added, Cleared Flags
	Set, Unset     []string
}

// Place is where a message lies.
type Place struct {
	Mailbox string
	UID     UID
	// Leaves is when the mailbox's retention removes it from there if nothing changes; zero: it does not. Exempt says that it would, but for a flag, or
	// because nobody has seen it.
	Leaves time.Time
	Exempt bool
}

// History is what is known of one message.
type History struct {
	Message MessageID
	Events  []Event // the oldest first
	// Since is when the log began that this was read from, if the message's arrival is not in it: what was before is not known, but for
	// what devices have taken. Zero: it is all there is.
	Since   time.Time
	Places  []Place          // where it lies now
	Release *Release         // what becomes of it by the rules of POP devices; nil: no device has taken it, or it is in no maildrop
	Removed []RemovedMessage // as what it can be put back
}

// History tells what happened to a message, from the change log, which reaches 90 days back (logFor). It reads the log backwards until the message's
// arrival, at the cost of a look at each record. A message that the account never had is ErrNoMessage.
func (h *Account) History(ctx context.Context, msg MessageID) (History, error) {
	out := History{Message: msg}
	v := h.View()
	if !v.state.gave(msg) {
		return out, ErrNoMessage
	}
	for _, step := range []func(context.Context, *View, *History) error{h.logged, h.takenBy, h.places, h.removedAs} {
		if err := step(ctx, v, &out); err != nil {
			return out, fmt.Errorf("store: history of message %d of account %d: %w", msg, h.id, err)
		}
	}
	slices.SortStableFunc(out.Events, func(a, b Event) int { return a.At.Compare(b.At) })
	if h.store.opts.POPDevices != nil {
		list, err := h.Releases(ctx, nil, []MessageID{msg})
		if err != nil {
			return out, err
		}
		if len(list) > 0 {
			out.Release = &list[0]
		}
	}
	if len(out.Events)+len(out.Places)+len(out.Removed) == 0 {
		return out, ErrNoMessage
	}
	return out, nil
}

// logged reads what the log has, the newest first, and turns it around.
func (h *Account) logged(ctx context.Context, v *View, out *History) error {
	snap, err := h.store.engine.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Close()
	l := logReader{view: v, out: out}
	r := kv.Range{Lo: keys.ChangeKey(h.id, 0), Hi: keys.ChangeKey(h.id, v.ModSeq()+1), Reverse: true}
	if err := snap.Scan(ctx, r, l.record); err != nil {
		return err
	}
	slices.Reverse(out.Events)
	if l.arrived {
		return nil
	}
	horizon, err := h.horizon(ctx, snap)
	if err != nil || horizon == 0 {
		return err
	}
	out.Since = h.store.now()
	return snap.Scan(ctx, kv.Range{Lo: r.Lo, Hi: r.Hi, Limit: 1}, func(_, value []byte) (bool, error) {
		c, err := keys.DecodeChange(value)
		out.Since = time.UnixMilli(c.Time)
		return false, err
	})
}

// logReader gathers a message's events out of the log, which comes to it backwards.
type logReader struct {
	view    *View
	out     *History
	arrived bool
}

func (l *logReader) record(_, value []byte) (more bool, err error) {
	if about, err := keys.ChangeMentions(value, l.out.Message); !about || err != nil {
		return err == nil, err
	}
	c, err := keys.DecodeChange(value)
	if err != nil {
		return false, err
	}
	for i := len(c.Items) - 1; i >= 0; i-- {
		if it := &c.Items[i]; slices.Contains(it.Messages, l.out.Message) {
			l.item(&c, it)
		}
	}
	return !l.arrived, nil
}

func (l *logReader) item(c *keys.Change, it *keys.Item) {
	e := Event{At: time.UnixMilli(c.Time), Device: c.Device, Protocol: Protocol(c.Protocol), Mailbox: l.path(c, it.Mailbox)}
	switch {
	case it.Class == keys.ClassTaken:
		e.Kind, e.Mailbox = EventTaken, ""
	case it.Class != keys.ClassMessage:
		return
	case it.Kind == keys.Created && it.Again:
		e.Kind = EventBack
	case it.Kind == keys.Created:
		e.Kind, e.Queue, l.arrived = EventArrived, it.Queue, true
	case it.Kind == keys.Copied:
		e.Kind, e.From = EventCopied, l.path(c, it.From)
	case it.Kind == keys.Moved:
		e.Kind, e.From = EventMoved, l.path(c, it.From)
	case it.Kind == keys.Destroyed:
		e.Kind = EventRemoved
	case it.Kind == keys.Updated:
		e.Kind, e.Added, e.Cleared = EventFlags, it.Added, it.Cleared
		e.Set, e.Unset = l.names(it.Set), l.names(it.Unset)
	default:
		return
	}
	l.out.Events = append(l.out.Events, e)
}

// path is a mailbox's path now, or as it was deleted.
func (l *logReader) path(c *keys.Change, id MailboxID) string {
	if m, _ := l.view.state.mailbox(id); m != nil {
		return l.view.state.path(m)
	}
	for i := range c.Items {
		if it := &c.Items[i]; it.Class == keys.ClassMailbox && it.Kind == keys.Destroyed && it.Mailbox == id {
			return it.Name
		}
	}
	return ""
}

func (l *logReader) names(kws []uint16) (out []string) {
	for _, kw := range kws {
		if names := l.view.Keywords(); int(kw) < len(names) {
			out = append(out, names[kw])
		}
	}
	return out
}

// takenBy adds what devices have taken before the log begins.
func (h *Account) takenBy(ctx context.Context, _ *View, out *History) error {
	if h.store.opts.POPDevices == nil {
		return nil
	}
	rules, err := h.popRules(ctx)
	if err != nil {
		return err
	}
	for _, dev := range rules.marks() {
		v, err := h.store.engine.Get(ctx, keys.TakenKey(h.id, dev, uint64(out.Message)>>keys.TakenBits))
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		p, err := keys.DecodeTakenPage(v)
		if err != nil {
			return corrupt("taken marks", err)
		}
		ms, ok := p.At(out.Message)
		at := time.UnixMilli(ms)
		if !ok || slices.ContainsFunc(out.Events, func(e Event) bool { return e.Kind == EventTaken && e.At.Equal(at) }) {
			continue
		}
		out.Events = append(out.Events, Event{At: at, Kind: EventTaken, Device: dev, Protocol: ProtocolPOP3})
	}
	return nil
}

// places says where the message lies, and how long.
func (h *Account) places(ctx context.Context, v *View, out *History) error {
	ms, err := h.Members(ctx, []MessageID{out.Message})
	if err != nil {
		return err
	}
	for _, at := range ms[0] {
		m, err := v.Mailbox(at.Mailbox)
		if err != nil {
			continue // made since
		}
		if err := m.LoadUIDs(ctx, UIDRange{Lo: at.UID, Hi: at.UID}); err != nil {
			return err
		}
		p := Place{Mailbox: m.Path(), UID: at.UID}
		if rule, _ := m.Retention(); rule.For > 0 {
			if e := m.Entry(at.UID); e != nil && expires(m.box, e, rule) {
				p.Leaves = time.UnixMilli(e.Saved).Add(rule.For)
			} else {
				p.Exempt = true
			}
		}
		out.Places = append(out.Places, p)
	}
	return nil
}

// removedAs finds a message that lies nowhere among the recently removed.
func (h *Account) removedAs(ctx context.Context, _ *View, out *History) error {
	if len(out.Places) > 0 {
		return nil
	}
	return h.Removed(ctx, RemovedFilter{Message: out.Message}, func(m RemovedMessage) error {
		out.Removed = append(out.Removed, m)
		for i := range out.Events {
			if e := &out.Events[i]; e.Kind == EventRemoved && e.At.Equal(m.Removed) {
				e.Kind, e.Mailbox = EventLeftLast, m.Path
				return nil
			}
		}
		out.Events = append(out.Events, Event{At: m.Removed, Kind: EventLeftLast, Device: m.Device, Protocol: m.Protocol, Mailbox: m.Path})
		return nil
	})
}

// ByMessageID finds the messages with a Message-ID (RFC 5322 3.6.4), without its angle brackets, by reading the headers of the messages that
// lie in a mailbox or can be put back, the newest first, until it has found limit of them.
func (h *Account) ByMessageID(ctx context.Context, id string, limit int) (found []MessageID, err error) {
	var d keys.MessageDecoder
	r := kv.Prefix(keys.OfAccount(keys.TableMessage, h.id))
	r.Reverse = true
	err = h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		if err != nil {
			return false, err
		}
		m, err := d.Decode(v, keys.WantEnvelope)
		if err != nil {
			return false, corrupt(fmt.Sprintf("message %d", n), err)
		}
		if m.Envelope != nil && trimAngle(m.Envelope.MessageID) == id {
			found = append(found, MessageID(n))
		}
		return len(found) < limit, nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: looking for a Message-ID in account %d: %w", h.id, err)
	}
	return found, nil
}

func trimAngle(s string) string {
	if n := len(s); n > 1 && s[0] == '<' && s[n-1] == '>' {
		return s[1 : n-1]
	}
	return s
}
