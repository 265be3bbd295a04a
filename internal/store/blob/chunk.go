package blob

import (
	"errors"
	"fmt"
	"runtime"

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
	enc *zstd.Encoder
	dec *zstd.Decoder
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

// Encode returns the stored form of a chunk of at most ChunkSize octets, in
// memory of its own. What compression would shrink by less than a sixteenth is
// kept raw: reading it then costs a copy only.
func (c *Codec) Encode(raw []byte) []byte {
	out := make([]byte, 1, len(raw)+len(raw)/64+64)
	out[0] = formZstd
	out = c.enc.EncodeAll(raw, out)
	if len(out)-1 > len(raw)-len(raw)/16 {
		out = append(out[:0], formRaw)
		return append(out, raw...)
	}
	// The value lives in the commit's batch for a while; do not pin 64 KiB for 10.
	return append(make([]byte, 0, len(out)), out...)
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
