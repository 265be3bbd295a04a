package app

import (
	"context"
	"iter"
	"time"

	"restante/internal/directory"
	"restante/internal/ops/transfer"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// tellEvery is how often it is told how far a transfer is.
const tellEvery = 100 * time.Millisecond

// Import implements admind.Backend.
func (c *Core) Import(ctx context.Context, r admind.ImportRequest) iter.Seq2[admind.Transferred, error] {
	return c.transfer(ctx, r.Address, func(h *store.Account, tell func(transfer.Progress) error) (transfer.Counts, error) {
		return transfer.Import(ctx, transfer.Options{
			Store: c.store, Account: h, Path: r.Path, Format: transfer.Format(r.Format), Into: r.Into, UIDL: r.UIDL,
			Quoting: transfer.Quoting(r.Quoting), NewestFirst: r.NewestFirst, NewUIDs: r.NewUIDs, Map: r.Map, DryRun: r.DryRun, Progress: tell,
			Server: transfer.ServerOptions{Password: r.Password, Insecure: r.Insecure, UIDLFrom: r.UIDLFrom},
		})
	})
}

// Export implements admind.Backend.
func (c *Core) Export(ctx context.Context, r admind.ExportRequest) iter.Seq2[admind.Transferred, error] {
	return c.transfer(ctx, r.Address, func(h *store.Account, tell func(transfer.Progress) error) (transfer.Counts, error) {
		return transfer.Export(ctx, transfer.ExportOptions{
			Account: h, Path: r.Path, Format: transfer.Format(r.Format), Mailbox: r.Mailbox, Progress: tell,
		})
	})
}

// transfer runs an import or an export, and yields how far it is.
func (c *Core) transfer(ctx context.Context, address string, run func(*store.Account, func(transfer.Progress) error) (transfer.Counts, error)) iter.Seq2[admind.Transferred, error] {
	return told(func(tell func(admind.Transferred) error) error {
		return c.withAccount(ctx, address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
			var at time.Time // when something was told
			var last admind.Transferred
			counts, err := run(h, func(p transfer.Progress) error {
				last = transferred(p)
				if p.Problem == nil && p.Note == "" && time.Since(at) < tellEvery {
					return nil
				}
				at = time.Now()
				return tell(last)
			})
			if err != nil {
				return err
			}
			plan := last.Plan
			last = transferred(transfer.Progress{Mailbox: last.Mailbox, Done: last.Total, Total: last.Total, Counts: counts})
			if last.Over, last.Plan = true, plan; plan != nil {
				v := h.View()
				last.TooMuch = !v.Fits(counts.Messages, counts.Octets)
				if limit, used := v.Quota().Octets, v.Used().Octets; limit > used {
					last.Room = limit - used
				}
			}
			return tell(last)
		})
	})
}

func transferred(p transfer.Progress) admind.Transferred {
	out := admind.Transferred{
		Mailbox: p.Mailbox, Done: p.Done, Total: p.Total, Messages: p.Messages, Octets: p.Octets,
		Before: p.Before, Problems: p.Problems, NoUIDL: p.NoUIDL, Note: p.Note,
	}
	for _, f := range p.Plan {
		out.Plan = append(out.Plan, admind.Planned{Folder: f.Folder, Mailbox: f.Mailbox, Messages: f.Messages, Octets: f.Octets, Before: f.Before})
	}
	if p.Problem != nil {
		out.Problem = p.Problem.Error()
	}
	return out
}
