package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/ops/backup"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/kv/pebblekv"
)

// lookScratch is the folder for a snapshot that is looked into, in the data folder.
const lookScratch = "restore.new"

// BringBack implements admind.Backend.
func (c *Core) BringBack(ctx context.Context, r admind.BackupRequest) iter.Seq2[admind.BroughtBack, error] {
	return told(func(tell func(admind.BroughtBack) error) error { return c.bringBack(ctx, r, tell) })
}

// bringBack opens the snapshot and looks for what the account has lost.
func (c *Core) bringBack(ctx context.Context, r admind.BackupRequest, tell func(admind.BroughtBack) error) error {
	if r.From == "" {
		r.From = c.config.Backup.To
	}
	if r.From == "" {
		return errNoSource
	}
	if !c.backups.running.TryLock() {
		return errBackupRuns
	}
	defer c.backups.running.Unlock()
	return c.look(ctx, r.From, r.At, filepath.Join(c.config.Data, lookScratch), func(snapshot *backup.Snapshot, then *store.Store) error {
		return c.withAccount(ctx, r.Address, func(_ *directory.Directory, a addr.Address, h *store.Account) error {
			old, err := accountThen(ctx, then, a)
			if err != nil {
				return fmt.Errorf("in snapshot %s: %w", snapshot.Name(), err)
			}
			defer old.Close()
			if r.Beside {
				r.Into = "Restored " + snapshot.Time.Local().Format(time.DateOnly)
			}
			b := &bringer{store: c.store, request: r, snapshot: snapshot.Name(), now: h, then: old, tell: tell}
			return b.run(ctx)
		})
	})
}

// look opens the last snapshot that is not later than at in a scratch folder, while fn runs. Whoever calls it holds backups.running.
func (c *Core) look(ctx context.Context, from string, at time.Time, dir string, fn func(*backup.Snapshot, *store.Store) error) (err error) {
	repo, snapshot, err := openSnapshot(from, at)
	if err != nil {
		return err
	}
	defer repo.Close()
	if err := os.RemoveAll(dir); err != nil { // of a run that was interrupted
		return fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := repo.Mount(ctx, snapshot, dir); err != nil {
		return err
	}
	engine, err := pebblekv.Open(pebblekv.Options{Dir: dir, CacheBytes: lookCache, LowMemory: true, Logger: c.opts.Log, OnFatal: func(err error) {
		c.opts.Log.Error("the snapshot cannot be read", "error", err)
	}})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	then, err := store.Open(ctx, engine, store.Options{Clock: c.opts.Clock})
	if err != nil {
		return err
	}
	defer then.Close()
	return fn(snapshot, then)
}

var errNoSource = errors.New("from where? Name the folder of the backups, or set backup.to in the configuration")

// accountThen is the account that an address had.
func accountThen(ctx context.Context, s *store.Store, a addr.Address) (*store.Account, error) {
	d, err := directory.Open(ctx, s, directory.Options{})
	if err != nil {
		return nil, err
	}
	account, err := d.Account(ctx, a)
	if err != nil {
		return nil, err
	}
	return s.Account(ctx, account.ID)
}

// bringer brings back what an account has lost.
type bringer struct {
	store     *store.Store
	request   admind.BackupRequest
	snapshot  string
	now, then *store.Account
	tell      func(admind.BroughtBack) error

	same    bool              // it is still the same account: ids mean the same
	only    []store.MessageID // those of the backup that are asked for; nil: all
	removed map[store.MessageID]store.RemovedID
	brought map[store.MessageID]store.Member // what has come from the backup, and where it is; zero in a dry run
	waiting []waiting
	weight  int
}

// waiting is a message of the backup that will be added.
type waiting struct {
	body  *store.Body
	old   store.MessageID
	opts  store.AddOptions
	added store.Added
}

// A commit takes no more than these.
const (
	bringMessages = 100
	bringWeight   = 4 << 20
)

func (b *bringer) run(ctx context.Context) error {
	b.same = b.now.View().Seed() == b.then.View().Seed()
	b.brought = make(map[store.MessageID]store.Member)
	b.removed = make(map[store.MessageID]store.RemovedID)
	if b.same {
		err := b.now.Removed(ctx, store.RemovedFilter{}, func(m store.RemovedMessage) error {
			b.removed[m.ID.Message] = m.ID // the last removal counts
			return nil
		})
		if err != nil {
			return err
		}
	}
	if b.request.ID != "" || b.request.MessageID != "" {
		var err error
		if b.only, err = wanted(ctx, b.then, admind.HistoryRequest{ID: b.request.ID, MessageID: b.request.MessageID}); err != nil {
			return fmt.Errorf("in snapshot %s: %w", b.snapshot, err)
		}
	}
	found := false
	for _, m := range b.then.View().Mailboxes() {
		if only := b.request.Mailbox; only != "" && !strings.EqualFold(m.Path(), only) && !strings.HasPrefix(m.Path(), only+store.Separator) {
			continue
		}
		found = true
		if m.NoSelect() {
			continue
		}
		if err := b.mailbox(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.Path(), err)
		}
	}
	if !found {
		return fmt.Errorf("in snapshot %s, %q: %w", b.snapshot, b.request.Mailbox, store.ErrNoMailbox)
	}
	return nil
}

// uidStep is how many UIDs are looked at together.
const uidStep = 1 << 12

// mailbox brings back what is missing of a mailbox.
func (b *bringer) mailbox(ctx context.Context, m *store.MailboxView) error {
	to := b.target(m)
	for lo := store.UID(1); lo < m.UIDNext(); lo += uidStep {
		hi := lo + uidStep - 1
		if err := m.LoadUIDs(ctx, store.UIDRange{Lo: lo, Hi: hi}); err != nil {
			return err
		}
		for e := range m.Entries(lo, hi) {
			if b.only != nil && !slices.Contains(b.only, e.Message) {
				continue
			}
			if err := b.message(ctx, m, e, to); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return b.flush(ctx, m, to)
}

// target is the path that a mailbox's messages go to: its own of today, if it has been renamed.
func (b *bringer) target(m *store.MailboxView) string {
	if b.request.Into != "" {
		return strings.TrimSuffix(b.request.Into, store.Separator) + store.Separator + m.Path()
	}
	if b.same {
		if now, err := b.now.View().Mailbox(m.ID()); err == nil && !now.NoSelect() {
			return now.Path()
		}
	}
	return m.Path()
}

// message brings a message back, if it is missing.
func (b *bringer) message(ctx context.Context, m *store.MailboxView, e *store.Entry, to string) error {
	id := e.Message
	if _, ok := b.brought[id]; ok { // it was in several mailboxes
		return b.copy(ctx, m, e, to)
	}
	if b.same {
		members, err := b.now.Members(ctx, []store.MessageID{id})
		if err != nil {
			return err
		}
		if len(members[0]) > 0 {
			if b.request.Into == "" {
				return nil // it is still there, somewhere
			}
			return b.beside(ctx, m, e, members[0], to)
		}
		if removed, ok := b.removed[id]; ok {
			if b.request.Do {
				done, err := b.now.Restore(ctx, store.Origin{Protocol: store.ProtocolImport}, []store.RemovedID{removed}, to)
				if err != nil {
					return err
				}
				if len(done) == 0 {
					return nil // somebody else did it meanwhile
				}
			}
			return b.told(ctx, e, to, "removed")
		}
	}
	if !b.request.Do {
		b.brought[id] = store.Member{}
		return b.told(ctx, e, to, "backup")
	}
	if err := b.fetch(ctx, m, e); err != nil {
		return err
	}
	if err := b.told(ctx, e, to, "backup"); err != nil {
		return err
	}
	if len(b.waiting) == bringMessages || b.weight > bringWeight {
		return b.flush(ctx, m, to)
	}
	return nil
}

// fetch reads a message of the backup.
func (b *bringer) fetch(ctx context.Context, m *store.MailboxView, e *store.Entry) error {
	msg, err := b.then.Message(ctx, e.Message, 0)
	if err != nil {
		return err
	}
	w, err := b.store.NewBody(ctx, store.BodyOptions{Binary: true}) // the octets are as they were
	if err != nil {
		return err
	}
	if err := msg.CopyRange(ctx, w, 0, msg.Size()); err != nil {
		return err
	}
	body, err := w.Finish(ctx)
	if err == nil {
		err = body.Ahead(ctx)
	}
	if err != nil {
		return err
	}
	o := store.AddOptions{Flags: e.Flags &^ store.Deleted, Internal: store.InternalDate(e)}
	for kw := range m.View().KeywordsOf(e) {
		o.Keywords = append(o.Keywords, kw)
	}
	// POP3 clients know it by its own id, or by one that it brought from elsewhere.
	uidls, err := b.then.UIDLs(ctx, e.Message, e.Message)
	if err != nil {
		return err
	}
	uidl, imported := uidls.Append(nil, e.Message)
	if o.UIDL = string(uidl); b.same {
		o.As = e.Message
	} else if !imported {
		o.UIDL = b.then.View().Seed().EmailID(e.Message)
	}
	b.waiting = append(b.waiting, waiting{body: body, old: e.Message, opts: o})
	b.weight += body.Weight()
	b.brought[e.Message] = store.Member{} // until it is there
	return nil
}

// flush adds what is waiting.
func (b *bringer) flush(ctx context.Context, m *store.MailboxView, path string) error {
	if len(b.waiting) == 0 {
		return nil
	}
	_, err := b.now.Update(ctx, store.Origin{Protocol: store.ProtocolImport}, func(tx *store.Tx) error {
		to, err := b.place(tx, m, path)
		if err != nil {
			return err
		}
		for i := range b.waiting {
			w := &b.waiting[i]
			w.added, err = tx.AddMessage(to, w.body, w.opts)
			if errors.Is(err, store.ErrNoMessage) { // it was not this account that gave the id out
				w.opts.As = 0
				w.added, err = tx.AddMessage(to, w.body, w.opts)
			}
			if err != nil && !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrUIDLTaken) { // that one has come back meanwhile
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, w := range b.waiting {
		b.brought[w.old] = store.Member{Mailbox: w.added.Mailbox, UID: w.added.UID}
	}
	b.waiting, b.weight = b.waiting[:0], 0
	return nil
}

// place finds the mailbox of a path, and makes it when it is not there.
func (b *bringer) place(tx *store.Tx, m *store.MailboxView, path string) (store.MailboxID, error) {
	to, err := tx.Lookup(path)
	if !errors.Is(err, store.ErrNoMailbox) {
		return to, err
	}
	role := m.Role()
	if _, err := tx.ByRole(role); err == nil || b.request.Into != "" {
		role = store.RoleNone
	}
	if to, err = tx.CreateMailbox(path, role); err != nil {
		return 0, err
	}
	if m.View().Subscribed(m.Path()) {
		err = tx.Subscribe(path, true)
	}
	return to, err
}

// copy puts a message that has just come back into one more mailbox.
func (b *bringer) copy(ctx context.Context, m *store.MailboxView, e *store.Entry, to string) error {
	if b.request.Do {
		if err := b.flush(ctx, m, to); err != nil { // it may be among those that wait
			return err
		}
		if err := b.copyFrom(ctx, m, b.brought[e.Message], to); err != nil {
			return err
		}
	}
	return b.told(ctx, e, to, "backup")
}

// beside copies a message that is still there, unless that was done before.
func (b *bringer) beside(ctx context.Context, m *store.MailboxView, e *store.Entry, members []store.Member, to string) error {
	if there, err := b.now.View().Lookup(to); err == nil {
		for _, at := range members {
			if at.Mailbox == there.ID() {
				return nil
			}
		}
	}
	if b.request.Do {
		if err := b.copyFrom(ctx, m, members[0], to); err != nil {
			return err
		}
	}
	return b.told(ctx, e, to, "copy")
}

func (b *bringer) copyFrom(ctx context.Context, m *store.MailboxView, from store.Member, path string) error {
	if from.Mailbox == 0 {
		return nil // somebody else has brought it back meanwhile
	}
	_, err := b.now.Update(ctx, store.Origin{Protocol: store.ProtocolImport}, func(tx *store.Tx) error {
		to, err := b.place(tx, m, path)
		if err == nil {
			_, err = tx.Copy(from.Mailbox, []store.UIDRange{{Lo: from.UID, Hi: from.UID}}, to)
		}
		return err
	})
	return err
}

// told tells of a message that has come back, or would. Its subject is only read where nothing else is done.
func (b *bringer) told(ctx context.Context, e *store.Entry, to, from string) error {
	out := admind.BroughtBack{Snapshot: b.snapshot, Mailbox: to, UIDL: b.then.View().Seed().EmailID(e.Message), Size: e.Size, From: from}
	if !b.request.Do {
		var err error
		if out.Subject, err = subjectOf(ctx, b.then, e.Message); err != nil {
			return err
		}
	}
	return b.tell(out)
}
