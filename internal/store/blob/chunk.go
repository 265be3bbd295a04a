package blob

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// ErrCorrupt reports a chunk that cannot be what was written.
var ErrCorrupt = errors.New("blob: corrupt chunk")

// Forms of a chunk, its first octet. The high bits are reserved for encryption:
// 0x10 will be AES-256-GCM, with key id and nonce before the payload.
const (
	formRaw  = 0x00
	formZstd = 0x01
)

// Codec compresses and expands chunks. It is safe for concurrent use.
type Codec struct {
	enc     *zstd.Encoder
	dec     *zstd.Decoder
	scratch sync.Pool // *[]byte, room for the output of one chunk
}

// NewCodec returns a codec. Its encoders are made when first needed, one for
// each processor, and kept.
func NewCodec() *Codec {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithWindowSize(ChunkSize),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false)) // the engine checks its own blocks
	if err != nil {
		panic("blob: zstd encoder options: " + err.Error())
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithDecoderMaxMemory(1<<20),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic("blob: zstd decoder options: " + err.Error())
	}
	return &Codec{enc: enc, dec: dec}
}

// minGain is how much smaller compression must make a chunk, in eighths. A message is
// written once and read many times, on the way of somebody who waits; see
// docs/decisions/0010-chunks-kept-raw.md for what it costs.
const minGain = 3

// Encode returns the stored form of a chunk of at most ChunkSize octets, in
// memory of its own. What compression would shrink by less than minGain is
// kept raw: reading it then costs a copy only.
func (c *Codec) Encode(raw []byte) []byte {
	scratch, _ := c.scratch.Get().(*[]byte)
	if scratch == nil {
		scratch = new([]byte)
		*scratch = make([]byte, 0, ChunkSize+ChunkSize/64+64)
	}
	out := (*scratch)[:0]
	hopeless := noiseInBase64(raw)
	if !hopeless {
		out = c.enc.EncodeAll(raw, append(out, formZstd))
	}
	var stored []byte
	if hopeless || len(out)-1 > len(raw)-len(raw)*minGain/8 {
		stored = append(append(make([]byte, 0, 1+len(raw)), formRaw), raw...)
	} else {
		// The value lives in the commit's batch for a while; it must not pin more
		// than it needs.
		stored = append(make([]byte, 0, len(out)), out...)
	}
	*scratch = out
	c.scratch.Put(scratch)
	return stored
}

// Decode appends the raw octets of a stored chunk to dst.
func (c *Codec) Decode(dst, stored []byte) ([]byte, error) {
	if len(stored) == 0 {
		return dst, ErrCorrupt
	}
	switch stored[0] {
	case formRaw:
		return append(dst, stored[1:]...), nil
	case formZstd:
		out, err := c.dec.DecodeAll(stored[1:], dst)
		if err != nil {
			return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return out, nil
	}
	return dst, fmt.Errorf("%w: form %#x", ErrCorrupt, stored[0])
}
