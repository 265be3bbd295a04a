package guard

import (
	"net/netip"
	"testing"

	"restante/internal/flow"
)

func TestHello(t *testing.T) {
	const ok = ""
	for _, c := range []struct{ hello, sane, strict string }{
		{"client.example", ok, ok},
		{"client.example.", ok, ok},
		{"mail-1.CLIENT.example", ok, ok},
		{"xn--bcher-kva.example", ok, ok},
		{"[192.0.2.7]", ok, ok},
		{"[198.51.100.9]", ok, ok}, // another address of its own, for all we know
		{"[IPv6:2001:db8::1]", ok, ok},
		{"[2001:db8::1]", ok, ok}, // without its tag, and still an address
		{"192.0.2.7", ok, "an address stands in brackets"},
		{"2001:db8::1", ok, "an address stands in brackets"},
		{"laptop", ok, "that is no full name of a host"},
		{"localhost", ok, "that is no full name of a host"},
		{"localhost.localdomain", ok, "that is no full name of a host"},
		{"a.12", ok, "that is no full name of a host"},
		{"my_host.example", ok, `'_' is in no name of a host`},
		{"mx.example.org", "that is the name of this server", "that is the name of this server"},
		{"MX.example.ORG.", "that is the name of this server", "that is the name of this server"},
		{"[198.51.100.1]", "that is the address of this server", "that is the address of this server"},
		{"198.51.100.1", "that is the address of this server", "that is the address of this server"},
		{"[::ffff:198.51.100.1]", "that is the address of this server", "that is the address of this server"},
		{"example.org", ok, ok}, // a domain here may have hosts elsewhere
		{"[]", "no address stands in these brackets", "no address stands in these brackets"},
		{"[192.0.2.7", "no address stands in these brackets", "no address stands in these brackets"},
		{"[host]", "no address stands in these brackets", "no address stands in these brackets"},
		{"a..b", "that is no name of a host", "that is no name of a host"},
		{".", "that is no name of a host", "that is no name of a host"},
		{"(none)", `'(' is in no name of a host`, `'(' is in no name of a host`},
		{"me@client.example", `'@' is in no name of a host`, `'@' is in no name of a host`},
	} {
		s := &flow.Session{Hello: c.hello, Peer: netip.MustParseAddr("192.0.2.7"), Local: netip.MustParseAddr("198.51.100.1")}
		if got := HelloSane.Fault(s, "mx.example.org"); got != c.sane {
			t.Errorf("%s: %q, want %q", c.hello, got, c.sane)
		}
		if got := HelloStrict.Fault(s, "mx.example.org"); got != c.strict {
			t.Errorf("%s, strictly: %q, want %q", c.hello, got, c.strict)
		}
		if got := HelloOff.Fault(s, "mx.example.org"); got != "" {
			t.Errorf("%s, switched off: %q", c.hello, got)
		}
	}
}

func FuzzHello(f *testing.F) {
	for _, s := range []string{"client.example", "[IPv6:::1]", "[", "]", "a..b", "\xff", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, hello string) {
		s := &flow.Session{Hello: hello}
		if sane, strict := HelloSane.Fault(s, "mx.example.org"), HelloStrict.Fault(s, "mx.example.org"); sane != "" && strict == "" {
			t.Errorf("%q is only refused where less is: %s", hello, sane)
		} else if len(strict) > 100 {
			t.Errorf("%q leads to %q", hello, strict)
		}
	})
}
