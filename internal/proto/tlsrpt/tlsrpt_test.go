package tlsrpt

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
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden: what is read of the reports of others, as we would write it.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
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
		got, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimSuffix(file, ".json") + ".golden"
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
		if err != nil || !cmp.Equal(r, again) {
			t.Errorf("%s: %v: %s", file, err, cmp.Diff(r, again))
		}
	}
}

func TestRefused(t *testing.T) {
	range1 := `"date-range":{"start-datetime":"2026-11-21T00:00:00Z","end-datetime":"2026-11-21T23:59:59Z"}`
	for name, text := range map[string]string{
		"nothing":          ``,
		"not JSON":         `<feedback/>`,
		"a list":           `[]`,
		"no policies":      `{` + range1 + `}`,
		"no time":          `{"policies":[]}`,
		"backwards":        `{"policies":[],"date-range":{"start-datetime":"2026-11-21T00:00:00Z","end-datetime":"2026-11-20T00:00:00Z"}}`,
		"a negative count": `{` + range1 + `,"policies":[{"summary":{"total-successful-session-count":-1}}]}`,
		"a giant count":    `{` + range1 + `,"policies":[{"summary":{"total-successful-session-count":99999999999999999999}}]}`,
		"many policies":    `{` + range1 + `,"policies":[` + strings.Repeat(`{},`, MaxPolicies) + `{}]}`,
		"many failures":    `{` + range1 + `,"policies":[{"failure-details":[` + strings.Repeat(`{},`, MaxFailures) + `{}]}]}`,
		"many lines":       `{` + range1 + `,"policies":[{"policy":{"policy-string":[` + strings.Repeat(`"",`, maxStrings) + `""]}}]}`,
		"too much text":    `{` + range1 + `,"policies":[` + strings.TrimSuffix(strings.Repeat(`{"policy":{"policy-string":[`+strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("x", 900)+`",`, 100), ",")+`]}},`, 20), ",") + `]}`,
		"deep":             strings.Repeat(`{"policies":`, 20_000),
		"too long":         strings.Repeat(" ", MaxText+1),
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNames(t *testing.T) {
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	got := Filename("mail.example.org", "example.net", day, day.Add(24*time.Hour-time.Second), "7") + "\n" + Subject("example.net", "example.org", "1@example.org")
	want := "mail.example.org!example.net!1795219200!1795305599!7.json.gz\nReport Domain: example.net\r\n\tSubmitter: example.org\r\n\tReport-ID: <1@example.org>"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzParse: what is read is bounded, has nothing in it that a terminal obeys, and reads as it was written.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"rfc8460", "loose"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
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
		out, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out)
		if err != nil || !cmp.Equal(r, again) {
			t.Errorf("%v: %s", err, cmp.Diff(r, again))
		}
	})
}
