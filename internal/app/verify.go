package app

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"restante/internal/ops/verify"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// Verify implements admind.Backend. It checks the store, and that every account
// of the directory has its mail and all mail its account; of the text index it sees whether it can be used.
func (c *Core) Verify(ctx context.Context, bodies bool) (admind.Verified, error) {
	// The store's accounts before the check and the directory's after it: what was
	// being made when we began has got its row by then.
	var ids []store.AccountID
	err := c.store.Accounts(ctx, func(id store.AccountID) error {
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return admind.Verified{}, err
	}
	report, err := verify.Run(ctx, c.engine, verify.Options{SkipBodies: !bodies})
	if err != nil {
		return admind.Verified{}, err
	}
	out := admind.Verified{
		Accounts: report.Accounts, Mailboxes: report.Mailboxes, Messages: report.Messages,
		Bodies: report.Bodies, Octets: report.Octets, Total: report.Total, Findings: []admind.Finding{},
	}
	for _, f := range report.Findings {
		out.Findings = append(out.Findings, admind.Finding{Account: uint32(f.Account), Where: f.Where, What: f.What})
	}
	if err := c.verifyOwners(ctx, ids, &out); err != nil {
		return out, err
	}
	return out, c.verifyIndex(ctx, &out)
}

// verifyIndex looks into the text index, if there is one. Without a server it is opened for that, and stays as it is though it cannot be.
func (c *Core) verifyIndex(ctx context.Context, out *admind.Verified) error {
	found := func(id store.AccountID, what string) {
		out.Total++
		out.Findings = append(out.Findings, admind.Finding{Account: uint32(id), Where: "text index", What: what})
	}
	if c.search.index == nil {
		if _, err := os.Stat(c.indexDir()); !c.config.Search.Enabled || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		engine, err := c.indexEngine()
		if err != nil {
			found(0, "it cannot be opened, and the next start makes it anew: "+err.Error())
			return nil
		}
		c.useIndex(engine)
	}
	return c.search.index.Verify(ctx, found)
}

// verifyOwners compares the accounts of the store with those of the directory.
func (c *Core) verifyOwners(ctx context.Context, ids []store.AccountID, out *admind.Verified) error {
	found := func(id store.AccountID, what string) {
		out.Total++
		out.Findings = append(out.Findings, admind.Finding{Account: uint32(id), Where: "directory", What: what})
	}
	owned := make(map[store.AccountID]bool)
	for a, err := range c.directory.Load().Accounts(ctx, "") {
		if err != nil {
			return err
		}
		owned[a.ID] = true
		there, err := c.exists(ctx, a.ID)
		if err != nil {
			return err
		}
		if !there {
			found(a.ID, a.Login+" has no account in the store")
		}
	}
	for _, id := range ids {
		if owned[id] {
			continue
		}
		there, err := c.exists(ctx, id) // it may have been removed meanwhile
		if err != nil {
			return err
		}
		if there {
			found(id, "an account in the store that has no login: left by a crash while it was made, or waiting to be erased")
		}
	}
	return nil
}

func (c *Core) exists(ctx context.Context, id store.AccountID) (bool, error) {
	h, err := c.store.Account(ctx, id)
	if errors.Is(err, store.ErrNoAccount) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	h.Close()
	return true, nil
}
