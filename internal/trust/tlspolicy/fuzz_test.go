package tlspolicy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzParsePolicy: what has been read is written so that it reads the same, and only names are in it.
func FuzzParsePolicy(f *testing.F) {
	for _, s := range []string{enforced, "version: STSv1\r\nmode: none\r\nmax_age: 0\r\n\r\n", "mx:*.a\nmx: b\nversion:STSv1\nmode:testing\nmax_age:9999999999", "\xff: 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		if p.MaxAge < 0 || p.MaxAge > maxAge || p.Mode != ModeNone && len(p.MX) == 0 {
			t.Errorf("%+v", p)
		}
		for _, mx := range p.MX {
			if host := strings.Replace(mx, "*.", "x.", 1); !isHostName(host) {
				t.Errorf("%q", mx)
			}
		}
		again, err := ParsePolicy(p.AppendTo(nil))
		if err != nil || again.Mode != p.Mode || again.MaxAge != p.MaxAge || !slices.Equal(again.MX, p.MX) {
			// A policy of 64 KiB without spaces grows a little when it is written.
			if len(text) < MaxPolicy/2 {
				t.Errorf("%+v, then %+v, %v", p, again, err)
			}
		}
	})
}

// FuzzRecords: what is found in records can stand in requests and logs.
func FuzzRecords(f *testing.F) {
	f.Add("v=STSv1; id=1;\nv=spf1")
	f.Add("v=TLSRPTv1; rua=mailto:a@b.example,https://b.example/x")
	f.Fuzz(func(t *testing.T, text string) {
		texts := strings.Split(text, "\n")
		if id := ParseSTSRecord(texts); len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return r >= 0x80 || !isAlnum(byte(r)) }) {
			t.Errorf("id %q", id)
		}
		r, ok := ParseReport(texts)
		if ok != (len(r.URIs) > 0) || len(r.URIs) > maxURIs {
			t.Errorf("%v %v", r, ok)
		}
		for _, uri := range r.URIs {
			if strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' || r == ';' }) {
				t.Errorf("%q", uri)
			}
		}
	})
}

// FuzzKnown: what is kept reads as it was written.
func FuzzKnown(f *testing.F) {
	f.Add([]byte("1 abc 1700000000\n" + enforced))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKnown(data)
		if err != nil || len(data) > MaxPolicy/2 {
			return
		}
		again, err := parseKnown(k.append(nil))
		if err != nil || again.ID != k.ID || !again.fetched.Equal(k.fetched) || again.Policy.MaxAge > 400*24*time.Hour {
			t.Errorf("%+v, then %+v, %v", k, again, err)
		}
	})
}
