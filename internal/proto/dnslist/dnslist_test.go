package dnslist

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		answer, patterns string
		want             Kind
	}{
		{"127.0.0.2", "", Listed},
		{"127.0.0.11", "", Listed},
		{"127.1.2.3", "", Listed},
		{"127.0.0.1", "", Other},          // the test point that nothing has
		{"203.0.113.9", "", Other},        // a parking lot
		{"0.0.0.0", "", Other},            // a resolver that hides things
		{"::1", "", Other},                // lists answer in IPv4
		{"127.255.255.254", "", Unserved}, // Spamhaus: a public resolver
		{"127.255.255.252", "127.*.*.*", Unserved},
		{"127.0.0.255", "127.0.*.1-3", Unserved}, // dnswl.org: too many questions
		{"127.0.0.4", "127.0.0.2-3", Other},
		{"127.0.0.3", "127.0.0.2-3", Listed},
		{"127.0.0.6", "127.0.0.2-3 127.0.0.6", Listed},
		{"127.0.5.0", "127.0.*.1-3", Other},
		{"127.0.5.3", "127.0.*.1-3", Listed},
	} {
		var patterns []Pattern
		for s := range strings.FieldsSeq(c.patterns) {
			p, err := ParsePattern(s)
			if err != nil {
				t.Fatal(err)
			}
			patterns = append(patterns, p)
		}
		if got := Of(netip.MustParseAddr(c.answer), patterns); got != c.want {
			t.Errorf("%s of %q: %d, want %d", c.answer, c.patterns, got, c.want)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	for _, s := range []string{"", "127.0.0", "127.0.0.256", "127.0.0.3-2", "192.0.2.1", "*.0.0.1", "127.0.0.2.3", "127.0.0.a", "126-127.0.0.1", "127.0.0.-2"} {
		if p, err := ParsePattern(s); err == nil {
			t.Errorf("%q: %v", s, p)
		}
	}
}

// TestNotListed holds the names to RFC 5782 5, written the other way round.
func TestNotListed(t *testing.T) {
	b := netip.MustParseAddr("::ffff:127.0.0.1").As16()
	var six strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		fmt.Fprintf(&six, "%x.%x.", b[i]&15, b[i]>>4)
	}
	for got, want := range map[string]string{
		NotListed("l.example", false, false): "1.0.0.127.l.example",
		NotListed("l.example", false, true):  six.String() + "l.example",
		NotListed("l.example", true, true):   "invalid.l.example",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"127.0.0.2", "127.0.*.1-3", "127.0.0.2-11", "127..-.*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			return
		}
		low := netip.AddrFrom4([4]byte{p[0].Low, p[1].Low, p[2].Low, p[3].Low})
		if !p.Has(low) || low.As4()[0] != 127 {
			t.Errorf("%q: %v", s, p)
		}
	})
}
