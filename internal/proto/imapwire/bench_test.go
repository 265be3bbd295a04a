package imapwire

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"restante/internal/proto/mime"
)

// fetchLines writes the answers that clients ask for by the hundred thousand.
var fetchLines = map[string]func(e *Encoder, seq Seq){
	"flags": func(e *Encoder, seq Seq) {
		f := e.Fetch(seq)
		f.Flags([]Flag{FlagSeen, FlagAnswered})
		f.End()
	},
	"uid and flags": func(e *Encoder, seq Seq) {
		f := e.Fetch(seq)
		f.UID(UID(seq) + 1000)
		f.FlagList(`\Seen`)
		f.End()
	},
	"uid, flags, size, date": func(e *Encoder, seq Seq) {
		f := e.Fetch(seq)
		f.UID(UID(seq) + 1000)
		f.Flags([]Flag{FlagSeen})
		f.Size(43210)
		f.InternalDate(benchDate)
		f.ModSeq(77)
		f.End()
	},
	"header fields": func(e *Encoder, seq Seq) {
		f := e.Fetch(seq)
		f.UID(UID(seq) + 1000)
		f.Text("BODY[HEADER.FIELDS (FROM SUBJECT DATE)]", benchHeader)
		f.End()
	},
	"envelope": func(e *Encoder, seq Seq) {
		f := e.Fetch(seq)
		f.Envelope(benchEnvelope)
		f.End()
	},
}

var (
	benchDate     = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)
	benchHeader   = []byte("From: a@example.org\r\nSubject: the quick brown fox\r\nDate: Sun, 22 Nov 2026 03:04:05 +0000\r\n\r\n")
	benchEnvelope = &mime.Envelope{
		Date: "Sun, 22 Nov 2026 03:04:05 +0000", Subject: "the quick brown fox", MessageID: "<1@example.org>",
		From: []mime.Address{{Name: "A B", Mailbox: "a", Host: "example.org"}},
		To:   []mime.Address{{Name: "C D", Mailbox: "c", Host: "example.org"}},
	}
)

// Answers to FETCH allocate nothing.
func TestFetchAllocatesNothing(t *testing.T) {
	for name, write := range fetchLines {
		e := NewEncoder(bufio.NewWriterSize(io.Discard, 64<<10))
		write(e, 1)
		if n := testing.AllocsPerRun(100, func() { write(e, 12345) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	for name, write := range fetchLines {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			e := NewEncoder(bufio.NewWriterSize(io.Discard, 64<<10))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				write(e, Seq(i&0xfffff)+1)
			}
		})
	}
}

func BenchmarkCommand(b *testing.B) {
	for _, line := range []string{
		"a1 NOOP",
		"a1 UID FETCH 1:* (FLAGS)",
		"a1 UID FETCH 1000:2000 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID)])",
		"a1 STORE 5 +FLAGS.SILENT (\\Seen)",
		"a1 SEARCH UNSEEN SINCE 1-Feb-2026 OR FROM \"x\" SUBJECT \"y\"",
	} {
		b.Run(strings.Fields(line)[1]+"-"+string(appendUint(nil, uint64(len(line)))), func(b *testing.B) {
			text := []byte(line + "\r\n")
			src := bytes.NewReader(text)
			r := bufio.NewReader(src)
			d := NewDecoder(r, Options{})
			b.ReportAllocs()
			for b.Loop() {
				src.Reset(text)
				r.Reset(src)
				_, name, err := d.ReadTag()
				if err != nil {
					b.Fatal(err)
				}
				if _, err = d.ParseArgs(name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSet(b *testing.B) {
	var s UIDSet
	for n := UID(1); n < 20_000; n += 3 {
		s.Add(n)
	}
	text := []byte("a UID EXPUNGE " + s.String() + "\r\n")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parseOne(text, false); err != nil {
			b.Fatal(err)
		}
	}
}
