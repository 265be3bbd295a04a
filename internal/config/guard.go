package config

import (
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/dnslist"
)

// Guard says how strangers are met who bring mail by SMTP, before their message is looked at (docs/operators/strangers.md). This machine, those who have
// logged in, LMTP, check.forwarders and guard.allow are never bothered.
type Guard struct {
	// What the name that a client greets with must be like. "sane" refuses what is no name or address at all, and clients that call themselves by this
	// server's own name or address; "strict" also names without a dot, "localhost", and addresses without brackets; "off" takes anything. That the name
	// leads nowhere in the DNS is never a reason.
	Hello string `toml:"hello" restart:"true"`
	// How long the greeting waits. Programs that talk before it do not speak SMTP, but shout it; they are refused. "0s" does not wait.
	GreetDelay Duration `toml:"greet_delay" restart:"true"`
	// Networks that are never bothered, such as "192.0.2.0/28".
	Allow []Network `toml:"allow" restart:"true"`
	// Names of hosts, as the DNS has them both ways, whose greetings are not looked at, and who are not looked up in lists or greylisted: "mail.example.org",
	// or ".example.org" for all below it.
	AllowNames []string `toml:"allow_names" restart:"true"`

	// Connections in a minute from one address (of IPv6, one /64). Here and in the four keys below, 0 is no limit, and the addresses of one network (IPv4
	// /24, IPv6 /48) may have four times as much together. Who is beyond is told to come again later.
	Connections int `toml:"connections" restart:"true"`
	// Messages in a minute from one address.
	Messages int `toml:"messages" restart:"true"`
	// Recipients in a minute from one address.
	Recipients int `toml:"recipients" restart:"true"`
	// Recipients in an hour, from one address, that do not exist here: who tries names to see which are there has many of them.
	Unknown int `toml:"unknown_recipients" restart:"true"`
	// Commands in an hour, from one address, that were refused.
	Errors int `toml:"errors" restart:"true"`

	// Weight of all lists together ([[guard.list]]) from which on mail is refused. 0 is never.
	Refuse int `toml:"refuse" restart:"true"`
	// Weight from which on it goes to Junk. 0 is never.
	Junk int `toml:"junk" restart:"true"`
	// How long lists may take to answer, all together. Those that have not by then say nothing.
	Time Duration `toml:"time" restart:"true"`

	// Refuse strangers' mail for the first time, for now: mail servers come again, most of those who send spam do not. It delays mail of those who have never
	// written before.
	Greylist bool `toml:"greylist" restart:"true"`
	// How long they have to wait at least. They have a day to come again.
	GreylistDelay Duration `toml:"greylist_delay" restart:"true"`
	// How long those who have come again are remembered after their last mail.
	GreylistKeep Duration `toml:"greylist_keep" restart:"true"`

	List []GuardList `toml:"list"`
}

// GuardList is a list in the DNS of those who send spam, or of those who do not (DNSBL, DNSWL). Each [[guard.list]] block is one; they take effect at the
// next start. There is none by default: each has rules for who may ask it, and most do not answer through public resolvers.
type GuardList struct {
	// Where it is: "zen.spamhaus.org".
	Zone string `toml:"zone"`
	// What it is of: "address" of the client, which is also meant when it is empty, or "domain": of the sender, and of what the client calls itself.
	Of string `toml:"of"`
	// Who is on it is let in, whatever other lists say and it greets with, and is not greylisted.
	Allow bool `toml:"allow"`
	// What it counts for those who are on it; 10 when it is 0. With guard.refuse = 10, that is enough.
	Weight int `toml:"weight"`
	// Which answers count: "127.0.0.2", "127.0.0.2-11", "127.0.*.1-3". When it is empty, all in 127.0.0.0/8 but those that only speak of the question
	// (127.0.0.1, 127.0.0.255, 127.255.255.*); of lists that allow, "127.0.*.1-3".
	Answers []string `toml:"answers"`
}

func defaultGuard() Guard {
	return Guard{
		Hello: "sane", GreetDelay: Duration(time.Second), Allow: []Network{}, AllowNames: []string{},
		Connections: 60, Messages: 200, Recipients: 1000, Unknown: 100, Errors: 200,
		Refuse: 10, Junk: 5, Time: Duration(3 * time.Second),
		GreylistDelay: Duration(time.Minute), GreylistKeep: Duration(36 * 24 * time.Hour), List: []GuardList{},
	}
}

func (l *loader) checkGuard(c *Guard) {
	l.checkWord("guard.hello", c.Hello, "off", "sane", "strict")
	for key, n := range map[string]int{
		"connections": c.Connections, "messages": c.Messages, "recipients": c.Recipients, "unknown_recipients": c.Unknown, "errors": c.Errors,
	} {
		checkRange(l, "guard."+key, n, 0, 1_000_000)
	}
	checkRange(l, "guard.refuse", c.Refuse, 0, 1_000_000)
	checkRange(l, "guard.junk", c.Junk, 0, 1_000_000)
	l.checkTime("guard.time", c.Time, time.Second, 30*time.Second)
	l.checkTime("guard.greylist_delay", c.GreylistDelay, time.Second, 12*time.Hour)
	l.checkTime("guard.greylist_keep", c.GreylistKeep, 7*24*time.Hour, 400*24*time.Hour) // RFC 6647 5 (3): a week at least
	l.checkTime("guard.greet_delay", c.GreetDelay, 0, time.Minute)
	for _, n := range c.Allow {
		if n.Prefix().Bits() == 0 {
			l.fail("guard.allow", "%q is everybody: switch off what is too much instead", n)
		}
	}
	for _, name := range c.AllowNames {
		if d, err := addr.ParseDomain(strings.TrimPrefix(name, ".")); err != nil || d.IsLiteral() || isIP(name) {
			l.fail("guard.allow_names", "%q is not the name of a host: networks go into guard.allow", name)
		}
	}
	zones := make(map[string]bool)
	for i, list := range c.List {
		if d, err := addr.ParseDomain(list.Zone); err != nil || d.IsLiteral() {
			l.fail("guard.list", "block %d: %q is not a zone, such as zone = \"zen.spamhaus.org\"", i+1, list.Zone)
		}
		if key := list.Zone + " " + list.Of; zones[key] {
			l.fail("guard.list", "block %d: %q is in another block, too", i+1, list.Zone)
		} else {
			zones[key] = true
		}
		if list.Of != "" && list.Of != "address" && list.Of != "domain" {
			l.fail("guard.list", `block %d: of is %q, and neither "address" nor "domain"`, i+1, list.Of)
		}
		if list.Allow && list.Of == "domain" {
			l.fail("guard.list", "block %d: anybody can write any domain, so a list of domains lets nobody in", i+1)
		}
		if list.Weight < 0 || list.Weight > 1_000_000 {
			l.fail("guard.list", "block %d: weight is %d, and not between 0 and 1000000: a list that speaks for its hosts has allow = true", i+1, list.Weight)
		}
		for _, a := range list.Answers {
			if _, err := dnslist.ParsePattern(a); err != nil {
				l.fail("guard.list", "block %d: %v", i+1, err)
			}
		}
	}
}
