// Package verify recomputes what a store says about itself, from the bodies up,
// and reports every difference: counters from pages, memberships from pages,
// references from message records, records from the octets of their bodies,
// what devices have taken and what is due from the messages that there are.
//
// It reads one snapshot of the engine, so it can run beside a server, and
// changes nothing. It trusts nothing that it can compute.
package verify

import (
	"context"
	"fmt"

	"restante/internal/store"
	"restante/internal/store/blob"
	"restante/internal/store/blob/kvblob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Options say how far to go; the zero value checks everything.
type Options struct {
	// SkipBodies leaves out reading, hashing and parsing the bodies: what is then
	// checked is that every chunk is there.
	SkipBodies bool
	// Progress is told now and then what has been looked at; may be nil.
	Progress func(Counts)
}

// Counts are how much was looked at.
type Counts struct {
	Accounts, Mailboxes, Messages, Bodies int
	Octets                                uint64 // of bodies that were read
}

// Finding is one difference between what is stored and what it should be.
type Finding struct {
	Account keys.AccountID `json:"account,omitempty"` // 0: the blob domain or the store itself
	Where   string         `json:"where"`             // "mailbox 3", "message 12", "body 7"
	What    string         `json:"what"`
}

// String is one line for people.
func (f Finding) String() string {
	if f.Account == 0 {
		return fmt.Sprintf("%s: %s", f.Where, f.What)
	}
	return fmt.Sprintf("account %d, %s: %s", f.Account, f.Where, f.What)
}

// maxFindings bounds the list; Report.Total goes on counting.
const maxFindings = 1000

// Report is what a check found. A store without findings is sound.
type Report struct {
	Counts
	Findings []Finding // the first 1000
	Total    int
}

// Run checks the store in engine. The error is that of reading, not of
// what was read.
func Run(ctx context.Context, engine kv.Engine, opts Options) (*Report, error) {
	snap, err := engine.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer snap.Close()
	c := &checker{ctx: ctx, r: snap, opts: opts, report: new(Report), wanted: make(map[keys.BlobID]want), accounts: make(map[keys.AccountID]bool), shared: make(map[string]bool), retains: make(map[retained]bool)}
	c.bodies = kvblob.New(engine)
	if err := c.run(); err != nil {
		return c.report, fmt.Errorf("verify: %w", err)
	}
	return c.report, nil
}

// checker is one run. It keeps one account's messages in memory at a time, and
// a few octets for every body.
type checker struct {
	ctx    context.Context
	r      kv.Reader
	bodies blob.Store
	opts   Options
	report *Report

	secret   []byte
	accounts map[keys.AccountID]bool
	shared   map[string]bool      // keys in TableShared that mailboxes ask for
	wanted   map[keys.BlobID]want // bodies that messages refer to, those in the queue as well
	retains  map[retained]bool    // hints of retention
}

// want is what those who refer to a body say of it.
type want struct {
	size uint64
	refs int
}

func (c *checker) found(acct keys.AccountID, where, format string, args ...any) {
	c.report.Total++
	if len(c.report.Findings) < maxFindings {
		c.report.Findings = append(c.report.Findings, Finding{acct, where, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) progress() {
	if c.opts.Progress != nil {
		c.opts.Progress(c.report.Counts)
	}
}

// scan calls fn for every row of a prefix.
func (c *checker) scan(prefix []byte, fn func(k, v []byte) error) error {
	return c.r.Scan(c.ctx, kv.Prefix(prefix), func(k, v []byte) (bool, error) { return true, fn(k, v) })
}

func (c *checker) run() error {
	schema, err := c.r.Get(c.ctx, keys.StoreKey("schema"))
	if err != nil {
		return fmt.Errorf("no store here: %w", err)
	}
	if v, err := keys.DecodeID(schema); err != nil || v != keys.SchemaVersion {
		return fmt.Errorf("%w: version %d", store.ErrSchema, v)
	}
	if c.secret, err = c.r.Get(c.ctx, keys.StoreKey("secret")); err != nil {
		c.found(0, "store", "its secret is missing")
	}
	var ids []keys.AccountID
	rows := make(map[keys.AccountID][]byte)
	err = c.scan([]byte{byte(keys.TableAccount)}, func(k, v []byte) error {
		id, err := keys.AccountOf(k)
		ids = append(ids, id)
		rows[id] = append([]byte(nil), v...)
		c.accounts[id] = true
		return err
	})
	if err == nil {
		err = c.due()
	}
	for _, id := range ids {
		if err != nil {
			return err
		}
		err = c.account(id, rows[id])
		c.report.Accounts++
		c.progress()
	}
	if err != nil {
		return err
	}
	if err := c.orphans(); err != nil {
		return err
	}
	if err := c.sharing(); err != nil {
		return err
	}
	if err := c.queue(); err != nil {
		return err
	}
	return c.blobDomain()
}

// orphans looks for rows of accounts that do not exist.
func (c *checker) orphans() error {
	for _, t := range keys.AccountTables() {
		if t == keys.TableShared {
			continue // see sharing
		}
		last := keys.AccountID(0)
		err := c.scan([]byte{byte(t)}, func(k, _ []byte) error {
			id, err := keys.AccountOf(k)
			if err != nil {
				c.found(0, fmt.Sprintf("table %c", t), "a key of %d octets", len(k))
			} else if !c.accounts[id] && id != last {
				last = id
				c.found(id, fmt.Sprintf("table %c", t), "rows of an account that does not exist")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
