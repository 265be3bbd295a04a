package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"restante/internal/proto/mime"
	"restante/internal/store/blob"
	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// Want says what of a message record to decode; what is not wanted costs nothing.
type Want = keys.MessageParts

// The parts of a message record.
const (
	WantEnvelope  = keys.WantEnvelope
	WantStructure = keys.WantStructure
	WantPreview   = keys.WantPreview
)

// Message is what is known of a message without reading its body, and the way
// to the body. Its octets are the trace header that the server put before it
// in this account, then the body; all offsets count in these octets. It is safe
// for concurrent use.
type Message struct {
	a   *account
	id  MessageID
	rec keys.Message

	opened sync.Once
	body   blob.Body // once opened
}

// Message reads the record of a message, or says ErrNoMessage when it has been
// erased. A message that was expunged stays readable as long as it can be put
// back, and while somebody who may hold a view with it has pinned the account
// (Account.Pin).
func (h *Account) Message(ctx context.Context, id MessageID, want Want) (*Message, error) {
	value, err := h.store.engine.Get(ctx, keys.OfMessage(keys.TableMessage, h.id, id))
	if isNotFound(err) {
		return nil, ErrNoMessage
	}
	if err != nil {
		return nil, fmt.Errorf("store: message %d: %w", id, err)
	}
	m := new(Message)
	if err := m.decode(h.account, id, value, new(keys.MessageDecoder), want); err != nil {
		return nil, err
	}
	return m, nil
}

// decode makes m another message.
func (m *Message) decode(a *account, id MessageID, value []byte, d *keys.MessageDecoder, want Want) error {
	*m = Message{a: a, id: id}
	var err error
	if m.rec, err = d.Decode(value, want); err != nil {
		return corrupt(fmt.Sprintf("record of message %d of account %d", id, a.id), err)
	}
	m.shift(m.rec.Structure)
	return nil
}

// octets opens the body.
func (m *Message) octets() blob.Body {
	m.opened.Do(func() { m.body = m.a.store.bodies.Open(m.a.store.engine, m.rec.Blob, m.rec.BlobSize) })
	return m.body
}

// Messages reads the records of ids in their order and calls fn for each, with
// the place in ids. A message that is not there any more is passed over. The
// Message is good only during fn, and so are its envelope and structure, but for
// their strings. fn may take its time: records are read some hundred ahead, in one scan where the ids lie
// close together.
func (h *Account) Messages(ctx context.Context, ids []MessageID, want Want, fn func(i int, m *Message) error) error {
	var ahead recordsAhead
	for i := 0; i < len(ids); {
		n := i + 1
		for n < len(ids) && n-i < readAhead && ids[n] > ids[n-1] && ids[n]-ids[n-1] <= maxGap {
			n++
		}
		var err error
		if n-i < 4 {
			n = i + 1
			err = h.one(ctx, ids[i], i, want, fn)
		} else {
			err = h.scanMessages(ctx, &ahead, ids[i:n], i, want, fn)
		}
		if err != nil {
			return err
		}
		i = n
	}
	return nil
}

const (
	readAhead      = 256 // records read in one scan
	readAheadBytes = 1 << 20
	maxGap         = 4 // ids not asked for that a scan steps over rather than seeks past
)

func (h *Account) one(ctx context.Context, id MessageID, i int, want Want, fn func(int, *Message) error) error {
	m, err := h.Message(ctx, id, want)
	if errors.Is(err, ErrNoMessage) {
		return nil
	}
	if err != nil {
		return err
	}
	return fn(i, m)
}

// recordsAhead is what was read of records in one scan, one after the other. One serves many scans.
type recordsAhead struct {
	buf     []byte
	got     []aheadRecord
	message Message
	decoder keys.MessageDecoder
}

// aheadRecord is a record in recordsAhead.buf.
type aheadRecord struct {
	place      int // of its id in the list
	start, end int
}

// read reads records of ascending ids, until they have about limit octets, in the place of what was read before. It copies them: a scan
// that stays open while a client reads slowly holds files of the engine. It returns how many of the ids it has looked for.
func (a *recordsAhead) read(ctx context.Context, h *Account, ids []MessageID, limit int) (int, error) {
	a.buf, a.got = a.buf[:0], a.got[:0]
	next := 0
	r := kv.Range{
		Lo: keys.OfMessage(keys.TableMessage, h.id, ids[0]),
		Hi: append(keys.OfMessage(keys.TableMessage, h.id, ids[len(ids)-1]), 0),
	}
	err := h.store.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		n, err := keys.Tail64(k)
		for next < len(ids) && ids[next] < MessageID(n) {
			next++ // gone
		}
		if next < len(ids) && ids[next] == MessageID(n) {
			start := len(a.buf)
			a.buf = append(a.buf, v...)
			a.got = append(a.got, aheadRecord{next, start, len(a.buf)})
			next++
		}
		return len(a.buf) < limit, err
	})
	if err != nil {
		return 0, fmt.Errorf("store: messages: %w", err)
	}
	if len(a.buf) < limit {
		next = len(ids)
	}
	return next, nil
}

// decode makes a.message one that was read, of the id that it belongs to.
func (a *recordsAhead) decode(h *Account, id MessageID, r aheadRecord, want Want) (*Message, error) {
	err := a.message.decode(h.account, id, a.buf[r.start:r.end:r.end], &a.decoder, want)
	return &a.message, err
}

// scanMessages reads ascending ids.
func (h *Account) scanMessages(ctx context.Context, a *recordsAhead, ids []MessageID, base int, want Want, fn func(int, *Message) error) error {
	for len(ids) > 0 {
		n, err := a.read(ctx, h, ids, readAheadBytes)
		if err != nil {
			return err
		}
		for _, g := range a.got {
			m, err := a.decode(h, ids[g.place], g, want)
			if err == nil {
				err = fn(base+g.place, m)
			}
			if err != nil {
				return err
			}
		}
		ids, base = ids[n:], base+n
	}
	return nil
}

// ID returns the message's id.
func (m *Message) ID() MessageID { return m.id }

// Size is the number of octets: RFC822.SIZE, and what RETR sends.
func (m *Message) Size() int64 { return int64(len(m.rec.Prepend)) + int64(m.rec.BlobSize) }

// Preview is the text for RFC 8970 (WantPreview).
func (m *Message) Preview() string { return m.rec.Preview }

// HasAttachment says whether a reader would offer something for download.
func (m *Message) HasAttachment() bool { return m.rec.Attachment }

// Header returns the header block with its blank line. It comes from the record
// but for headers over 16 KiB. The slice is shared: do not change it.
func (m *Message) Header(ctx context.Context) ([]byte, error) {
	if !m.rec.HeaderCut {
		if len(m.rec.Prepend) == 0 {
			return m.rec.Header, nil
		}
		return append(m.rec.Prepend[:len(m.rec.Prepend):len(m.rec.Prepend)], m.rec.Header...), nil
	}
	s, err := m.Structure(ctx)
	if err != nil {
		return nil, err
	}
	b := make([]byte, s.BodyStart)
	_, err = m.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// Envelope returns the envelope (WantEnvelope, or it is parsed from the body).
func (m *Message) Envelope(ctx context.Context) (*mime.Envelope, error) {
	if m.rec.Envelope == nil {
		if err := m.parse(ctx); err != nil {
			return nil, err
		}
	}
	return m.rec.Envelope, nil
}

// Structure returns the body structure (WantStructure, or it is parsed from the
// body), with offsets that count in the message's octets. Its Envelope is nil
// at the top; see Envelope.
func (m *Message) Structure(ctx context.Context) (*mime.Part, error) {
	if m.rec.Structure == nil {
		if err := m.parse(ctx); err != nil {
			return nil, err
		}
	}
	return m.rec.Structure, nil
}

// parse reads the whole body for what did not fit into the record.
func (m *Message) parse(ctx context.Context) error {
	p := mime.NewParser(mime.Limits{KeepHeader: KeepHeader})
	if err := m.octets().CopyRange(ctx, p, 0, int64(m.rec.BlobSize)); err != nil {
		return fmt.Errorf("store: body of message %d: %w", m.id, err)
	}
	parsed := p.Finish()
	m.rec.Envelope = parsed.Envelope()
	m.rec.Structure = &parsed.Root
	m.shift(m.rec.Structure)
	return nil
}

// shift moves a structure behind the trace header, which is part of the top
// header.
func (m *Message) shift(p *mime.Part) {
	if p == nil || len(m.rec.Prepend) == 0 {
		return
	}
	by := int64(len(m.rec.Prepend))
	shiftPart(p, by)
	p.HeaderStart = 0
	for _, c := range m.rec.Prepend {
		if c == '\n' {
			p.HeaderLines++
		}
	}
}

func shiftPart(p *mime.Part, by int64) {
	p.HeaderStart += by
	p.BodyStart += by
	p.End += by
	for i := range p.Parts {
		shiftPart(&p.Parts[i], by)
	}
}

// ReadAt implements io.ReaderAt over the message's octets.
func (m *Message) ReadAt(b []byte, off int64) (int, error) { return m.text().ReadAt(b, off) }

// CopyRange writes octets [off, off+n) to w, reading only the chunks that it
// needs. The range must lie within Size.
func (m *Message) CopyRange(ctx context.Context, w io.Writer, off, n int64) error {
	if err := m.text().CopyRange(ctx, w, off, n); err != nil {
		return fmt.Errorf("store: message %d: %w", m.id, err)
	}
	return nil
}

func (m *Message) text() *Text { return &Text{prepend: m.rec.Prepend, body: m.octets()} }

// Reader reads octets [off, off+n) as a stream.
func (m *Message) Reader(off, n int64) io.Reader { return io.NewSectionReader(m, off, n) }
