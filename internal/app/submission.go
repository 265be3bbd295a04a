package app

import (
	"context"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/serve/smtpd"
	"restante/internal/store"
)

var (
	_ smtpd.Login          = (*current)(nil)
	_ submission.Directory = (*current)(nil)
)

// MaySend implements submission.Directory.
func (c *current) MaySend(ctx context.Context, id directory.Identity, a addr.Address) (bool, error) {
	return c.Load().MaySend(ctx, id, a)
}

// SavesSent implements submission.Directory.
func (c *current) SavesSent(ctx context.Context, id directory.Identity) (bool, error) {
	return c.Load().SavesSent(ctx, id)
}

// NoteUse implements smtpd.Login.
func (c *current) NoteUse(ctx context.Context, id directory.Identity, u store.Use) error {
	return c.Load().NoteUse(ctx, id, u)
}

// maxHold is how far ahead a message may be scheduled.
const maxHold = 7 * 24 * time.Hour

// submission makes the options of a submission server of those of the MX.
func (c *Core) submission(o smtpd.Options) smtpd.Options {
	s := &c.config.Send
	o.Backend = smtpd.Submission(submission.New(submission.Options{
		Store: c.store, Directory: &c.directory, Front: c.front(), Host: c.config.Host, Signer: c.signing, Suppress: c.suppressed, Filters: c.filters("submission"),
		Limits:  submission.Limits{Messages: orNone(s.MessagesPerDay), Strangers: orNone(s.StrangersPerDay)},
		Observe: c.submitted, Clock: c.opts.Clock, Log: c.opts.Log,
	}))
	o.Login, o.Cleartext, o.MaxHold = &c.directory, c.config.Login.Cleartext, maxHold
	return o
}

// orNone is a limit as package submission takes it: less than zero is none.
func orNone(limit int) int {
	if limit == 0 {
		return -1
	}
	return limit
}
