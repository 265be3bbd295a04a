package imapwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"restante/internal/proto/mime"
)

// seeds gives f the commands of the golden files.
func seeds(f *testing.F, add func(command string)) {
	files, err := filepath.Glob("testdata/commands-*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n\n") {
			var input []string
			for _, line := range strings.Split(block, "\n") {
				if strings.HasPrefix(line, ">") {
					input = append(input, strings.TrimPrefix(strings.TrimPrefix(line, ">"), " "))
				}
			}
			if len(input) > 0 {
				add(unquote(strings.Join(input, "\r\n")))
			}
		}
	}
}

// FuzzCommand: whatever is read, nothing panics, every octet is read once, and what could be read reads the same when it is sent again.
func FuzzCommand(f *testing.F) {
	seeds(f, func(s string) { f.Add([]byte(s+"\r\n"), true) })
	f.Fuzz(func(t *testing.T, data []byte, utf8 bool) {
		d := NewDecoder(bufio.NewReaderSize(bytes.NewReader(data), 32), Options{
			Limits:   Limits{Line: 500, Literal: 200, Drain: 1000, Depth: 10, Items: 50},
			Continue: func() error { return nil },
		})
		d.SetUTF8(utf8)
		for n := 0; ; n++ {
			if n > len(data) {
				t.Fatal("more commands than octets")
			}
			tag, name, err := d.ReadTag()
			if err == nil {
				var cmd Command
				if cmd, err = d.ParseArgs(name); err == nil {
					err = use(t, d, tag, cmd, utf8)
				}
			}
			var reply *Error
			if err != nil && !errors.As(err, &reply) {
				return // the input has ended
			}
			if reply != nil && reply.Status == BYE {
				return
			}
		}
	})
}

// use does with a command what a session would: a second decoder must read from what is sent what the first one has read.
func use(t *testing.T, d *Decoder, tag string, cmd Command, utf8 bool) error {
	sent := AppendCommand(nil, tag, cmd, utf8)
	if app := appending(cmd); app != nil {
		return useMessages(t, app, sent, utf8)
	}
	again, err := parseOne(sent, utf8)
	if err != nil {
		t.Fatalf("%q was sent again as %q: %v", tag, sent, err)
	}
	if resent := AppendCommand(nil, tag, again, utf8); !bytes.Equal(sent, resent) {
		t.Fatalf("sent as %q, then as %q", sent, resent)
	}
	// An empty list of options is not sent, so List.Extended may differ.
	if diff := cmp.Diff(cmd, again, cmp.AllowUnexported(NumSet{}, FetchItem{}), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(List{}, "Extended")); diff != "" {
		t.Fatalf("%q: %s", sent, diff)
	}
	return nil
}

// useMessages reads the messages of an APPEND and sends them again: they are read the same.
func useMessages(t *testing.T, app *Append, sent []byte, utf8 bool) error {
	sep := ""
	for n := 0; ; n++ {
		m, err := app.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		sent = m.AppendHeader(append(sent, sep...))
		sep = ""
		if m.Catenate {
			if sent, err = useParts(m, sent); err != nil {
				return err
			}
			continue
		}
		if sent, err = useText(m.Size, m.Open, sent); err != nil {
			return err
		}
		if m.UTF8 {
			sep = ")"
		}
	}
	sent = append(sent, sep+"\r\n"...)
	d := NewDecoder(bufio.NewReader(bytes.NewReader(sent)), Options{Continue: func() error { return nil }})
	d.SetUTF8(utf8)
	_, name, err := d.ReadTag()
	if err != nil {
		t.Fatalf("%q: %v", sent, err)
	}
	cmd, err := d.ParseArgs(name)
	if err != nil {
		t.Fatalf("%q: %v", sent, err)
	}
	for {
		_, err := appending(cmd).Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !strings.Contains(err.Error(), "was not asked for") { // Next alone asks for nothing
			t.Fatalf("%q: %v", sent, err)
		}
		if err != nil {
			return nil
		}
	}
}

func useParts(m *AppendMessage, sent []byte) ([]byte, error) {
	for n := 0; ; n++ {
		p, err := m.NextPart()
		if err == io.EOF {
			return append(sent, ')'), nil
		}
		if err != nil {
			return nil, err
		}
		if n > 0 {
			sent = append(sent, ' ')
		}
		sent = p.AppendHeader(sent)
		if p.URL != "" {
			continue
		}
		if sent, err = useText(p.Size, p.Open, sent); err != nil {
			return nil, err
		}
		if p.UTF8 {
			sent = append(sent, ')')
		}
	}
}

func useText(size int64, open func() (io.Reader, error), sent []byte) ([]byte, error) {
	body, err := open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(body)
	if err == nil && int64(len(content)) != size {
		err = io.ErrUnexpectedEOF
	}
	return append(sent, content...), err
}

func parseOne(sent []byte, utf8 bool) (Command, error) {
	d := NewDecoder(bufio.NewReader(bytes.NewReader(sent)), Options{Limits: Limits{Line: 1 << 20, Literal: 1 << 20}})
	d.SetUTF8(utf8)
	_, name, err := d.ReadTag()
	if err != nil {
		return nil, err
	}
	return d.ParseArgs(name)
}

// FuzzLiteral: the content of a literal is never taken for a command, wherever it stands and whatever is wrong with the line.
func FuzzLiteral(f *testing.F) {
	f.Add("LOGIN ", "\r\nx2 LOGOUT\r\n", " y", false)
	f.Add("APPEND x ", "x2 LOGOUT\r\n", "", true)
	f.Add("NOOP ", "\nx2 LOGOUT\r\n", ")", false)
	f.Add("FETCH 1 BODY[HEADER.FIELDS (", "\r\n", ")]", false)
	f.Fuzz(func(t *testing.T, before, content, after string, read bool) {
		if strings.ContainsAny(before+after, "\n") || strings.HasSuffix(after, "}") || strings.HasSuffix(after, "}\r") {
			return
		}
		cont := 0
		in := "x1 " + before + string(appendUint([]byte("{"), uint64(len(content)))) + "+}\r\n" + content + after + "\r\nx3 NOOP\r\n"
		d := NewDecoder(bufio.NewReaderSize(strings.NewReader(in), 16), Options{Limits: Limits{Line: 60, Literal: 60}, Continue: func() error {
			cont++
			return nil
		}})
		_, name, err := d.ReadTag()
		if err == nil {
			cmd, _ := d.ParseArgs(name)
			if app := appending(cmd); app != nil && read {
				if m, err := app.Next(); err == nil {
					body, _ := m.Open()
					_, _ = io.CopyN(io.Discard, body, 3)
				}
			}
		}
		if tag, name, err := d.ReadTag(); err != nil || tag != "x3" || name != "NOOP" {
			t.Fatalf("%q: then %q %q %v", in, tag, name, err)
		}
		if cont > 0 {
			t.Fatalf("%q: asked for a literal that was not to be asked for", in)
		}
	})
}

// FuzzSearch: a search program reads the same when it is sent again.
func FuzzSearch(f *testing.F) {
	seeds(f, func(s string) {
		if rest, ok := strings.CutPrefix(s, "a1 SEARCH "); ok {
			f.Add(rest)
		}
	})
	f.Fuzz(func(t *testing.T, program string) {
		cmd, err := parseOne([]byte("a SEARCH "+program+"\r\n"), false)
		if err == nil {
			_ = use(t, nil, "a", cmd, false)
		}
	})
}

// FuzzSeqSet compares sets of small numbers with a plain table of which numbers are in them.
func FuzzSeqSet(f *testing.F) {
	for _, s := range []string{"1", "1:3,5", "*", "5:*,2", "9:1,3:*", "*:*", "20,19,18:3,$", "4294967295,4294967294:*", "7,5,3,1,2:9", "1,3,5:4,9:8"} {
		f.Add(s, uint8(10))
	}
	f.Fuzz(func(t *testing.T, text string, highest uint8) {
		cmd, err := parseOne([]byte("a UID EXPUNGE "+text+"\r\n"), false)
		if err != nil || strings.Contains(text, "\n") {
			return
		}
		set := cmd.(*UIDExpunge).Set
		again, err := parseOne([]byte("a UID EXPUNGE "+set.String()+"\r\n"), false)
		if err != nil || again.(*UIDExpunge).Set.String() != set.String() {
			t.Fatalf("%q is %v, then %v, %v", text, set, again, err)
		}
		table := naiveSet(text, uint64(highest))
		resolved := Resolve(set, UID(highest))
		var count uint64
		for n := range uint32(300) {
			want := n <= uint32(highest) && table[n]
			if got := set.Contains(n, uint32(highest)) && n <= uint32(highest); got != want {
				t.Fatalf("%q, highest %d: Contains(%d) = %v", text, highest, n, got)
			}
			if got := resolved.Contains(UID(n)); got != want {
				t.Fatalf("%q, highest %d: Resolve has %d: %v", text, highest, n, got)
			}
			if want {
				count++
			}
		}
		if resolved.Len() != count {
			t.Fatalf("%q, highest %d: Len %d, want %d", text, highest, resolved.Len(), count)
		}
		for i := 1; i < len(resolved); i++ {
			if resolved[i-1].Last+1 >= resolved[i].First {
				t.Fatalf("%q: not normalised: %v", text, resolved)
			}
		}
	})
}

// naiveSet is which numbers up to 300 a valid set has.
func naiveSet(text string, highest uint64) map[uint32]bool {
	table := map[uint32]bool{}
	for _, r := range strings.Split(text, ",") {
		if r == "$" {
			continue
		}
		a, b, found := strings.Cut(r, ":")
		if !found {
			b = a
		}
		num := func(s string) uint64 {
			if s == "*" {
				return highest
			}
			n, _ := parseUint([]byte(s), 1<<32)
			return n
		}
		lo, hi := min(num(a), num(b)), max(num(a), num(b))
		for n := max(lo, 1); n <= min(hi, 300); n++ {
			table[uint32(n)] = true
		}
	}
	return table
}

// FuzzUTF7: every string has one encoding, which decodes to it, and nothing else decodes.
func FuzzUTF7(f *testing.F) {
	for _, s := range []string{"", "INBOX", "R&D", "Entwürfe", "&", "&-", "~peter/mail/台北/日本語", "😀x", "&AGEAYg-", "&U,BTFw-&ZeVnLIqe-",
		"&2D3eAA-", "&2D0-", "&AOQ", "&AOR-", "&A-", "\x00", "\xff", "&\r\nAOQ-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) {
			enc := EncodeUTF7(s)
			if dec, ok := DecodeUTF7(enc); !ok || dec != s {
				t.Fatalf("%q is encoded as %q, which is %q, %v", s, enc, dec, ok)
			}
		}
		if dec, ok := DecodeUTF7(s); ok {
			if !utf8.ValidString(dec) {
				t.Fatalf("%q is %q", s, dec)
			}
			if enc := EncodeUTF7(dec); enc != s {
				t.Fatalf("%q is %q, which is encoded as %q", s, dec, enc)
			}
		}
	})
}

// FuzzEncoder: nothing that a message or a client says can end a response early or begin another.
func FuzzEncoder(f *testing.F) {
	f.Add("x", "y", true)
	f.Add("a\r\n* BYE", "(\"{5}\r\n\\", false)
	f.Add("\x00é\xff", "]", true)
	f.Fuzz(func(t *testing.T, a, b string, utf8 bool) {
		part := mime.Part{Type: "text", Subtype: a, Description: b, Encoding: b, Disposition: a, Language: []string{a, b},
			Params: []mime.Param{{Name: a, Value: b}}}
		multi := mime.Part{Type: "multipart", Subtype: b, Parts: []mime.Part{part, {Type: "message", Subtype: "rfc822"}}}
		out := encode(t, utf8, func(e *Encoder) {
			e.Status("a", NO, CodeAlert, a)
			e.Status("", OK, "", b)
			e.List(&ListData{Delimiter: '/', Mailbox: Mailbox(a), OldName: Mailbox(b)})
			e.Namespace([]Namespace{{a, '/'}}, []Namespace{{b, 0}}, nil)
			e.ID([]IDParam{{Field: a, Value: b}})
			fw := e.Fetch(1)
			fw.Envelope(&mime.Envelope{Subject: a, From: []mime.Address{{Name: b, Mailbox: a, Host: b}}})
			fw.BodyStructure(&multi)
			fw.Text("BODY[]", []byte(a))
			fw.Preview(b, false)
			fw.End()
		})
		n := 0
		for res, err := range responses(out) {
			if n++; err != nil {
				t.Fatalf("%v: %q", err, out)
			}
			if n == 6 {
				checkFetch(t, res, a, b)
			}
		}
		if n != 6 {
			t.Fatalf("%d responses: %q", n, out)
		}
	})
}

func checkFetch(t *testing.T, res *Response, a, b string) {
	if len(res.Values) != 1 || len(res.Values[0].List) != 8 {
		t.Fatalf("items: %+v", res.Values)
	}
	if v, ok := res.Values[0].Item("BODY[]"); !ok || v.Text != a {
		t.Fatalf("BODY[] is %q, was %q", v.Text, a)
	}
	if v, _ := res.Values[0].Item("PREVIEW"); v.Text != strings.ReplaceAll(b, "\x00", "") {
		t.Fatalf("PREVIEW is %q, was %q", v.Text, b)
	}
	if v, _ := res.Values[0].Item("ENVELOPE"); len(v.List) != 10 {
		t.Fatalf("ENVELOPE has %d fields", len(v.List))
	}
	if v, _ := res.Values[0].Item("BODYSTRUCTURE"); len(v.List) != 7 || len(v.List[0].List) != 12 {
		t.Fatalf("BODYSTRUCTURE is %+v", v)
	}
}

// FuzzResponse: a client survives whatever a server sends.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("* OK [UIDNEXT 5] hi\r\n+ \r\n* 3 EXISTS\r\na OK {3}\r\n* LIST (\\A) \"/\" {3}\r\nabc (x)\r\n"))
	f.Add([]byte("* 1 FETCH (BODY[HEADER.FIELDS (A \"b\")]<0> ~{2}\r\n\x00) X \"\\\"\" (()()))\r\n* {{{\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), 16)
		for n := 0; n <= len(data); n++ {
			if _, err := ReadResponse(r, 1000); err != nil {
				return
			}
		}
		t.Fatal("more responses than octets")
	})
}
