package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// Send says how mail leaves for other hosts: those that the DNS names, if no transport says otherwise.
type Send struct {
	// Name of this server in EHLO; host when it is empty. It must lead to the address that mail is sent from, and that address to it, or others take it for
	// spam.
	Hello string `toml:"hello" restart:"true"`
	// Address of this machine that mail is sent from over IPv4; when it is empty, the machine chooses.
	IPv4 string `toml:"ipv4" restart:"true"`
	// The same over IPv6.
	IPv6 string `toml:"ipv6" restart:"true"`
	// Port of other mail servers. Anything but 25 is for tests.
	Port int `toml:"port" restart:"true"`
	// Networks that the DNS may lead mail to though they are not public, such as "10.0.0.0/8". Otherwise anybody could have this server connect to
	// machines of yours. MTA-STS policies may be fetched from there, too.
	Networks []Network `toml:"networks" restart:"true"`
	// Attempts at a time.
	Concurrent int `toml:"concurrent" restart:"true"`
	// How many of them with one domain, or one host of a transport.
	ConcurrentPerHost int `toml:"concurrent_per_host" restart:"true"`
	// How long is tried, before the sender gets the message back.
	Expire Duration `toml:"expire" restart:"true"`
	// After how long the sender is told that a message is late.
	Warn Duration `toml:"warn" restart:"true"`
	// How long other hosts may take: to let us connect.
	ConnectTimeout Duration `toml:"connect_timeout" restart:"true"`
	// To answer a command. RFC 5321 wants 5 minutes at least. A TLS handshake has as long, and a minute at most.
	CommandTimeout Duration `toml:"command_timeout" restart:"true"`
	// To take a message over once it is sent. RFC 5321 wants 10 minutes at least; less makes doubles.
	MessageTimeout Duration `toml:"message_timeout" restart:"true"`
	// Keep to the MTA-STS policies of other domains. DANE needs no switch: it counts where the resolver validates DNSSEC and is on this machine, or
	// dns.trusted.
	MTASTS bool `toml:"mta_sts" restart:"true"`

	// How many messages an account may send in a day (UTC). 0 is no limit.
	MessagesPerDay int `toml:"messages_per_day" restart:"true"`
	// How many recipients of a day may be people that the account has never written to before: what a stolen password is used for. 0 is no limit.
	StrangersPerDay int `toml:"strangers_per_day" restart:"true"`

	// How long an account cannot write to an address whose host has said twice that it does not exist. 0 lets it go on.
	Suppress Duration `toml:"suppress" restart:"true"`

	Transport []Transport `toml:"transport"`
}

// Transport is how mail for some domains goes. Each [[send.transport]] block is one; they take effect at the next start. Mail for domains of this server stays here whatever they say.
type Transport struct {
	// Domains: "example.org", ".example.org" for all below it, "*" for all that no other block names, which makes this host a smart host. The longest one counts.
	Domains []string `toml:"domains"`
	// Host that takes their mail, "smtp.example.net:587", with port 25 (465 with tls = "implicit") where none is given. When it is empty, it goes to
	// the domains' own hosts, and only tls counts.
	Host string `toml:"host"`
	// What TLS must be like: "verify" with a certificate for the host's name (for the domain's, where neither DNSSEC nor MTA-STS vouches for the host's), "implicit" the same from the first octet, "encrypt" with
	// anybody, "may" where it is offered, "none". When it is empty, it is "verify" for a host with a user and otherwise what the domain promises.
	TLS string `toml:"tls"`
	// Who to log in as. The password is never sent without TLS.
	User string `toml:"user"`
	// File with the password, on its first line.
	PasswordFile string `toml:"password_file"`
}

func defaultSend() Send {
	return Send{
		Port: 25, Networks: []Network{}, Concurrent: 100, ConcurrentPerHost: 10,
		Expire: Duration(5 * 24 * time.Hour), Warn: Duration(4 * time.Hour),
		ConnectTimeout: Duration(30 * time.Second), CommandTimeout: Duration(5 * time.Minute), MessageTimeout: Duration(10 * time.Minute),
		MTASTS: true, MessagesPerDay: 1000, StrangersPerDay: 300, Suppress: Duration(14 * 24 * time.Hour), Transport: []Transport{},
	}
}

// Server is the host and port of a transport; port 0 is the usual one.
func (t *Transport) Server() (host string, port uint16, err error) {
	host = strings.Trim(t.Host, "[]")
	if h, p, serr := net.SplitHostPort(t.Host); serr == nil {
		n, perr := strconv.ParseUint(p, 10, 16)
		if perr != nil {
			return "", 0, fmt.Errorf("%q is no port", p)
		}
		host, port = h, uint16(n)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host, port, nil
	}
	d, err := addr.ParseDomain(host)
	return string(d), port, err
}

func (l *loader) checkSend(c *Config) {
	s := &c.Send
	checkRange(l, "send.port", s.Port, 1, 65535)
	checkRange(l, "send.concurrent", s.Concurrent, 1, 10_000)
	checkRange(l, "send.concurrent_per_host", s.ConcurrentPerHost, 1, 10_000)
	checkRange(l, "send.messages_per_day", s.MessagesPerDay, 0, 1_000_000_000)
	checkRange(l, "send.strangers_per_day", s.StrangersPerDay, 0, 1_000_000_000)
	l.checkTime("send.expire", s.Expire, time.Hour, 100*24*time.Hour)
	l.checkTime("send.warn", s.Warn, time.Minute, 100*24*time.Hour)
	l.checkTime("send.connect_timeout", s.ConnectTimeout, time.Second, 10*time.Minute)
	l.checkTime("send.command_timeout", s.CommandTimeout, time.Second, time.Hour)
	l.checkTime("send.message_timeout", s.MessageTimeout, time.Second, time.Hour)
	if d, err := addr.ParseDomain(s.Hello); s.Hello != "" && (err != nil || d.IsLiteral()) {
		l.fail("send.hello", "%q is not a host name", s.Hello)
	}
	for key, v := range map[string]string{"send.ipv4": s.IPv4, "send.ipv6": s.IPv6} {
		if ip, err := netip.ParseAddr(v); v != "" && (err != nil || ip.Is4() != (key == "send.ipv4")) {
			l.fail(key, "%q is not such an address", v)
		}
	}
	l.checkTransports(s.Transport)
}

func (l *loader) checkTransports(list []Transport) {
	used := make(map[string]bool)
	for i := range list {
		t := &list[i]
		fail := func(format string, args ...any) {
			l.fail("send.transport", "block %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		if len(t.Domains) == 0 {
			fail("names no domains")
		}
		for n, d := range t.Domains {
			p, err := addr.ParseDomain(strings.TrimPrefix(d, "."))
			switch {
			case d != "*" && err != nil:
				fail("%q is not a domain", d)
			case used[d]:
				fail("%q is in another block, too", d)
			case d != "*": // in the form that the DNS has
				t.Domains[n] = d[:len(d)-len(strings.TrimPrefix(d, "."))] + string(p)
			}
			used[d] = true
		}
		if _, _, err := t.Server(); t.Host != "" && err != nil {
			fail("%q is no host: %v", t.Host, err)
		}
		if t.TLS != "" && !slices.Contains([]string{"verify", "implicit", "encrypt", "may", "none"}, t.TLS) {
			fail("tls is %q, and not one of verify, implicit, encrypt, may, none", t.TLS)
		}
		if t.Host == "" && (t.User != "" || t.TLS == "implicit") {
			fail("a user and implicit TLS need a host")
		}
		if (t.User == "") != (t.PasswordFile == "") {
			fail("user and password_file belong together")
		}
		if t.User != "" && (t.TLS == "none" || t.TLS == "may") {
			fail("a password is not sent with tls = %q", t.TLS)
		}
	}
}

func (l *loader) checkTime(key string, v Duration, low, high time.Duration) {
	if d := time.Duration(v); d < low || d > high {
		l.fail(key, "%v is not between %v and %v", v, Duration(low), Duration(high))
	}
}
