// Package milter asks filters beside this server (rspamd, clamav-milter, opendkim)
// about mail while it comes in, by the milter protocol.
//
// # Model
//
// A transaction has a conversation of its own with each filter (conversation.go), from
// MAIL to its end. The filters are asked one after the other, and each sees the message as it came. One that
// refuses it ends it for all; one that accepts it is asked no more. What they want beside that is a flow.Filtered, and
// flow/inbound does it.
//
// # What filters may do
//
// Refuse, for good or for now, with words of their own; drop a message; have it put into Junk (quarantine); and add header fields, which stand before
// the message wherever the filter wants them. Nothing else is offered to them: a message that is taken is stored as it came, while it comes, and
// shared by its recipients, so that nothing in it can be changed at its end. Recipients and senders are the directory's business. A filter that
// tries nevertheless is not heard, and logged.
//
// # When a filter fails
//
// A filter that cannot be reached, is too slow or does not keep to the protocol means, as the operator wants, that the client comes
// again later, or that the message goes on without it.
//
// # Why not a library
//
// go-milter's client has no context, no bound on a reply that a filter keeps putting off (progress), one time limit for all steps, and knows neither quarantine
// nor a filter that shuts down. Its server is the other side in the tests.
package milter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"restante/internal/flow"
	"restante/internal/proto/smtpwire"
)

// ErrFailed means that a filter cannot be asked now.
var ErrFailed = errors.New("milter: a filter cannot be asked")

// Filter is a program to ask.
type Filter struct {
	Network, Address string // "unix" and a path, or "tcp" and host:port
	// Pass takes mail without the filter when it fails; otherwise clients come again later.
	Pass bool
	// Connect and Command bound the connection and each answer; Message the answer at the end of a message, and all that it puts off. 0 is 5 s, 30 s, 2 min.
	Connect, Command, Message time.Duration
}

// Options are what a Client works with.
type Options struct {
	Host    string // this server's name
	Filters []Filter
	Log     *slog.Logger
}

// Client asks filters. It is safe for concurrent use. A nil *Client asks nobody.
type Client struct{ opts Options }

// New returns a Client.
func New(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for i := range o.Filters {
		f := &o.Filters[i]
		orDefault(&f.Connect, 5*time.Second)
		orDefault(&f.Command, 30*time.Second)
		orDefault(&f.Message, 2*time.Minute)
	}
	return &Client{opts: o}
}

func orDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Begin begins a transaction. It returns nil where there are no filters. The error is what the client is told; then nothing has to be closed.
func (c *Client) Begin(ctx context.Context, s *flow.Session, m *smtpwire.Mail) (flow.Filters, error) {
	if c == nil || len(c.opts.Filters) == 0 {
		return nil, nil
	}
	t := &transaction{log: c.opts.Log}
	for i := range c.opts.Filters {
		f := &c.opts.Filters[i]
		v := &conversation{filter: f, log: c.opts.Log.With("filter", f.Address)}
		t.all = append(t.all, v)
		err := v.open(ctx)
		if err == nil {
			err = v.greet(ctx, c.opts.Host, s, m)
		}
		if err = t.judge(v, err); err != nil {
			t.Close()
			return nil, err
		}
	}
	return t, nil
}

// transaction is what all filters think of one message. It implements flow.Filters.
type transaction struct {
	log    *slog.Logger
	all    []*conversation
	header splitter
	out    flow.Filtered
}

// judge turns what a step of a filter came to into what the client is told. A filter that fails, or has nothing more to say, is closed.
func (t *transaction) judge(v *conversation, err error) error {
	var reply smtpwire.Reply
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errAccepted):
		v.close()
		return nil
	case errors.Is(err, errDiscarded):
		v.close()
		t.out.Discard = v.filter.Address
		return nil
	case errors.As(err, &reply):
		return err
	}
	v.close()
	v.log.Warn("filter failed", "error", err, "passed", v.filter.Pass)
	if v.filter.Pass {
		return nil
	}
	return fmt.Errorf("%w: %s: %w", ErrFailed, v.filter.Address, err)
}

// each takes a step with all filters that still listen.
func (t *transaction) each(step func(*conversation) error) error {
	for _, v := range t.all {
		if v.conn == nil || t.out.Discard != "" {
			continue
		}
		if err := t.judge(v, step(v)); err != nil {
			return err
		}
	}
	return nil
}

// Recipient implements flow.Filters. What a filter says against one recipient is said of him alone.
func (t *transaction) Recipient(ctx context.Context, r smtpwire.Rcpt) error {
	return t.each(func(v *conversation) error { return v.recipient(ctx, r) })
}

// Data implements flow.Filters.
func (t *transaction) Data(ctx context.Context, id string) error {
	return t.each(func(v *conversation) error { return v.data(ctx, id) })
}

// Write implements flow.Filters. It waits for filters as long as Filter.Command, whatever becomes of the session meanwhile.
func (t *transaction) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !t.header.done {
		var f field
		var whole bool
		f, whole, p = t.header.next(p)
		if err := t.show(f, whole); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 {
		return n, nil
	}
	return n, t.each(func(v *conversation) error { return v.body(context.Background(), p) })
}

// show shows a field, or the end of the header.
func (t *transaction) show(f field, whole bool) error {
	if whole {
		if err := t.each(func(v *conversation) error { return v.header(context.Background(), f) }); err != nil {
			return err
		}
	}
	if t.header.done {
		return t.each(func(v *conversation) error { return v.endOfHeader(context.Background()) })
	}
	return nil
}

// Finish implements flow.Filters.
func (t *transaction) Finish(ctx context.Context) flow.Filtered {
	if !t.header.done {
		_, t.out.Declined = t.Write(t.header.rest())
	}
	if t.out.Declined == nil {
		t.out.Declined = t.each(func(v *conversation) error { return v.end(ctx, &t.out) })
	}
	return t.out
}

// Close implements flow.Filters.
func (t *transaction) Close() {
	for _, v := range t.all {
		v.close()
	}
}

var _ flow.Filters = (*transaction)(nil)
