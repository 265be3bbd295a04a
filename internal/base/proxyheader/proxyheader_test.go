package proxyheader_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"restante/internal/base/proxyheader"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 is a header of version 2.
func v2(command, family byte, body string) string {
	h := append([]byte(signature), command, family)
	return string(binary.BigEndian.AppendUint16(h, uint16(len(body)))) + body
}

// tlv is a type, a length and a value.
func tlv(kind byte, value string) string {
	return string(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value)))) + value
}

const (
	tcp4 = "\xc0\x00\x02\x07" + "\xc6\x33\x64\x01" + "\x9c\x40" + "\x03\xe1" // 192.0.2.7:40000 to 198.51.100.1:993
	// ssl begins the value of PP2_TYPE_SSL: over TLS, no certificate was shown.
	ssl = "\x01\x00\x00\x00\x01"
)

var tcp6 = string(netip.MustParseAddr("2001:db8::7").AsSlice()) + string(netip.MustParseAddr("2001:db8::1").AsSlice()) + "\x9c\x40\x03\xe1"

func client(s string) proxyheader.Header {
	return proxyheader.Header{Client: netip.MustParseAddrPort(s)}
}

func TestRead(t *testing.T) {
	secret := client("192.0.2.7:40000")
	secret.TLS, secret.Version, secret.Cipher = true, "TLS 1.3", "TLS_AES_128_GCM_SHA256"
	vague := client("192.0.2.7:40000")
	vague.TLS = true
	older := vague
	older.Version = "TLS 1.2"
	for _, tt := range []struct {
		name, in string
		want     proxyheader.Header
	}{
		{"v1 of IPv4", "PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n", client("192.0.2.7:40000")},
		{"v1 of IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 40000 993\r\n", client("[2001:db8::7]:40000")},
		{"v1 of nobody", "PROXY UNKNOWN\r\n", proxyheader.Header{}},
		{"v1 of nobody, with what is to be ignored", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", proxyheader.Header{}},
		{"v2 of IPv4", v2(0x21, 0x11, tcp4), client("192.0.2.7:40000")},
		{"v2 of IPv6", v2(0x21, 0x21, tcp6), client("[2001:db8::7]:40000")},
		{"v2 of IPv4 in IPv6", v2(0x21, 0x21, string(netip.MustParseAddr("::ffff:192.0.2.7").AsSlice())+tcp6[16:]), client("192.0.2.7:40000")},
		{"v2 of the proxy itself", v2(0x20, 0x00, ""), proxyheader.Header{}},
		{"v2 of the proxy itself, with addresses", v2(0x20, 0x11, tcp4), proxyheader.Header{}},
		{"v2 of a socket file", v2(0x21, 0x31, strings.Repeat("\x00", 216)), proxyheader.Header{}},
		{"TLS", v2(0x21, 0x11, tcp4+tlv(0x20, ssl+tlv(0x21, "TLSv1.3")+tlv(0x23, "TLS_AES_128_GCM_SHA256"))), secret},
		{"TLS without a version, which must be there", v2(0x21, 0x11, tcp4+tlv(0x20, ssl)), client("192.0.2.7:40000")},
		{"TLS with words that nobody is to read", v2(0x21, 0x11, tcp4+tlv(0x20, ssl+tlv(0x21, "TLSv1.3\r\nX: y")+tlv(0x23, "TLS_"+strings.Repeat("A", 99)))), vague},
		{"a cipher by the name that OpenSSL has for it", v2(0x21, 0x11, tcp4+tlv(0x20, ssl+tlv(0x21, "TLSv1.2")+tlv(0x23, "ECDHE-RSA-AES128-GCM-SHA256"))), older},
		{"a certificate and no TLS now", v2(0x21, 0x11, tcp4+tlv(0x20, "\x04\x00\x00\x00\x00")), client("192.0.2.7:40000")},
		{"what nobody knows yet", v2(0x21, 0x11, tcp4+tlv(0xee, "x")+tlv(0x04, strings.Repeat("\x00", 4000))), client("192.0.2.7:40000")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const rest = "A001 NOOP\r\n"
			for _, r := range []io.Reader{strings.NewReader(tt.in + rest), iotest.OneByteReader(strings.NewReader(tt.in + rest))} {
				got, err := proxyheader.Read(r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				if left, _ := io.ReadAll(r); string(left) != rest {
					t.Errorf("the client's octets are %q", left)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, in := range []string{
		"A001 LOGIN ada secret\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00", // TLS
		"PROXYTCP4 192.0.2.7 198.51.100.1 40000 993\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 40000 99999\r\n",
		"PROXY TCP4 2001:db8::7 2001:db8::1 40000 993\r\n",
		"PROXY TCP4 mail.example.org 198.51.100.1 40000 993\r\n",
		"PROXY TCP4 0.0.0.0 198.51.100.1 40000 993\r\n",
		"PROXY TCP6 fe80::1%eth0 2001:db8::1 40000 993\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\n",
		"PROXY UNKNOWN\nA001 NOOP\r\n",
		"PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n",
		v2(0x21, 0x11, tcp4[:8]),
		v2(0x21, 0x00, "anything"), // nobody can say what that is
		v2(0x21, 0x12, tcp4),       // datagrams
		v2(0x31, 0x11, tcp4),       // version 3
		v2(0x2f, 0x11, tcp4),       // no such command
		v2(0x21, 0x11, tcp4+"\x20\xff\xff"),
		v2(0x21, 0x11, tcp4+strings.Repeat("\x00", 9000)),
	} {
		if h, err := proxyheader.Read(strings.NewReader(in)); !errors.Is(err, proxyheader.ErrHeader) {
			t.Errorf("%.60q: %+v, %v", in, h, err)
		}
	}
	for _, in := range []string{"", "PROXY TCP4 1", signature, v2(0x21, 0x11, tcp4)[:20]} {
		if h, err := proxyheader.Read(strings.NewReader(in)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%.60q: %+v, %v", in, h, err)
		}
	}
}

// Whatever comes: a header is read to its end and no further, and what it says can stand in a log.
func FuzzRead(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.7 198.51.100.1 40000 993\r\n220 hello"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(v2(0x21, 0x11, tcp4+tlv(0x20, ssl+tlv(0x21, "TLSv1.3")))))
	f.Add([]byte(v2(0x21, 0x21, tcp6)))
	f.Add([]byte(v2(0x20, 0x00, "")))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		h, err := proxyheader.Read(r)
		taken := in[:len(in)-r.Len()]
		if err != nil {
			if h != (proxyheader.Header{}) {
				t.Errorf("%+v with %v", h, err)
			}
			return
		}
		if again, err := proxyheader.Read(bytes.NewReader(taken)); err != nil || again != h {
			t.Errorf("%q alone is %+v, %v, not %+v", taken, again, err, h)
		}
		if taken[0] == 'P' && !bytes.HasSuffix(taken, []byte("\r\n")) || len(taken) > 16+8<<10 {
			t.Errorf("took %q", taken)
		}
		for _, s := range []string{h.Version, h.Cipher} {
			if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("says %q", s)
			}
		}
		if a := h.Client.Addr(); a.Is4In6() || a.Zone() != "" {
			t.Errorf("the client is %v", a)
		}
	})
}
