package mime

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden reads testdata/NAME.eml and compares what was found, written as text,
// with testdata/NAME.golden.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".eml"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkMessage(t, b)
			got := dump(Parse(b))
			golden := strings.TrimSuffix(file, ".eml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-golden +got)\n%s", d)
			}
		})
	}
}

// TestCorpus checks the invariants on every file below the directory named by
// RESTANTE_CORPUS.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("RESTANTE_CORPUS")
	if dir == "" {
		t.Skip("RESTANTE_CORPUS is not set")
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			checkMessage(t, b)
			crlf := bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
			checkMessage(t, crlf)
			if testing.Verbose() {
				t.Logf("%s\n%s", path, dump(Parse(crlf)))
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dump writes a message as text.
func dump(m *Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "size %d header %d", m.Size, len(m.Header))
	for _, f := range []struct {
		on   bool
		name string
	}{
		{m.HeaderTruncated, "truncated"}, {m.HasAttachment, "attachment"}, {m.IsReply, "reply"},
		{m.Notes&DepthLimited != 0, "depth-limited"}, {m.Notes&PartsLimited != 0, "parts-limited"},
		{m.Notes&HeadersLimited != 0, "headers-limited"}, {m.Notes&ParamsLimited != 0, "params-limited"},
		{m.Notes&AddressesLimited != 0, "addresses-limited"},
	} {
		if f.on {
			fmt.Fprintf(&b, " %s", f.name)
		}
	}
	fmt.Fprintf(&b, "\nid %q in-reply-to %q references %q\nbase subject %q\npreview %q\n",
		m.MessageID, m.InReplyTo, m.References, m.BaseSubject, m.Preview)
	dumpPart(&b, &m.Root, "", "")
	return b.String()
}

func dumpPart(b *strings.Builder, p *Part, number, indent string) {
	if number == "" {
		fmt.Fprintf(b, "%smessage", indent)
	} else {
		fmt.Fprintf(b, "%s%s", indent, number)
	}
	fmt.Fprintf(b, " %s/%s header %d-%d (%d lines) body %d-%d (%d lines)", p.Type, p.Subtype,
		p.HeaderStart, p.BodyStart, p.HeaderLines, p.BodyStart, p.End, p.Lines)
	if p.DecodedSize != p.Size() {
		fmt.Fprintf(b, " decoded %d", p.DecodedSize)
	}
	b.WriteByte('\n')
	indent += "  "
	for _, q := range p.Params {
		fmt.Fprintf(b, "%s%s=%q\n", indent, q.Name, q.Value)
	}
	text := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s%s: %q\n", indent, name, value)
		}
	}
	text("id", p.ID)
	text("description", p.Description)
	text("encoding", p.Encoding)
	text("md5", p.MD5)
	text("disposition", p.Disposition)
	for _, q := range p.DispParams {
		fmt.Fprintf(b, "%s; %s=%q\n", indent, q.Name, q.Value)
	}
	text("filename", p.Filename())
	text("language", strings.Join(p.Language, " "))
	text("location", p.Location)
	if e := p.Envelope; e != nil {
		text("date", e.Date)
		if t, ok := ParseDate(e.Date); ok {
			text("time", t.Format("2006-01-02 15:04:05 -0700"))
		}
		text("subject", e.Subject)
		if s := DecodeHeader(e.Subject); s != e.Subject {
			text("decoded", s)
		}
		dumpAddresses(b, indent, "from", e.From)
		dumpAddresses(b, indent, "sender", e.Sender)
		dumpAddresses(b, indent, "reply-to", e.ReplyTo)
		dumpAddresses(b, indent, "to", e.To)
		dumpAddresses(b, indent, "cc", e.Cc)
		dumpAddresses(b, indent, "bcc", e.Bcc)
		text("in-reply-to", e.InReplyTo)
		text("message-id", e.MessageID)
	}
	for i := range p.Parts {
		n := fmt.Sprintf("%s.%d", number, i+1)
		if p.Parts[i].Envelope != nil {
			n = ""
		}
		dumpPart(b, &p.Parts[i], strings.TrimPrefix(n, "."), indent)
	}
}

func dumpAddresses(b *strings.Builder, indent, name string, list []Address) {
	for _, a := range list {
		fmt.Fprintf(b, "%s%s: name %q route %q mailbox %q host %q", indent, name, a.Name, a.Route, a.Mailbox, a.Host)
		if s := DecodeHeader(a.Name); s != a.Name {
			fmt.Fprintf(b, " decoded %q", s)
		}
		b.WriteByte('\n')
	}
}
