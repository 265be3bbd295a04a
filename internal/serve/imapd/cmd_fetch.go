package imapd

import (
	"context"
	"slices"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// FETCH: RFC 9051 6.4.5, RFC 3501 6.4.5; MODSEQ and CHANGEDSINCE: RFC 7162 3.1.4; VANISHED: RFC 7162 3.2.6.
//
//	fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]
func cmdFetch(s *session, ctx context.Context, c *imapwire.Fetch) (done, error) {
	if c.Vanished && !s.qresync {
		return done{}, errNoQResync()
	}
	spans, err := s.places(ctx, c.Set, c.UID)
	if err == nil && c.Partial.From > 0 {
		// RFC 9394 3.4: those of the window that have changed, not a window of those that have.
		spans, err = partial(spans, c.Partial), s.fits(c.Partial)
	}
	if err == nil && c.ChangedSince > 0 {
		spans, err = s.changedSince(ctx, spans, store.ModSeq(c.ChangedSince))
	}
	if err == nil {
		err = s.sel.load(ctx, spans)
	}
	if err != nil {
		return done{}, err
	}
	spans = s.limited(&s.sel.picture, spans)
	if c.Vanished {
		if err := s.tellVanishedOf(ctx, c.Set, store.ModSeq(c.ChangedSince)); err != nil {
			return done{}, err
		}
	}
	f := s.newFetcher(c)
	if err := f.run(ctx, spans); err != nil {
		return done{}, err
	}
	return done{}, f.failed
}

// fetched is a message to be told of.
type fetched struct {
	seq    imapwire.Seq
	entry  *store.Entry
	marked bool // \Seen was set by this command, and FLAGS are told unasked
}

// Messages of a batch. Where \Seen is set a batch is one transaction; it is not larger, lest a client that goes away leave many messages
// marked that it never had.
const (
	fetchBatch = 2000
	markBatch  = 200
)

// run answers for the messages at the places of spans.
func (f *fetcher) run(ctx context.Context, spans []span) error {
	out, each := f.s.out(), f.s.sel.each
	if f.s.limit != "" { // RFC 9738 3.1
		each = f.s.sel.eachDown
	}
	if !f.record {
		for i, e := range each(spans) {
			if e.ModSeq <= f.since {
				continue
			}
			f.write(ctx, fetched{seq: imapwire.Seq(i + 1), entry: e}, nil)
			if out.Err() != nil {
				break
			}
		}
		return inTransit(out.Err())
	}
	limit := fetchBatch
	if f.marks {
		limit = markBatch
	}
	batch := make([]fetched, 0, min(limit, 64))
	for i, e := range each(spans) {
		if e.ModSeq <= f.since {
			continue
		}
		batch = append(batch, fetched{seq: imapwire.Seq(i + 1), entry: e})
		if len(batch) < limit {
			continue
		}
		if err := f.batch(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return f.batch(ctx, batch)
}

// batch answers for messages whose records are needed.
func (f *fetcher) batch(ctx context.Context, batch []fetched) error {
	if len(batch) == 0 {
		return nil
	}
	if f.marks {
		if err := f.mark(ctx, batch); err != nil {
			return err
		}
	}
	if f.asked(imapwire.FetchGmailLabels) {
		if err := f.readLabels(ctx, batch); err != nil {
			return err
		}
	}
	ids := make([]store.MessageID, len(batch))
	for i := range batch {
		ids[i] = batch[i].entry.Message
	}
	out, next := f.s.out(), 0
	err := f.s.sel.account.Messages(ctx, ids, f.want, func(i int, m *store.Message) error {
		if i > next {
			f.fail(errExpunged()) // erased since, for all that the account is pinned
		}
		next = i + 1
		if err := f.prepare(ctx, m); err != nil {
			f.fail(err)
			return nil
		}
		f.write(ctx, batch[i], m)
		return inTransit(out.Err())
	})
	if next < len(ids) && err == nil {
		f.fail(errExpunged())
	}
	return err
}

// fail notes why not everything could be told. The first reason counts; the other messages are told.
func (f *fetcher) fail(err error) {
	if f.failed == nil {
		f.failed = err
	}
}

// mark sets \Seen on those of the batch that lack it (RFC 9051 6.4.5).
func (f *fetcher) mark(ctx context.Context, batch []fetched) error {
	var unseen []store.UID
	for _, m := range batch {
		if m.entry.Flags&store.Seen == 0 {
			unseen = append(unseen, m.entry.UID)
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	slices.Sort(unseen) // they come from the last on where there are too many
	s := f.s
	seen := store.FlagChange{Mode: store.FlagsAdd, Flags: store.Seen}
	ranges := store.Ranges(unseen)
	if _, _, err := s.sel.account.SetFlags(ctx, s.origin(), s.sel.box, ranges, seen); err != nil {
		return err
	}
	newer, err := s.sel.account.View().Mailbox(s.sel.id)
	if err == nil {
		err = s.sel.compare(ctx, newer)
	}
	if err != nil {
		return err
	}
	s.tellKeywords(newer.View())
	f.flags = s.flagWriter(newer.View())
	for i := range batch {
		if batch[i].entry.Flags&store.Seen != 0 {
			continue
		}
		if e := newer.Entry(batch[i].entry.UID); e != nil {
			batch[i].entry, batch[i].marked = e, true
		}
	}
	if s.limit != "" {
		s.sel.told = slices.Insert(s.sel.told, 0, told{newer, ranges})
	} else {
		s.sel.told = append(s.sel.told, told{newer, ranges})
	}
	return nil
}
