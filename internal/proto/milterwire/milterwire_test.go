package milterwire

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseReply(t *testing.T) {
	for in, want := range map[string]string{
		"550 5.7.1 no thanks\x00":  "550 5.7.1 no thanks",
		"550 no thanks\x00":        "550 no thanks",
		"451\x00":                  "451",
		"550 5.7.1 100%% spam\x00": "550 5.7.1 100% spam",
		"550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\x00": "550 5.7.1 one / two / three",
		"550 4.7.1 another class\x00":                           "550 4.7.1 another class",
		"550 5.7 x":                                             "550 5.7 x",
		"250 2.0.0 ok\x00":                                      "",
		"55 x\x00":                                              "",
		"550\n451 x\x00":                                        "",
		"550_x\x00":                                             "",
		"\x00":                                                  "",
		"":                                                      "",
	} {
		got, err := ParseReply([]byte(in))
		if (err != nil) != (want == "") || err == nil && got.Error() != want {
			t.Errorf("%q: %q %v, want %q", in, got.Error(), err, want)
		}
		if err != nil && !errors.Is(err, ErrProtocol) {
			t.Error(err)
		}
	}
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		in             string
		indexed, space bool
		want           string
	}{
		{"X-Spam\x00yes\x00", false, false, "X-Spam: yes\r\n"},
		{"X-Spam\x00 yes\x00", false, true, "X-Spam: yes\r\n"},
		{"\x00\x00\x00\x01X-Spam\x00yes\x00", true, false, "X-Spam: yes\r\n"},
		{"A\x00one;\n\ttwo;\r\n three\x00", false, false, "A: one;\r\n\ttwo;\r\n three\r\n"},
		{"A\x00one\n\n \nInjected: field\n\x00", false, false, "A: one\r\n\tInjected: field\r\n"},
		{"A\x00one\rInjected: field\x00", false, false, "A: oneInjected: field\r\n"},
		{"A\x00\x00", false, false, "A: \r\n"},
		{"A: b\x00c\x00", false, false, ""},
		{"\x00c\x00", false, false, ""},
		{"A\x00c", false, false, ""},
		{"A", false, false, ""},
		{"\x00\x00", true, false, ""},
	} {
		f, err := ParseField([]byte(c.in), c.indexed)
		if (err != nil) != (c.want == "") {
			t.Errorf("%q: %v", c.in, err)
		}
		if got := string(f.AppendTo(nil, c.space)); err == nil && got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestPackets(t *testing.T) {
	b := Append(nil, Header, Text("Subject"), Text("a\x00b"))
	if want := "\x00\x00\x00\x0cLSubject\x00ab\x00"; string(b) != want {
		t.Errorf("%q, want %q", b, want)
	}
	b = Offer{Version, MayQuarantine, NoBody}.Append(nil)
	code, data, err := Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil || code != Negotiate {
		t.Fatal(code, err)
	}
	if o, err := ParseOffer(append(data, "\x00\x00\x00\x00i j\x00"...)); err != nil || o != (Offer{6, 0x20, 0x10}) {
		t.Error(o, err)
	}
	for _, bad := range []string{"\x00\x00\x00\x00", "\x00\x01\x00\x01", "\xff\xff\xff\xffc", "\x00\x00\x00\x02c", "\x00"} {
		if _, _, err := Read(bufio.NewReader(strings.NewReader(bad))); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// FuzzAnswers: whatever a filter says makes no more than one field, and no reply but a refusal.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("550 5.7.1 no\x00"), false)
	f.Add([]byte("\x00\x00\x00\x01X\x00a\n\tb\x00"), true)
	f.Add([]byte("X\x00a\r\nb\x00"), false)
	f.Fuzz(func(t *testing.T, b []byte, flag bool) {
		if r, err := ParseReply(b); err == nil && r.Code/100 != 4 && r.Code/100 != 5 {
			t.Errorf("%q: %d", b, r.Code)
		}
		if _, err := ParseOffer(b); (err == nil) != (len(b) >= 12) {
			t.Error(err)
		}
		field, err := ParseField(b, flag)
		if err != nil {
			return
		}
		out := field.AppendTo(nil, flag)
		lines := bytes.Split(bytes.TrimSuffix(out, []byte("\r\n")), []byte("\r\n"))
		for i, line := range lines {
			if bytes.ContainsAny(line, "\r\n\x00") || i > 0 && (len(bytes.TrimLeft(line, " \t")) == 0 || line[0] != ' ' && line[0] != '\t') {
				t.Errorf("%q: %q", b, out)
			}
		}
	})
}
