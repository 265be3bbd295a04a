package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

var errServerRule = errors.New("the server's rule is in its configuration, [pop] and [retention]: change it there, then restante reload")

// SetPolicy implements admind.Backend.
func (c *Core) SetPolicy(ctx context.Context, p admind.PolicyChange) error {
	if name, ok := strings.CutPrefix(p.Address, "@"); ok {
		if name == "" {
			return errServerRule
		}
		return c.setDomainPolicy(ctx, name, p)
	}
	return c.withAccount(ctx, p.Address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		rule, boxes, err := changed(ctx, d, a, h, p)
		if err != nil {
			return err
		}
		if p.Device == "" {
			err = d.SetAccountPOP(ctx, a, rule)
		} else {
			err = d.SetDevicePOP(ctx, a, p.Device, rule, boxes)
		}
		if err != nil {
			return err
		}
		return h.SettleDevices(ctx)
	})
}

func (c *Core) setDomainPolicy(ctx context.Context, name string, p admind.PolicyChange) error {
	domain, err := parseDomain(name)
	if err != nil {
		return err
	}
	err = c.directory.Load().SetDomainRules(ctx, domain, func(r *directory.DomainRules) { *r = changedDomain(*r, p) })
	if err == nil {
		c.forgetRules()
		c.lookSoon()
	}
	return err
}

// changed is the rule and the mailboxes that a change leads to.
func changed(ctx context.Context, d *directory.Directory, a addr.Address, h *store.Account, p admind.PolicyChange) (retention.Rule, []store.MailboxID, error) {
	boxes, err := mailboxIDs(h.View(), p.Mailboxes)
	if err != nil || p.Reset {
		return p.Rule, boxes, err
	}
	own, err := d.OwnPOP(ctx, a, p.Device)
	return p.Rule.Over(own), boxes, err
}

// defaultRule is the word that takes back what was said.
const defaultRule = "default"

// changedDomain are the rules of a domain after a change.
func changedDomain(r directory.DomainRules, p admind.PolicyChange) directory.DomainRules {
	if p.Reset {
		r.POP, r.Junk, r.Trash = retention.Rule{}, "", ""
	}
	r.POP = p.Rule.Over(r.POP)
	for _, f := range []struct {
		word string
		to   *string
	}{{p.Junk, &r.Junk}, {p.Trash, &r.Trash}} {
		switch f.word {
		case "":
		case defaultRule:
			*f.to = ""
		default:
			*f.to = f.word
		}
	}
	return r
}

// Releases implements admind.Backend.
func (c *Core) Releases(ctx context.Context, p admind.PolicyChange) iter.Seq2[admind.Release, error] {
	return told(func(tell func(admind.Release) error) error {
		if name, ok := strings.CutPrefix(p.Address, "@"); ok {
			return c.tryDomains(ctx, name, p, tell)
		}
		return c.tryAccount(ctx, p, tell)
	})
}

// tryAccount is a dry run of a rule of an account's or a device's.
func (c *Core) tryAccount(ctx context.Context, p admind.PolicyChange, tell func(admind.Release) error) error {
	return c.withAccount(ctx, p.Address, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		r := dryRun{account: h, tell: tell, subjects: new(int)}
		*r.subjects = maxSubjects
		var err error
		if p.Now {
			r.devices, err = d.POPDevices(ctx, h.ID())
		} else {
			var rule retention.Rule
			var boxes []store.MailboxID
			if rule, boxes, err = changed(ctx, d, a, h, p); err == nil {
				r.devices, err = d.TryPOP(ctx, a, p.Device, rule, boxes)
			}
		}
		if err != nil {
			return err
		}
		return r.run(ctx, d, a)
	})
}

// tryDomains is a dry run of the rules of a domain, or of the server's for the name "".
func (c *Core) tryDomains(ctx context.Context, name string, p admind.PolicyChange, tell func(admind.Release) error) error {
	d := c.directory.Load()
	subjects := maxSubjects
	try := func(name addr.Domain) error {
		rules, err := d.DomainRules(ctx, name)
		if err != nil {
			return err
		}
		t := domainTry{core: c, directory: d, change: p, ofServer: p.Address == "@", rules: rules, subjects: &subjects, tell: tell}
		if t.stays, err = t.retentions(); err != nil {
			return err
		}
		for a, err := range d.Accounts(ctx, name) {
			if err == nil {
				err = t.account(ctx, a)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if name != "" {
		domain, err := parseDomain(name)
		if err != nil {
			return err
		}
		return try(domain)
	}
	for domain, err := range d.Domains(ctx) {
		if err == nil {
			err = try(domain.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// domainTry is a dry run in the accounts of a domain.
type domainTry struct {
	core      *Core
	directory *directory.Directory
	change    admind.PolicyChange
	ofServer  bool
	rules     directory.DomainRules
	stays     map[store.Role]retention.Stay // those that the change is about
	subjects  *int
	tell      func(admind.Release) error
}

// retentions are those that a change sets, as they would hold in the domain.
func (t *domainTry) retentions() (map[store.Role]retention.Stay, error) {
	out := make(map[store.Role]retention.Stay)
	for _, f := range []struct {
		role       store.Role
		word, mine string
	}{{store.RoleJunk, t.change.Junk, t.rules.Junk}, {store.RoleTrash, t.change.Trash, t.rules.Trash}} {
		switch {
		case t.change.Now:
			f.word = f.mine
		case f.word == "", t.ofServer && f.mine != "":
			continue // not touched, or the domain says otherwise
		}
		out[f.role] = retention.Stay{For: t.directory.ServerRetention(f.role)}
		if f.word == "" || f.word == defaultRule {
			continue
		}
		stay, err := retention.ParseStay(f.word)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", directory.ErrRule, err)
		}
		out[f.role] = stay
	}
	return out, nil
}

func (t *domainTry) account(ctx context.Context, account directory.Account) error {
	return t.core.withAccount(ctx, account.Login, func(d *directory.Directory, a addr.Address, h *store.Account) error {
		r := dryRun{account: h, tell: t.tell, name: account.Login, subjects: t.subjects}
		var err error
		if t.change.Now {
			r.devices, err = d.POPDevices(ctx, h.ID())
		} else {
			rule := t.change.Rule
			if !t.ofServer {
				rule = changedDomain(t.rules, t.change).POP
			}
			r.devices, err = d.TryDomainPOP(ctx, a, rule, t.ofServer)
		}
		if err == nil {
			err = r.run(ctx, d, a)
		}
		for _, m := range h.View().Mailboxes() {
			stay, ok := t.stays[m.Role()]
			if _, own := m.Retention(); err == nil && ok && !own && !m.NoSelect() {
				err = r.retains(ctx, m, stay)
			}
		}
		return err
	})
}

// dryRun tells what would leave an account's mailboxes.
type dryRun struct {
	account  *store.Account
	name     string // of the account, where it is one of many
	devices  []store.POPDevice
	names    map[store.DeviceID]string
	subjects *int // how many more are looked up
	tell     func(admind.Release) error
}

const (
	dryRunBatch = 1000 // messages that are looked at in one go
	maxSubjects = 1000 // each is a read, and nobody reads more
)

func (r *dryRun) run(ctx context.Context, d *directory.Directory, a addr.Address) error {
	list, err := d.Devices(ctx, a)
	if err != nil {
		return err
	}
	r.names = make(map[store.DeviceID]string)
	for _, dev := range list {
		r.names[dev.ID] = dev.Name
	}
	view := r.account.View()
	var boxes []*store.MailboxView
	seen := make(map[store.MailboxID]bool)
	for i := range r.devices {
		for _, m := range r.devices[i].Maildrop(view) {
			if !seen[m.ID()] {
				seen[m.ID()] = true
				boxes = append(boxes, m)
			}
		}
	}
	for _, m := range boxes {
		if err := m.Load(ctx); err != nil {
			return err
		}
		for batch := range slices.Chunk(slices.Collect(m.All()), dryRunBatch) {
			if err := r.batch(ctx, m, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *dryRun) batch(ctx context.Context, m *store.MailboxView, batch []*store.Entry) error {
	ids := make([]store.MessageID, len(batch))
	entries := make(map[store.MessageID]*store.Entry, len(batch))
	for i, e := range batch {
		ids[i], entries[e.Message] = e.Message, e
	}
	list, err := r.account.Releases(ctx, r.devices, ids)
	if err != nil {
		return err
	}
	for _, rel := range list {
		out := admind.Release{Why: r.why(rel)}
		if rel.Reason == retention.Released {
			out.At, out.Then = rel.At, rel.Then.String()
		}
		if err := r.say(ctx, m, entries[rel.Message], out); err != nil {
			return err
		}
	}
	return nil
}

// retains tells what would leave a mailbox by a retention.
func (r *dryRun) retains(ctx context.Context, m *store.MailboxView, stay retention.Stay) error {
	if err := m.Load(ctx); err != nil {
		return err
	}
	for e := range m.All() {
		var out admind.Release
		at, reason := m.Leaves(e, store.Retention(stay))
		switch {
		case !at.IsZero():
			out.At, out.Then, out.Why = at, retention.ThenDelete.String(), "leaves "+retention.Keep(stay.For).String()+" after it came there"
		case reason == retention.Flagged:
			out.Why = "stays: it is flagged"
		case stay.For == 0:
			out.Why = "stays: nothing leaves by itself"
		default:
			out.Why = "stays: nobody has read it"
		}
		if err := r.say(ctx, m, e, out); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// say tells of a message.
func (r *dryRun) say(ctx context.Context, m *store.MailboxView, e *store.Entry, out admind.Release) (err error) {
	out.Account, out.Mailbox, out.UIDL, out.Size = r.name, m.Path(), m.View().Seed().EmailID(e.Message), e.Size
	if *r.subjects > 0 {
		*r.subjects--
		if out.Subject, err = subjectOf(ctx, r.account, e.Message); err != nil {
			return err
		}
	}
	return r.tell(out)
}

// why says a decision in words.
func (r *dryRun) why(rel store.Release) string {
	by := fmt.Sprintf("%q", r.names[store.DeviceID(rel.Device)])
	switch rel.Reason {
	case retention.Flagged:
		return "stays: it is flagged"
	case retention.Answered:
		return "stays: it was answered"
	case retention.Kept:
		return "stays: somebody has said so"
	case retention.Forever:
		return "stays: " + by + " keeps copies forever"
	case retention.Waiting:
		return "waits for " + by + " to take it"
	case retention.Released:
		return "leaves by the rule of " + by
	}
	return "stays: the device that took it has not been here for long"
}
