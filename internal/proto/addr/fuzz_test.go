package addr_test

import (
	"strings"
	"testing"

	"restante/internal/proto/addr"
)

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{
		"<>", "<postmaster>", "<u@example.com> SIZE=1", "u@example.com", `<"a b\""@x.test>`,
		"<@a,@b.test:u@c>", "<u@[IPv6:::1]>", "<u@[x-y:z>]>", "<δ@b\u00fccher.example>", "<u@xn--bcher-kva.example>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, rest, err := addr.ParsePath(s)
		if err != nil {
			if !a.IsZero() || rest != "" {
				t.Fatalf("error %v with %#v and rest %q", err, a, rest)
			}
			return
		}
		if !strings.HasSuffix(s, rest) || rest != "" && rest[0] != ' ' {
			t.Fatalf("rest %q of %q", rest, s)
		}
		if strings.ContainsAny(a.String(), "\r\n\x00") {
			t.Fatalf("%q: control characters come through", a)
		}
		b, rest, err := addr.ParsePath(a.Path())
		if err != nil || a != b || rest != "" {
			t.Fatalf("%q sent as %q read as %#v %q, %v", s, a.Path(), b, rest, err)
		}
		if a.Domain != "" {
			if c, err := addr.Parse(a.Unicode()); err != nil || c != a {
				t.Fatalf("%q shown as %q read as %#v, %v", s, a.Unicode(), c, err)
			}
		}
	})
}

func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"Example.COM", "b\u00dccher.example", "xn--a", "[192.0.2.1]", "[IPv6:::1]", "[x:y]", "a_b.test", "日本語。jp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := addr.ParseDomain(s)
		if err != nil {
			return
		}
		if len(d) > addr.MaxDomain {
			t.Fatalf("%q: %d octets", d, len(d))
		}
		for _, again := range []string{string(d), d.Unicode()} {
			if e, err := addr.ParseDomain(again); err != nil || e != d {
				t.Fatalf("%q -> %q -> %q, %v", s, again, e, err)
			}
		}
	})
}

func FuzzXtext(f *testing.F) {
	for _, s := range []string{"a+2Bb", `e\x{3D}mc2@\x{30C9}.jp`, "+", `\x{D800}`, "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if x, err := addr.DecodeXtext(s); err == nil {
			if y, err := addr.DecodeXtext(addr.EncodeXtext(x)); err != nil || x != y {
				t.Fatalf("xtext %q: %q, %q, %v", s, x, y, err)
			}
		}
		if x, err := addr.DecodeUnitext(s); err == nil {
			if y, err := addr.DecodeUnitext(addr.EncodeUnitext(x, false)); err != nil || x != y {
				t.Fatalf("unitext %q: %q, %q, %v", s, x, y, err)
			}
		}
	})
}
