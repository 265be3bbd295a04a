package search

import (
	"bytes"
	"context"
	"unicode/utf8"
)

// Scanner looks for texts in messages without an index, one message at a time.
// It keeps its buffers from one to the next; the zero value is ready. It is not
// safe for concurrent use.
type Scanner struct {
	walker  walker
	keys    []Key
	found   []bool
	left    int // not found yet
	missing mask
	longest int
	kept    []byte // the end of the text so far and its last piece
	plain   plainly
}

// Scan looks for keys in a message whose header is given, in one pass, and says
// of each whether it is there. What it returns is good until the next Scan.
func (s *Scanner) Scan(ctx context.Context, m Message, header []byte, keys []Key) ([]bool, error) {
	s.keys, s.left, s.longest = keys, len(keys), 0
	if len(keys) > 0 {
		s.walker.folder.by = keys[0].by
	}
	s.found = append(s.found[:0], make([]bool, len(keys))...)
	for i := range keys {
		s.longest = max(s.longest, len(keys[i].exact))
		if len(keys[i].exact) == 0 && keys[i].field == nil {
			s.hit(i) // every message contains nothing
		}
	}
	s.need()
	if s.left == 0 {
		return s.found, nil
	}
	return s.found, s.walker.walk(ctx, m, header, s)
}

func (s *Scanner) hit(i int) {
	if !s.found[i] {
		s.found[i] = true
		s.left--
	}
}

// need reckons where something is still to be found.
func (s *Scanner) need() {
	s.missing = 0
	for i := range s.keys {
		if !s.found[i] {
			s.missing |= s.keys[i].in
		}
	}
}

func (s *Scanner) wants(c class) bool { return s.missing.has(c) }

func (s *Scanner) line(c class, text []byte, name int) {
	left := s.left
	s.plain.set(text[name:])
	for i := range s.keys {
		if !s.found[i] && s.keys[i].line(c, text, name, s.plain.get) {
			s.hit(i)
		}
	}
	if s.left != left {
		s.need()
	}
}

func (s *Scanner) piece(text []byte, first, _ bool) {
	if first {
		s.kept = s.kept[:0]
	}
	// A needle may begin in what is kept of the piece before, and a word has a letter
	// before it and may have accents that its stem has not.
	cut := false
	if keep := 3*s.longest + 2*utf8.UTFMax; len(s.kept) > keep {
		s.kept = append(s.kept[:0], s.kept[len(s.kept)-keep:]...)
		cut = true
	}
	seen := len(s.kept)
	s.kept = append(s.kept, text...)
	s.plain.set(fromWord(s.kept, cut))
	left := s.left
	for i := range s.keys {
		k := &s.keys[i]
		if s.found[i] || !k.in.has(classBody) {
			continue
		}
		if k.word && hasBeginning(s.plain.get(), k.needle) || !k.word && bytes.Contains(s.kept[max(seen-len(k.exact)+1, 0):], k.exact) {
			s.hit(i)
		}
	}
	if s.left != left {
		s.need()
	}
}

// fromWord is text from its first word on that is whole.
func fromWord(text []byte, cut bool) []byte {
	if !cut {
		return text
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if i += n; letterKind(r) == letterNone {
			return text[i:]
		}
	}
	return nil
}
