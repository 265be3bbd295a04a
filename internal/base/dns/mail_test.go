package dns_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

const mailZone = `
several.example   MX 20 b.example
several.example   MX 10 a.example
several.example   MX 10 c.example
several.example   MX +AD
alias.example     CNAME several.example
alias.example     CNAME +AD
insecure.example  CNAME several.example
null.example      MX .
twice.example     MX .
twice.example     MX 10 .
mixed.example     MX .
mixed.example     MX 10 a.example
plain.example     A 192.0.2.9
plain.example     * +AD
toplain.example   CNAME plain.example
broken.example    MX SERVFAIL
gone.example      * NXDOMAIN
bücher.example    MX 1 a.example

a.example  A     192.0.2.1
a.example  AAAA  2001:db8::1
a.example  *     +AD
four.example A   192.0.2.2
half.example A   192.0.2.3
half.example AAAA TIMEOUT
lost.example AAAA TIMEOUT
lost.example TXT x
bare.example TXT x
mx.example   CNAME a.example

1.2.0.192.in-addr.arpa PTR a.example
2.2.0.192.in-addr.arpa PTR a.example
2.2.0.192.in-addr.arpa PTR four.example
3.2.0.192.in-addr.arpa PTR a.example
4.2.0.192.in-addr.arpa PTR broken.example
broken.example A SERVFAIL
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR a.example
`

// kind is what an error says, in a word.
func kind(err error) string {
	for _, e := range []error{dns.ErrNoName, dns.ErrNoRecord, dns.ErrBogus, dns.ErrTemporary, dns.ErrNullMX, dns.ErrUnconfirmed} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return fmt.Sprint(err)
}

func TestMXs(t *testing.T) {
	z := dnstest.New(t, strings.Replace(mailZone, "bücher", "xn--bcher-kva", 1))
	for _, c := range []struct{ domain, want string }{
		{"several.example", "a 10 c 10 b 20 authentic"},
		{"Several.Example.", "a 10 c 10 b 20 authentic"},
		{"alias.example", "at several.example: a 10 c 10 b 20 authentic"},
		{"insecure.example", "at several.example: a 10 c 10 b 20"},
		{"null.example", "dns: the domain takes no mail (null MX)"},
		{"twice.example", "dns: the domain takes no mail (null MX)"},
		{"mixed.example", "a 10"},
		{"plain.example", "plain 0 authentic implicit"},
		{"toplain.example", "at plain.example: plain 0 implicit"},
		{"broken.example", "dns: no answer"},
		{"gone.example", "dns: no such name"},
		{"nowhere.example", "dns: no such name"},
		{"bücher.example", "at xn--bcher-kva.example: a 1"},
		{"a b.example", "dns: no such name"},
		{"", "dns: no such name"},
		{"a..example", "dns: no such name"},
	} {
		orders := map[string]bool{}
		for range 20 {
			set, err := dns.MXs(t.Context(), z, c.domain)
			got := describe(c.domain, set, err)
			orders[got] = true
			if got = strings.Replace(got, "c 10 a 10", "a 10 c 10", 1); got != c.want {
				t.Fatalf("%s: %s, want %s", c.domain, got, c.want)
			}
		}
		if strings.Contains(c.want, "c 10") && len(orders) != 2 {
			t.Errorf("%s: always in the same order", c.domain)
		}
	}
}

func describe(domain string, set dns.Exchangers, err error) string {
	if err != nil {
		return kind(err)
	}
	var words []string
	if set.Name != strings.ToLower(strings.TrimSuffix(domain, ".")) {
		words = append(words, "at "+set.Name+":")
	}
	for _, h := range set.Hosts {
		words = append(words, fmt.Sprint(strings.TrimSuffix(h.Host, ".example"), " ", h.Preference))
	}
	if set.Authentic {
		words = append(words, "authentic")
	}
	if set.Implicit {
		words = append(words, "implicit")
	}
	return strings.Join(words, " ")
}

func TestAddrs(t *testing.T) {
	z := dnstest.New(t, strings.Replace(mailZone, "bücher", "xn--bcher-kva", 1))
	for _, c := range []struct{ host, want string }{
		{"a.example.", "a.example a.example [2001:db8::1 192.0.2.1] true <nil>"},
		{"mx.example", "mx.example a.example [2001:db8::1 192.0.2.1] false <nil>"},
		{"four.example", "four.example four.example [192.0.2.2] false <nil>"},
		{"half.example", "half.example half.example [192.0.2.3] false <nil>"},
		{"lost.example", "lost.example lost.example [] false dns: no answer"},
		{"bare.example", "bare.example bare.example [] false dns: no such record"},
		{"none.example", "none.example none.example [] false dns: no such name"},
	} {
		a, err := dns.Addrs(t.Context(), z, c.host)
		if got := fmt.Sprint(a.Host, " ", a.Name, " ", a.IPs, " ", a.Authentic, " ", kind(err)); got != c.want {
			t.Errorf("%s: %s, want %s", c.host, got, c.want)
		}
	}
}

func TestReverse(t *testing.T) {
	z := dnstest.New(t, strings.Replace(mailZone, "bücher", "xn--bcher-kva", 1))
	for _, c := range []struct{ ip, want string }{
		{"192.0.2.1", "[a.example] <nil>"},
		{"::ffff:192.0.2.1", "[a.example] <nil>"},
		{"2001:db8::1", "[a.example] <nil>"},
		{"192.0.2.2", "[four.example] <nil>"},
		{"192.0.2.3", "[] dns: no name of the address leads back to it"},
		{"192.0.2.4", "[] dns: no answer"},
		{"192.0.2.5", "[] dns: no such name"},
	} {
		names, err := dns.Reverse(t.Context(), z, netip.MustParseAddr(c.ip))
		if got := fmt.Sprint(names, " ", kind(err)); got != c.want {
			t.Errorf("%s: %s, want %s", c.ip, got, c.want)
		}
	}
}
