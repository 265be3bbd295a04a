package blob

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// lines is b in base64 as mail has it.
func lines(b []byte) []byte {
	var out bytes.Buffer
	for text := base64.StdEncoding.EncodeToString(b); text != ""; {
		n := min(76, len(text))
		out.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return out.Bytes()
}

func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func prose(n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 8))
	words := strings.Fields("the of and to in that was his he it with is for as had you not be her on at by which have or from this him but all")
	var out bytes.Buffer
	for out.Len() < n {
		fmt.Fprintf(&out, "%s ", words[rng.IntN(len(words))])
	}
	return out.Bytes()[:n]
}

// TestNoiseInBase64: what is not even tried is what would be kept raw after it was.
func TestNoiseInBase64(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  []byte
		want bool // that it is not tried
	}{
		{"noise", lines(noise(48 << 10))[:ChunkSize], true},
		{"the end of noise", lines(noise(9 << 10)), true},
		{"little", lines(noise(2 << 10)), false},
		{"text in base64", lines(prose(48 << 10))[:ChunkSize], false},
		{"zeros in base64", lines(make([]byte, 48<<10))[:ChunkSize], false},
		{"text", prose(ChunkSize), false},
		{"octets", noise(ChunkSize), false},
		{"some text before noise", append(prose(8<<10), lines(noise(40<<10))...), true},
		{"much text after noise", append(lines(noise(24<<10)), prose(28<<10)...), false},
		{"noise in one line", []byte(base64.StdEncoding.EncodeToString(noise(48 << 10))), true},
		{"none", nil, false},
	} {
		if got := noiseInBase64(c.raw); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		codec := NewCodec()
		tried := codec.enc.EncodeAll(c.raw, nil)
		if c.want && len(tried) <= len(c.raw)-len(c.raw)*minGain/8 {
			t.Errorf("%s is not tried, and would have shrunk to %d of %d", c.name, len(tried), len(c.raw))
		}
		back, err := codec.Decode(nil, codec.Encode(c.raw))
		if err != nil || !bytes.Equal(back, c.raw) {
			t.Errorf("%s comes back as %d octets of %d, %v", c.name, len(back), len(c.raw), err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	codec := NewCodec()
	for _, c := range []struct {
		name string
		raw  []byte
	}{
		{"noise in base64", lines(noise(48 << 10))[:ChunkSize]},
		{"some text before it", append(prose(8<<10), lines(noise(40<<10))...)},
		{"text in base64", lines(prose(48 << 10))[:ChunkSize]}, {"text", prose(ChunkSize)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.raw)))
			for b.Loop() {
				codec.Encode(c.raw)
			}
		})
	}
}
