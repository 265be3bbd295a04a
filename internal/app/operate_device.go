package app

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// AddDevice implements admind.Backend.
func (c *Core) AddDevice(ctx context.Context, n admind.NewDevice) (out admind.AddedDevice, err error) {
	err = c.withAccount(ctx, n.Address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		boxes, err := mailboxIDs(h.View(), n.Mailboxes)
		if err != nil {
			return err
		}
		out.Device, out.Password, err = d.AddDevice(ctx, a, directory.NewDevice{
			Name: n.Name, Scopes: n.Scopes, Networks: n.Networks, Expires: n.Expires, POP: n.Rule, Mailboxes: boxes,
			// Who says so or gives it a rule means to use it; one that may do everything may never.
			ForPOP: n.Rule != retention.Rule{} || slices.Equal(n.Scopes, []directory.Scope{directory.ScopePOP3}),
		})
		out.Login = a.String()
		if err != nil {
			return err
		}
		return h.SettleDevices(ctx) // with a shared view it has taken what others have, and its rule is one more that holds for that
	})
	return out, err
}

// withAccount runs fn with an account that an address names.
func (c *Core) withAccount(ctx context.Context, address string, fn func(*directory.Directory, addr.Address, *store.Account) error) error {
	return c.withAddress(address, func(d *directory.Directory, a addr.Address) error {
		account, err := d.Account(ctx, a)
		if err != nil {
			return err
		}
		h, err := c.store.Account(ctx, account.ID)
		if err != nil {
			return err
		}
		defer h.Close()
		return fn(d, a, h)
	})
}

// mailboxIDs are the mailboxes that paths name.
func mailboxIDs(v *store.View, paths []string) (ids []store.MailboxID, err error) {
	for _, p := range paths {
		m, err := v.Lookup(p)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", p, err)
		}
		ids = append(ids, m.ID())
	}
	return ids, nil
}

// Devices implements admind.Backend.
func (c *Core) Devices(ctx context.Context, address string) iter.Seq2[admind.DeviceDetail, error] {
	return func(yield func(admind.DeviceDetail, error) bool) {
		err := c.withAccount(ctx, address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
			list, err := d.Devices(ctx, a)
			if err != nil {
				return err
			}
			rules, err := d.POPDevices(ctx, h.ID())
			if err != nil {
				return err
			}
			for _, dev := range list {
				detail, err := deviceDetail(ctx, h, dev, rules)
				if err == nil && detail.Rule != (retention.Rule{}) {
					detail.Said, err = d.SaidPOP(ctx, a, &dev)
				}
				if err == nil {
					detail.Does = does(&detail)
				}
				if err != nil {
					return err
				}
				if !yield(detail, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(admind.DeviceDetail{}, err)
		}
	}
}

func deviceDetail(ctx context.Context, h *store.Account, dev directory.Device, rules []store.POPDevice) (admind.DeviceDetail, error) {
	out := admind.DeviceDetail{Device: dev}
	use, err := h.Used(ctx, dev.ID)
	if err != nil {
		return out, err
	}
	out.FirstUse, out.LastUse, out.LastPOP, out.Logins, out.Taken = use.First, use.Last, use.POP, use.Logins, use.Taken
	out.Client, out.From, out.TLS = use.Client, use.Address, use.TLS
	if use.Logins > 0 {
		out.Protocol = admind.ProtocolName(use.Protocol)
	}
	for _, r := range rules {
		if r.ID == dev.ID {
			out.Rule = r.Policy.Rule()
		}
	}
	for _, id := range dev.Mailboxes {
		if m, err := h.View().Mailbox(id); err == nil {
			out.Mailboxes = append(out.Mailboxes, m.Path())
		}
	}
	return out, nil
}

// RevokeDevice implements admind.Backend.
func (c *Core) RevokeDevice(ctx context.Context, address, device string) error {
	return c.withAccount(ctx, address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		if err := d.RevokeDevice(ctx, a, device); err != nil {
			return err
		}
		return h.SettleDevices(ctx) // nobody waits for it any longer
	})
}

// subjectOf is a message's subject, for people.
func subjectOf(ctx context.Context, h *store.Account, id store.MessageID) (string, error) {
	m, err := h.Message(ctx, id, store.WantEnvelope)
	if err != nil {
		return "", err
	}
	env, err := m.Envelope(ctx)
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(mime.DecodeHeader(env.Subject)), " "), nil
}

// Removed implements admind.Backend.
func (c *Core) Removed(ctx context.Context, f admind.RemovedFilter) iter.Seq2[admind.Removed, error] {
	return func(yield func(admind.Removed, error) bool) {
		err := c.eachRemoved(ctx, f, func(d []directory.Device, h *store.Account, m store.RemovedMessage) error {
			subject, err := subjectOf(ctx, h, m.ID.Message)
			if err != nil {
				return err
			}
			out := admind.Removed{
				UIDL: h.View().Seed().EmailID(m.ID.Message), Removed: m.Removed, Until: m.Until, Mailbox: m.Path, Size: m.Size,
				By: removedBy(d, m), Subject: subject,
			}
			if !yield(out, nil) {
				return store.ErrStop
			}
			return nil
		})
		if err != nil {
			yield(admind.Removed{}, err)
		}
	}
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
		if f.UIDL != "" {
			id, ok := h.View().Seed().ParseEmailID(f.UIDL)
			if !ok {
				return store.ErrNoMessage
			}
			filter.Message = id
		}
		if f.Device != "" {
			i := slices.IndexFunc(list, func(d directory.Device) bool { return strings.EqualFold(d.Name, f.Device) })
			if i < 0 {
				return fmt.Errorf("%w: %q", directory.ErrNoDevice, f.Device)
			}
			filter.Device = list[i].ID
		}
		return h.Removed(ctx, filter, func(m store.RemovedMessage) error { return fn(list, h, m) })
	})
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
func (c *Core) Restore(ctx context.Context, r admind.RestoreRequest) (n int, err error) {
	ids, err := c.chosen(ctx, r.RemovedFilter)
	if err != nil {
		return 0, err
	}
	err = c.withAccount(ctx, r.Address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
		done, err := h.Restore(ctx, store.Origin{}, ids, r.Into)
		n = len(done)
		return err
	})
	return n, err
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
