package store

import (
	"context"
	"fmt"
	"io"

	"restante/internal/store/blob"
)

// Text is the octets of a message: what stands before the body for one reader, then the body. It is safe for
// concurrent use.
type Text struct {
	prepend []byte
	body    blob.Body
}

// Size is the number of octets.
func (t *Text) Size() int64 { return int64(len(t.prepend)) + t.body.Size() }

// ReadAt implements io.ReaderAt.
func (t *Text) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	if pre := int64(len(t.prepend)); off >= 0 && off < pre {
		n = copy(b, t.prepend[off:])
		if n == len(b) {
			return n, nil
		}
		off = 0
	} else {
		off -= pre
	}
	k, err := t.body.ReadAt(b[n:], off)
	return n + k, err
}

// CopyRange writes octets [off, off+n) to w, reading only the chunks that it
// needs. The range must lie within Size.
func (t *Text) CopyRange(ctx context.Context, w io.Writer, off, n int64) error {
	if off < 0 || n < 0 || off+n > t.Size() {
		return fmt.Errorf("range %d+%d outside %d octets", off, n, t.Size())
	}
	if pre := int64(len(t.prepend)); off < pre {
		k := min(n, pre-off)
		if _, err := w.Write(t.prepend[off : off+k]); err != nil {
			return err
		}
		off, n = pre, n-k
	}
	if n == 0 {
		return nil
	}
	return t.body.CopyRange(ctx, w, off-int64(len(t.prepend)), n)
}
