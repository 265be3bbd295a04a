// Package notice writes the server's own letters to the owners of accounts and puts them into their mailboxes: the quota is nearly used up, a certificate ends. It composes
// plain text, and a letter goes the way of all mail, through the store's one door. It sends nothing to others.
package notice

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"restante/internal/store"
)

// Directory is what notice asks of *directory.Directory.
type Directory interface {
	LoginOf(ctx context.Context, id store.AccountID) (string, error)
}

// Options are what a Notice works with.
type Options struct {
	Store     *store.Store // required
	Directory Directory    // required
	Host      string       // this host's name: the letters come from postmaster there
	Clock     func() time.Time
}

// Notice writes letters. It is safe for concurrent use.
type Notice struct{ opts Options }

// New returns a Notice.
func New(o Options) *Notice {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Notice{o}
}

// Quota tells an owner that the quota is nearly used up. The letter is delivered though there may be no room for it.
func (n *Notice) Quota(ctx context.Context, w store.Warning) error {
	h, err := n.opts.Store.Account(ctx, w.Account)
	if err != nil {
		return err
	}
	defer h.Close()
	view := h.View()
	used, quota := view.Used(), view.Quota()
	what := fmt.Sprintf("%s of %s", Octets(used.Octets), Octets(quota.Octets))
	if quota.Octets == 0 || quota.Messages > 0 && used.Messages*100 >= quota.Messages*uint64(w.Level) {
		what = fmt.Sprintf("%d of %d messages", used.Messages, quota.Messages)
	}
	return n.put(ctx, h, fmt.Sprintf("Your mailbox is %d %% full", view.Full()), fmt.Sprintf(`Your mailbox holds %s.

When it is full, mail for you waits with its senders for some days and is then
returned to them. To make room, delete what you do not need, large messages
first. What you delete can be put back for a while, and does not count.
`, what))
}

// Domain tells an account that stands for the postmaster of a domain that the quota of all its accounts together is nearly used up.
func (n *Notice) Domain(ctx context.Context, to store.AccountID, domain string, full int, used, limit string) error {
	h, err := n.opts.Store.Account(ctx, to)
	if err != nil {
		return err
	}
	defer h.Close()
	return n.put(ctx, h, fmt.Sprintf("The mailboxes of %s are %d %% full", domain, full), fmt.Sprintf(`All mailboxes of %s together hold %s of %s.

When that is used up, mail for every address of the domain waits with its
senders for some days and is then returned to them. "restante account list"
tells who keeps how much; "restante domain quota" sets the limit.
`, domain, used, limit))
}

// Certificate tells an account that stands for the postmaster of the server that a certificate ends soon. why and advice are a line each.
func (n *Notice) Certificate(ctx context.Context, to store.AccountID, name string, until time.Time, why, advice string) error {
	h, err := n.opts.Store.Account(ctx, to)
	if err != nil {
		return err
	}
	defer h.Close()
	end := until.UTC().Format("2 January 2006 15:04 MST")
	return n.put(ctx, h, "The certificate of "+name+" ends soon", fmt.Sprintf(`The TLS certificate that this server shows for
%s
ends on %s and could not be renewed:

  %s

What to do: %s

From then on mail programs will refuse the connection. "restante tls list"
tells of all certificates, "restante tls renew" tries again at once.
`, name, end, ascii(why), ascii(advice)))
}

// ascii keeps the words of others within the letter's character set.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// put delivers a letter into INBOX.
func (n *Notice) put(ctx context.Context, h *store.Account, subject, text string) error {
	login, err := n.opts.Directory.LoginOf(ctx, h.ID())
	if err != nil {
		return err
	}
	w, err := n.opts.Store.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		return err
	}
	id := n.opts.Store.NewQueueID()
	_, err = fmt.Fprintf(w, "From: Mail server <postmaster@%s>\nTo: <%s>\nSubject: %s\nDate: %s\nMessage-ID: <%s@%s>\n"+
		"Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n", // RFC 3834 5
		n.opts.Host, login, subject, n.opts.Clock().Format(time.RFC1123Z), store.FormatQueueID(id), n.opts.Host)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err != nil {
		return err
	}
	body, err := w.Finish(ctx)
	if err != nil {
		return err
	}
	_, err = h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
		inbox, err := tx.ByRole(store.RoleInbox)
		if err != nil {
			return err
		}
		_, err = tx.AddMessage(inbox, body, store.AddOptions{Urgent: true})
		return err
	})
	return err
}

// Octets is a size in words.
func Octets(n uint64) string {
	const step = 1 << 10
	unit, f := "bytes", float64(n)
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if f < step {
			break
		}
		f, unit = f/step, u
	}
	return fmt.Sprintf("%.3g %s", f, unit)
}
