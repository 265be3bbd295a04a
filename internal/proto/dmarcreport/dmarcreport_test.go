package dmarcreport

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files anew")

var same = cmp.Options{cmpopts.EquateComparable(Record{}.Source), cmpopts.EquateEmpty()}

// TestGolden: what is read of the reports of others, as we would write it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		got := r.Append(nil)
		path := strings.TrimSuffix(file, ".xml") + ".golden"
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		again, err := Parse(got)
		if err != nil || !cmp.Equal(r, again, same) {
			t.Errorf("%s: %v: %s", file, err, cmp.Diff(r, again, same))
		}
	}
}

const (
	head = `<feedback><report_metadata><date_range><begin>1</begin><end>2</end></date_range></report_metadata><policy_published><domain>a.example</domain></policy_published>`
	row  = `<record><row><source_ip>192.0.2.1</source_ip></row></record>`
)

func TestRefused(t *testing.T) {
	if _, err := Parse([]byte(head + row + `</feedback>`)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":         ``,
		"JSON":            `{}`,
		"HTML":            `<html><body>hello</body></html>`,
		"cut short":       head + row,
		"no time":         `<feedback><policy_published><domain>a.example</domain></policy_published></feedback>`,
		"a wrong time":    strings.Replace(head, "<begin>1<", "<begin>today<", 1) + `</feedback>`,
		"backwards":       strings.Replace(head, "<begin>1<", "<begin>3<", 1) + `</feedback>`,
		"no source":       head + `<record><row></row></record></feedback>`,
		"a wrong source":  head + `<record><row><source_ip>example.org</source_ip></row></record></feedback>`,
		"a zone":          head + `<record><row><source_ip>fe80::1%eth0</source_ip></row></record></feedback>`,
		"a wrong count":   head + strings.Replace(row, "</row>", "<count>-1</count></row>", 1) + `</feedback>`,
		"a giant count":   head + strings.Replace(row, "</row>", "<count>9999999999999999</count></row>", 1) + `</feedback>`,
		"many records":    head + strings.Repeat(row, MaxRecords+1) + `</feedback>`,
		"deep":            head + strings.Repeat(`<a>`, maxDepth) + strings.Repeat(`</a>`, maxDepth) + `</feedback>`,
		"entities":        `<!DOCTYPE x [<!ENTITY a "b">]>` + head + row + `</feedback>`,
		"unknown entity":  head + `<x>&a;</x>` + row + `</feedback>`,
		"external entity": `<!DOCTYPE x SYSTEM "file:///etc/passwd">` + head + row + `</feedback>`,
		"a character set": `<?xml version="1.0" encoding="x-nobody"?>` + head + row + `</feedback>`,
		"too long":        strings.Repeat(" ", MaxText+1),
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBounds: what is too much of a kind in one record is left out.
func TestBounds(t *testing.T) {
	signature := func(i int) string { return fmt.Sprintf("<dkim><domain>d%d.example</domain></dkim>", i) }
	var all strings.Builder
	for i := range 1000 {
		all.WriteString(signature(i))
	}
	long := strings.Repeat("long ", 10_000)
	r, err := Parse([]byte(head + `<record><row><source_ip>192.0.2.1</source_ip></row><auth_results>` + all.String() + `</auth_results></record>` +
		`<policy_published><p>` + long + "\x7f\u200b" + `</p></policy_published></feedback>`))
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Records[0].Signatures; len(s) != maxPerRow || s[maxPerRow-1].Domain != fmt.Sprintf("d%d.example", maxPerRow-1) {
		t.Errorf("%d signatures, the last of them %+v", len(s), s[len(s)-1])
	}
	if len(r.Policy.Policy) > maxString {
		t.Errorf("%d octets", len(r.Policy.Policy))
	}
}

func TestNames(t *testing.T) {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	got := Filename("example.org", "example.net", day, day.Add(24*time.Hour-time.Second), "") + "\n" + Subject("example.net", "example.org", "1@example.org")
	want := "example.org!example.net!1795219200!1795305599.xml.gz\nReport Domain: example.net\r\n\tSubmitter: example.org\r\n\tReport-ID: <1@example.org>"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzParse: what is read is bounded, has nothing in it that a terminal obeys, and reads as it was written.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"rfc9990", "rfc7489"} {
		text, err := os.ReadFile("testdata/" + name + ".xml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrReport) {
				t.Error(err)
			}
			return
		}
		if s := fmt.Sprint(r); strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q", s)
		}
		again, err := Parse(r.Append(nil))
		if err != nil || !cmp.Equal(r, again, same) {
			t.Errorf("%v: %s", err, cmp.Diff(r, again, same))
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(head + strings.Repeat(row, MaxRecords) + `</feedback>`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
