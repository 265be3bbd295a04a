package cli

import (
	"context"

	"restante/internal/serve/admind"
)

type verifyCmd struct {
	where
	Quick bool `help:"Do not read the messages' texts, only that all of each is there."`
}

func (verifyCmd) Help() string {
	return `Reads one snapshot, beside a running server or without one, and changes nothing. It recomputes counters,
memberships and references, reads every message and compares what is recorded of it, and compares the accounts with
the directory; of the text index it sees whether it can be used (if not, "restante reindex" makes it anew). The exit code is 0 when all is as it should be, 3 when something differs.`
}

func (c *verifyCmd) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		v, err := b.Verify(ctx, !c.Quick)
		if err != nil {
			return err
		}
		if c.JSON {
			err = con.json(v)
		} else {
			con.printVerified(&v)
		}
		if err == nil && v.Total > 0 {
			err = &failure{code: exitDiffer}
		}
		return err
	})
}

func (con *console) printVerified(v *admind.Verified) {
	for _, f := range v.Findings {
		if f.Account != 0 {
			con.print("account %d, ", f.Account)
		}
		con.print("%s: %s\n", f.Where, f.What)
	}
	if more := v.Total - len(v.Findings); more > 0 {
		con.print("and %d more\n", more)
	}
	con.print("%d accounts, %d mailboxes, %d messages, %d bodies (%s): ", v.Accounts, v.Mailboxes, v.Messages, v.Bodies, octets(v.Octets))
	if v.Total == 0 {
		con.print("all as it should be\n")
	} else {
		con.print("%d differences\n", v.Total)
	}
}
