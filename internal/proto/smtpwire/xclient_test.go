package smtpwire

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestParseXClient(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want XClient
	}{
		{"ADDR=192.0.2.7", XClient{Given: XClientAddr, Addr: netip.MustParseAddr("192.0.2.7")}},
		{"addr=IPV6:2001:db8::7 port=25", XClient{Given: XClientAddr | XClientPort, Addr: netip.MustParseAddr("2001:db8::7"), Port: 25}},
		{"ADDR=2001:db8::7", XClient{Given: XClientAddr, Addr: netip.MustParseAddr("2001:db8::7")}},
		{"ADDR=::ffff:192.0.2.7", XClient{Given: XClientAddr, Addr: netip.MustParseAddr("192.0.2.7")}},
		{"NAME=[UNAVAILABLE] ADDR=[unavailable] LOGIN=[TEMPUNAVAIL]", XClient{Given: XClientName | XClientAddr | XClientLogin}},
		{"HELO=a+2Bb.example PROTO=esmtp", XClient{Given: XClientHelo | XClientProto, Hello: "a+b.example", Extended: true}},
		{"PROTO=SMTP  NAME=spike.example", XClient{Given: XClientName | XClientProto, Name: "spike.example"}},
		{"LOGIN=ada@example.org DESTADDR=198.51.100.1 DESTPORT=25", XClient{Given: XClientLogin, Login: "ada@example.org"}},
		{"ADDR=192.0.2.7 ADDR=192.0.2.8", XClient{Given: XClientAddr, Addr: netip.MustParseAddr("192.0.2.8")}},
	} {
		got, err := ParseXClient(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{
		"", " ", "ADDR", "ADDR=mail.example.org", "ADDR=0.0.0.0", "ADDR=fe80::1%eth0", "PORT=-1", "PORT=70000", "PROTO=UUCP", "FOO=bar",
		"NAME=a+0D+0Ab", "NAME=a+0", "NAME=a=b", "HELO=a+20b", "LOGIN=" + strings.Repeat("a", 256), "DESTADDR=x", "NAME=é",
	} {
		var syntax *SyntaxError
		if x, err := ParseXClient(in); !errors.As(err, &syntax) || x != (XClient{}) {
			t.Errorf("%s: %+v, %v", in, x, err)
		}
	}
}

// What is taken can stand in a header and in a log.
func FuzzParseXClient(f *testing.F) {
	for _, s := range []string{
		"ADDR=IPV6:2001:db8::7 PORT=25 NAME=a.example HELO=b.example PROTO=ESMTP LOGIN=ada+40example.org", "NAME=[UNAVAILABLE]", "DESTADDR=1.2.3.4 DESTPORT=25",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		x, err := ParseXClient(in)
		if err != nil {
			return
		}
		for _, s := range []string{x.Name, x.Hello, x.Login} {
			if len(s) > 255 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q gives %q", in, s)
			}
		}
		if x.Addr.Is4In6() || x.Addr.Zone() != "" || x.Addr.IsValid() && x.Given&XClientAddr == 0 {
			t.Errorf("%q gives %v", in, x.Addr)
		}
	})
}
