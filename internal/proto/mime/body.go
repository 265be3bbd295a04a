package mime

// A bodySink is where the body of a leaf goes while it is read: to be counted with
// its transfer encoding undone, and to the preview.
type bodySink struct {
	open    bool
	codec   codec
	count   base64Counter
	dec     stage // undoes codec, one of the three below; nil where that is not needed
	b64     base64Decoder
	qp      qpDecoder
	uu      uuDecoder
	size    int64 // octets out of dec
	preview *preview
	eol     [2]byte
	scratch []byte // output of dec
}

// decodeChunk is how much is decoded at a time.
const decodeChunk = 4 << 10

// begin makes the sink take the body of part.
func (s *bodySink) begin(part *Part, pv *preview) {
	*s = bodySink{open: true, codec: codecOf(part.Encoding), qp: qpDecoder{held: s.qp.held[:0]}, scratch: s.scratch}
	if pv.begin(part) {
		s.preview = pv
	}
	switch {
	case s.codec == codecQP:
		s.dec = &s.qp
	case s.preview == nil:
	case s.codec == codecBase64:
		s.dec = &s.b64
	case s.codec == codecUU:
		s.dec = &s.uu
	}
}

// add takes body octets; tail comes before b.
func (s *bodySink) add(tail string, b []byte) {
	if !s.open || s.codec == identity && s.preview == nil {
		return
	}
	if tail != "" {
		s.put(s.eol[:copy(s.eol[:], tail)])
	}
	s.put(b)
}

func (s *bodySink) put(b []byte) {
	if s.codec == codecBase64 {
		s.count.add(b)
	}
	for len(b) > 0 && (s.preview != nil || s.codec == codecQP) {
		chunk := b[:min(len(b), decodeChunk)]
		b = b[len(chunk):]
		if s.dec != nil {
			s.scratch = s.dec.Append(s.scratch[:0], chunk, false)
			chunk = s.scratch
		}
		s.took(chunk)
	}
}

// took counts decoded octets and shows them to the preview until that is full.
func (s *bodySink) took(b []byte) {
	s.size += int64(len(b))
	if s.preview != nil && !s.preview.add(b) {
		s.preview = nil
	}
}

// end ends the body, which had raw octets, and returns how many octets it decodes
// to, or -1. For a part without a sink, which is no leaf, it returns raw.
func (s *bodySink) end(raw int64) int64 {
	if !s.open {
		return raw
	}
	s.open = false
	if s.dec != nil && (s.preview != nil || s.codec == codecQP) {
		s.scratch = s.dec.Append(s.scratch[:0], nil, true)
		s.took(s.scratch)
	}
	if s.preview != nil {
		s.preview.end()
	}
	switch s.codec {
	case codecBase64:
		s.count.flush()
		return s.count.size
	case codecQP:
		return s.size
	case codecUU:
		return -1
	}
	return raw
}
