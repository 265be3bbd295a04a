package imapwire

// UIDBatches is UIDBATCHES (RFC 10022): ranges of UIDs with so many messages each, from the last message on.
type UIDBatches struct {
	Size     uint32 // messages in a batch
	From, To uint32 // the batches to be told, counted from 1; 0: all
}

// CommandName is UIDBATCHES.
func (*UIDBatches) CommandName() string { return "UIDBATCHES" }

// uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]
//
// RFC 10022 has CLIENTBUG for numbers that make no sense.
func (d *Decoder) parseUIDBatches() Command {
	var c UIDBatches
	d.sp()
	c.Size = d.batchNumber()
	if d.try(' ') {
		c.From = d.batchNumber()
		d.expect(':')
		if c.To = d.batchNumber(); c.To < c.From {
			d.batchFail("the first batch comes first")
		}
	}
	return done(d, &c)
}

func (d *Decoder) batchNumber() uint32 {
	n, ok := d.number64("a batch")
	if ok && (n == 0 || n > 1<<32-1) {
		d.batchFail("the number is 0 or too large")
	}
	return uint32(n)
}

func (d *Decoder) batchFail(text string) {
	d.failWith(&Error{Status: BAD, Code: CodeClientBug, Text: text})
}

func (c *UIDBatches) appendArgs(_ wire, b []byte) []byte {
	b = appendUint(append(b, ' '), uint64(c.Size))
	if c.From != 0 {
		b = appendUint(append(b, ' '), uint64(c.From))
		b = appendUint(append(b, ':'), uint64(c.To))
	}
	return b
}

// UIDBatches writes a UIDBATCHES response; next returns the batches, the higher UID of each first, and then false. Also one without any is
// written.
//
//	uidbatches-response = "UIDBATCHES" search-correlator [SP uid-range *("," uid-range)]
func (e *Encoder) UIDBatches(tag string, batches func(yield func(high, low UID) bool)) {
	e.start("UIDBATCHES (TAG ")
	e.buf = append(e.wire.string(e.buf, tag), ')')
	sep := byte(' ')
	for high, low := range batches {
		e.buf = appendUint(append(e.buf, sep), uint64(high))
		e.buf = appendUint(append(e.buf, ':'), uint64(low))
		if sep = ','; len(e.buf) > spillAt {
			e.spill()
		}
	}
	e.end()
}
