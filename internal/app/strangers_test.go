package app

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
)

// guarded is a server on this machine that asks a DNS of its own, and believes PROXY headers from here.
func guarded(t *testing.T, zone, more string) *house {
	t.Helper()
	dns := dnstest.Serve(t, zone)
	file := configFile(t, t.TempDir(), "postmaster = \"anna@example.org\"\n")
	b, err := os.ReadFile(file)
	if err == nil {
		b = bytes.Replace(b, []byte("[listen]\n"), []byte("[listen]\nproxies = [\"127.0.0.0/8\"]\nproxy_protocol = [\"smtp\"]\n"), 1)
		b = fmt.Appendf(b, "\n[dns]\nservers = [%q]\n%s", dns.Addr(), more)
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, file).furnished(t)
}

// brings is what a stranger is told, command by command; the last reply is that to the message, if he gets that far.
func (h *house) brings(t *testing.T, ip string, lines ...string) string {
	t.Helper()
	conn := dial(t, "tcp", h.address("smtp"))
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 198.51.100.1 40000 25\r\n", ip); err != nil {
		t.Fatal(err)
	}
	return talk(t, conn, lines...)
}

const strangersZone = `
66.113.0.203.bad.example A 127.0.0.2
66.113.0.203.bad.example TXT see https://bad.example/203.0.113.66
67.113.0.203.odd.example A 127.0.0.2
68.113.0.203.bad.example A 127.0.0.2
68.113.0.203.good.example A 127.0.9.3
`

const strangersLists = `
[guard]
greet_delay = "0s"
[[guard.list]]
zone = "bad.example"
[[guard.list]]
zone = "odd.example"
weight = 5
[[guard.list]]
zone = "good.example"
allow = true
`

// Who is on a list is told so at the first recipient, but for the postmaster; who is welcome is whatever others say.
func TestStrangers(t *testing.T) {
	h := guarded(t, strangersZone, strangersLists)
	letter := []string{"MAIL FROM:<bob@there.example>", "RCPT TO:<anna@example.org>", "DATA", "Subject: hello\r\n\r\nhello\r\n."}
	for _, c := range []struct {
		ip, hello, rcpt string
		want            string // the end of it all
		mailbox         string
	}{
		{"203.0.113.1", "there.example", "anna", "\n250 2.0.0 Ok", "INBOX"},
		{"203.0.113.66", "there.example", "anna", "\n550 5.7.1 203.0.113.66 is on bad.example: see https://bad.example/203.0.113.66\n", ""},
		{"203.0.113.66", "there.example", "postmaster", "\n250 2.0.0 Ok", "Junk"},
		{"203.0.113.67", "there.example", "anna", "\n250 2.0.0 Ok", "Junk"},
		{"203.0.113.68", "there.example", "anna", "\n250 2.0.0 Ok", "INBOX"},
		{"203.0.113.1", "mail.example.org", "anna", "\n550 5.7.1 you greet with a name that cannot be yours: that is the name of this server\n", ""},
		{"203.0.113.1", "there..example", "anna", "\n550 5.7.1 you greet with a name that cannot be yours: that is no name of a host\n", ""},
		{"203.0.113.1", "localhost", "anna", "\n250 2.0.0 Ok", "INBOX"},
	} {
		letter[1] = "RCPT TO:<" + c.rcpt + "@example.org>"
		lines := append([]string{"HELO " + c.hello}, letter...)
		if c.mailbox == "" {
			lines = append(lines[:3], "NOOP") // DATA would be refused for want of recipients
		}
		if got := h.brings(t, c.ip, lines...); !strings.Contains(got, c.want) {
			t.Errorf("%s as %s to %s: %q, want %q", c.ip, c.hello, c.rcpt, got, c.want)
		}
	}
	if in, junk := h.mailbox(t, "anna@example.org", "INBOX"), h.mailbox(t, "anna@example.org", "Junk"); in != 3 || junk != 2 {
		t.Errorf("%d in INBOX and %d in Junk, want 3 and 2", in, junk)
	}
}

// Who has not been here before comes again after a second, over a restart too; whom anna has written to need not.
func TestGreylisting(t *testing.T) {
	h := guarded(t, "", "[guard]\ngreet_delay = \"0s\"\ngreylist = true\ngreylist_delay = \"1s\"\n")
	attempt := func(ip, from string) string {
		got := h.brings(t, ip, "HELO there.example", "MAIL FROM:<"+from+">", "RCPT TO:<anna@example.org>", "NOOP")
		return strings.Split(got, "\n")[3]
	}
	if got := attempt("203.0.113.1", "bob@there.example"); got != "451 4.7.1 you have not written here before, try again in 1 seconds" {
		t.Error(got)
	}
	for until := time.Now().Add(20 * time.Second); ; <-time.After(100 * time.Millisecond) {
		got := attempt("203.0.113.1", "bob@there.example")
		if strings.HasPrefix(got, "250 ") {
			break
		}
		if time.Now().After(until) {
			t.Fatal(got)
		}
	}
	if got := attempt("203.0.113.2", "eve@there.example"); !strings.HasPrefix(got, "250 ") {
		t.Errorf("a neighbour: %s", got)
	}
	if got := attempt("198.51.100.1", "carl@far.example"); !strings.HasPrefix(got, "451 ") {
		t.Errorf("a stranger: %s", got)
	}
	if err := submit(h.submitter(t, "submissions"), "anna@example.org", "From: anna@example.org\r\n\r\nhello\r\n", "dora@far.example"); err != nil {
		t.Fatal(err)
	}
	if got := attempt("198.51.100.1", "dora@far.example"); !strings.HasPrefix(got, "250 ") {
		t.Errorf("whom anna has written to: %s", got)
	}
}
