package trace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
)

// Query says which messages are meant. Everything that it says must fit; the zero value is all of them.
type Query struct {
	// Text is a queue id, a Message-ID, an address or a domain.
	Text string
	// From and To are addresses or domains.
	From, To string
	// Since and Until bound when the message came.
	Since, Until time.Time
	// Failed is only those that somebody has not got, or not at once.
	Failed bool
	// Limit is how many, the newest; default 50.
	Limit int
}

// Life is what is known of one message.
type Life struct {
	Queue  store.QueueID
	Events []Event // the oldest first; at least one
}

func (l *Life) has(t token) (found bool) {
	for i := range l.Events {
		l.Events[i].tokens(func(o token) { found = found || o == t })
	}
	return found
}

// defaultLimit is how many lives are found where nobody says how many.
const defaultLimit = 50

// Find calls fn for the messages that are asked for, the newest first, until it returns an error; store.ErrStop ends it without one.
func (r *Recorder) Find(ctx context.Context, q Query, fn func(Life) error) error {
	if r == nil {
		return nil
	}
	r.Flush(ctx)
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	f := finder{store: r.opts.Store, query: q, fn: fn, left: q.Limit}
	f.hours = r.hours(q.Since, q.Until)
	err := f.run(ctx)
	if errors.Is(err, store.ErrStop) {
		return nil
	}
	return err
}

// Life returns what is known of a queue id; ok is false where that is nothing.
func (r *Recorder) Life(ctx context.Context, id store.QueueID) (l Life, ok bool, err error) {
	if r == nil {
		return l, false, nil
	}
	r.Flush(ctx)
	l, err = readLife(ctx, r.opts.Store, id)
	return l, len(l.Events) > 0, err
}

// hours are those that have lives, the newest first.
func (r *Recorder) hours(since, until time.Time) (list []hour) {
	r.rows.Lock()
	defer r.rows.Unlock()
	for h := range r.rows.hours {
		if (since.IsZero() || h >= hourAt(since)) && (until.IsZero() || h <= hourAt(until)) {
			list = append(list, h)
		}
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list
}

// finder is one search.
type finder struct {
	store *store.Store
	query Query
	hours []hour
	text  []token // the life has one of them; none: it does not matter
	fn    func(Life) error
	left  int
}

func (f *finder) run(ctx context.Context) error {
	if id, ok := store.ParseQueueID(f.query.Text); ok {
		l, err := readLife(ctx, f.store, id)
		if err != nil || len(l.Events) > 0 {
			return errors.Join(err, f.offer(l))
		}
	}
	f.text = tokensOf(f.query.Text, true)
	by := f.text
	for _, side := range []string{f.query.From, f.query.To} {
		if len(by) == 0 {
			by = tokensOf(side, false)
		}
	}
	if len(by) == 0 {
		return f.everything(ctx)
	}
	for _, h := range f.hours {
		ids, err := f.indexed(ctx, h, by)
		if err != nil {
			return err
		}
		for _, id := range ids {
			l, err := readLife(ctx, f.store, id)
			if err == nil {
				err = f.offer(l)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// tokensOf are what a word of a query can mean.
func tokensOf(s string, message bool) (list []token) {
	s = strings.TrimSpace(s)
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">")
	if bare == "" {
		return nil
	}
	if message {
		list = append(list, messageToken(bare))
	}
	if a, err := addr.Parse(bare); err == nil && !strings.HasPrefix(bare, "@") {
		return append(list, addressToken(a.String()))
	}
	if d, err := addr.ParseDomain(strings.TrimPrefix(bare, "@")); err == nil {
		return append(list, domainToken(string(d)))
	}
	return append(list, addressToken(bare))
}

// indexed are the lives of an hour that have one of the tokens, the newest first.
func (f *finder) indexed(ctx context.Context, h hour, by []token) (ids []store.QueueID, err error) {
	for _, t := range by {
		prefix := tokenName(h, t)
		err := f.store.RowsFrom(ctx, store.TraceRows, prefix, after(prefix), 0, func(name string, _ []byte) error {
			if id, ok := indexed(name); ok {
				ids = append(ids, id)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return slices.Compact(ids), nil
}

// page is how many rows are read at once: more than a life has.
const page = 4 * maxLife

// everything goes through all lives of the time that is asked for.
func (f *finder) everything(ctx context.Context) error {
	if len(f.hours) == 0 {
		return nil
	}
	from, to := lifeName((f.hours[0] + 1).first()), after(lifeName(f.hours[len(f.hours)-1].first()))
	for {
		var events []Event
		rows := 0
		err := f.store.RowsFrom(ctx, store.TraceRows, from, to, page, func(name string, value []byte) error {
			rows++
			e, err := parseEvent(name, value)
			if err == nil { // or else of another version, perhaps
				events = append(events, e)
			}
			return nil
		})
		if err != nil {
			return err
		}
		last := rows < page
		for len(events) > 0 {
			id := events[0].Queue
			n := slices.IndexFunc(events, func(e Event) bool { return e.Queue != id })
			if n < 0 && !last {
				break // it may go on: the next page begins with it
			}
			if n < 0 {
				n = len(events)
			}
			if err := f.offer(Life{id, events[:n]}); err != nil {
				return err
			}
			from, events = after(lifeName(id)), events[n:]
		}
		if last {
			return nil
		}
	}
}

// offer shows a life, if it is one of those that are asked for.
func (f *finder) offer(l Life) error {
	if len(l.Events) == 0 || !f.fits(&l) {
		return nil
	}
	if err := f.fn(l); err != nil {
		return err
	}
	if f.left--; f.left <= 0 {
		return store.ErrStop
	}
	return nil
}

func (f *finder) fits(l *Life) bool {
	q, came := &f.query, timeOf(l.Queue)
	if !q.Since.IsZero() && came.Before(q.Since) || !q.Until.IsZero() && !came.Before(q.Until) {
		return false
	}
	if q.Failed && !slices.ContainsFunc(l.Events, func(e Event) bool { return e.failed() }) {
		return false
	}
	if len(f.text) > 0 && !slices.ContainsFunc(f.text, l.has) {
		return false // another token with the same hash
	}
	return side(l, q.From, true) && side(l, q.To, false)
}

// side says whether an address or domain is where a query wants it.
func side(l *Life, want string, from bool) bool {
	list := tokensOf(want, false)
	if len(list) == 0 {
		return true
	}
	for i := range l.Events {
		part := Event{}
		if e := &l.Events[i]; from {
			part.From = e.From
			if e.Client != nil {
				part.Client = e.Client
			}
		} else {
			part.To, part.Refusals, part.Copies, part.Onward = e.To, e.Refusals, e.Copies, e.Onward
		}
		one := Life{Events: []Event{part}}
		if slices.ContainsFunc(list, one.has) {
			return true
		}
	}
	return false
}

func readLife(ctx context.Context, s *store.Store, id store.QueueID) (Life, error) {
	l := Life{Queue: id}
	err := s.RowsFrom(ctx, store.TraceRows, lifeName(id), after(lifeName(id)), 0, func(name string, value []byte) error {
		if e, err := parseEvent(name, value); err == nil {
			l.Events = append(l.Events, e)
		}
		return nil
	})
	return l, err
}
