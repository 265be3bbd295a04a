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
	return told(func(tell func(admind.DeviceDetail) error) error {
		return c.withAccount(ctx, address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
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
				if err == nil {
					err = tell(detail)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
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
