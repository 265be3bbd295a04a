package app

import (
	"context"
	"errors"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/inbound"
	"restante/internal/flow/queue"
	"restante/internal/flow/submission"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
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
		Store: c.store, Directory: &c.directory, Front: c.front(), Host: c.config.Host, Signer: c.signing,
		Limits: submission.Limits{Messages: orNone(s.MessagesPerDay), Strangers: orNone(s.StrangersPerDay)},
		Clock:  c.opts.Clock, Log: c.opts.Log,
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

// front is where messages enter the queue.
func (c *Core) front() *queue.Front {
	s := &c.config.Send
	return &queue.Front{
		Store: c.store, Times: queue.Times{Expire: time.Duration(s.Expire), Warn: time.Duration(s.Warn)}, Clock: c.opts.Clock,
	}
}

// ways say where mail goes.
func (s *Server) ways() queue.Router {
	if s.opts.AtHome {
		return atHome{s.router()}
	}
	return s.router()
}

// atHome is a router of a server that nothing leaves.
type atHome struct{ queue.Router }

var errAtHome = errors.New("this server is a demo, and sends nothing to other hosts")

// Route implements queue.Router.
func (r atHome) Route(ctx context.Context, to addr.Address) (queue.Way, error) {
	way, err := r.Router.Route(ctx, to)
	if err == nil && way.Carrier != inbound.Carrier {
		// RFC 3463 3.8: "Delivery not authorized, message refused".
		err = &queue.PermanentError{Status: smtpwire.Enhanced{Class: 5, Subject: 7, Detail: 1}, Err: errAtHome}
	}
	return way, err
}
