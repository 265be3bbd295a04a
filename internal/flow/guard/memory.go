package guard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"restante/internal/store"
)

// memory remembers when something was, by name, in rows of the store. It holds at most max names in two generations: what is remembered goes into the young
// one; when that is half of max, or as old as life, it becomes the old one, and the old one is dropped at once. So a name is kept for life at least, or, in a
// flood of others, until max/2 of them have come. Rows are written without a sync: after a power cut the last ones are forgotten.
type memory struct {
	store *store.Store
	name  string // "waiting"
	max   int
	life  time.Duration

	mu struct {
		sync.Mutex
		loaded bool
		young  generation
	}
}

// generation has a number, which grows, and a beginning.
type generation struct {
	number uint64
	began  time.Time
	names  int
}

// Rows of store.SendingRows: grey/NAME/GENERATION/KEY, and the time; a generation begins with a row without a key.
func (m *memory) prefix() string { return "grey/" + m.name + "/" }

func (m *memory) row(generation uint64, key string) string {
	return fmt.Sprintf("%s%016x/%s", m.prefix(), generation, key)
}

// keyOf is a key of bounded size for whatever strangers have written.
func keyOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// get is the time that was remembered last; the zero time where there is none.
func (m *memory) get(ctx context.Context, key string, now time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.turnLocked(ctx, now); err != nil {
		return time.Time{}, err
	}
	t, err := m.readLocked(ctx, m.mu.young.number, key)
	if err == nil && t.IsZero() {
		t, err = m.readLocked(ctx, m.mu.young.number-1, key)
	}
	return t, err
}

// put remembers a time.
func (m *memory) put(ctx context.Context, key string, t, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.turnLocked(ctx, now); err != nil {
		return err
	}
	before, err := m.readLocked(ctx, m.mu.young.number, key)
	if err != nil {
		return err
	}
	if before.IsZero() {
		m.mu.young.names++
	}
	return m.store.AppendRows(ctx, store.SendingRows, store.Row{Name: m.row(m.mu.young.number, key), Value: encodeTime(t)})
}

func (m *memory) readLocked(ctx context.Context, generation uint64, key string) (time.Time, error) {
	b, err := m.store.Row(ctx, store.SendingRows, m.row(generation, key))
	if errors.Is(err, store.ErrNoRow) {
		return time.Time{}, nil
	}
	return decodeTime(b), err
}

// turnLocked finds the young generation, and begins another where it is full or old.
func (m *memory) turnLocked(ctx context.Context, now time.Time) error {
	if !m.mu.loaded {
		if err := m.loadLocked(ctx); err != nil {
			return err
		}
		m.mu.loaded = true
	}
	y := &m.mu.young
	if y.number > 0 && y.names < m.max/2 && now.Sub(y.began) < m.life {
		return nil
	}
	next := generation{number: y.number + 1, began: now}
	if err := m.store.AppendRows(ctx, store.SendingRows, store.Row{Name: m.row(next.number, ""), Value: encodeTime(now)}); err != nil {
		return err
	}
	m.mu.young = next
	return m.store.DropRows(ctx, store.SendingRows, m.prefix(), m.row(next.number-1, ""))
}

// loadLocked finds what is in the store.
func (m *memory) loadLocked(ctx context.Context) error {
	return m.store.Rows(ctx, store.SendingRows, m.prefix(), func(name string, value []byte) error {
		number, key, ok := strings.Cut(strings.TrimPrefix(name, m.prefix()), "/")
		n, err := strconv.ParseUint(number, 16, 64)
		if !ok || err != nil {
			return nil // nobody's
		}
		y := &m.mu.young
		if n > y.number {
			*y = generation{number: n}
		}
		if key == "" {
			y.began = decodeTime(value)
		} else {
			y.names++
		}
		return nil
	})
}

func encodeTime(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(t.Unix())) }

// decodeTime reads what encodeTime wrote; anything else is the zero time.
func decodeTime(b []byte) time.Time {
	if len(b) != 8 {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0)
}
