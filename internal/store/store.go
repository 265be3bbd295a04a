package store

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/base/bus"
	"restante/internal/store/blob"
	"restante/internal/store/blob/kvblob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Options are a store's settings; the zero value works.
type Options struct {
	// Bus gets a hint after each operation. Nil makes one of the store's own.
	Bus bus.Bus
	// Clock tells the time; nil is time.Now.
	Clock func() time.Time
	// Log gets what an operator must know; nil drops it.
	Log *slog.Logger
	// MaxMessage is the largest message in octets; 0 is 100 MiB. At most 4 GiB - 1.
	MaxMessage int64
	// CacheBytes bounds the account cache, in octets of entries; 0 is 128 MiB.
	// Accounts that are in use stay, whatever they take.
	CacheBytes int64
	// Recovery is how long removed messages can be put back; 0 is 30 days, less
	// than 0 is not at all.
	Recovery time.Duration
	// POPDevices tells the rules of an account's devices that may use POP3, now. It is asked before operations and by the
	// sweep. Nil: nothing can be taken over POP3, and nothing is released.
	POPDevices func(context.Context, AccountID) ([]POPDevice, error)
	// Retention is how long messages stay in a mailbox of an account whose owner has not said, by its role; 0 is for ever. It is asked inside
	// operations and must be quick. Nil keeps all.
	Retention func(AccountID, Role) time.Duration
	// Room is asked before messages are added, beyond the account's own quota: an error, which must be ErrOverQuota, refuses them. It must be
	// quick, and may be asked more than once for the same messages. Nil refuses nothing.
	Room func(id AccountID, messages, octets uint64) error
	// Used is told what the account's messages take after each commit that changes it, in the order of the commits. It must be quick. Nil is not told.
	Used func(id AccountID, messages, octets uint64)
	// Warn tells an owner that the quota is nearly used up; the sweep calls it. Nil: nobody is told.
	Warn func(context.Context, Warning) error
}

func (o Options) withDefaults() Options {
	if o.Bus == nil {
		o.Bus = bus.New()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 100 << 20
	}
	o.MaxMessage = min(o.MaxMessage, 1<<32-1)
	if o.CacheBytes <= 0 {
		o.CacheBytes = 128 << 20
	}
	if o.Recovery == 0 {
		o.Recovery = 30 * 24 * time.Hour
	}
	return o
}

// Store is all accounts of one engine. It is safe for concurrent use.
type Store struct {
	engine kv.Engine
	bodies blob.Store
	opts   Options
	leases leases
	secret [32]byte // keys the hashes of bodies and Message-IDs
	pins   pins

	lastQueueID atomic.Uint64
	hurried     chan struct{} // what Due returns

	parsers sync.Pool // *mime.Parser; their buffers are used again

	mu struct {
		sync.Mutex
		accounts map[AccountID]*account
		idle     *list.List // accounts with no handle, least recently used first
		bytes    int64      // of entries in memory, roughly
		closed   bool
	}
}

const (
	rowSchema = "schema"
	rowSecret = "secret"
)

// Open opens the store in engine, making it when the engine is empty. Closing
// the engine stays the caller's. A store of another schema version is ErrSchema.
func Open(ctx context.Context, engine kv.Engine, opts Options) (*Store, error) {
	s := &Store{engine: engine, bodies: kvblob.New(engine), opts: opts.withDefaults(), hurried: make(chan struct{}, 1)}
	s.mu.accounts = make(map[AccountID]*account)
	s.mu.idle = list.New()
	s.leases.engine = engine
	schema, err := engine.Get(ctx, keys.StoreKey(rowSchema))
	if isNotFound(err) {
		return s, s.create(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("store: opening: %w", err)
	}
	if v, err := keys.DecodeID(schema); err != nil || v != keys.SchemaVersion {
		return nil, fmt.Errorf("%w: version %d, this build has %d", ErrSchema, v, keys.SchemaVersion)
	}
	secret, err := engine.Get(ctx, keys.StoreKey(rowSecret))
	if err != nil || len(secret) != len(s.secret) {
		return nil, corrupt("the store's secret", err)
	}
	copy(s.secret[:], secret)
	return s, nil
}

func (s *Store) create(ctx context.Context) error {
	if _, err := io.ReadFull(rand.Reader, s.secret[:]); err != nil {
		return err
	}
	b := new(kv.Batch)
	b.RequireAbsent(keys.StoreKey(rowSchema))
	b.Put(keys.StoreKey(rowSchema), keys.EncodeID(uint64(keys.SchemaVersion)))
	b.Put(keys.StoreKey(rowSecret), s.secret[:])
	if err := s.engine.Commit(ctx, b, kv.Durable); err != nil {
		return fmt.Errorf("store: creating: %w", err)
	}
	return nil
}

// Close lets go of everything in memory. Handles and views that are still
// around can be read but not written with.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	s.mu.accounts = make(map[AccountID]*account)
	s.mu.idle.Init()
	return nil
}

// Bus is where hints are published.
func (s *Store) Bus() bus.Bus { return s.opts.Bus }

// MaxMessage is the largest message, in octets.
func (s *Store) MaxMessage() int64 { return s.opts.MaxMessage }

func (s *Store) now() time.Time { return s.opts.Clock() }

func isNotFound(err error) bool { return errors.Is(err, kv.ErrNotFound) }

// queueTimeShift is where the time begins in a queue id.
const queueTimeShift = 20

// NewQueueID returns an id for a message that is being accepted. Ids grow with
// time (milliseconds, then 20 bits that begin at random), so old ones are a range
// of keys. No two calls return the same one: the second message of an id would be taken
// for a repetition of the first, answered and dropped.
func (s *Store) NewQueueID() QueueID {
	var r [8]byte
	_, _ = rand.Read(r[:]) // never fails (crypto/rand)
	fresh := uint64(s.now().UnixMilli())<<queueTimeShift | binary.BigEndian.Uint64(r[:])&(1<<queueTimeShift-1)
	for {
		last := s.lastQueueID.Load()
		if id := max(fresh, last+1); s.lastQueueID.CompareAndSwap(last, id) {
			return QueueID(id)
		}
	}
}
