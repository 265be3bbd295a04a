package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
	"restante/internal/store/search"
)

// FUZZY: RFC 6203. A text under FUZZY is taken for its words: a message that has words which begin as they do, in any order, matches;
// of three words and more one may be missing. Other keys are matched exactly (RFC 6203 5).

// words compiles a text under FUZZY.
func (c *compiler) words(key search.Key) test {
	c.p.asked = append(c.p.asked, key)
	keys := key.Words()
	tests := make([]test, len(keys))
	for i, k := range keys {
		tests[i] = c.find(k)
	}
	if len(tests) < 3 {
		return all(tests)
	}
	return allButOne(tests)
}

// allButOne matches when at most one test does not.
func allButOne(tests []test) test {
	return test{highest(tests), func(m *candidate) verdict {
		open, missed := 0, 0
		for i := range tests {
			switch tests[i].check(m) {
			case rejected:
				if missed++; missed > 1 {
					return rejected
				}
			case undecided:
				open++
			}
		}
		if open+missed <= 1 {
			return matched
		}
		return undecided
	}}
}

// maxScored bounds the messages whose texts are looked into for their scores: the last ones. The others get the lowest.
const maxScored = 20_000

// score reckons how well messages answer a fuzzy search, by place, from 1 to 100 (RFC 6203 4).
func (p *program) score(ctx context.Context, s *session, spans []span) ([]uint8, error) {
	weights := make([]float64, p.sel.len())
	r := search.NewRanking(p.asked, p.texts, p.hits)
	var places []int
	for i := range p.sel.each(spans) {
		places = append(places, i)
	}
	places = places[max(len(places)-maxScored, 0):]
	for len(places) > 0 && len(p.asked) > 0 {
		n := min(len(places), searchBatch)
		if err := p.weigh(ctx, s, r, places[:n], weights); err != nil {
			return nil, err
		}
		places = places[n:]
	}
	return scores(weights), nil
}

// weigh reckons the weights of the messages at some places.
func (p *program) weigh(ctx context.Context, s *session, r *search.Ranking, places []int, weights []float64) error {
	ids := make([]store.MessageID, len(places))
	for i, at := range places {
		ids[i] = p.sel.at(at).Message
	}
	known := make([]bool, len(ids))
	err := p.hits.Weigh(ctx, r, ids, func(i int, w float64) { weights[places[i]], known[i] = w, true })
	if err != nil {
		return err
	}
	var rest []store.MessageID
	var at []int
	for i, id := range ids {
		if !known[i] {
			rest, at = append(rest, id), append(at, places[i])
		}
	}
	return p.sel.account.Messages(ctx, rest, store.WantStructure, func(i int, m *store.Message) error {
		header, err := m.Header(ctx)
		if err == nil {
			weights[at[i]], err = r.Weigh(ctx, m, header)
		}
		return err
	})
}

// scores are the weights as they are told. The best is 100, whatever it weighs.
func scores(weights []float64) []uint8 {
	best := 0.0
	for _, w := range weights {
		best = max(best, w)
	}
	out := make([]uint8, len(weights))
	for i, w := range weights {
		switch {
		case best == 0: // nothing tells them apart
			out[i] = 100
		default:
			out[i] = uint8(min(max(100*w/best+0.5, 1), 100))
		}
	}
	return out
}

// relevancy is the scores of the results in their order, if they are returned.
func (r *results) relevancy(opts imapwire.SearchReturn) []uint8 {
	if opts&imapwire.ReturnRelevancy == 0 {
		return nil
	}
	out := make([]uint8, 0, r.len())
	for at := range r.each() {
		out = append(out, r.scores[at])
	}
	return out
}
