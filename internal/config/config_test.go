package config

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestErrors reads the files of testdata/errors: what is wrong, and where.
func TestErrors(t *testing.T) {
	datadriven.RunTest(t, "testdata/errors", func(t *testing.T, td *datadriven.TestData) string {
		_, err := parse("restante.toml", "/etc/restante", td.Input)
		if err == nil {
			return "ok\n"
		}
		for e := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.HasPrefix(e, "restante.toml") {
				t.Errorf("not told where: %s", e)
			}
		}
		return err.Error() + "\n"
	})
}

func TestLoadErrors(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

const sample = "../../dist/restante.toml"

// The sample is what most operators begin with.
func TestSample(t *testing.T) {
	c, err := Load(sample)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(src), "\n"); n >= 60 {
		t.Errorf("the sample has %d lines; it is to have less than 60", n)
	}
	// What it shows in comments must load as well, and be what it says: the default.
	var all []string
	for line := range strings.SplitSeq(string(src), "\n") {
		if setting, ok := strings.CutPrefix(line, "#"); ok && (strings.Contains(setting, " = ") || strings.HasPrefix(setting, "[")) && !strings.HasPrefix(setting, " ") {
			line = setting
		}
		all = append(all, line)
	}
	open, err := parse(sample, "/etc/restante", strings.Join(all, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := *c, *open
	want.TLS, got.TLS = nil, nil
	want.Listen.LMTP, got.Listen.LMTP = nil, nil
	want.Listen.Metrics, got.Listen.Metrics = nil, nil
	want.Postmaster, got.Postmaster = "", ""
	want.Data, got.Data = "", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a comment shows something else than the default: %s", diff)
	}
}

func TestPathsBeginAtTheFile(t *testing.T) {
	c, err := parse("x.toml", "/etc/restante", "data = 'mail'\nhost = 'a.test'\n[[tls]]\ncert = 'c.pem'\nkey = '/k.pem'")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Data, c.TLS[0].Cert, c.TLS[0].Key}
	if want := []string{"/etc/restante/mail", "/etc/restante/c.pem", "/k.pem"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string]Size{
		"0": 0, "17": 17, "1kB": 1000, "50MiB": 50 << 20, "50 MiB": 50 << 20, "2GB": 2e9, "64KiB": 64 << 10, "7B": 7,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err != nil || s != want {
			t.Errorf("%q: %v, %v; want %v", in, s, err, want)
		}
		var again Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%v: read again %v, %v", s, again, err)
		}
	}
	for _, in := range []string{"", "MB", "-1MB", "1.5GB", "1TB", "99999999999999999999", "9999999999GB"} {
		var s Size
		if err := s.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was taken for %v", in, s)
		}
	}
	for in, want := range map[string]time.Duration{
		"0d": 0, "30d": 720 * time.Hour, "90s": 90 * time.Second, "1h": time.Hour, "120m": 2 * time.Hour,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || time.Duration(d) != want {
			t.Errorf("%q: %v, %v; want %v", in, d, err, want)
		}
		var again Duration
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%v: read again %v, %v", d, again, err)
		}
	}
	for _, in := range []string{"", "d", "30", "-1d", "1.5h", "1h30m", "99999999999d", "2000000000h"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q was taken for %v", in, d)
		}
	}
}

func TestAddressLocal(t *testing.T) {
	for a, want := range map[Address]bool{
		"127.0.0.1:24": true, "[::1]:24": true, "unix:/run/lmtp": true, ":24": false, "192.0.2.1:24": false, "0.0.0.0:24": false,
	} {
		if a.Local() != want {
			t.Errorf("%s: %v", a, a.Local())
		}
	}
}

func TestNeedsRestart(t *testing.T) {
	a, b := Default(), Default()
	b.Log.Level = "debug"
	b.TLS = []TLS{{"a", "b"}}
	if got := NeedsRestart(a, b); len(got) != 0 {
		t.Errorf("%q", got)
	}
	b.Data = "/x"
	b.Listen.IMAP = nil
	if got := NeedsRestart(a, b); fmt.Sprint(got) != "[data listen.imap]" {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	src, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(src))
	f.Add("data='x'\nlisten.imap=['1:1']")
	f.Add("[[tls]]\n[tls.x]\ncert=1")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := parse("f", "/", src)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f") {
				t.Errorf("not told where: %v", err)
			}
			return
		}
		if c.Data == "" || c.Host == "" || c.Limits.Message <= 0 {
			t.Errorf("taken: %+v", c)
		}
	})
}
