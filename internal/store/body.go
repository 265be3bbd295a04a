package store

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zeebo/blake3"

	"restante/internal/proto/mime"
	"restante/internal/store/blob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

const (
	// shareSize is the smallest body for which single instance is looked for.
	shareSize = 4 << 10
	// KeepHeader is how much of the header block the message row keeps, in octets.
	KeepHeader = 16 << 10
	// MaxContent bounds what message rows share, in octets; the rest is Prepend's.
	MaxContent = keys.MaxMessageRecord - maxPrepend - 16
	// maxPrepend bounds the trace header that is put before a body.
	maxPrepend = 16 << 10
	// maxReferences bounds how many Message-IDs of a message are looked up to
	// find its thread: its own, the last ones and the first.
	maxReferences = 10
)

// BodyOptions say how a message's octets are to be taken; the zero value works.
type BodyOptions struct {
	// Tenant whose bodies this one may be shared with.
	Tenant TenantID
	// Binary keeps line ends as they are: the octets came by BDAT with
	// BODY=BINARYMIME (RFC 3030) or as literal8 (RFC 3516).
	Binary bool
}

// BodyWriter takes a message's octets while they arrive: it turns bare LF into
// CRLF, parses, hashes, compresses and cuts them into chunks, all outside
// every lock. Memory is bounded whatever the size. It is not safe for
// concurrent use. A writer that is dropped without Finish leaves nothing that
// the collector does not find.
type BodyWriter struct {
	store  *Store
	opts   BodyOptions
	id     BlobID
	blob   blob.Writer
	parser *mime.Parser
	hash   hash.Hash
	size   int64
	last   byte // last octet written
	err    error
}

// NewBody begins a message.
func (s *Store) NewBody(ctx context.Context, opts BodyOptions) (*BodyWriter, error) {
	n, err := s.leases.take(ctx, rowBlobs, blobLease)
	if err != nil {
		return nil, err
	}
	id := BlobID(n)
	hash, err := BodyHash(s.secret[:], opts.Tenant)
	if err != nil {
		return nil, err
	}
	return &BodyWriter{
		store: s, opts: opts, id: id, blob: s.bodies.Create(id, s.pendingRows(id, opts.Tenant)),
		parser: s.parser(), hash: hash,
	}, nil
}

// pendingRows go with what is written ahead of the commit: until that makes the
// body live, it is pending and a candidate for the collector.
func (s *Store) pendingRows(id BlobID, t TenantID) []kv.Pair {
	return []kv.Pair{
		{Key: keys.BlobKey(keys.TableBlob, id), Value: pendingBlob(t)},
		{Key: keys.CandidateKey(uint64(s.now().Add(pendingGrace).UnixMilli()), id), Value: []byte{}},
	}
}

func pendingBlob(t TenantID) []byte {
	b := keys.Blob{State: keys.BlobPending, Location: keys.LocationHere, Tenant: t}
	return b.Encode()
}

func (s *Store) parser() *mime.Parser {
	if p, ok := s.parsers.Get().(*mime.Parser); ok {
		p.Reset(mime.Limits{KeepHeader: KeepHeader})
		return p
	}
	return mime.NewParser(mime.Limits{KeepHeader: KeepHeader})
}

// BodyHash makes the keyed hash by which a tenant's bodies are known to be the
// same; secret is the store's.
func BodyHash(secret []byte, t TenantID) (hash.Hash, error) {
	h, err := blake3.NewKeyed(derive(secret, "body", uint64(t)))
	if err != nil {
		return nil, fmt.Errorf("store: hashing bodies: %w", err)
	}
	return h, nil
}

// derive makes a key of its own for each purpose out of the store's secret.
func derive(secret []byte, purpose string, n uint64) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(purpose))
	m.Write(binary.BigEndian.AppendUint64(nil, n))
	return m.Sum(nil)
}

// Write implements io.Writer. It fails with ErrTooBig beyond the largest
// message, and with the engine's error when chunks cannot be written ahead.
func (w *BodyWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && w.err == nil {
		run, lf := p, -1
		if !w.opts.Binary {
			lf = w.bareLF(p)
		}
		if lf >= 0 {
			run, p = p[:lf], p[lf+1:]
		} else {
			p = nil
		}
		w.emit(run)
		if lf >= 0 {
			w.emit(crlf)
		}
	}
	if w.err != nil {
		return 0, w.err
	}
	return n, nil
}

var crlf = []byte("\r\n")

// bareLF returns the place of the first LF in p without a CR before it, or -1.
func (w *BodyWriter) bareLF(p []byte) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(p[i:], '\n')
		if n < 0 {
			return -1
		}
		i += n
		if i == 0 && w.last != '\r' || i > 0 && p[i-1] != '\r' {
			return i
		}
	}
}

func (w *BodyWriter) emit(p []byte) {
	if len(p) == 0 || w.err != nil {
		return
	}
	if w.size += int64(len(p)); w.size > w.store.opts.MaxMessage {
		w.err = ErrTooBig
		return
	}
	w.last = p[len(p)-1]
	_, _ = w.parser.Write(p) // never fails
	_, _ = w.hash.Write(p)   // never fails
	_, w.err = w.blob.Write(p)
}

// Verbatim says whether the octets that come now are kept as they are, line ends
// too: what is put together of parts may have both kinds (RFC 4469 3).
func (w *BodyWriter) Verbatim(on bool) { w.opts.Binary = on }

// Size is the number of octets so far, with CRLF line ends.
func (w *BodyWriter) Size() int64 { return w.size }

// Finish ends the message, with a CRLF if it lacks one, and returns it ready
// for AddMessage. The body may be added to several accounts; what is
// never added goes away by itself.
func (w *BodyWriter) Finish(ctx context.Context) (*Body, error) {
	switch {
	case w.size == 0 || w.last == '\n':
	case w.last == '\r':
		w.emit(crlf[1:])
	default:
		w.emit(crlf)
	}
	if w.err != nil {
		return nil, w.err
	}
	staged, err := w.blob.Finish(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: body: %w", err)
	}
	b := &Body{store: w.store, staged: staged, tenant: w.opts.Tenant}
	b.parsed = w.parser.Finish()
	w.store.parsers.Put(w.parser)
	w.parser = nil // a Write after Finish is a bug, not another message's octets
	if staged.Size >= shareSize {
		w.hash.Sum(b.hash[:0])
	}
	b.threads = w.store.threadKeys(b.parsed)
	b.ownLocked()
	return b, b.share(ctx)
}

// Body is a complete message that waits to be added to accounts. It is safe
// for concurrent use.
type Body struct {
	store   *Store
	staged  blob.Staged
	tenant  TenantID
	hash    [32]byte // zero: not to be shared
	parsed  *mime.Message
	threads [][16]byte // own Message-ID first

	live atomic.Bool // the row b is live: no need to write the chunks

	mu struct {
		sync.Mutex
		id     BlobID
		row    []byte   // the live row b of id
		record []byte   // row M without Prepend
		from   SenderID // by the record
	}
}

// Size is the message's size in octets, without what is put before it.
func (b *Body) Size() int64 { return int64(b.staged.Size) }

// Weight is how many octets the message takes in the commit that adds it once
// its chunks are written (Ahead); a commit has at most 8 MiB.
func (b *Body) Weight() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mu.record) + rowsOfMessage
}

// rowsOfMessage is about what the other rows of a new message take: page, key
// of each row, references, threads.
const rowsOfMessage = 1 << 10

// Message is what the parser found. It is shared: do not change it.
func (b *Body) Message() *mime.Message { return b.parsed }

// Ahead writes what is still held of the body ahead of the operation that will
// add it. An operation that adds many messages at once calls it for each: a
// commit has at most 8 MiB.
func (b *Body) Ahead(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live.Load() || len(b.staged.Pairs) == 0 {
		return nil
	}
	kb := &kv.Batch{Set: b.staged.Pairs}
	if !b.staged.Ahead {
		kb.Set = append(kb.Set, b.store.pendingRows(b.staged.ID, b.tenant)...)
	}
	if err := b.store.engine.Commit(ctx, kb, kv.Lazy); err != nil {
		return fmt.Errorf("store: writing a body ahead: %w", err)
	}
	b.staged.Pairs, b.staged.Ahead = nil, true
	return nil
}

// ownLocked makes the body stand for its own octets; also called before the
// body is shared by goroutines.
func (b *Body) ownLocked() {
	row := keys.Blob{
		State: keys.BlobLive, Location: keys.LocationHere, Chunks: b.staged.Chunks,
		Size: b.staged.Size, Tenant: b.tenant, Hash: b.hash,
	}
	b.setLocked(b.staged.ID, row.Encode())
}

func (b *Body) setLocked(id BlobID, row []byte) {
	m := keys.Message{
		Blob: id, BlobSize: b.staged.Size, Header: b.parsed.Header, HeaderCut: b.parsed.HeaderTruncated,
		Preview: b.parsed.Preview, Attachment: b.parsed.HasAttachment,
		Envelope: b.parsed.Envelope(), Structure: &b.parsed.Root,
	}
	b.mu.id, b.mu.row = id, row
	b.mu.record = m.EncodeContent(MaxContent)
	b.mu.from, _ = b.store.senderIn(b.mu.record) // what has been written just now can be read
}

// share looks for a body with the same octets within the tenant.
func (b *Body) share(ctx context.Context) error {
	if b.hash == [32]byte{} {
		return nil
	}
	value, err := b.store.engine.Get(ctx, keys.HashKey(b.tenant, b.hash))
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: looking for the same body: %w", err)
	}
	n, err := keys.DecodeID(value)
	if err != nil {
		return corrupt("hash row", err)
	}
	id := BlobID(n)
	row, state, err := b.store.blobRow(ctx, id)
	if err != nil || state.State != keys.BlobLive || state.Size != b.staged.Size || state.Hash != b.hash {
		return nil // going away, or gone: keep our own
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setLocked(id, row)
	b.live.Store(true)
	return nil
}

func (s *Store) blobRow(ctx context.Context, id BlobID) ([]byte, keys.Blob, error) {
	row, err := s.engine.Get(ctx, keys.BlobKey(keys.TableBlob, id))
	if err != nil {
		return nil, keys.Blob{}, err
	}
	state, err := keys.DecodeBlob(row)
	return row, state, err
}

// refresh is called after a conflict: the shared body may have been collected
// meanwhile, and then the body stands for its own octets again.
func (b *Body) refresh(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	row, _, err := b.store.blobRow(ctx, b.mu.id)
	if err == nil && string(row) == string(b.mu.row) {
		b.live.Store(true)
		return
	}
	if b.live.Load() {
		b.live.Store(false)
		b.ownLocked()
	}
}

// refer adds to an operation what makes the body live, if it is not yet, and
// what makes sure that it stays so. It returns the id, the message record and the sender by it.
func (b *Body) refer(tx *Tx) (BlobID, []byte, SenderID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := keys.BlobKey(keys.TableBlob, b.mu.id)
	_, before := tx.build.writes[string(key)] // an operation of the same commit brings it
	_, here := tx.writes[string(key)]
	if before || here || tx.build.borrowed == b {
		return b.mu.id, b.mu.record, b.mu.from
	}
	tx.bodies = append(tx.bodies, b)
	rows, require := b.rowsLocked()
	tx.require = append(tx.require, require)
	for _, p := range rows {
		tx.put(p.Key, p.Value)
	}
	return b.mu.id, b.mu.record, b.mu.from
}

// rowsLocked is what a commit that refers to the body writes and requires: the
// chunks that are not yet in the engine and the row that makes it live.
func (b *Body) rowsLocked() ([]kv.Pair, kv.Requirement) {
	key := keys.BlobKey(keys.TableBlob, b.mu.id)
	require := kv.Requirement{Key: key, Absent: true}
	switch {
	case b.live.Load():
		return nil, kv.Requirement{Key: key, Value: b.mu.row}
	case b.staged.Ahead:
		require = kv.Requirement{Key: key, Value: pendingBlob(b.tenant)}
	}
	rows := append(b.staged.Pairs[:len(b.staged.Pairs):len(b.staged.Pairs)], kv.Pair{Key: key, Value: b.mu.row})
	if b.hash != [32]byte{} {
		rows = append(rows, kv.Pair{Key: keys.HashKey(b.tenant, b.hash), Value: keys.EncodeID(b.mu.id)})
	}
	return rows, require
}

// threadKeys are the hashes under which a message's thread is found: of each of
// its Message-IDs with the base subject (RFC 5256 2.1; a reply with another
// subject begins a new thread).
func (s *Store) threadKeys(m *mime.Message) [][16]byte {
	ids := make([]string, 0, maxReferences)
	add := func(id string) {
		if id != "" && len(ids) < maxReferences {
			ids = append(ids, id)
		}
	}
	add(m.MessageID)
	for _, id := range m.InReplyTo {
		add(id)
	}
	for i := len(m.References) - 1; i >= 0 && len(ids) < maxReferences-1; i-- {
		add(m.References[i])
	}
	if len(m.References) > 0 {
		add(m.References[0])
	}
	subject := strings.ToLower(m.BaseSubject)
	key := derive(s.secret[:], "thread", 0)
	out := make([][16]byte, 0, len(ids))
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id))
		mac.Write([]byte{0})
		mac.Write([]byte(subject))
		out = append(out, [16]byte(mac.Sum(nil)[:16]))
	}
	return out
}
