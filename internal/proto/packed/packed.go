// Package packed opens and makes the files that reports among mail servers come in: gzip, and zip with one file in it.
//
// # Invariants
//
//   - No more than the limit is unpacked, however much there is: a file of 10 KB may stand for 10 GB.
//   - What a file is, its first octets say. Names and media types of senders are often wrong.
package packed

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// What cannot be opened.
var (
	// ErrTooBig means that there is more than the limit.
	ErrTooBig = errors.New("packed: too large when it is unpacked")
	// ErrArchive means that a file is broken, or has nothing in it.
	ErrArchive = errors.New("packed: not a whole archive")
)

// maxFiles bounds what is looked at in a zip file.
const maxFiles = 100

// Open returns what is in a file, of at most limit octets; what is neither gzip nor zip is returned as it is. Errors are ErrTooBig and ErrArchive.
func Open(data []byte, limit int) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\x1f\x8b")): // RFC 1952 2.3.1
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		return read(r, limit)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return openZip(data, limit)
	case len(data) > limit:
		return nil, ErrTooBig
	}
	return data, nil
}

// openZip returns the first file that is named like a report, or else the first one.
func openZip(data []byte, limit int) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && z == nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	var file *zip.File
	for i, f := range z.File {
		name := strings.ToLower(f.Name)
		if i == maxFiles || strings.HasPrefix(name, "__macosx/") {
			continue
		}
		if report := strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".json"); report || file == nil && f.Mode().IsRegular() {
			file = f
			if report {
				break
			}
		}
	}
	if file == nil {
		return nil, fmt.Errorf("%w: no file in it", ErrArchive)
	}
	r, err := file.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return read(r, limit)
}

func read(r io.Reader, limit int) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit:
		return nil, ErrTooBig
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return out, nil
}

// Gzip packs data.
func Gzip(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists
	_, _ = w.Write(data)                                  // a Buffer does not fail
	_ = w.Close()
	return b.Bytes()
}
