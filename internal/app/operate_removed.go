package app

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// Removed implements admind.Backend.
func (c *Core) Removed(ctx context.Context, f admind.RemovedFilter) iter.Seq2[admind.Removed, error] {
	return told(func(tell func(admind.Removed) error) error {
		return c.eachRemoved(ctx, f, func(d []directory.Device, h *store.Account, m store.RemovedMessage) error {
			subject, err := subjectOf(ctx, h, m.ID.Message)
			if err != nil {
				return err
			}
			id := h.View().Seed().EmailID(m.ID.Message)
			return tell(admind.Removed{
				ID: id, UIDL: id, Removed: m.Removed, Until: m.Until, Mailbox: m.Path, Size: m.Size,
				By: removedBy(d, m), Subject: subject,
			})
		})
	})
}

func removedBy(list []directory.Device, m store.RemovedMessage) string {
	for _, d := range list {
		if d.ID == m.Device {
			return d.Name + ", " + admind.ProtocolName(m.Protocol)
		}
	}
	return admind.ProtocolName(m.Protocol)
}

// eachRemoved calls fn for the messages that a filter chooses, with the account's devices.
func (c *Core) eachRemoved(ctx context.Context, f admind.RemovedFilter, fn func([]directory.Device, *store.Account, store.RemovedMessage) error) error {
	return c.withAccount(ctx, f.Address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		list, err := d.Devices(ctx, a)
		if err != nil {
			return err
		}
		filter := store.RemovedFilter{Since: f.Since, Mailbox: f.Mailbox}
		only, err := called(ctx, h, f)
		if err != nil {
			return err
		}
		if len(only) == 1 {
			filter.Message = only[0]
		}
		if f.Device != "" {
			if filter.Device, err = deviceNamed(list, f.Device); err != nil {
				return err
			}
		}
		return h.Removed(ctx, filter, func(m store.RemovedMessage) error {
			if len(only) > 0 && !slices.Contains(only, m.ID.Message) {
				return nil
			}
			return fn(list, h, m)
		})
	})
}

// called are the messages that a filter names; none if it names none.
func called(ctx context.Context, h *store.Account, f admind.RemovedFilter) ([]store.MessageID, error) {
	if f.ID == "" && f.MessageID == "" {
		return nil, nil
	}
	return wanted(ctx, h, admind.HistoryRequest{ID: f.ID, MessageID: f.MessageID})
}

func deviceNamed(list []directory.Device, name string) (store.DeviceID, error) {
	i := slices.IndexFunc(list, func(d directory.Device) bool { return strings.EqualFold(d.Name, name) })
	if i < 0 {
		return 0, fmt.Errorf("%w: %q", directory.ErrNoDevice, name)
	}
	return list[i].ID, nil
}

// chosen are the removals that a filter chooses.
func (c *Core) chosen(ctx context.Context, f admind.RemovedFilter) (ids []store.RemovedID, err error) {
	err = c.eachRemoved(ctx, f, func(_ []directory.Device, _ *store.Account, m store.RemovedMessage) error {
		ids = append(ids, m.ID)
		return nil
	})
	return ids, err
}

// Restore implements admind.Backend.
func (c *Core) Restore(ctx context.Context, r admind.RestoreRequest) (out admind.PutBack, err error) {
	if r.TakenBy != "" {
		return c.untake(ctx, r)
	}
	ids, err := c.chosen(ctx, r.RemovedFilter)
	if err != nil {
		return out, err
	}
	err = c.withAccount(ctx, r.Address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
		done, err := h.Restore(ctx, store.Origin{}, ids, r.Into)
		out = putBack(h, done)
		return err
	})
	return out, err
}

// untake offers a device again what it has taken, and puts back what rules have let go.
func (c *Core) untake(ctx context.Context, r admind.RestoreRequest) (out admind.PutBack, err error) {
	err = c.withAccount(ctx, r.Address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		list, err := d.Devices(ctx, a)
		if err != nil {
			return err
		}
		id, err := deviceNamed(list, r.TakenBy)
		if err != nil {
			return err
		}
		rules, err := d.POPDevices(ctx, h.ID())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rules, func(p store.POPDevice) bool { return p.ID == id })
		if i < 0 {
			return fmt.Errorf("%w that may use POP3: %q", directory.ErrNoDevice, r.TakenBy)
		}
		done, err := h.Untake(ctx, store.Origin{}, &rules[i], r.Since)
		out = putBack(h, done.Back)
		out.Offered = done.Offered
		return err
	})
	return out, err
}

// putBack sums up what has come back, by mailbox.
func putBack(h *store.Account, done []store.Restored) admind.PutBack {
	out := admind.PutBack{Messages: len(done)}
	counts := make(map[store.MailboxID]int)
	for _, r := range done {
		counts[r.Mailbox]++
	}
	for _, m := range h.View().Mailboxes() {
		if n := counts[m.ID()]; n > 0 {
			out.Into = append(out.Into, admind.PutBackTo{Mailbox: m.Path(), Messages: n})
		}
	}
	return out
}

// EraseRemoved implements admind.Backend.
func (c *Core) EraseRemoved(ctx context.Context, f admind.RemovedFilter) (n int, err error) {
	ids, err := c.chosen(ctx, f)
	if err != nil {
		return 0, err
	}
	err = c.withAccount(ctx, f.Address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
		n, err = h.EraseRemoved(ctx, ids)
		return err
	})
	return n, err
}
