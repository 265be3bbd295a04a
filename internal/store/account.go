package store

import (
	"container/list"
	"context"
	"crypto/rand"
	"fmt"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// account is the one object of an account in memory.
type account struct {
	store *Store
	id    AccountID

	opened struct {
		sync.Once
		err error
	}

	writer  sync.Mutex // held over an operation and its commit
	loading sync.Mutex // held while pages are read in
	devices sync.Mutex // held while the row of a device is written

	// current is what readers see: the state of the last operation that is on
	// disk. Replaced under writer.
	current atomic.Pointer[state]
	// rowBytes is the account's row as it is on disk, the next commit's
	// requirement; under writer.
	rowBytes []byte

	queue struct {
		sync.Mutex
		ops []*operation
	}

	recent recent

	bytes atomic.Int64 // of entries in memory, roughly

	refs int           // handles; under Store.mu
	idle *list.Element // place in Store.mu.idle while refs is 0; under Store.mu
}

// Account is a handle on an account. It is safe for concurrent use; each holder
// closes its own.
type Account struct {
	*account
	closed atomic.Bool
	mine   mine
}

// Account opens a handle on an account, or says ErrNoAccount.
func (s *Store) Account(ctx context.Context, id AccountID) (*Account, error) {
	a, err := s.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Account{account: a}, nil
}

// Close gives the handle back. Views taken from it stay good.
func (h *Account) Close() {
	if !h.closed.Swap(true) {
		h.store.release(h.account)
	}
}

// ID returns the account's id.
func (h *Account) ID() AccountID { return h.id }

// View returns the account as of the last operation that is on disk.
func (h *Account) View() *View { return &View{account: h.account, state: h.current.Load()} }

func (s *Store) acquire(ctx context.Context, id AccountID) (*account, error) {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	// There is one object an account, in the map before it is read in: two that
	// were read at different moments would show different pasts.
	a := s.mu.accounts[id]
	if a == nil {
		a = &account{store: s, id: id}
		s.mu.accounts[id] = a
	}
	s.holdLocked(a)
	s.mu.Unlock()
	a.opened.Do(func() { a.opened.err = a.load(context.WithoutCancel(ctx)) })
	if a.opened.err != nil {
		s.forget(a)
		return nil, a.opened.err
	}
	return a, nil
}

// forget takes an account out of the cache; those who hold it keep it.
func (s *Store) forget(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.accounts[a.id] == a {
		delete(s.mu.accounts, a.id)
		s.mu.bytes -= a.bytes.Load()
	}
}

func (s *Store) holdLocked(a *account) {
	a.refs++
	if a.idle != nil {
		s.mu.idle.Remove(a.idle)
		a.idle = nil
	}
}

func (s *Store) release(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.refs--; a.refs > 0 || s.mu.accounts[a.id] != a {
		return
	}
	a.idle = s.mu.idle.PushBack(a)
	for s.mu.bytes > s.opts.CacheBytes && s.mu.idle.Len() > 0 {
		old := s.mu.idle.Remove(s.mu.idle.Front()).(*account)
		old.idle = nil
		delete(s.mu.accounts, old.id)
		s.mu.bytes -= old.bytes.Load()
	}
}

// grow counts a page that has come into memory.
func (a *account) grow(p *keys.Page) {
	a.weigh(int64(cap(p.Entries))*int64(unsafe.Sizeof(keys.Entry{})) + 128)
}

// weigh counts octets that have come into memory.
func (a *account) weigh(n int64) {
	if n == 0 {
		return
	}
	a.bytes.Add(n)
	a.store.mu.Lock()
	a.store.mu.bytes += n
	a.store.mu.Unlock()
}

// load reads the account's row, mailboxes, counters, keywords and
// subscriptions; pages come when they are needed.
func (a *account) load(ctx context.Context) error {
	snap, err := a.store.engine.Snapshot()
	if err != nil {
		return fmt.Errorf("store: opening account %d: %w", a.id, err)
	}
	defer snap.Close()
	row, err := snap.Get(ctx, keys.OfAccount(keys.TableAccount, a.id))
	if isNotFound(err) {
		return ErrNoAccount
	}
	if err != nil {
		return fmt.Errorf("store: opening account %d: %w", a.id, err)
	}
	st, err := readState(ctx, snap, a.id, row)
	if err != nil {
		return corrupt(fmt.Sprintf("account %d", a.id), err)
	}
	a.rowBytes = row
	a.current.Store(st)
	a.weigh(int64(st.row.Annotated))
	return nil
}

func readState(ctx context.Context, r kv.Reader, id AccountID, row []byte) (*state, error) {
	st := &state{tree: new(tree), keywords: &keywordTable{number: map[string]uint16{}}}
	var err error
	if st.row, err = keys.DecodeAccount(row); err != nil {
		return nil, err
	}
	each := func(t keys.Table, fn func(key, value []byte) error) {
		if err == nil {
			err = r.Scan(ctx, kv.Prefix(keys.OfAccount(t, id)), func(k, v []byte) (bool, error) { return true, fn(k, v) })
		}
	}
	each(keys.TableMailbox, func(k, v []byte) error {
		mbox, _ := keys.Tail32(k)
		props, err := keys.DecodeMailbox(v)
		st.mailboxes = append(st.mailboxes, &mailbox{id: MailboxID(mbox), props: props})
		return err
	})
	each(keys.TableCounters, func(k, v []byte) error {
		mbox, _ := keys.Tail32(k)
		m, _ := st.mailbox(MailboxID(mbox))
		if m == nil {
			return fmt.Errorf("counters without mailbox %d", mbox)
		}
		var err error
		m.ctr, err = keys.DecodeCounters(v)
		m.pages = newPageTable(m.ctr.UIDNext)
		return err
	})
	each(keys.TableKeyword, func(k, v []byte) error {
		n := uint16(k[len(k)-2])<<8 | uint16(k[len(k)-1])
		for len(st.keywords.names) <= int(n) {
			st.keywords.names = append(st.keywords.names, "")
		}
		st.keywords.names[n] = string(v)
		st.keywords.number[strings.ToLower(string(v))] = n
		return nil
	})
	each(keys.TableSubscription, func(k, _ []byte) error {
		st.subs = append(st.subs, string(k[5:]))
		return nil
	})
	sort.Strings(st.subs)
	each(keys.TableMetadata, func(k, v []byte) error {
		_, mbox, user, entry, err := keys.MetadataOf(k)
		if err != nil {
			return err
		}
		n, err := keys.DecodeAnnotation(v)
		if n.Value == nil {
			n.Value = []byte{}
		}
		st.notes = append(st.notes, &Annotation{Mailbox: mbox, User: user, Entry: entry, Value: n.Value, ModSeq: n.ModSeq, unknown: n.Unknown})
		return err
	})
	return st, err
}

// AccountOptions are what a new account begins with; the zero value works.
type AccountOptions struct {
	Tenant    TenantID
	Quota     Quota            // counts from the end of the creation on
	Mailboxes []DefaultMailbox // nil = DefaultMailboxes
}

// CreateAccount makes an account with its mailboxes, all subscribed, durably.
func (s *Store) CreateAccount(ctx context.Context, opts AccountOptions) (AccountID, error) {
	n, err := s.leases.take(ctx, rowAccounts, accountLease)
	if err != nil {
		return 0, err
	}
	a := &account{store: s, id: AccountID(n)}
	first := &state{tree: new(tree), keywords: &keywordTable{number: map[string]uint16{}}}
	first.row = keys.Account{Tenant: opts.Tenant, NextMailbox: 1, NextMessage: 1}
	_, _ = rand.Read(first.row.Seed[:]) // never fails (crypto/rand)
	a.current.Store(first)
	if opts.Mailboxes == nil {
		opts.Mailboxes = DefaultMailboxes()
	}
	_, err = (&Account{account: a}).Update(ctx, Origin{}, func(tx *Tx) error {
		for _, m := range opts.Mailboxes {
			if _, err := tx.CreateMailbox(m.Path, m.Role); err != nil {
				return err
			}
			if err := tx.Subscribe(m.Path, true); err != nil {
				return err
			}
		}
		return tx.SetQuota(opts.Quota)
	})
	if err != nil {
		return 0, fmt.Errorf("store: creating account: %w", err)
	}
	return a.id, nil
}

// Accounts calls fn for every account, by id.
func (s *Store) Accounts(ctx context.Context, fn func(AccountID) error) error {
	var ids []AccountID
	r := kv.Prefix([]byte{byte(keys.TableAccount)})
	r.KeysOnly = true
	err := s.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
		id, err := keys.AccountOf(k)
		ids = append(ids, id)
		return true, err
	})
	for _, id := range ids {
		if err != nil {
			break
		}
		err = fn(id)
	}
	return err
}
