package search

import (
	"context"
	"math"

	"restante/internal/store"
)

// Ranking reckons how well messages answer a fuzzy search: by Okapi BM25, with more
// weight for words in the subject and in addresses, for whole words, and for a
// text that stands there as it was asked for. It is not safe for concurrent use.
type Ranking struct {
	words  []ranked
	walker walker
	length int // of the message that is looked at
	bare   []byte
}

// ranked is a word that counts.
type ranked struct {
	key    Key
	rarity float64
	hits   float64 // in the message that is looked at
}

// Constants of BM25; usualLength is what counts as a text of medium length.
const (
	saturation  = 1.2
	lengthBias  = 0.5
	usualLength = 4 << 10
	leastRarity = 0.1
)

// classWeights say how much a word counts where it stands.
func classWeight(c class) float64 {
	return [classes]float64{
		classBody: 1, classSubject: 6, classFrom: 4, classTo: 2, classCc: 2, classBcc: 2, classField: 0.3, classPartHeader: 0.3,
	}[c]
}

// NewRanking makes the ranking of a search for the texts of asked, which looks for the
// words in keys (Key.Words), with what the index knows of them.
func NewRanking(asked, keys []Key, hits *Hits) *Ranking {
	r := new(Ranking)
	sum := 0.0
	for i, k := range keys {
		if k.word {
			r.words = append(r.words, ranked{key: k, rarity: max(hits.rarity(i), leastRarity)})
			sum += max(hits.rarity(i), leastRarity)
		}
	}
	// The text as it was asked for counts as one more word.
	usual := max(sum/float64(max(len(r.words), 1)), leastRarity)
	for _, k := range asked {
		if len(k.needle) > 0 {
			r.words = append(r.words, ranked{key: k, rarity: usual})
		}
	}
	return r
}

// rarity is the inverse document frequency of a key.
func (h *Hits) rarity(key int) float64 {
	n, with := 0, 0
	if h != nil {
		for _, s := range h.segments {
			n += len(s.info)
			if set := s.sets[key]; set != nil {
				with += set.count()
			} else {
				with += len(s.info)
			}
		}
	}
	return math.Log(1 + (float64(n-with)+0.5)/(float64(with)+0.5))
}

// Weigh reckons the weight of a message whose header is given. More is better;
// weights of one Ranking can be compared.
func (r *Ranking) Weigh(ctx context.Context, m Message, header []byte) (float64, error) {
	r.begin()
	err := r.walker.walk(ctx, m, header, r)
	return r.weight(), err
}

// Weigh reckons the weights of the messages that the index has, and calls fn for
// each with its place in ids.
func (h *Hits) Weigh(ctx context.Context, r *Ranking, ids []store.MessageID, fn func(i int, weight float64)) error {
	return h.eachText(ctx, ids, func(i int, text []byte) error {
		r.begin()
		err := eachSection(text, func(c class, text []byte, name int) bool {
			r.line(c, text, name)
			return true
		})
		if err == nil {
			fn(i, r.weight())
		}
		return err
	})
}

func (r *Ranking) begin() {
	r.length = 0
	for i := range r.words {
		r.words[i].hits = 0
	}
}

func (r *Ranking) weight() float64 {
	sum := 0.0
	long := 1 - lengthBias + lengthBias*float64(r.length)/usualLength
	for i := range r.words {
		w := &r.words[i]
		sum += w.rarity * w.hits * (saturation + 1) / (w.hits + saturation*long)
	}
	return sum
}

func (r *Ranking) wants(class) bool { return true }

func (r *Ranking) line(c class, text []byte, name int) {
	r.length += len(text)
	r.bare = bareText(r.bare[:0], text[name:])
	for i := range r.words {
		w := &r.words[i]
		if !w.key.in.has(c) || w.key.field != nil && string(text[:name]) != string(w.key.field) {
			continue
		}
		if !w.key.word {
			if w.key.line(c, text, name, nil) {
				w.hits += classWeight(c)
			}
			continue
		}
		all, whole := beginnings(r.bare, w.key.needle)
		w.hits += classWeight(c) * (float64(all) + float64(whole)) / 2
	}
}

// piece takes a word that is cut between two pieces for two: it matters little.
func (r *Ranking) piece(text []byte, _, _ bool) { r.line(classBody, text, 0) }
