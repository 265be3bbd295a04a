package columns

import (
	"context"

	"restante/internal/proto/mime"
	"restante/internal/store"
)

// record is what a row is made of.
type record struct {
	sent  int64
	reply bool
	id    string
	refs  []string
	texts [numTexts]string
}

// maxRefs is how many references count: the first and the last ones, if there are more.
const maxRefs = 100

// read adds rows for messages. Those that are gone have the empty one.
func (t *table) read(ctx context.Context, a *store.Account, ids []store.MessageID) error {
	next := 0
	gone := func(before int) {
		for ; next < before; next++ {
			t.enter(ids[next], 0)
		}
	}
	err := a.Messages(ctx, ids, 0, func(i int, m *store.Message) error {
		header, err := m.Header(ctx)
		if err != nil {
			return err
		}
		r := parse(header)
		gone(i)
		t.enter(ids[i], len(t.sent))
		next++
		t.add(&r)
		return nil
	})
	if err == nil {
		gone(len(ids))
	}
	return err
}

// fields are those that sorting and threading look at, unfolded; found says which there are.
type fields struct {
	text  [numFields]string
	found [numFields]bool
}

const (
	fieldDate = iota
	fieldSubject
	fieldMessageID
	fieldReferences
	fieldInReplyTo
	fieldFrom
	fieldTo
	fieldCc
	numFields
)

// readFields reads a header block. Of a field that comes twice the first counts, as in ENVELOPE; of addresses the first in which there are any.
func readFields(header []byte) fields {
	var out fields
	take := func(f *mime.Field, name string, n int) {
		if f.Is(name) && (!out.found[n] || n >= fieldFrom && out.text[n] == "") {
			out.text[n], out.found[n] = f.Text(), true
		}
	}
	for f := range mime.Fields(header) {
		if len(f.Name) < 2 {
			continue
		}
		switch f.Name[0] | 0x20 {
		case 'd':
			take(&f, "Date", fieldDate)
		case 's':
			take(&f, "Subject", fieldSubject)
		case 'm':
			take(&f, "Message-ID", fieldMessageID)
		case 'r':
			take(&f, "References", fieldReferences)
		case 'i':
			take(&f, "In-Reply-To", fieldInReplyTo)
		case 'f':
			take(&f, "From", fieldFrom)
		case 't':
			take(&f, "To", fieldTo)
		case 'c':
			take(&f, "Cc", fieldCc)
		}
	}
	return out
}

// parse makes a row of a header block.
func parse(header []byte) record {
	f, r := readFields(header), record{sent: noDate}
	if date, ok := mime.ParseDate(f.text[fieldDate]); ok {
		r.sent = date.Unix()
	}
	if ids := mime.MessageIDs(f.text[fieldMessageID], 1); len(ids) > 0 {
		r.id = ids[0]
	}
	// RFC 5256 3, REFERENCES: In-Reply-To only counts without References, and only its first.
	if r.refs = mime.MessageIDs(f.text[fieldReferences], maxRefs); len(r.refs) == 0 {
		r.refs = mime.MessageIDs(f.text[fieldInReplyTo], 1)
	}
	r.texts[Subject], r.reply = mime.BaseSubject(f.text[fieldSubject])
	r.texts[From], r.texts[DisplayFrom] = address(f.text[fieldFrom])
	r.texts[To], r.texts[DisplayTo] = address(f.text[fieldTo])
	r.texts[Cc], _ = address(f.text[fieldCc])
	return r
}

// address is the left side of the first address of a list, and what is displayed of it (RFC 5957 3), decoded (RFC 5255 4.6).
func address(list string) (left, display string) {
	first, _ := mime.ParseAddresses(list, 1)
	if len(first) == 0 {
		return "", ""
	}
	left = mime.DecodeHeader(first[0].Mailbox)
	switch display = mime.DecodeHeader(first[0].Name); {
	case display != "":
	case left != "" && first[0].Host != "":
		display = left + "@" + first[0].Host
	default:
		display = left
	}
	return left, display
}
