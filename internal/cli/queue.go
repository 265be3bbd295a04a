package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/serve/admind"
)

type queueCmd struct {
	List    queueList    `cmd:"" help:"List the messages that wait, and why."`
	Show    queueShow    `cmd:"" help:"Show a message that waits, and each of its recipients."`
	Retry   queueRetry   `cmd:"" help:"Try at once what waits for its time."`
	Hold    queueHold    `cmd:"" help:"Try messages no more until they are released."`
	Release queueRelease `cmd:"" help:"Undo hold."`
	Drop    queueDrop    `cmd:"" help:"Take messages back: whoever has not got them will not."`

	Suppressed queueSuppressed `cmd:"" help:"List the addresses that accounts cannot write to, because they do not exist."`
	Unsuppress queueUnsuppress `cmd:"" help:"Let an address be written to again."`
}

type queueList struct {
	where
	Domain  string `placeholder:"DOMAIN" help:"Only those for people of this domain."`
	Account string `placeholder:"ADDRESS" help:"Only those that this account has sent."`
	Held    bool   `help:"Only those that are held."`
}

func (queueList) Help() string {
	return `Times are of the next attempt. A message is tried again after a minute, then less and less often, for five days (send.expire).

Examples:
  restante queue list
  restante queue list --domain example.net --json`
}

func (c *queueList) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		now := time.Now()
		messages := b.Queue(ctx, admind.QueueSelection{Domain: c.Domain, Account: c.Account, Held: c.Held})
		return list(con, c.JSON, messages, "ID AGE SIZE FROM TO NEXT WHY", func(m admind.QueuedMessage) []string {
			return []string{m.ID, period(now.Sub(m.Accepted)), octets(uint64(m.Size)), clip(sender(m.From), 28), clip(waiting(&m), 34), nextTry(m.Next, now), clip(m.Why, 70)}
		})
	})
}

// sender is a reverse-path for people.
func sender(from string) string {
	if from == "" {
		return "<>"
	}
	return from
}

// waiting is whom a message still waits for: the first, and how many others.
func waiting(m *admind.QueuedMessage) string {
	first, more := "", 0
	for _, r := range m.Recipients {
		switch {
		case r.State != "waiting":
		case first == "":
			first = r.To
		default:
			more++
		}
	}
	if more > 0 {
		first = fmt.Sprintf("%s +%d", clip(first, 28), more)
	}
	return first
}

// nextTry is when something is tried again.
func nextTry(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "-"
	case !at.After(now):
		return "now"
	case at.Sub(now) < 48*time.Hour:
		return "in " + period(at.Sub(now))
	}
	return date(at)
}

// period is a time span in one unit.
func period(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(d, 0)/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

type queueShow struct {
	where
	ID string `arg:"" help:"The message's queue id, as it is in the list, the log and the Received fields."`
}

func (c *queueShow) Run(ctx context.Context, con *console) error {
	return c.with(ctx, con, false, func(b admind.Backend) error {
		for m, err := range b.Queue(ctx, admind.QueueSelection{ID: c.ID}) {
			if err != nil {
				return err
			}
			if c.JSON {
				return con.json(m)
			}
			return con.queued(&m)
		}
		return fmt.Errorf("%w: %s", admind.ErrNotQueued, c.ID)
	})
}

func (con *console) queued(m *admind.QueuedMessage) error {
	now := time.Now()
	by := m.Account
	if by == "" {
		by = "this server"
	}
	t := con.table()
	t.row("id", m.ID)
	t.row("from", sender(m.From))
	t.row("by", by+" ("+m.Kind+")")
	t.row("message id", "<"+m.MessageID+">")
	t.row("size", octets(uint64(m.Size)))
	t.row("class", m.Class)
	t.row("accepted", date(m.Accepted))
	t.row("given up", date(m.Expires))
	if m.Held {
		t.row("held", m.Why)
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	for _, r := range m.Recipients {
		con.print("\n%s: %s\n", r.To, r.State)
		if r.State == "waiting" && !m.Held {
			con.print("  next attempt %s\n", nextTry(r.Next, now))
		}
		if r.Attempts > 0 {
			con.print("  tried %s, the last time %s\n", times(r.Attempts), date(r.Last))
		}
		if r.Why != "" {
			con.print("  %s\n", r.Why)
		}
		if r.Source != "" {
			con.print("  forwarded by %s\n", r.Source)
		}
	}
	return nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// chosen are the messages that a verb is about: one, or many by a flag.
type chosen struct {
	where
	ID      string `arg:"" optional:"" help:"The message's queue id."`
	Domain  string `placeholder:"DOMAIN" help:"All for people of this domain."`
	Account string `placeholder:"ADDRESS" help:"All that this account has sent."`
	All     bool   `help:"All there are."`
}

func (c *chosen) change(ctx context.Context, con *console, r admind.QueueChange, done string) error {
	n := 0
	for _, said := range []bool{c.ID != "", c.Domain != "" || c.Account != "", c.All} {
		if said {
			n++
		}
	}
	if n != 1 {
		return &failure{exitUsage, errors.New("which messages? Name one by its id, or say --domain, --account or --all")}
	}
	r.ID, r.Domain, r.Account = c.ID, c.Domain, c.Account
	return c.with(ctx, con, false, func(b admind.Backend) error {
		n, err := b.ChangeQueue(ctx, r)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(struct {
				Count int `json:"count"`
			}{n})
		}
		return con.done(false, "%s %s", messages(n), done)
	})
}

type queueRetry struct{ chosen }

func (queueRetry) Help() string {
	return `Also what its sender has scheduled for later goes now; what is held does not.

Examples:
  restante queue retry 38g2tfa8up54e
  restante queue retry --domain example.net`
}

func (c *queueRetry) Run(ctx context.Context, con *console) error {
	return c.change(ctx, con, admind.QueueChange{Do: "retry"}, "tried now")
}

type queueHold struct {
	chosen
	Note string `placeholder:"TEXT" help:"Why, for those who look at the queue."`
}

func (queueHold) Help() string {
	return `Examples:
  restante queue hold --account anna@example.org --note "password stolen?"
  restante queue hold 38g2tfa8up54e`
}

func (c *queueHold) Run(ctx context.Context, con *console) error {
	if strings.ContainsFunc(c.Note, func(r rune) bool { return r < ' ' }) || len(c.Note) > 500 {
		return &failure{exitUsage, errors.New("--note is one line of at most 500 octets")}
	}
	return c.change(ctx, con, admind.QueueChange{Do: "hold", Note: c.Note}, "held")
}

type queueRelease struct{ chosen }

func (queueRelease) Help() string {
	return `How long they were held does not count against them.

Example:
  restante queue release --all`
}

func (c *queueRelease) Run(ctx context.Context, con *console) error {
	return c.change(ctx, con, admind.QueueChange{Do: "release"}, "released")
}

type queueDrop struct {
	chosen
	Report bool `help:"Tell the senders that it was not sent."`
}

func (queueDrop) Help() string {
	return `This undoes sending, as long as the message waits: because it is scheduled, held, or the other side does not take it. Those who have it keep it.

Examples:
  restante queue drop 38g2tfa8up54e
  restante queue drop --account anna@example.org --report`
}

func (c *queueDrop) Run(ctx context.Context, con *console) error {
	return c.change(ctx, con, admind.QueueChange{Do: "drop", Report: c.Report}, "dropped")
}

// printQueue says how it stands with what is to be sent.
func (con *console) printQueue(q *admind.QueueStatus) {
	if q.Messages == 0 {
		con.print("queue: empty\n")
		return
	}
	con.print("queue: %s, the oldest since %s", messages(q.Messages), date(q.Oldest))
	if q.Held > 0 {
		con.print(", %d held", q.Held)
	}
	con.print("\n")
}

// sentFlag says whether what a device sends is copied to Sent.
type sentFlag struct {
	SentCopy string `enum:",on,off" default:"" help:"Whether the server saves what the device sends in Sent: on, or off."`
}

func (f *sentFlag) set(ctx context.Context, b admind.Backend, address, device string) error {
	if f.SentCopy == "" {
		return nil
	}
	return b.SetSentCopy(ctx, address, device, f.SentCopy == "on")
}

type accountSendAs struct {
	where
	Address string   `arg:"" help:"The account."`
	As      []string `arg:"" optional:"" name:"as" help:"Addresses, or @domain for all of a domain. They take the place of those that were granted before."`
	None    bool     `help:"Take back all that was granted."`
}

func (accountSendAs) Help() string {
	return `An account may always send as its own address and as aliases that stand for it alone. Without addresses, those are listed that it has been granted besides.

Examples:
  restante account send-as anna@example.org info@example.org @shop.example
  restante account send-as anna@example.org`
}

func (c *accountSendAs) Run(ctx context.Context, con *console) error {
	if c.None && len(c.As) > 0 {
		return &failure{exitUsage, errors.New("either addresses or --none")}
	}
	return c.with(ctx, con, false, func(b admind.Backend) error {
		if c.None || len(c.As) > 0 {
			if err := b.SetSendAs(ctx, c.Address, c.As); err != nil {
				return err
			}
			if c.None {
				return con.done(c.JSON, "%s sends as itself only", c.Address)
			}
			return con.done(c.JSON, "%s may send as %s", c.Address, strings.Join(c.As, ", "))
		}
		as, err := b.SendAs(ctx, c.Address)
		if err != nil {
			return err
		}
		if c.JSON {
			return con.json(append([]string{}, as...))
		}
		if len(as) == 0 {
			return con.done(false, "none")
		}
		return con.done(false, "%s", strings.Join(as, "\n"))
	})
}
