package feedback

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"restante/internal/store"
)

// Bounds of a ledger.
const (
	maxEntries = 20_000 // of all days and domains
	maxOfOne   = 2000   // of one domain on one day
	maxBatch   = 200    // rows that are written at once
)

// ledger counts what is alike, by day and domain. D is what distinguishes: strings, at most some 2 KB of them. It is safe for concurrent use.
type ledger[D comparable] struct {
	store *store.Store
	table string // the first part of its rows' names: "tlsrpt/"

	mu struct {
		sync.Mutex
		pages   map[page]*tally[D]
		entries int
		left    int // what was not counted since it was asked last
	}
}

// page is one domain on one day, "2026-11-22".
type page struct{ day, domain string }

type tally[D comparable] struct{ counts map[D]*count }

type count struct {
	n     int64
	dirty bool
}

// entry is a row: TABLE/DAY/DOMAIN/HASH.
type entry[D comparable] struct {
	What D     `json:"w"`
	N    int64 `json:"n"`
}

func newLedger[D comparable](s *store.Store, table string) *ledger[D] {
	l := &ledger[D]{store: s, table: table}
	l.mu.pages = make(map[page]*tally[D])
	return l
}

// dayOf is the day of a moment, as rows have it.
func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// add counts one.
func (l *ledger[D]) add(day, domain string, what D) {
	if !isName(domain) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.count(page{day, domain}, what); c != nil {
		c.n, c.dirty = c.n+1, true
	} else {
		l.mu.left++
	}
}

// count finds or makes a count, nil where there is no room; l.mu is held.
func (l *ledger[D]) count(p page, what D) *count {
	t := l.mu.pages[p]
	if t != nil && t.counts[what] != nil {
		return t.counts[what]
	}
	if l.mu.entries >= maxEntries || t != nil && len(t.counts) >= maxOfOne {
		return nil
	}
	if t == nil {
		t = &tally[D]{counts: make(map[D]*count)}
		l.mu.pages[p] = t
	}
	c := new(count)
	t.counts[what] = c
	l.mu.entries++
	return c
}

// isName says whether a domain may be part of a row's name, and of a question to the DNS.
func isName(domain string) bool {
	return domain != "" && len(domain) <= 253 && !strings.ContainsFunc(domain, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}

func (l *ledger[D]) row(p page) string { return l.table + p.day + "/" + p.domain + "/" }

// load reads what another process has counted. It is called once, before add.
func (l *ledger[D]) load(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.store.Rows(ctx, store.SendingRows, l.table, func(name string, value []byte) error {
		parts := strings.Split(strings.TrimPrefix(name, l.table), "/")
		var e entry[D]
		if len(parts) != 3 || json.Unmarshal(value, &e) != nil {
			return nil
		}
		if c := l.count(page{parts[0], parts[1]}, e.What); c != nil {
			c.n = e.N
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("feedback: reading what was counted: %w", err)
	}
	return nil
}

// flush writes what has been counted since the last time.
func (l *ledger[D]) flush(ctx context.Context) error {
	for batch := range slices.Chunk(l.dirty(), maxBatch) {
		if err := l.store.AppendRows(ctx, store.SendingRows, batch...); err != nil {
			return fmt.Errorf("feedback: %w", err) // counted on in memory; the next change of each writes it
		}
	}
	return nil
}

func (l *ledger[D]) dirty() (rows []store.Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, t := range l.mu.pages {
		for what, c := range t.counts {
			if !c.dirty {
				continue
			}
			c.dirty = false
			key, _ := json.Marshal(what) // strings always can be
			value, _ := json.Marshal(entry[D]{what, c.n})
			sum := sha256.Sum256(key)
			rows = append(rows, store.Row{Name: l.row(p) + base64.RawURLEncoding.EncodeToString(sum[:12]), Value: value})
		}
	}
	return rows
}

// before are the pages of the days before a day, in order.
func (l *ledger[D]) before(day string) (list []page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.mu.pages {
		if p.day < day {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b page) int { return strings.Compare(a.day+a.domain, b.day+b.domain) })
	return list
}

// counts are those of a page, in no order.
func (l *ledger[D]) counts(p page) (list []entry[D]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.mu.pages[p]; t != nil {
		for what, c := range t.counts {
			list = append(list, entry[D]{what, c.n})
		}
	}
	return list
}

// drop forgets a page.
func (l *ledger[D]) drop(ctx context.Context, p page) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.mu.pages[p]; t != nil {
		l.mu.entries -= len(t.counts)
		delete(l.mu.pages, p)
	}
	name := l.row(p)
	return l.store.DropRows(ctx, store.SendingRows, name, name[:len(name)-1]+"0") // "0" is behind "/"
}

// overlooked is how much was not counted for want of room since it was asked last.
func (l *ledger[D]) overlooked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.mu.left
	l.mu.left = 0
	return n
}
