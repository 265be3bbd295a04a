package cli

import (
	"context"
	"fmt"

	"restante/internal/directory"
	"restante/internal/serve/admind"
)

type accountCmd struct {
	Add      accountAdd      `cmd:"" help:"Make an account."`
	List     accountList     `cmd:"" help:"List the accounts."`
	Show     accountShow     `cmd:"" help:"Show an account and what it holds."`
	Password accountPassword `cmd:"" help:"Set an account's password."`
	Quota    accountQuota    `cmd:"" help:"Say how much an account may hold."`
	SendAs   accountSendAs   `cmd:"" help:"Let an account send as other addresses."`
	Forward  accountForward  `cmd:"" help:"Send an account's mail on to other addresses."`
	Disable  accountDisable  `cmd:"" help:"Let nobody log in to an account. It still takes mail."`
	Enable   accountEnable   `cmd:"" help:"Undo disable."`
	Remove   accountRemove   `cmd:"" help:"Remove an account and erase its mail, for good."`
}

type accountAdd struct {
	where
	passwordFlags
	Address    string `arg:"" help:"Its address, which is its login too."`
	NoPassword bool   `help:"Set none: nobody can log in until there is one."`
	quotaFlags
}

// quotaFlags are the limits of an account; nil ones were not given.
type quotaFlags struct {
	Quota     *quota  `placeholder:"SIZE" help:"Most octets that it keeps, such as 5GiB; 0B is no limit."`
	Messages  *uint64 `placeholder:"N" help:"Most messages that it keeps; 0 is no limit."`
	Mailboxes *uint64 `placeholder:"N" help:"Most mailboxes that it has; 0 is no limit but the server's own."`
}

// over is q with the limits that were given in the place of its own.
func (f *quotaFlags) over(q admind.Quota) admind.Quota {
	if f.Quota != nil {
		q.Octets = uint64(*f.Quota)
	}
	if f.Messages != nil {
		q.Messages = *f.Messages
	}
	if f.Mailboxes != nil {
		q.Mailboxes = *f.Mailboxes
	}
	return q
}

func (accountAdd) Help() string {
	return `Its domain must have been added before. The password is asked for.

Examples:
  restante account add anna@example.org
  restante account add ben@example.org --quota 5GiB < /run/secrets/ben`
}

func (c *accountAdd) Run(ctx context.Context, con *console) error {
	n := admind.NewAccount{Address: c.Address, Quota: c.over(admind.Quota{})}
	if !c.NoPassword {
		var err error
		if n.Password, err = c.read(ctx, con, c.Address); err != nil {
			return err
		}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		a, err := b.AddAccount(ctx, n)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(a)
		}
		return con.done(false, "%s added", a.Login)
	})
}

type accountList struct {
	where
	Domain string `arg:"" optional:"" help:"Only those of this domain."`
}

func (c *accountList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		return list(con, c.JSON, b.Accounts(ctx, c.Domain), "ACCOUNT ID ACCESS ADDED PASSWORD", func(a directory.Account) []string {
			return []string{a.Login, fmt.Sprint(a.ID), a.Access.String(), date(a.Created), date(a.PasswordSet)}
		})
	})
}

type accountShow struct {
	where
	Address string `arg:"" help:"The account."`
}

func (c *accountShow) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		a, err := b.Account(ctx, c.Address)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(a)
		}
		limit := "none"
		if a.Quota.Octets > 0 {
			limit = octets(a.Quota.Octets)
		}
		t := con.table()
		t.row("account", a.Login)
		t.row("id", fmt.Sprint(a.ID))
		t.row("access", a.Access.String())
		t.row("added", date(a.Created))
		t.row("password set", date(a.PasswordSet))
		t.row("messages", fmt.Sprint(a.Messages))
		t.row("used", octets(a.Used))
		t.row("quota", limit)
		if n := a.Quota.Messages; n > 0 {
			t.row("messages at most", fmt.Sprint(n))
		}
		if n := a.Quota.Mailboxes; n > 0 {
			t.row("mailboxes at most", fmt.Sprint(n))
		}
		if fw := a.Forward; fw != nil {
			t.row("mail goes on to", forwardWords(fw))
		}
		if err := t.w.Flush(); err != nil {
			return err
		}
		con.print("\n")
		t = con.table("MAILBOX", "MESSAGES", "UNSEEN", "SIZE")
		for _, m := range a.Mailboxes {
			t.row(m.Path, fmt.Sprint(m.Messages), fmt.Sprint(m.Unseen), octets(m.Used))
		}
		return t.w.Flush()
	})
}

type accountPassword struct {
	where
	passwordFlags
	Address string `arg:"" help:"The account."`
	Hash    bool   `help:"What is read is no password but the hash that another server keeps of one: argon2id, bcrypt, or SHA-256 or SHA-512 of crypt(3)."`
}

func (accountPassword) Help() string {
	return `The old password opens nothing from then on, and sessions that it has opened end. The new one is asked for.

Examples:
  restante account password anna@example.org
  restante account password anna@example.org --password-file /run/secrets/anna
  getent shadow anna | cut -d: -f2 | restante account password --hash anna@example.org`
}

func (c *accountPassword) Run(ctx context.Context, con *console) error {
	password, err := c.read(ctx, con, c.Address)
	if err != nil {
		return err
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		set := b.SetPassword
		if c.Hash {
			set = b.SetHash
		}
		if err := set(ctx, c.Address, password); err != nil {
			return err
		}
		return con.done(c.JSON, "password of %s set", c.Address)
	})
}

type accountQuota struct {
	where
	Address string `arg:"" help:"The account."`
	quotaFlags
}

func (accountQuota) Help() string {
	return `Limits that are not named stay as they are. Less than what there is may be set: nothing is removed, and nothing more is taken.

Examples:
  restante account quota anna@example.org --quota 5GiB
  restante account quota ben@example.org --messages 100000 --mailboxes 50`
}

func (c *accountQuota) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		a, err := b.Account(ctx, c.Address)
		if err != nil {
			return err
		}
		if err := b.SetQuota(ctx, c.Address, c.over(a.Quota)); err != nil {
			return err
		}
		return con.done(c.JSON, "quota of %s set", c.Address)
	})
}

type accountDisable struct {
	where
	Address    string `arg:"" help:"The account."`
	RefuseMail bool   `help:"Take no mail for it either."`
}

func (c *accountDisable) Run(ctx context.Context, con *console) error {
	access := directory.NoLogin
	if c.RefuseMail {
		access = directory.Closed
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.SetAccess(ctx, c.Address, access); err != nil {
			return err
		}
		return con.done(c.JSON, "%s is %s", c.Address, access)
	})
}

type accountEnable struct {
	where
	Address string `arg:"" help:"The account."`
}

func (c *accountEnable) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.SetAccess(ctx, c.Address, directory.Active); err != nil {
			return err
		}
		return con.done(c.JSON, "%s is %s", c.Address, directory.Active)
	})
}

type accountRemove struct {
	where
	Address string `arg:"" help:"The account."`
}

func (accountRemove) Help() string {
	return `Its mail cannot be brought back. To keep the mail and lock its owner out, use disable.`
}

func (c *accountRemove) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if err := b.RemoveAccount(ctx, c.Address); err != nil {
			return err
		}
		return con.done(c.JSON, "%s removed, its mail erased", c.Address)
	})
}
