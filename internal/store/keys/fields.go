package keys

import "encoding/binary"

// A tagged record is a version byte and a list of fields: tag (uvarint),
// length (uvarint), octets. Tags are never reused. A reader keeps what it does
// not know in Unknown, and a writer appends it again.

// fieldWriter appends tagged fields; absent values (zero, empty) are left out.
type fieldWriter struct{ b []byte }

func newFields(version byte, size int) *fieldWriter {
	return &fieldWriter{b: append(make([]byte, 0, size), version)}
}

func (w *fieldWriter) bytes(tag uint64, v []byte) {
	if len(v) == 0 {
		return
	}
	w.b = binary.AppendUvarint(w.b, tag)
	w.b = binary.AppendUvarint(w.b, uint64(len(v)))
	w.b = append(w.b, v...)
}

func (w *fieldWriter) string(tag uint64, v string) {
	if v == "" {
		return
	}
	w.b = binary.AppendUvarint(w.b, tag)
	w.b = binary.AppendUvarint(w.b, uint64(len(v)))
	w.b = append(w.b, v...)
}

func (w *fieldWriter) uint(tag, v uint64) {
	if v == 0 {
		return
	}
	var tmp [binary.MaxVarintLen64]byte
	w.bytes(tag, tmp[:binary.PutUvarint(tmp[:], v)])
}

func (w *fieldWriter) int(tag uint64, v int64) {
	if v == 0 {
		return
	}
	var tmp [binary.MaxVarintLen64]byte
	w.bytes(tag, tmp[:binary.PutVarint(tmp[:], v)])
}

func (w *fieldWriter) bool(tag uint64, v bool) {
	if v {
		w.uint(tag, 1)
	}
}

// fieldReader walks tagged fields with a sticky error.
type fieldReader struct {
	b   []byte
	err error
}

func readFields(version byte, b []byte) *fieldReader {
	if len(b) == 0 || b[0] != version {
		return &fieldReader{err: ErrCorrupt}
	}
	return &fieldReader{b: b[1:]}
}

// next returns the next field; ok is false at the end or after an error.
func (r *fieldReader) next() (tag uint64, v []byte, ok bool) {
	if r.err != nil || len(r.b) == 0 {
		return 0, nil, false
	}
	tag, n := binary.Uvarint(r.b)
	if n <= 0 {
		return r.fail()
	}
	size, m := binary.Uvarint(r.b[n:])
	if m <= 0 || size > uint64(len(r.b)-n-m) {
		return r.fail()
	}
	v = r.b[n+m : n+m+int(size) : n+m+int(size)]
	r.b = r.b[n+m+int(size):]
	return tag, v, true
}

func (r *fieldReader) fail() (uint64, []byte, bool) {
	r.err = ErrCorrupt
	return 0, nil, false
}

func (r *fieldReader) uint(v []byte) uint64 {
	n, m := binary.Uvarint(v)
	if m != len(v) {
		r.err = ErrCorrupt
	}
	return n
}

func (r *fieldReader) int(v []byte) int64 {
	n, m := binary.Varint(v)
	if m != len(v) {
		r.err = ErrCorrupt
	}
	return n
}

// keep collects an unknown field as it stood.
func keep(unknown []byte, tag uint64, v []byte) []byte {
	unknown = binary.AppendUvarint(unknown, tag)
	unknown = binary.AppendUvarint(unknown, uint64(len(v)))
	return append(unknown, v...)
}
