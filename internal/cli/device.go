package cli

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/serve/admind"
	"restante/internal/store/retention"
)

type deviceCmd struct {
	Add    deviceAdd    `cmd:"" help:"Make a device: a password of its own for one program."`
	List   deviceList   `cmd:"" help:"List an account's devices and what they have done."`
	Show   deviceShow   `cmd:"" help:"Show a device and its rule for POP3."`
	Policy devicePolicy `cmd:"" help:"Say how long copies stay that a device has downloaded by POP3."`
	Revoke deviceRevoke `cmd:"" help:"End a device: it cannot log in any more, and its sessions end."`
}

// ruleFlags are the words of a rule; empty ones were not given.
type ruleFlags struct {
	Keep     string   `placeholder:"PERIOD" help:"How long messages stay after the first taking: none, forever, or a period such as 30d."`
	Then     string   `enum:",trash,archive,delete" default:"" help:"What becomes of them then: trash, archive or delete."`
	WaitFor  string   `enum:",all,any" default:"" help:"Whether they wait until all devices have taken them, or any one."`
	Start    string   `placeholder:"FROM" help:"What the device is offered first: all, now, or the last period, such as 14d."`
	Scope    string   `enum:",inbox,chosen,all" default:"" help:"What its maildrop is made of: inbox, chosen (see --mailbox), or all but Junk and Trash."`
	MarkSeen string   `enum:",never,on_retr,on_dele" default:"" help:"When a message becomes read for the others: never, on_retr or on_dele."`
	View     string   `enum:",own,shared" default:"" help:"Whether the device has its own view, or one that all have that share."`
	Mailbox  []string `placeholder:"NAME" help:"A mailbox besides INBOX, with --scope chosen; may be given again."`

	LoginDelay string `placeholder:"PERIOD" help:"The least time between two logins: none, or a period such as 60s."`
}

func (f *ruleFlags) rule() retention.Rule {
	return retention.Rule{Keep: f.Keep, Then: f.Then, WaitFor: f.WaitFor, Start: f.Start, Scope: f.Scope, MarkSeen: f.MarkSeen, View: f.View, LoginDelay: f.LoginDelay}
}

type deviceAdd struct {
	where
	Address  string   `arg:"" help:"The account."`
	Name     string   `arg:"" help:"What the device is called, such as \"Office PC\"."`
	IMAP     bool     `name:"imap" help:"It may use IMAP. Without any of these it may use everything."`
	POP      bool     `name:"pop" help:"It may use POP3."`
	Send     bool     `help:"It may send mail."`
	JMAP     bool     `name:"jmap" help:"It may use JMAP."`
	Web      bool     `help:"It may use the webmail."`
	From     []string `placeholder:"NETWORK" help:"Only from this network, such as 192.0.2.0/24; may be given again."`
	ValidFor string   `placeholder:"PERIOD" help:"Only for so long, such as 90d."`
	sentFlag
	ruleFlags
}

func (deviceAdd) Help() string {
	return `The password is made up and shown this once. It opens nothing but what the device may use, and "device revoke" takes it back.

Examples:
  restante device add anna@example.org "Office PC" --pop --keep 14d
  restante device add anna@example.org phone --imap --send
  restante device add anna@example.org scanner --send --from 192.0.2.7/32`
}

func (c *deviceAdd) scopes() (out []directory.Scope) {
	for _, s := range []struct {
		on    bool
		scope directory.Scope
	}{{c.IMAP, directory.ScopeIMAP}, {c.POP, directory.ScopePOP3}, {c.Send, directory.ScopeSubmission}, {c.JMAP, directory.ScopeJMAP}, {c.Web, directory.ScopeWeb}} {
		if s.on {
			out = append(out, s.scope)
		}
	}
	return out
}

func (c *deviceAdd) Run(ctx context.Context, con *console) error {
	n := admind.NewDevice{Address: c.Address, Name: c.Name, Scopes: c.scopes(), Rule: c.rule(), Mailboxes: c.Mailbox}
	for _, text := range c.From {
		p, err := parseNetwork(text)
		if err != nil {
			return err
		}
		n.Networks = append(n.Networks, p)
	}
	if c.ValidFor != "" {
		k, err := retention.ParseKeep(c.ValidFor)
		if err != nil || k == retention.KeepForever || k == retention.KeepNone {
			return fmt.Errorf("--valid-for %s: it is a period such as 90d", c.ValidFor)
		}
		n.Expires = time.Now().Add(time.Duration(k))
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		a, err := b.AddDevice(ctx, n)
		if err == nil {
			err = c.set(ctx, b, c.Address, c.Name)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(a)
		}
		t := con.table()
		t.row("login", a.Login)
		t.row("password", a.Password)
		t.row("may use", scopesOf(a.Device))
		if err := t.w.Flush(); err != nil {
			return err
		}
		con.print("\nNobody can read the password again. Type it into the program now.\n")
		return nil
	})
}

// parseNetwork reads a network, or an address that stands for itself.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is no network: write one such as 192.0.2.0/24 or 2001:db8::/32", text)
	}
	return p, nil
}

func scopesOf(d directory.Device) string {
	if len(d.Scopes) == len(directory.Scopes()) {
		return "everything"
	}
	var words []string
	for _, s := range d.Scopes {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

type deviceList struct {
	where
	Address string `arg:"" help:"The account."`
	All     bool   `help:"Also those that were revoked."`
}

func (c *deviceList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		devices := func(yield func(admind.DeviceDetail, error) bool) {
			for d, err := range b.Devices(ctx, c.Address) {
				if (c.All || d.Revoked.IsZero()) && !yield(d, err) {
					return
				}
			}
		}
		return list(con, c.JSON, devices, "DEVICE MAY-USE KEEP LAST-USE BY CLIENT FROM TAKEN", func(d admind.DeviceDetail) []string {
			name, keep := d.Name, d.Rule.Keep
			if !d.Revoked.IsZero() {
				name += " (revoked)"
			}
			return []string{name, scopesOf(d.Device), keep, date(d.LastUse), d.Protocol, d.Client, d.From, fmt.Sprint(d.Taken)}
		})
	})
}

type deviceShow struct {
	where
	Address string `arg:"" help:"The account."`
	Name    string `arg:"" help:"The device; \"password\" is the account's own password."`
}

func (c *deviceShow) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		var found *admind.DeviceDetail
		for d, err := range b.Devices(ctx, c.Address) {
			if err != nil {
				return err
			}
			if strings.EqualFold(d.Name, c.Name) && (found == nil || d.Revoked.IsZero()) {
				found = &d
			}
		}
		if found == nil {
			return fmt.Errorf("%w: %q; see restante device list %s", directory.ErrNoDevice, c.Name, c.Address)
		}
		if c.JSON {
			return con.json(found)
		}
		return deviceTable(con, found)
	})
}
