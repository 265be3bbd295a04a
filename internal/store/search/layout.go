package search

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/text/unicode/norm"

	"restante/internal/store"
	"restante/internal/store/kv"
)

// Rows of the index's engine. All numbers are big-endian, so that keys sort as
// they do.
//
//	m acct4                    manifest: how far the index goes, and its segments
//	s acct4 seg4 d part2       the segment's messages
//	s acct4 seg4 g gram8       lists of grams from this one on, a block
//	s acct4 seg4 t doc4 part2  the texts of messages from this one on, a block
//	s acct4 seg4 x             messages of the segment that are gone
const (
	tableManifest = 'm'
	tableSegment  = 's'

	rowDocs  = 'd'
	rowGrams = 'g'
	rowTexts = 't'
	rowGone  = 'x'
)

// segmentID names a segment of an account; it is never used again.
type segmentID uint32

func manifestKey(a store.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte{tableManifest}, uint32(a))
}

func accountKey(a store.AccountID) []byte {
	return binary.BigEndian.AppendUint32([]byte{tableSegment}, uint32(a))
}

func segmentKey(a store.AccountID, s segmentID) []byte {
	return binary.BigEndian.AppendUint32(accountKey(a), uint32(s))
}

func docsKey(a store.AccountID, s segmentID, part int) []byte {
	return binary.BigEndian.AppendUint16(append(segmentKey(a, s), rowDocs), uint16(part))
}

func gramKey(a store.AccountID, s segmentID, g gram) []byte {
	return binary.BigEndian.AppendUint64(append(segmentKey(a, s), rowGrams), uint64(g))
}

func textKey(a store.AccountID, s segmentID, doc uint32, part int) []byte {
	k := binary.BigEndian.AppendUint32(append(segmentKey(a, s), rowTexts), doc)
	return binary.BigEndian.AppendUint16(k, uint16(part))
}

func goneKey(a store.AccountID, s segmentID) []byte { return append(segmentKey(a, s), rowGone) }

const keyHead = 1 + 4 + 4 + 1 // of a segment's row, up to what the kind has behind it

// gramOf reads the gram of a key.
func gramOf(key []byte) (gram, error) {
	if len(key) != keyHead+8 {
		return 0, corrupt("a key of %d octets", len(key))
	}
	return gram(binary.BigEndian.Uint64(key[keyHead:])), nil
}

// textOf reads the message and the part of a key.
func textOf(key []byte) (doc uint32, part int, err error) {
	if len(key) != keyHead+6 {
		return 0, 0, corrupt("a key of %d octets", len(key))
	}
	return binary.BigEndian.Uint32(key[keyHead:]), int(binary.BigEndian.Uint16(key[keyHead+4:])), nil
}

// manifest is what the index has of an account.
type manifest struct {
	seed     store.Seed      // the account's: another one is another account
	modSeq   store.ModSeq    // all operations up to this one have been looked at
	last     store.MessageID // all messages up to this one have been looked at
	next     segmentID
	segments []segmentInfo // by their messages, ascending; no two overlap
}

// segmentInfo is a segment of a manifest.
type segmentInfo struct {
	id          segmentID
	docs        uint32
	first, last store.MessageID
	size        uint64 // octets of its rows
}

// manifestVersion 1: what the texts are (length, octets), then the fields in their
// order, numbers as uvarints.
const manifestVersion = 1

// textVersion says how texts are taken from messages and cut into grams: an index
// of another one is made anew. It changes with walk.go, fold.go, gram.go and
// proto/collation, and with the tables of Unicode.
//
//	1  folded by NFKC and small letters
//	2  folded as i;unicode-casemap does (RFC 5051)
const textVersion = "2/" + norm.Version

// errOutdated says that an index was made of other texts.
var errOutdated = fmt.Errorf("%w: it was made by another version", errCorrupt)

func (m *manifest) encode() []byte {
	b := append([]byte{manifestVersion, byte(len(textVersion))}, textVersion...)
	b = append(b, m.seed[:]...)
	b = appendNumbers(b, uint64(m.modSeq), uint64(m.last), uint64(m.next), uint64(len(m.segments)))
	for _, s := range m.segments {
		b = appendNumbers(b, uint64(s.id), uint64(s.docs), uint64(s.first), uint64(s.last), s.size)
	}
	return b
}

func appendNumbers(b []byte, list ...uint64) []byte {
	for _, n := range list {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// numbers reads uvarints; ok stays false after the first that is broken.
type numbers struct {
	b  []byte
	ok bool
}

func (r *numbers) next(limit uint64) uint64 {
	n, k := binary.Uvarint(r.b)
	if !r.ok || k <= 0 || n > limit {
		r.ok = false
		return 0
	}
	r.b = r.b[k:]
	return n
}

func decodeManifest(b []byte) (*manifest, error) {
	m := new(manifest)
	if len(b) < 2 || b[0] != manifestVersion || !bytes.HasPrefix(b[2:], []byte(textVersion)) || int(b[1]) != len(textVersion) {
		return nil, errOutdated
	}
	b = b[2+len(textVersion):]
	if len(b) < len(m.seed) {
		return nil, corrupt("manifest")
	}
	copy(m.seed[:], b)
	r := numbers{b[len(m.seed):], true}
	m.modSeq, m.last = store.ModSeq(r.next(math.MaxUint64)), store.MessageID(r.next(math.MaxUint64))
	m.next = segmentID(r.next(math.MaxUint32))
	n := r.next(uint64(len(r.b)))
	for range n {
		s := segmentInfo{id: segmentID(r.next(math.MaxUint32)), docs: uint32(r.next(maxDocs))}
		s.first, s.last = store.MessageID(r.next(math.MaxUint64)), store.MessageID(r.next(math.MaxUint64))
		s.size = r.next(math.MaxUint64)
		if k := len(m.segments); s.docs == 0 || s.first > s.last || s.id >= m.next || k > 0 && s.first <= m.segments[k-1].last {
			r.ok = false
		}
		if !r.ok {
			break
		}
		m.segments = append(m.segments, s)
	}
	if !r.ok || len(r.b) > 0 {
		return nil, corrupt("manifest")
	}
	return m, nil
}

// docInfo is what a segment knows of a message beside its lists and its text.
type docInfo struct {
	id     store.MessageID
	bare   bool // accents were left out in its units
	noText bool // its text was too long to be kept
	length uint8
}

const (
	docBare   = 1
	docNoText = 2
)

// encodeDocs writes the rows d: the first octet says the version, then for each
// message the distance of its id, its flags and its length.
const docsVersion = 1

func encodeDocs(docs []docInfo) []byte {
	b := []byte{docsVersion}
	last := store.MessageID(0)
	for _, d := range docs {
		b = binary.AppendUvarint(b, uint64(d.id-last))
		last = d.id
		flags := byte(0)
		if d.bare {
			flags |= docBare
		}
		if d.noText {
			flags |= docNoText
		}
		b = append(b, flags, d.length)
	}
	return b
}

func decodeDocs(b []byte, count uint32) ([]docInfo, error) {
	if len(b) == 0 || b[0] != docsVersion {
		return nil, corrupt("the messages of a segment: version %v", b[:min(len(b), 1)])
	}
	b = b[1:]
	docs := make([]docInfo, 0, min(int(count), len(b)/3))
	last := store.MessageID(0)
	for len(b) > 0 {
		delta, n := binary.Uvarint(b)
		if n <= 0 || len(b) < n+2 || delta == 0 || last+store.MessageID(delta) < last {
			return nil, corrupt("the messages of a segment")
		}
		last += store.MessageID(delta)
		flags := b[n]
		docs = append(docs, docInfo{id: last, bare: flags&docBare != 0, noText: flags&docNoText != 0, length: b[n+1]})
		b = b[n+2:]
	}
	if len(docs) != int(count) {
		return nil, corrupt("a segment has %d messages, not %d", len(docs), count)
	}
	return docs, nil
}

// segmentSpan is all rows of a segment.
func segmentSpan(a store.AccountID, s segmentID) kv.Span {
	return kv.Prefix(segmentKey(a, s)).Span()
}

// accountOf and segmentOf read a key that begins as theirs do.
func accountOf(key []byte) store.AccountID { return store.AccountID(binary.BigEndian.Uint32(key[1:])) }

func segmentOf(key []byte) segmentID { return segmentID(binary.BigEndian.Uint32(key[5:])) }
