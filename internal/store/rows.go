package store

import (
	"context"
	"errors"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// RowTable is a small table ordered by name that lies beside the accounts: the
// directory's and the leases'. Its packages encode their own rows.
type RowTable byte

// The row tables.
const (
	UserRows   = RowTable(keys.TableUser)   // logins and addresses
	DomainRows = RowTable(keys.TableDomain) // domains
	LeaseRows  = RowTable(keys.TableLease)  // leases

	SendingRows = RowTable(keys.TableSending) // what sending remembers besides the queue
	TraceRows   = RowTable(keys.TableTrace)   // what has become of messages

	CertificateRows = RowTable(keys.TableCertificate) // certificates and their keys
)

// ErrNoRow says that there is no row of that name.
var ErrNoRow = errors.New("store: no such row")

// Row returns the value of a row, or ErrNoRow. The slice is the caller's.
func (s *Store) Row(ctx context.Context, t RowTable, name string) ([]byte, error) {
	v, err := s.engine.Get(ctx, keys.RowKey(keys.Table(t), name))
	if isNotFound(err) {
		return nil, ErrNoRow
	}
	return v, err
}

// Rows calls fn for the rows whose names begin with prefix, by name, as of one
// moment. value is good only during fn.
func (s *Store) Rows(ctx context.Context, t RowTable, prefix string, fn func(name string, value []byte) error) error {
	return s.engine.Scan(ctx, kv.Prefix(keys.RowKey(keys.Table(t), prefix)), func(k, v []byte) (bool, error) {
		return true, fn(string(k[1:]), v)
	})
}

// RowTx reads and writes rows in one atomic, durable step.
type RowTx struct {
	ctx   context.Context
	store *Store
	seen  map[string][]byte // as in the engine; nil: absent
	now   map[string][]byte // as this transaction leaves it; nil: absent
}

// UpdateRows runs fn over a transaction on the row tables and makes its writes
// durable; when fn returns an error, nothing has happened. Everything that fn
// read is still so at the commit, or fn is run again.
func (s *Store) UpdateRows(ctx context.Context, fn func(tx *RowTx) error) error {
	for range commitAttempts {
		tx := &RowTx{ctx: ctx, store: s, seen: make(map[string][]byte), now: make(map[string][]byte)}
		if err := fn(tx); err != nil {
			return err
		}
		b := tx.batch()
		if b == nil {
			return nil
		}
		err := s.engine.Commit(ctx, b, kv.Durable)
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return fmt.Errorf("store: rows: %w", err)
		}
	}
	return errRetryConflict
}

func (tx *RowTx) batch() *kv.Batch {
	b := new(kv.Batch)
	for k, v := range tx.seen {
		if v == nil {
			b.RequireAbsent([]byte(k))
		} else {
			b.RequireValue([]byte(k), v)
		}
	}
	changed := false
	for k, v := range tx.now {
		if old := tx.seen[k]; string(old) == string(v) && (old == nil) == (v == nil) {
			continue
		}
		changed = true
		if v == nil {
			b.Remove([]byte(k))
		} else {
			b.Put([]byte(k), v)
		}
	}
	if !changed {
		return nil
	}
	return b
}

// Get returns a row as the transaction sees it, or ErrNoRow.
func (tx *RowTx) Get(t RowTable, name string) ([]byte, error) {
	k := string(keys.RowKey(keys.Table(t), name))
	v, ok := tx.now[k]
	if !ok {
		if err := tx.read(k); err != nil {
			return nil, err
		}
		v = tx.seen[k]
	}
	if v == nil {
		return nil, ErrNoRow
	}
	return v, nil
}

func (tx *RowTx) read(k string) error {
	if _, ok := tx.seen[k]; ok {
		return nil
	}
	v, err := tx.store.engine.Get(tx.ctx, []byte(k))
	if err != nil && !isNotFound(err) {
		return err
	}
	tx.seen[k] = v // nil when absent; Get never returns nil otherwise
	return nil
}

// Put sets a row.
func (tx *RowTx) Put(t RowTable, name string, value []byte) error {
	k := string(keys.RowKey(keys.Table(t), name))
	if value == nil {
		value = []byte{}
	}
	err := tx.read(k)
	tx.now[k] = value
	return err
}

// Delete removes a row; it need not be there.
func (tx *RowTx) Delete(t RowTable, name string) error {
	k := string(keys.RowKey(keys.Table(t), name))
	err := tx.read(k)
	tx.now[k] = nil
	return err
}

// Row is a row of a RowTable.
type Row struct {
	Name  string
	Value []byte
}

// RowsFrom calls fn for the rows with from <= name < to ("" is the end), by name, at most limit (0: all). value is good only during fn; ErrStop ends it without
// an error.
func (s *Store) RowsFrom(ctx context.Context, t RowTable, from, to string, limit int, fn func(name string, value []byte) error) error {
	r := kv.Prefix([]byte{byte(t)})
	r.Lo, r.Limit = keys.RowKey(keys.Table(t), from), limit
	if to != "" {
		r.Hi = keys.RowKey(keys.Table(t), to)
	}
	err := s.engine.Scan(ctx, r, func(k, v []byte) (bool, error) { return true, fn(string(k[1:]), v) })
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// AppendRows writes rows that nobody reads to change them, without a sync: after a power cut the last ones may be missing.
func (s *Store) AppendRows(ctx context.Context, t RowTable, rows ...Row) error {
	b := new(kv.Batch)
	for _, r := range rows {
		b.Put(keys.RowKey(keys.Table(t), r.Name), r.Value)
	}
	if err := s.engine.Commit(ctx, b, kv.Lazy); err != nil {
		return fmt.Errorf("store: writing rows: %w", err)
	}
	return nil
}

// DropRows removes the rows with from <= name < to, without a sync.
func (s *Store) DropRows(ctx context.Context, t RowTable, from, to string) error {
	b := new(kv.Batch)
	b.RemoveSpan(kv.Span{Lo: keys.RowKey(keys.Table(t), from), Hi: keys.RowKey(keys.Table(t), to)})
	if err := s.engine.Commit(ctx, b, kv.Lazy); err != nil {
		return fmt.Errorf("store: dropping rows: %w", err)
	}
	return nil
}
