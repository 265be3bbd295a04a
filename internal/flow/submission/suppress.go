package submission

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Suppressed is an address that another host has said does not exist, twice: the second time after the sender knew. Hosts think little of those who go on
// asking for people whom they do not have, and take their other mail for spam, too.
type Suppressed struct {
	Account     store.AccountID
	To          addr.Address
	Times       int
	First, Last time.Time
	Until       time.Time // from then on it may be tried again
	Said        string    // the last word of the other host
}

// SuppressedError says that an address is not bothered by this account. It is ErrSuppressed.
type SuppressedError struct{ Suppressed }

func (e *SuppressedError) Error() string {
	return fmt.Sprintf("%s does not exist, its host has said %d times, the last time on %s: %s", e.To, e.Times, e.Last.Format(time.DateOnly), e.Said)
}

// Is makes it ErrSuppressed.
func (e *SuppressedError) Is(target error) bool { return target == ErrSuppressed }

const (
	// suppressAfter is how often an address has to fail.
	suppressAfter = 2
	// forgetAfter is after how long a failure says nothing any more. An address that is tried again before, and fails, is suppressed at once.
	forgetAfter = 30 * 24 * time.Hour
	// maxSaid bounds what is kept of a reply.
	maxSaid = 200
)

// Suppressions are what is known of addresses that do not exist. Each account has its own: a host may refuse one sender and take another; nobody must be able
// to keep others from writing to somebody by writing himself; and nobody is told whom others have written to.
//
// A row is written when an address fails, and goes when a message gets through, when it is forgiven, or after forgetAfter. How many there are is bounded by how many
// messages an account may send to strangers. They are written without a sync: after a power cut the last few failures are not counted. It is safe for concurrent use.
type Suppressions struct {
	store *store.Store
	stays time.Duration // how long an address is suppressed
	clock func() time.Time

	mu  sync.Mutex // over changes
	day string     // when old rows were looked for
}

// NewSuppressions returns those of a store, which suppress an address for so long.
func NewSuppressions(s *store.Store, stays time.Duration, clock func() time.Time) *Suppressions {
	if clock == nil {
		clock = time.Now
	}
	return &Suppressions{store: s, stays: stays, clock: clock}
}

// suppressedRow is a row of store.SendingRows, as "gone/ACCOUNT/HASH".
type suppressedRow struct {
	To    string `json:"to"`
	Times int    `json:"times"`
	First int64  `json:"first"` // Unix time, ms
	Last  int64  `json:"last"`
	Said  string `json:"said"`
}

const gone = "gone/"

func goneName(id store.AccountID, a addr.Address) string {
	sum := sha256.Sum256([]byte(a.Key()))
	return fmt.Sprintf("%s%010d/%s", gone, id, base64.RawURLEncoding.EncodeToString(sum[:12]))
}

// read makes a Suppressed of a row; ok is false where it cannot be read, or says nothing any more.
func (s *Suppressions) read(name string, value []byte, now time.Time) (out Suppressed, ok bool) {
	var r suppressedRow
	if json.Unmarshal(value, &r) != nil {
		return out, false
	}
	to, err := addr.Parse(r.To)
	if _, serr := fmt.Sscanf(strings.TrimPrefix(name, gone), "%d/", &out.Account); err != nil || serr != nil {
		return out, false
	}
	out.To, out.Times, out.Said = to, r.Times, r.Said
	out.First, out.Last = time.UnixMilli(r.First).UTC(), time.UnixMilli(r.Last).UTC()
	out.Until = out.Last.Add(s.stays)
	return out, now.Before(out.Last.Add(max(forgetAfter, s.stays)))
}

func (s *Suppressions) get(ctx context.Context, id store.AccountID, to addr.Address) (out Suppressed, ok bool) {
	name := goneName(id, to)
	value, err := s.store.Row(ctx, store.SendingRows, name)
	if err != nil { // a store that cannot be read says so elsewhere
		return out, false
	}
	return s.read(name, value, s.clock())
}

// Check is a *SuppressedError where an account is not to write to an address.
func (s *Suppressions) Check(ctx context.Context, id store.AccountID, to addr.Address) error {
	if gone, ok := s.get(ctx, id, to); ok && gone.suppressed(s.clock()) {
		return &SuppressedError{gone}
	}
	return nil
}

func (g *Suppressed) suppressed(now time.Time) bool {
	return g.Times >= suppressAfter && now.Before(g.Until)
}

// Observe learns from what becomes of messages; it is queue.Options.Observe.
func (s *Suppressions) Observe(ctx context.Context, e queue.Event) {
	m := e.Message
	if m.Account == 0 || m.Kind != store.QueueSubmitted {
		return
	}
	to := m.Recipients[e.To].To
	switch {
	case noSuchAddress(e.Outcome):
		s.failed(ctx, m, to, e)
	case e.Outcome.State == store.QueueRelayed:
		if _, ok := s.get(ctx, m.Account, to); ok { // it is there after all
			name := goneName(m.Account, to)
			_ = s.store.DropRows(ctx, store.SendingRows, name, name+"\x00")
		}
	}
}

// noSuchAddress says whether another host has said, for good, that there is nobody of that address: RFC 3463 3.2, X.1.1 (mailbox), X.1.3 (syntax), X.1.6
// (moved). Not what else keeps mail away for good, such as a policy (X.7.z) or a full mailbox (X.2.2), which may change with the next message; not a reply without a
// status, which may be any of these; and not what we know from the DNS, by which nobody is bothered.
func noSuchAddress(o *queue.Outcome) bool {
	status := o.Reply.Enhanced
	return o.State == store.QueueFailed && o.Reply.Code/100 == 5 && status.Class == 5 && status.Subject == 1 &&
		(status.Detail == 1 || status.Detail == 3 || status.Detail == 6)
}

func (s *Suppressions) failed(ctx context.Context, m *store.Queued, to addr.Address, e queue.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(ctx)
	r := suppressedRow{To: to.String(), Times: 1, First: e.Time.UnixMilli(), Last: e.Time.UnixMilli(), Said: said(e.Outcome.Reply.Error())}
	if before, ok := s.get(ctx, m.Account, to); ok {
		r.First, r.Times = before.First.UnixMilli(), before.Times
		if m.Accepted.After(before.Last) { // sent by somebody who knew
			r.Times++
		}
	}
	value, err := json.Marshal(r)
	if err != nil {
		return
	}
	_ = s.store.AppendRows(ctx, store.SendingRows, store.Row{Name: goneName(m.Account, to), Value: value}) // an error only means that it is not counted
}

// said is a reply as it may stand in replies of ours.
func said(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), maxSaid)]
}

// tidy drops rows that say nothing any more, once a day; s.mu is held.
func (s *Suppressions) tidy(ctx context.Context) {
	day := s.clock().UTC().Format(time.DateOnly)
	if day == s.day {
		return
	}
	s.day = day
	_ = s.drop(ctx, func(_ Suppressed, ok bool) bool { return !ok }) // again tomorrow
}

// listBatch is how many rows are read in one go: the store is free for others between them.
const listBatch = 1000

// each calls fn for rows by name, from the first with the prefix on; ok is false for those that say nothing any more.
func (s *Suppressions) each(ctx context.Context, prefix string, fn func(name string, g Suppressed, ok bool) error) error {
	type found struct {
		name string
		gone Suppressed
		ok   bool
	}
	from, to, now := prefix, prefix[:len(prefix)-1]+string(prefix[len(prefix)-1]+1), s.clock()
	for {
		var batch []found
		err := s.store.RowsFrom(ctx, store.SendingRows, from, to, listBatch, func(name string, value []byte) error {
			g, ok := s.read(name, value, now)
			batch = append(batch, found{name, g, ok})
			return nil
		})
		for i := range batch {
			if err == nil {
				err = fn(batch[i].name, batch[i].gone, batch[i].ok)
			}
		}
		if err != nil || len(batch) < listBatch {
			return err
		}
		from = batch[len(batch)-1].name + "\x00"
	}
}

// drop removes the rows that which chooses.
func (s *Suppressions) drop(ctx context.Context, which func(g Suppressed, ok bool) bool) error {
	return s.each(ctx, gone, func(name string, g Suppressed, ok bool) error {
		if !which(g, ok) {
			return nil
		}
		return s.store.DropRows(ctx, store.SendingRows, name, name+"\x00")
	})
}

// List calls fn for what is suppressed now, by account; only that of one, if it is not 0.
func (s *Suppressions) List(ctx context.Context, id store.AccountID, fn func(Suppressed) error) error {
	prefix, now := gone, s.clock()
	if id != 0 {
		prefix = fmt.Sprintf("%s%010d/", gone, id)
	}
	return s.each(ctx, prefix, func(_ string, g Suppressed, ok bool) error {
		if !ok || !g.suppressed(now) {
			return nil
		}
		return fn(g)
	})
}

// Forget lets an account, or all if it is 0, write to an address again. It returns how many could not.
func (s *Suppressions) Forget(ctx context.Context, id store.AccountID, to addr.Address) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	err = s.drop(ctx, func(g Suppressed, ok bool) bool {
		hit := ok && g.To.Key() == to.Key() && (id == 0 || g.Account == id)
		if hit && g.suppressed(now) {
			n++
		}
		return hit
	})
	return n, err
}
