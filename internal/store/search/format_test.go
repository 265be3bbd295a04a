package search

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"restante/internal/store/kv"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestFormat holds the rows of an index to what they were: other rows are another
// textVersion or manifestVersion.
func TestFormat(t *testing.T) {
	h := newHouse(t)
	defer h.close()
	h.put("Subject: Grüße\r\nX-N: 1\r\n\r\nAb 京都.\r\n")
	h.put("From: a@b\r\n\r\nAb\r\n")
	h.sync()
	m, err := h.index.manifest(context.Background(), h.engine, h.h)
	h.must(err)
	var out strings.Builder
	fmt.Fprintf(&out, "manifest %s, %d messages in %d segments\n", textVersion, m.segments[0].docs, len(m.segments))
	h.must(h.engine.Scan(context.Background(), kv.Prefix(accountKey(h.h.ID())), func(k, v []byte) (bool, error) {
		fmt.Fprintf(&out, "%x\n", k)
		switch k[9] {
		case rowGrams:
			first, err := gramOf(k)
			h.must(err)
			fmt.Fprintf(&out, "%s", hex.Dump(v))
			for b := readBlock(first, v); ; {
				ok, err := b.next()
				h.must(err)
				if !ok {
					break
				}
				set := newDocSet(2)
				h.must(addPosting(set, b.list, b.form, 2))
				fmt.Fprintf(&out, "  %016x %v\n", uint64(b.gram), members(set))
			}
		default:
			raw, err := h.index.codec.Decode(nil, v)
			h.must(err)
			fmt.Fprint(&out, hex.Dump(raw))
		}
		return true, nil
	}))
	file := filepath.Join("testdata", "format.txt")
	if *update {
		h.must(os.MkdirAll("testdata", 0o777))
		h.must(os.WriteFile(file, []byte(out.String()), 0o666))
	}
	want, err := os.ReadFile(file)
	h.must(err)
	if out.String() != string(want) {
		t.Errorf("%s has changed: so must textVersion or manifestVersion\n%s", file, out.String())
	}
}

func TestPosting(t *testing.T) {
	for _, list := range [][]uint16{{0}, {65535}, {7, 8, 9}, {0, 65535}, {1, 2, 3, 5, 8, 13, 21, 300, 301}, everyNth(3, 65536), everyNth(200, 65536), everyNth(1, 1000)} {
		b, form := appendPosting([]byte("x"), list)
		set := newDocSet(maxDocs)
		if err := addPosting(set, b[1:], form, maxDocs); err != nil {
			t.Fatal(err)
		}
		var got []uint16
		set.each(func(doc uint32) { got = append(got, uint16(doc)) })
		if !slices.Equal(got, list) || set.count() != len(list) {
			t.Errorf("%d numbers in form %d: %d", len(list), form, len(got))
		}
		if err := addPosting(newDocSet(int(list[len(list)-1])), b[1:], form, int(list[len(list)-1])); err == nil {
			t.Errorf("a list up to %d in a segment of as many", list[len(list)-1])
		}
	}
}

func everyNth(n, end int) (list []uint16) {
	for i := 0; i < end; i += n {
		list = append(list, uint16(i))
	}
	return list
}

// FuzzRows: whatever a row has, it is read or refused, within its bounds; what can be
// read is written again as it was.
func FuzzRows(f *testing.F) {
	m := manifest{seed: [6]byte{1, 2}, modSeq: 300, last: 9, next: 3, segments: []segmentInfo{{id: 2, docs: 4, first: 1, last: 9, size: 500}}}
	f.Add(m.encode())
	f.Add(encodeDocs([]docInfo{{id: 1, bare: true}, {id: 5 << 48, noText: true, length: 9}}))
	var w blockWriter
	w.emit = func(_ gram, block []byte) error { f.Add(slices.Clone(block)); return nil }
	for i := range 20 {
		_ = w.add(gram(i*1000), everyNth(i+1, 100))
	}
	_ = w.flush()
	var d document
	d.line(classSubject, []byte("SUBJECT: X"), 9)
	f.Add(append(appendNumbers(nil, 0, uint64(len(d.buf))), d.buf...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeManifest(b); err == nil {
			if again, err := decodeManifest(m.encode()); err != nil || fmt.Sprint(again) != fmt.Sprint(m) {
				t.Errorf("%v, again %v, %v", m, again, err)
			}
		}
		for _, n := range []uint32{1, 2, 100} {
			if docs, err := decodeDocs(b, n); err == nil {
				if again, err := decodeDocs(encodeDocs(docs), n); err != nil || !slices.Equal(again, docs) {
					t.Errorf("%v, again %v, %v", docs, again, err)
				}
			}
		}
		for r := readBlock(77, b); ; {
			if ok, err := r.next(); err != nil || !ok {
				break
			}
			set := newDocSet(100)
			if addPosting(set, r.list, r.form, 100) == nil && slices.ContainsFunc(members(set), func(doc uint32) bool { return doc >= 100 }) {
				t.Errorf("%x: %v", r.list, members(set))
			}
		}
		if spans, err := spansOf(nil, b, 5); err == nil {
			for _, s := range spans {
				if s.from > s.to || s.to > len(b) || s.doc < 5 {
					t.Errorf("%+v of %d", s, len(b))
				}
				_ = eachSection(b[s.from:s.to], func(c class, text []byte, name int) bool {
					if c >= classes || name > len(text) || !bytes.Contains(b, text) {
						t.Errorf("class %d, %d of %d", c, name, len(text))
					}
					return true
				})
			}
		}
	})
}
