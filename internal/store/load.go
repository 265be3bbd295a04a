package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// page returns one page, from the engine if need be.
func (a *account) page(ctx context.Context, m *mailbox, n uint32) (*keys.Page, error) {
	c := m.pages.cell(n)
	if c == nil {
		return emptyPage, nil
	}
	if p := c.page.Load(); p != nil {
		return p, nil
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	if p := c.page.Load(); p != nil {
		return p, nil
	}
	p := emptyPage
	value, err := a.store.engine.Get(ctx, keys.PageKey(a.id, m.id, n))
	switch {
	case err == nil:
		p, err = keys.DecodePage(n, value)
	case isNotFound(err):
		err = nil
	default:
		return nil, fmt.Errorf("store: page %d of mailbox %d: %w", n, m.id, err)
	}
	if err == nil {
		err = m.fits(n, p)
	}
	if err != nil {
		return nil, corrupt(fmt.Sprintf("page %d of mailbox %d of account %d", n, m.id, a.id), err)
	}
	a.grow(p)
	c.page.Store(p)
	return p, nil
}

// fits says whether a page that was read has as many messages as was counted.
func (m *mailbox) fits(n uint32, p *keys.Page) error {
	if !m.counted.Load() {
		return nil
	}
	if want := m.pages.count(n); len(p.Entries) != want {
		return fmt.Errorf("it has %d messages, %d were counted", len(p.Entries), want)
	}
	return nil
}

// count makes a mailbox counted.
func (a *account) count(ctx context.Context, m *mailbox) error {
	if m.counted.Load() {
		return nil
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	if m.counted.Load() {
		return nil
	}
	counts := make([]uint8, m.pages.pages())
	ok, err := a.readCounts(ctx, m, counts)
	if err != nil {
		return err
	}
	if !ok {
		// It was written when counts were not kept.
		if err := a.scanPages(ctx, m, 0, m.pages.pages()); err != nil {
			return err
		}
		for n := range counts {
			counts[n] = uint8(len(m.pages.cell(uint32(n)).page.Load().Entries))
		}
		if sum(counts) != m.ctr.Messages {
			return corrupt(fmt.Sprintf("mailbox %d of account %d", m.id, a.id),
				fmt.Errorf("it has %d messages, its counters say %d", sum(counts), m.ctr.Messages))
		}
		m.recount = true
	}
	m.pages.setCounts(counts)
	m.counted.Store(true)
	return nil
}

// readCounts reads the rows of counts, and says whether they can be right.
func (a *account) readCounts(ctx context.Context, m *mailbox, counts []uint8) (ok bool, err error) {
	if len(counts) <= 1 { // then there is nothing that the counters don't say
		if len(counts) == 1 {
			counts[0] = uint8(min(m.ctr.Messages, keys.PageSize))
		}
		return sum(counts) == m.ctr.Messages, nil
	}
	err = a.store.engine.Scan(ctx, kv.Prefix(keys.OfMailbox(keys.TableCounts, a.id, m.id)), func(k, v []byte) (bool, error) {
		_, _, c, err := keys.CountsOf(k)
		if err != nil {
			return false, err
		}
		if int64(c)*chunkPages < int64(len(counts)) {
			row, err := keys.DecodeCounts(v)
			copy(counts[c*chunkPages:], row)
			return true, err
		}
		return true, nil
	})
	if err != nil {
		return false, corrupt(fmt.Sprintf("counts of mailbox %d of account %d", m.id, a.id), err)
	}
	return sum(counts) == m.ctr.Messages, nil
}

func sum(counts []uint8) (n uint32) {
	for _, c := range counts {
		n += uint32(c)
	}
	return n
}

// loadAll reads every page of a mailbox that is not in memory yet.
func (a *account) loadAll(ctx context.Context, m *mailbox) error {
	if m.complete.Load() {
		return nil
	}
	if err := a.count(ctx, m); err != nil {
		return err
	}
	if err := a.loadPages(ctx, m, 0, m.pages.pages()); err != nil {
		return err
	}
	m.complete.Store(true)
	return nil
}

// fewPages is how many pages that are missing are read one by one: a Get costs what a scan
// of a few pages does.
const fewPages = 3

// loadPages reads those of the pages from lo up to, not including, hi that are not in
// memory yet. The mailbox must be counted.
func (a *account) loadPages(ctx context.Context, m *mailbox, lo, hi uint32) error {
	if m.complete.Load() {
		return nil
	}
	missing := 0
	first, last := hi, lo
	for n := lo; n < min(hi, m.pages.pages()); n++ {
		if m.pages.cell(n).page.Load() == nil {
			missing++
			first, last = min(first, n), n
		}
	}
	if missing > fewPages {
		a.loading.Lock()
		defer a.loading.Unlock()
		return a.scanPages(ctx, m, first, last+1)
	}
	for n := first; missing > 0 && n <= last; n++ {
		if _, err := a.page(ctx, m, n); err != nil {
			return err
		}
	}
	return nil
}

// scanPages is loadPages in one scan; it needs account.loading.
func (a *account) scanPages(ctx context.Context, m *mailbox, lo, hi uint32) error {
	next := lo // pages before it are in memory
	// put puts a page into its cell, and nothing into those before it.
	put := func(n uint32, p *keys.Page) error {
		for ; next < n; next++ {
			if c := m.pages.cell(next); c.page.Load() == nil {
				if err := m.fits(next, emptyPage); err != nil {
					return fmt.Errorf("page %d: %w", next, err)
				}
				c.page.Store(emptyPage)
			}
		}
		if p == nil {
			return nil
		}
		if err := m.fits(n, p); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
		a.grow(p)
		m.pages.cell(n).page.Store(p)
		return nil
	}
	r := kv.Range{Lo: keys.PageKey(a.id, m.id, lo), Hi: keys.PageKey(a.id, m.id, hi)}
	err := a.store.engine.Scan(ctx, r, func(key, value []byte) (bool, error) {
		_, _, n, err := keys.PageOf(key)
		if err != nil || m.pages.cell(n).page.Load() != nil {
			return true, err
		}
		p, err := keys.DecodePage(n, value)
		if err != nil {
			return false, err
		}
		return true, put(n, p)
	})
	if err == nil {
		err = put(hi, nil)
	}
	if err != nil {
		return corrupt(fmt.Sprintf("pages of mailbox %d of account %d", m.id, a.id), err)
	}
	return nil
}
