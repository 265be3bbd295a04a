// Package dnslist is the grammar of lists that are asked by the DNS (RFC 5782):
// the names that questions lie under, and which answers mean that somebody is
// on a list.
//
// It asks nobody.
package dnslist

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Pattern is a set of answers: of each octet of an IPv4 address, the least and the greatest.
type Pattern [4]struct{ Low, High byte }

// ParsePattern reads "127.0.0.2", "127.0.0.2-11" and "127.0.*.1-3"; all are in 127.0.0.0/8 (RFC 5782 2.1).
func ParsePattern(s string) (Pattern, error) {
	var p Pattern
	octets := strings.Split(s, ".")
	ok := len(octets) == len(p)
	for i := 0; ok && i < len(p); i++ {
		low, high, ranged := strings.Cut(octets[i], "-")
		if !ranged {
			high = low
		}
		if octets[i] == "*" {
			low, high = "0", "255"
		}
		a, err1 := strconv.ParseUint(low, 10, 8)
		b, err2 := strconv.ParseUint(high, 10, 8)
		ok = err1 == nil && err2 == nil && a <= b
		p[i].Low, p[i].High = byte(a), byte(b)
	}
	if !ok || p[0].Low != 127 || p[0].High != 127 {
		return Pattern{}, fmt.Errorf(`%q is not an answer of a list: write "127.0.0.2", "127.0.0.2-11" or "127.0.*.1-3"`, s)
	}
	return p, nil
}

// Has says whether an address is in the set.
func (p Pattern) Has(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	for i, b := range a.As4() {
		if b < p[i].Low || b > p[i].High {
			return false
		}
	}
	return true
}

// Kind is what an answer says.
type Kind int

// Kinds of answers.
const (
	Other    Kind = iota // nothing that is known of: the list does not mean the host
	Listed               // the host is on the list
	Unserved             // the list does not serve who asks, by this way or any more
)

// Of says what an answer means; no patterns are those that a list has unless its keeper says otherwise.
//
// Outside of 127.0.0.0/8 nothing counts: that is what a domain says that was given up, or a resolver that has an answer for everything (RFC 5782 2.1). Spamhaus and
// others say in 127.255.255.0/24 that they do not answer such questions; dnswl.org does in 127.0.0.255 (RFC 8904 5.1). Nothing is listed by 127.0.0.1 (RFC 5782 5).
func Of(answer netip.Addr, patterns []Pattern) Kind {
	answer = answer.Unmap()
	b := answer.As16()
	switch last := [3]byte(b[13:]); {
	case !answer.Is4() || b[12] != 127:
		return Other
	case last[0] == 255 && last[1] == 255, last == [3]byte{0, 0, 255}:
		return Unserved
	case len(patterns) == 0:
		if last == [3]byte{0, 0, 1} {
			return Other
		}
		return Listed
	}
	for _, p := range patterns {
		if p.Has(answer) {
			return Listed
		}
	}
	return Other
}

// Names that no list may have, asked to see whether it has everything (RFC 5782 5).
const (
	notListed4      = "1.0.0.127"
	notListed6      = "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	notListedDomain = "invalid"
)

// NotListed is the name that must not be on a list of a zone.
func NotListed(zone string, domains, v6 bool) string {
	name := notListed4
	switch {
	case domains:
		name = notListedDomain
	case v6:
		name = notListed6
	}
	return name + "." + zone
}
