package search

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"restante/internal/store"
)

func TestWords(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Imports", "IMPORT"}, {"importing", "IMPORT"}, {"Cafés", "CAFE"}, {"IMAP break", "IMAP BREAK"}, {"broken, or not?", "BROK OR NOT"},
		{"foo@example.org", "FOO EXAMPL ORG"}, {"STRASSE straße", "STRASS"}, {"東京都 and 京都", "東京都 AND 京都"}, {"привета", "ПРИВЕТ"}, {"...", "..."}, {"", ""},
		{"a_b-c", "A B C"}, {"class", "CLAS"}, {"yes", "YES"},
	} {
		var got []string
		for _, k := range Body(tt.text).Words() {
			got = append(got, string(k.needle))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestBeginnings(t *testing.T) {
	for _, tt := range []struct {
		text, stem string
		all, whole int
	}{
		{"IMPORT THE IMPORTS, REIMPORT", "IMPORT", 2, 1}, {"IMPORT", "IMPORT", 1, 1}, {"XA A A1 1A", "A", 2, 1}, {"東京都京都", "京都", 2, 2}, {"", "A", 0, 0}, {"É", "E", 0, 0},
	} {
		all, whole := beginnings([]byte(tt.text), []byte(tt.stem))
		if all != tt.all || whole != tt.whole || hasBeginning([]byte(tt.text), []byte(tt.stem)) != (all > 0) {
			t.Errorf("%q in %q: %d, %d", tt.stem, tt.text, all, whole)
		}
	}
}

// TestRanking: the order of messages that all match.
func TestRanking(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	filler := strings.Repeat("something else entirely that has no part in it\r\n", 100)
	best := []store.MessageID{
		h.put("Subject: Broken import\r\n\r\nThe import is broken.\r\n"),
		h.put("Subject: Broken import\r\n\r\nThe import is broken.\r\n" + filler),
		h.put("Subject: report\r\n\r\nThe broken import, imports and importing of it.\r\n"),
		h.put("Subject: report\r\n\r\nThe imports were broken.\r\n" + filler),
		h.put("Subject: report\r\nX-Note: broken import\r\n\r\n" + filler + filler),
	}
	h.put("Subject: report\r\n\r\n" + filler)
	keys := Text("broken import").Words()
	rank := func() []store.MessageID {
		hits, err := h.index.Search(context.Background(), h.h, keys)
		h.must(err)
		defer hits.Close()
		r := NewRanking([]Key{Text("broken import")}, keys, hits)
		weights := map[store.MessageID]float64{}
		h.must(h.h.Messages(context.Background(), best, store.WantStructure, func(i int, m *store.Message) error {
			header, err := m.Header(context.Background())
			h.must(err)
			weights[best[i]], err = r.Weigh(context.Background(), m, header)
			return err
		}))
		h.must(hits.Weigh(context.Background(), r, best, func(i int, w float64) {
			if math.Abs(w-weights[best[i]]) > 1e-9 {
				t.Errorf("message %d weighs %v in the index, %v by itself", best[i], w, weights[best[i]])
			}
		}))
		order := slices.Clone(best)
		slices.SortStableFunc(order, func(a, b store.MessageID) int { return int(math.Copysign(1, weights[b]-weights[a])) })
		return order
	}
	if got := rank(); !slices.Equal(got, best) {
		t.Errorf("without an index: %v, want %v", got, best)
	}
	h.sync()
	if got := rank(); !slices.Equal(got, best) {
		t.Errorf("with an index: %v, want %v", got, best)
	}
}

// TestFuzzyIndexIsScan: also fuzzy keys are answered by the index as by a scan.
func TestFuzzyIndexIsScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHouse(t)
		defer h.close()
		for range rapid.IntRange(1, 10).Draw(t, "messages") {
			h.put(drawMessage(t))
		}
		h.sync()
		var keys []Key
		for range 4 {
			keys = append(keys, drawKey(t).Words()...)
		}
		h.check(keys)
	})
}
