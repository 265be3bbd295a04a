package verify

import (
	"bytes"
	"fmt"

	"restante/internal/proto/mime"
	"restante/internal/store"
	"restante/internal/store/blob"
	"restante/internal/store/keys"
)

func body(id keys.BlobID) string { return fmt.Sprintf("body %d", id) }

// checkRecord reads a message's body and compares what a parser finds in it with
// what the record says.
func (a *accountCheck) checkRecord(id keys.MessageID, rec *keys.Message, stored []byte) error {
	if a.opts.SkipBodies || a.wanted[rec.Blob].refs > 1 {
		return nil
	}
	p := mime.NewParser(mime.Limits{KeepHeader: store.KeepHeader})
	b := a.bodies.Open(a.r, rec.Blob, rec.BlobSize)
	if err := b.CopyRange(a.ctx, p, 0, b.Size()); err != nil {
		a.bad(msg(id), "its body %d cannot be read: %v", rec.Blob, err)
		return a.ctx.Err()
	}
	m := p.Finish()
	again := keys.Message{
		Blob: rec.Blob, BlobSize: rec.BlobSize, Header: m.Header, HeaderCut: m.HeaderTruncated, Preview: m.Preview,
		Attachment: m.HasAttachment, Envelope: m.Envelope(), Structure: &m.Root,
		WrappedKey: rec.WrappedKey, Source: rec.Source, Unknown: rec.Unknown,
	}
	content := keys.AppendPrepend(again.EncodeContent(store.MaxContent), rec.Prepend)
	if !bytes.Equal(content, stored) {
		a.bad(msg(id), "its record is not what its body says")
	}
	return nil
}

// blobDomain checks bodies, chunks, references and the tables that find them.
func (c *checker) blobDomain() error {
	candidates := make(map[keys.BlobID]bool)
	err := c.scan([]byte{byte(keys.TableCandidate)}, func(k, _ []byte) error {
		n, _ := keys.Tail64(k)
		candidates[keys.BlobID(n)] = true
		return nil
	})
	if err != nil {
		return err
	}
	states := make(map[keys.BlobID]keys.Blob)
	err = c.scan([]byte{byte(keys.TableBlob)}, func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		id := keys.BlobID(n)
		s, err := keys.DecodeBlob(v)
		if err != nil {
			c.found(0, body(id), "its state cannot be read")
			return nil
		}
		states[id] = s
		w, used := c.wanted[id]
		switch {
		case used && s.State == keys.BlobPending:
			c.found(0, body(id), "is referred to but was never made live")
		case used && w.size != s.Size:
			c.found(0, body(id), "has %d octets, messages say %d", s.Size, w.size)
		case !used && !candidates[id]:
			c.found(0, body(id), "nothing refers to it and the collector will not find it")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id := range c.wanted {
		if _, ok := states[id]; !ok {
			c.found(0, body(id), "is referred to and does not exist")
		}
	}
	if err := c.references(); err != nil {
		return err
	}
	if err := c.chunks(states); err != nil {
		return err
	}
	return c.readBodies(states)
}

func (c *checker) references() error {
	count := make(map[keys.BlobID]int)
	err := c.scan([]byte{byte(keys.TableReference)}, func(k, _ []byte) error {
		id, kind, owner, n, err := keys.ReferenceOf(k)
		if err != nil {
			c.found(0, "references", "a key of %d octets", len(k))
			return nil
		}
		if kind == keys.RefMessage || kind == keys.RefQueue {
			count[id]++
			if kind == keys.RefMessage && !c.accounts[owner] {
				c.found(owner, msg(keys.MessageID(n)), "refers to body %d; the account does not exist", id)
			}
		}
		return nil
	})
	for id, n := range count {
		if n != c.wanted[id].refs {
			c.found(0, body(id), "%d references, %d messages", n, c.wanted[id].refs)
		}
	}
	return err
}

// chunks checks that every body has all of its chunks and that none is left over.
func (c *checker) chunks(states map[keys.BlobID]keys.Blob) error {
	have := make(map[keys.BlobID]uint32)
	err := c.scan([]byte{byte(keys.TableChunk)}, func(k, _ []byte) error {
		if len(k) != 11 {
			c.found(0, "chunks", "a key of %d octets", len(k))
			return nil
		}
		n, _ := keys.Tail64(k[:9])
		have[keys.BlobID(n)]++
		return nil
	})
	for id, n := range have {
		s, ok := states[id]
		if !ok {
			c.found(0, body(id), "has %d chunks but no state", n)
		} else if s.State == keys.BlobLive && s.Chunks != n {
			c.found(0, body(id), "%d chunks, should be %d", n, s.Chunks)
		}
	}
	for id, s := range states {
		if s.State == keys.BlobLive && s.Chunks > 0 && have[id] == 0 {
			c.found(0, body(id), "has no chunks, should have %d", s.Chunks)
		}
		if s.State == keys.BlobLive && uint64(s.Chunks) != (s.Size+blob.ChunkSize-1)/blob.ChunkSize {
			c.found(0, body(id), "%d chunks for %d octets", s.Chunks, s.Size)
		}
	}
	return err
}

// readBodies compares every body's octets with its hash.
func (c *checker) readBodies(states map[keys.BlobID]keys.Blob) error {
	for id, s := range states {
		if c.opts.SkipBodies || s.State != keys.BlobLive {
			continue
		}
		h, err := store.BodyHash(c.secret, s.Tenant)
		if err != nil {
			return err
		}
		b := c.bodies.Open(c.r, id, s.Size)
		if err := b.CopyRange(c.ctx, h, 0, b.Size()); err != nil {
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			c.found(0, body(id), "cannot be read: %v", err)
			continue
		}
		if s.Hash != [32]byte{} && !bytes.Equal(h.Sum(nil), s.Hash[:]) {
			c.found(0, body(id), "its octets are not those that were written")
		}
		c.report.Bodies++
		c.report.Octets += s.Size
		if c.report.Bodies%100 == 0 {
			c.progress()
		}
	}
	return nil
}
