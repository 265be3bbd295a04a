package dns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	wire "github.com/miekg/dns"
)

// FuzzRead: whatever bytes come, what is made of them is bounded, and says one thing.
func FuzzRead(f *testing.F) {
	types := []Type{A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, TLSA}
	for i, text := range []string{
		"a.example. 1 IN A 192.0.2.1", "a.example. 1 IN CNAME b.example.\nb.example. 1 IN MX 1 .", `a.example. 1 IN TXT "a\"\\\000" "b"`,
		"a.example. 1 IN TLSA 3 1 1 00ff", "a.example. 1 IN CNAME a.example.", "a.example. 1 IN SRV 1 2 3 b.example.", `a.example. 1 IN PTR \000\.x.example.`,
	} {
		m := new(wire.Msg)
		m.SetQuestion("a.example.", uint16(types[i]))
		m.Response = true
		m.Id = 7
		for line := range strings.Lines(text) {
			rr, err := wire.NewRR(line)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		for _, t := range types {
			m.Question[0].Qtype = uint16(t)
			raw, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw, uint16(t))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint16) {
		q := question{"a.example", Type(kind)}
		r, err := q.read(raw, 7)
		switch {
		case err != nil:
			if fmt.Sprint(r) != fmt.Sprint(reply{}) {
				t.Errorf("%v with %v", r, err)
			}
			return
		case (r.err == nil) != (len(r.answer.Records) > 0):
			t.Errorf("%d records with %v", len(r.answer.Records), r.err)
		case len(r.answer.Records) > MaxRecords || r.answer.TTL < 0:
			t.Errorf("%d records for %s", len(r.answer.Records), r.answer.TTL)
		}
		for _, rec := range r.answer.Records {
			if len(rec.Text) > MaxText || strings.ContainsFunc(rec.Host, func(c rune) bool { return c <= ' ' && c != ' ' || c >= 0x7f }) || strings.ToLower(rec.Host) != rec.Host {
				t.Errorf("%+v", rec)
			}
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"a.example", "Bücher.example.", "_25._tcp.x", "a..b", "", ".", "*.x", "ß.example", "xn--a", "a\x00b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := Canonical(name)
		if err != nil {
			return
		}
		if again, err := Canonical(got + "."); err != nil || again != got {
			t.Errorf("%q, then %q, %v", got, again, err)
		}
		if _, err := (question{got, A}).message(1, true); err != nil {
			t.Errorf("%q cannot be asked for: %v", got, err)
		}
	})
}

func TestParseServers(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "[127.0.0.1:53]",
		"search x\nnameserver 192.0.2.1": "[192.0.2.1:53]",
		"nameserver 192.0.2.1\n  nameserver\tfe80::1%eth0 # x\nnameserver x\n#nameserver 192.0.2.2": "[192.0.2.1:53 [fe80::1%eth0]:53]",
	} {
		if got := fmt.Sprint(parseServers(strings.NewReader(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestChoose(t *testing.T) {
	near, far := netip.MustParseAddrPort("127.0.0.53:53"), netip.MustParseAddrPort("192.0.2.1:53")
	for _, c := range []struct {
		addrs   []netip.AddrPort
		trusted bool
		want    string
	}{
		{[]netip.AddrPort{far}, false, "192.0.2.1:53 false"},
		{[]netip.AddrPort{far}, true, "192.0.2.1:53 true"},
		{[]netip.AddrPort{near}, false, "127.0.0.53:53 true"},
		{[]netip.AddrPort{far, near}, false, "127.0.0.53:53 true"},
		{[]netip.AddrPort{far, near}, true, "192.0.2.1:53 true, 127.0.0.53:53 true"},
	} {
		var got []string
		for _, s := range choose(c.addrs, c.trusted) {
			got = append(got, fmt.Sprintf("%s %v", s.addr, s.believed))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.addrs, c.trusted, got, c.want)
		}
	}
}
