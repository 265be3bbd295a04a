package app

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"restante/internal/directory"
	"restante/internal/flow/trace"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// Trace implements admind.Backend.
func (c *Core) Trace(ctx context.Context, r admind.TraceRequest) iter.Seq2[admind.Trace, error] {
	return told(func(tell func(admind.Trace) error) error {
		q := trace.Query{Text: r.Query, From: r.From, To: r.To, Since: r.Since, Until: r.Until, Failed: r.Failed, Limit: r.Limit}
		var first *trace.Life // until a second one has come, it may be the only one
		n := 0
		err := c.trace.Find(ctx, q, func(l trace.Life) error {
			if n++; n == 1 {
				first = &l
				return nil
			}
			if n == 2 {
				if err := c.tellLife(ctx, first, r.Full, tell); err != nil {
					return err
				}
			}
			return c.tellLife(ctx, &l, r.Full, tell)
		})
		if err == nil && n == 1 {
			err = c.tellLife(ctx, first, true, tell)
		}
		return err
	})
}

func (c *Core) tellLife(ctx context.Context, l *trace.Life, full bool, tell func(admind.Trace) error) error {
	s := l.Summary()
	out := admind.Trace{
		ID: store.FormatQueueID(l.Queue), Came: s.Time, From: s.From, To: s.To, More: s.More, MessageID: s.MessageID, Size: s.Size, State: s.State,
	}
	if full {
		var err error
		if out.Lines, err = c.life(ctx, l); err != nil {
			return err
		}
		out.Events = l.Events
	}
	return tell(out)
}

// life tells a life and, of each copy, what has become of it in its account: by the account's own history.
func (c *Core) life(ctx context.Context, l *trace.Life) ([]admind.TraceLine, error) {
	var after, now []admind.TraceLine
	known := make(map[store.AccountID]string) // how it arrived
	for i := range l.Events {
		for k := range l.Events[i].Copies {
			copied := &l.Events[i].Copies[k]
			if _, ok := known[copied.Account]; ok || copied.Account == 0 {
				continue
			}
			arrived, happened, stands, err := c.copyLife(ctx, copied)
			if err != nil {
				return nil, err
			}
			known[copied.Account] = arrived
			after, now = append(after, happened...), append(now, stands...)
		}
	}
	var list []admind.TraceLine
	for _, line := range l.Lines(func(copied *trace.Copy) string { return known[copied.Account] }) {
		list = append(list, admind.TraceLine{At: line.At, Text: line.Text})
	}
	list = append(list, after...)
	// Histories count milliseconds: what has happened in the same one stays in its order.
	slices.SortStableFunc(list, func(a, b admind.TraceLine) int { return cmp.Compare(a.At.UnixMilli(), b.At.UnixMilli()) })
	return append(list, now...), nil
}

// copyLife is how a copy has arrived, what has happened to it since, and where it is now.
func (c *Core) copyLife(ctx context.Context, of *trace.Copy) (arrived string, happened, now []admind.TraceLine, err error) {
	h, err := c.store.Account(ctx, of.Account)
	if errors.Is(err, store.ErrNoAccount) {
		return "", nil, nil, nil
	}
	if err != nil {
		return "", nil, nil, err
	}
	defer h.Close()
	history, err := h.History(ctx, of.Message)
	if errors.Is(err, store.ErrNoMessage) {
		return "", nil, []admind.TraceLine{{Text: of.Owner() + ": erased, and nothing more is known of it"}}, nil
	}
	if err != nil {
		return "", nil, nil, err
	}
	t, err := c.tellerOf(ctx, h)
	if err != nil {
		return "", nil, nil, err
	}
	for i := range history.Events {
		e := &history.Events[i]
		e.Queue = 0 // it is this one
		text := of.Owner() + ": " + t.event(e).Text
		if e.Kind == store.EventArrived {
			arrived = text
			continue
		}
		happened = append(happened, admind.TraceLine{At: e.At, Text: text})
	}
	for _, line := range t.outlook(&history) {
		now = append(now, admind.TraceLine{Text: of.Owner() + ": " + line})
	}
	return arrived, happened, now, nil
}

// tellerOf puts the histories of an account into words.
func (c *Core) tellerOf(ctx context.Context, h *store.Account) (*teller, error) {
	d := c.directory.Load()
	login, err := d.LoginOf(ctx, h.ID())
	if err != nil {
		return nil, err
	}
	a, err := addr.Parse(login)
	if err != nil {
		return nil, err
	}
	return newTeller(ctx, d, a, h)
}

func newTeller(ctx context.Context, d *directory.Directory, a addr.Address, h *store.Account) (*teller, error) {
	t := &teller{account: h, names: make(map[store.DeviceID]string)}
	list, err := d.Devices(ctx, a)
	if err != nil {
		return nil, err
	}
	for _, dev := range list {
		t.names[dev.ID] = dev.Name
	}
	t.rules, err = d.POPDevices(ctx, h.ID())
	return t, err
}
