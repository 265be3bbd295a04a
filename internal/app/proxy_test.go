package app

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"restante/internal/directory"
	"restante/internal/serve/admind"
)

// behindProxy is a server that this machine's addresses are trusted proxies of.
func behindProxy(t *testing.T) *house {
	t.Helper()
	file := configFile(t, t.TempDir(), "")
	b, err := os.ReadFile(file)
	if err == nil {
		b = []byte(strings.Replace(string(b), "[listen]\n", "[listen]\nproxies = [\"127.0.0.0/8\"]\n", 1))
		b = []byte(strings.Replace(string(b), "cleartext = true\n", "", 1))
		b = append(b, "\n[check]\nspf = false\ndkim = false\ndmarc = false\n"...) // it would ask this machine's resolver
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, file).furnished(t)
}

// tlsHeader is a header of version 2 whose client speaks TLS 1.3 with the proxy.
func tlsHeader(client string) string {
	from := netip.MustParseAddr(client).As4()
	return "\r\n\r\n\x00\r\nQUIT\n" + "\x21\x11\x00\x1e" + string(from[:]) + "\xc6\x33\x64\x01\x9c\x40\x00\x8f" +
		"\x20\x00\x0f" + "\x01\x00\x00\x00\x01" + "\x21\x00\x07" + "TLSv1.3"
}

// What a proxy says of a client decides whether its password may come, and where its device may log in from, and is what its owner sees.
func TestClientsBehindAProxy(t *testing.T) {
	h := behindProxy(t)
	dev, err := h.AddDevice(t.Context(), admind.NewDevice{
		Address: "anna@example.org", Name: "office", Scopes: []directory.Scope{directory.ScopePOP3, directory.ScopeIMAP},
		Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	imap := fmt.Sprintf("1 LOGIN %s %s", dev.Login, dev.Password)
	for _, tt := range []struct {
		protocol, header string
		lines            []string
		want             string
	}{
		{"pop3", "PROXY TCP4 203.0.113.9 198.51.100.1 40000 110\r\n", []string{"USER " + dev.Login}, "-ERR [AUTH] not without TLS"},
		{"pop3", tlsHeader("203.0.113.9"), []string{"USER " + dev.Login, "PASS " + dev.Password}, "+OK maildrop"},
		{"pop3", tlsHeader("198.51.100.9"), []string{"USER " + dev.Login, "PASS " + dev.Password}, "-ERR [AUTH]"},
		{"pop3", tlsHeader("203.0.113.9"), []string{"STLS"}, "-ERR TLS is active"},
		{"imap", "PROXY TCP4 203.0.113.9 198.51.100.1 40000 143\r\n", []string{imap}, "1 NO [PRIVACYREQUIRED]"},
		{"imap", tlsHeader("203.0.113.9"), []string{imap}, "1 OK [CAPABILITY"},
		{"imap", tlsHeader("198.51.100.9"), []string{imap}, "1 NO [AUTHORIZATIONFAILED]"},
	} {
		conn := dial(t, "tcp", h.address(tt.protocol))
		if _, err := conn.Write([]byte(tt.header)); err != nil {
			t.Fatal(err)
		}
		got := talk(t, conn, tt.lines...)
		if last := got[strings.LastIndex(got, "\n")+1:]; !strings.HasPrefix(last, tt.want) {
			t.Errorf("%s, %.60q: %q, want %q", tt.protocol, tt.header, got, tt.want)
		}
		conn.Close()
	}
	found := false
	for d, err := range h.Devices(t.Context(), "anna@example.org") {
		if err != nil {
			t.Fatal(err)
		}
		if d.Name == "office" {
			found = d.From == "203.0.113.9" && d.TLS == "TLS 1.3"
			if !found {
				t.Errorf("seen of the device: %+v", d)
			}
		}
	}
	if !found {
		t.Error("the device was not seen")
	}
}

// Mail tells where it came from, not which proxy brought it.
func TestMailBehindAProxy(t *testing.T) {
	h := behindProxy(t)
	conn := dial(t, "tcp", h.address("smtp"))
	if _, err := conn.Write([]byte(tlsHeader("203.0.113.9"))); err != nil {
		t.Fatal(err)
	}
	got := talk(t, conn, "HELO there.example", "MAIL FROM:<bob@there.example>", "RCPT TO:<anna@example.org>", "DATA", "Subject: hello\r\n\r\nhello\r\n.")
	if !strings.Contains(got, "\n250 2.0.0 ") {
		t.Fatal(got)
	}
	conn = dial(t, "tcp", h.address("pop3"))
	if _, err := conn.Write([]byte(tlsHeader("203.0.113.9"))); err != nil {
		t.Fatal(err)
	}
	got = talk(t, conn, "USER anna@example.org", "PASS geheim", "TOP 1 0", "NOOP", "NOOP", "NOOP", "NOOP", "NOOP", "NOOP", "NOOP", "NOOP")
	if !strings.Contains(got, "from there.example ([203.0.113.9])") {
		t.Error(got)
	}
}
