// Package corpus is a set of messages for tests that carry mail through the
// server: every message under messages was written for it, from plain letters
// to the broken things that programs really send. Files have LF line ends;
// what is handed out has CRLF, as the wire wants.
package corpus

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
)

//go:embed messages/*.eml
var messages embed.FS

// Message is one message as it goes over the wire.
type Message struct {
	Name string
	Data []byte // CRLF line ends, and a CRLF at the end
}

// Messages returns the written ones, and a few big ones that are made here.
func Messages() []Message {
	out, err := read(messages, "messages")
	if err != nil {
		panic(err) // they are in the binary
	}
	return append(out, made()...)
}

// Load reads all files below a folder as messages.
func Load(dir string) ([]Message, error) { return read(os.DirFS(dir), ".") }

func read(fsys fs.FS, dir string) ([]Message, error) {
	var out []Message
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		name = strings.TrimSuffix(strings.TrimPrefix(name, dir+"/"), path.Ext(name))
		out = append(out, Message{name, Wire(data)})
		return nil
	})
	return out, err
}

// Wire gives text the line ends of the wire: CRLF, LF and CR all end a line,
// and the last line has an end.
func Wire(raw []byte) []byte {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
	if len(raw) > 0 && raw[len(raw)-1] != '\n' {
		raw = append(raw[:len(raw):len(raw)], '\n')
	}
	return bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
}

// made are messages that are too big to keep: around and beyond the sizes at
// which the store does things differently, compressible and not.
func made() []Message {
	var out []Message
	for _, size := range []int{64<<10 - 300, 64 << 10, 1 << 20, 3 << 20} {
		out = append(out,
			Message{fmt.Sprintf("text-%d", size), Text(fmt.Sprintf("Text of %d octets", size), size, uint64(size))},
			Message{fmt.Sprintf("noise-%d", size), Noise(fmt.Sprintf("Noise of %d octets", size), size, uint64(size))})
	}
	return out
}

// Text makes a message of about size octets that reads like prose and
// compresses like it; the same seed makes the same message.
func Text(subject string, size int, seed uint64) []byte {
	words := strings.Fields(`the a of mail letter post office box keep hold until it is called for and then some
		people write every day others never answer what they were asked because nobody reads long messages to the end`)
	random := rand.New(rand.NewPCG(seed, 1))
	b := header(subject, seed)
	for column := 0; len(b) < size; {
		word := words[random.IntN(len(words))]
		if column += len(word) + 1; column > 72 {
			b, column = append(b, "\r\n"...), len(word)+1
		}
		b = append(append(b, word...), ' ')
	}
	return append(b, "\r\n"...)
}

// Noise makes a message of about size octets that does not compress much: the
// base64 of random octets.
func Noise(subject string, size int, seed uint64) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	random := rand.New(rand.NewPCG(seed, 2))
	b := header(subject, seed)
	for len(b) < size {
		for range 76 {
			b = append(b, alphabet[random.IntN(64)])
		}
		b = append(b, "\r\n"...)
	}
	return b
}

func header(subject string, seed uint64) []byte {
	return fmt.Appendf(nil, "From: Anna Berg <anna@example.org>\r\nTo: u1@demo.test\r\nSubject: %s\r\n"+
		"Date: Tue, 3 Nov 2026 09:15:00 +0100\r\nMessage-ID: <%x.made@example.org>\r\n\r\n", subject, seed)
}
