package app

import (
	"context"
	"fmt"
	"iter"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// Domain implements admind.Backend.
func (c *Core) Domain(ctx context.Context, name string) (out admind.DomainDetail, err error) {
	domain, err := parseDomain(name)
	if err != nil {
		return out, err
	}
	d := c.directory.Load()
	out.Domain.Name = ""
	for found, err := range d.Domains(ctx) {
		if err != nil {
			return out, err
		}
		if found.Name == domain {
			out.Domain = found
		}
	}
	if out.Domain.Name == "" {
		return out, fmt.Errorf("%s: %w", domain, directory.ErrNotLocal)
	}
	for _, err := range d.Accounts(ctx, domain) {
		if err != nil {
			return out, err
		}
		out.Accounts++
	}
	out.Used = c.totals.Total(domain)
	return out, nil
}

// SetDomainQuota implements admind.Backend.
func (c *Core) SetDomainQuota(ctx context.Context, q admind.DomainQuota) error {
	domain, err := parseDomain(q.Domain)
	if err != nil {
		return err
	}
	err = c.directory.Load().SetDomainRules(ctx, domain, func(r *directory.DomainRules) {
		if q.Reset {
			r.Each = nil
		}
		if q.Each != nil {
			r.Each = q.Each
		}
		if q.Total != nil {
			r.Total = *q.Total
		}
	})
	if err == nil {
		err = c.totals.Limits(ctx)
	}
	if err == nil {
		c.lookSoon()
	}
	return err
}

// SetRetention implements admind.Backend.
func (c *Core) SetRetention(ctx context.Context, r admind.RetentionChange) error {
	return c.withMailbox(ctx, r, func(h *store.Account, m *store.MailboxView, stay *retention.Stay, _ bool) error {
		_, err := h.Update(ctx, store.Origin{}, func(tx *store.Tx) error { return tx.SetRetention(m.ID(), (*store.Retention)(stay)) })
		if err == nil {
			c.lookSoon()
		}
		return err
	})
}

// Retains implements admind.Backend.
func (c *Core) Retains(ctx context.Context, r admind.RetentionChange) iter.Seq2[admind.Release, error] {
	return told(func(tell func(admind.Release) error) error {
		return c.withMailbox(ctx, r, func(h *store.Account, m *store.MailboxView, stay *retention.Stay, now bool) error {
			if now {
				rule, _ := m.Retention()
				stay = (*retention.Stay)(&rule)
			} else if stay == nil {
				stay = &retention.Stay{For: c.retention(h.ID(), m.Role())}
			}
			subjects := maxSubjects
			run := dryRun{account: h, subjects: &subjects, tell: tell}
			return run.retains(ctx, m, *stay)
		})
	})
}

// withMailbox runs fn with the mailbox that a change is of, and what it says: nil for the default, or now when it says nothing.
func (c *Core) withMailbox(ctx context.Context, r admind.RetentionChange, fn func(h *store.Account, m *store.MailboxView, stay *retention.Stay, now bool) error) error {
	var stay *retention.Stay
	if r.Stay != "" && r.Stay != defaultRule {
		s, err := retention.ParseStay(r.Stay)
		if err != nil {
			return fmt.Errorf("%w: %w", directory.ErrRule, err)
		}
		stay = &s
	}
	return c.withAccount(ctx, r.Address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
		m, err := h.View().Lookup(r.Mailbox)
		if err == nil && m.NoSelect() {
			err = store.ErrNoSelect
		}
		if err != nil {
			return fmt.Errorf("%q: %w", r.Mailbox, err)
		}
		return fn(h, m, stay, r.Stay == "")
	})
}

// roleName is what a mailbox is for, in a word.
func roleName(r store.Role) string {
	switch r {
	case store.RoleInbox:
		return "inbox"
	case store.RoleDrafts:
		return "drafts"
	case store.RoleSent:
		return "sent"
	case store.RoleJunk:
		return "junk"
	case store.RoleTrash:
		return "trash"
	case store.RoleArchive:
		return "archive"
	}
	return ""
}

// mailboxDetail is a mailbox with what it holds and how long.
func mailboxDetail(m *store.MailboxView) admind.MailboxDetail {
	rule, own := m.Retention()
	return admind.MailboxDetail{
		Path: m.Path(), Messages: m.Len(), Unseen: m.Unseen(), Used: m.Bytes(), Role: roleName(m.Role()),
		Retention: retention.Stay(rule).String(), OwnRetention: own,
	}
}
