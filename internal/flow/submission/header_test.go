package submission

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
)

func usual() defaults {
	return defaults{
		from: addr.Address{Local: "u1", Domain: "demo.test"}, date: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), messageID: "id@mail.demo.test",
	}
}

// What is added to a header that lacks everything.
const (
	addFrom = "From: <u1@demo.test>\r\n"
	addDate = "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n"
	addID   = "Message-ID: <id@mail.demo.test>\r\n"
)

func TestRewrite(t *testing.T) {
	const from, date, id = "From: u1@demo.test\r\n", "Date: then\r\n", "Message-ID: <x@y>\r\n"
	whole := from + date + id
	for name, c := range map[string]struct {
		in, out, bcc, id string
		who              string // the author's addresses; "bad" with those that cannot be read
	}{
		"nothing":             {"", addFrom + addDate + addID, "", "id@mail.demo.test", "u1@demo.test"},
		"all there":           {whole, whole, "", "x@y", "u1@demo.test"},
		"bcc":                 {"Bcc: a@b.c\r\n" + whole, whole, "Bcc: a@b.c\r\n", "x@y", "u1@demo.test"},
		"bcc in any case":     {whole + "bCC : a@b.c\r\n", whole, "bCC : a@b.c\r\n", "x@y", "u1@demo.test"},
		"bcc folded":          {"Bcc: a@b.c,\r\n d@e.f,\r\n\tg@h.i\r\n" + whole, whole, "Bcc: a@b.c,\r\n d@e.f,\r\n\tg@h.i\r\n", "x@y", "u1@demo.test"},
		"bcc folded at once":  {from + "Bcc:\r\n a@b.c\r\n" + date + id, whole, "Bcc:\r\n a@b.c\r\n", "x@y", "u1@demo.test"},
		"many bcc":            {"Bcc: a@b.c\r\n" + whole + "Resent-Bcc: d@e.f\r\nBcc:\r\n", whole, "Bcc: a@b.c\r\nResent-Bcc: d@e.f\r\nBcc:\r\n", "x@y", "u1@demo.test"},
		"not bcc":             {whole + "X-Bcc: a@b.c\r\n", whole + "X-Bcc: a@b.c\r\n", "", "x@y", "u1@demo.test"},
		"return path":         {"Return-Path: <z@z.z>\r\n" + whole, whole, "", "x@y", "u1@demo.test"},
		"folded subject":      {whole + "Subject: a\r\n\t b\r\n", whole + "Subject: a\r\n\t b\r\n", "", "x@y", "u1@demo.test"},
		"no date":             {from + id, from + id + addDate, "", "x@y", "u1@demo.test"},
		"an id that is none":  {from + date + "Message-ID: what?\r\n", from + date + "Message-ID: what?\r\n", "", "", "u1@demo.test"},
		"space before colon":  {from + date + "Message-ID : what?\r\n", from + date + "Message-ID : what?\r\n", "", "", "u1@demo.test"},
		"two of From":         {whole + "From: u2@demo.test\r\n", whole + "From: u2@demo.test\r\n", "", "x@y", "u1@demo.test u2@demo.test"},
		"many authors":        {"From: A <u1@demo.test>,\r\n \"B, C\" <u2@demo.test>\r\n" + date + id, "From: A <u1@demo.test>,\r\n \"B, C\" <u2@demo.test>\r\n" + date + id, "", "x@y", "u1@demo.test u2@demo.test"},
		"nobody in From":      {"From: \r\n" + date + id, "From: \r\n" + date + id, "", "x@y", "bad"},
		"From that is broken": {"From: <u1@>\r\n" + date + id, "From: <u1@>\r\n" + date + id, "", "x@y", "u1@missing_domain"},
		"one of them broken":  {"From: u1@demo.test, <u2@>\r\n" + date + id, "From: u1@demo.test, <u2@>\r\n" + date + id, "", "x@y", "u1@demo.test u2@missing_domain"},
		"sent again":          {"Resent-From: u3@demo.test\r\n" + whole, "Resent-From: u3@demo.test\r\n" + whole, "", "x@y", "u3@demo.test"},
		"a line that is none": {"what is this\r\n" + whole, "what is this\r\n" + whole, "", "x@y", "u1@demo.test"},
	} {
		out, bcc, id, who := rewrite([]byte(c.in), usual())
		var got []string
		if who.bad {
			got = append(got, "bad")
		}
		for _, a := range who.addresses {
			got = append(got, a.String())
		}
		if diff := cmp.Diff([]string{c.out + "\r\n", c.bcc, c.id, c.who}, []string{string(out), string(bcc), id, strings.Join(got, " ")}); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// TestManyAuthors: more than are looked at are refused, and not passed over.
func TestManyAuthors(t *testing.T) {
	list := strings.Repeat("u1@demo.test, ", maxAuthors) + "u9@demo.test"
	if _, _, _, who := rewrite([]byte("From: "+list+"\r\n"), usual()); !who.bad {
		t.Errorf("%d authors are taken", len(who.addresses))
	}
}

// FuzzRewrite: no Bcc is left, nothing else is lost or changed, and what comes out is one header that has all it needs.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		"", "Bcc: a@b.c\r\n", "From: a@b.c\r\nbcc:\r\n x@y\r\n\tz@y\r\nSubject: s\r\n", "x\r\nBcc : a\r\n", " folded\r\nBcc: x\r\n",
		"Bcc: a\nFrom: b@c\n", "\r\nBcc: a\r\n", "Message-ID: <a@b>\r\nDate: x\r\n", "From: =?utf-8?q?a?= <a@b.c>, g: d@e.f;\r\n", ":\r\nBcc:", "Message-ID : x\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, fields []byte) {
		end, _ := blankLine(fields, 0)
		if end >= 0 {
			fields = fields[:end]
		}
		fields = append(bytes.Clone(fields), "\r\n"...)
		if bytes.HasPrefix(fields, crlf) || bytes.Contains(bytes.ReplaceAll(fields, crlf, nil), []byte("\n")) || bytes.Contains(fields, []byte("\r\n\r\n")) {
			t.Skip("the wire lets none through")
		}
		out, bcc, _, _ := rewrite(fields, usual())
		var kept, gone, all []byte
		names := make(map[string]int)
		for field := range mime.Fields(fields) {
			raw := fields[field.Start:field.End]
			all = append(all, raw...)
			switch {
			case field.Is("Bcc"), field.Is("Resent-Bcc"):
				gone = append(gone, raw...)
			case field.Is("Return-Path"):
			default:
				kept = append(kept, raw...)
			}
		}
		if !bytes.Equal(all, fields) {
			t.Fatalf("fields are lost: %q of %q", all, fields)
		}
		if !bytes.HasPrefix(out, kept) || !bytes.Equal(bcc, gone) {
			t.Fatalf("%q became %q and %q", fields, out, bcc)
		}
		if end, rest := blankLine(out, 0); rest != len(out) || end < 0 {
			t.Fatalf("the header ends at %d of %d: %q", rest, len(out), out)
		}
		for field := range mime.Fields(out) {
			names[strings.ToLower(string(field.Name))]++
		}
		if names["bcc"]+names["resent-bcc"] > 0 || names["from"] == 0 || names["date"] == 0 || names["message-id"] == 0 || bytes.Contains(out[len(kept):], []byte("Message-ID")) && names["message-id"] > 1 {
			t.Fatalf("%q became %q: %v", fields, out, fmt.Sprint(names))
		}
	})
}
