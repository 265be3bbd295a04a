package addr

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MaxDomain is the longest domain in octets, in A-label form: what fits into a
// DNS name (RFC 1035 2.3.4). RFC 5321 4.5.3.1.2 says 255 and counts the same
// name with its length octets.
const MaxDomain = 253

// maxLabel is the longest label of a domain name (RFC 1035 2.3.4).
const maxLabel = 63

// ErrDomain means that a text is neither a domain name nor an address literal.
var ErrDomain = errors.New("bad domain")

// Domain is the part of a mailbox after the "@" in canonical form: a domain
// name in lower case with A-labels, or an address literal in brackets. Equal
// domains are equal strings. The zero value is no domain.
type Domain string

// ParseDomain reads a domain name (A-labels, U-labels, or both) or an address
// literal, and returns its canonical form. A final dot is refused: RFC 5321
// names have none. The error wraps [ErrDomain].
//
// deviates: RFC 5321 4.1.2 allows no underscore in a domain name. Real senders
// use it, Postfix, Exim and Sendmail take it, and their mail would be lost.
func ParseDomain(s string) (Domain, error) {
	if strings.HasPrefix(s, "[") {
		return parseLiteral(s)
	}
	if len(s) > 4*MaxDomain {
		return "", fmt.Errorf("%w: longer than %d octets", ErrDomain, MaxDomain)
	}
	if !isASCII(s) {
		a, err := toASCII.ToASCII(s)
		if err != nil || !utf8.ValidString(s) {
			return "", fmt.Errorf("%w: not an internationalised name", ErrDomain)
		}
		s = a
	}
	if err := checkName(s); err != nil {
		return "", err
	}
	return Domain(lower(s)), nil
}

// toASCII maps (letter case, width, composition) and checks as UTS 46 does for
// a lookup (RFC 5891 5); the ASCII rules are checkName's.
var toASCII = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.StrictDomainName(false),
)

// checkName obeys RFC 5321 4.1.2:
//
//	Domain     = sub-domain *("." sub-domain)
//	sub-domain = Let-dig [Ldh-str]
func checkName(s string) error {
	if s == "" {
		return fmt.Errorf("%w: empty", ErrDomain)
	}
	if len(s) > MaxDomain {
		return fmt.Errorf("%w: longer than %d octets", ErrDomain, MaxDomain)
	}
	for label := range strings.SplitSeq(s, ".") {
		switch {
		case label == "":
			return fmt.Errorf("%w: empty label", ErrDomain)
		case len(label) > maxLabel:
			return fmt.Errorf("%w: label longer than %d octets", ErrDomain, maxLabel)
		case label[0] == '-' || label[len(label)-1] == '-':
			return fmt.Errorf("%w: hyphen at the edge of a label", ErrDomain)
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' && c != '_' {
				return fmt.Errorf("%w: character %q", ErrDomain, label[i:i+1])
			}
		}
	}
	return nil
}

// Unicode returns d for people to read: A-labels become U-labels where that can
// be undone exactly, and stay as they are where it cannot.
func (d Domain) Unicode() string {
	s := string(d)
	if !strings.Contains(s, "xn--") || d.IsLiteral() {
		return s
	}
	u, err := toASCII.ToUnicode(s)
	if err != nil {
		return s
	}
	if back, err := toASCII.ToASCII(u); err != nil || back != s {
		return s
	}
	return u
}

// IsLiteral says whether d is an address literal, such as "[192.0.2.1]".
func (d Domain) IsLiteral() bool { return strings.HasPrefix(string(d), "[") }

// IP returns the address in an IPv4 or IPv6 literal.
func (d Domain) IP() (netip.Addr, bool) {
	s, ok := strings.CutPrefix(string(d), "[")
	if !ok {
		return netip.Addr{}, false
	}
	s, is6 := strings.CutPrefix(strings.TrimSuffix(s, "]"), ipv6Tag)
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Is6() != is6 {
		return netip.Addr{}, false
	}
	return ip, true
}

// Literal returns the domain that names ip (RFC 5321 4.1.3), without its zone.
func Literal(ip netip.Addr) Domain {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return Domain("[" + ip.String() + "]")
	}
	return Domain("[" + ipv6Tag + ip.String() + "]")
}

const ipv6Tag = "IPv6:"

// parseLiteral obeys RFC 5321 4.1.3:
//
//	address-literal         = "[" ( IPv4-address-literal / IPv6-address-literal /
//	                          General-address-literal ) "]"
//	General-address-literal = Standardized-tag ":" 1*dcontent
func parseLiteral(s string) (Domain, error) {
	in, ok := strings.CutSuffix(s[1:], "]")
	if !ok || in == "" || len(s) > MaxDomain {
		return "", fmt.Errorf("%w: address literal", ErrDomain)
	}
	tag, rest, tagged := strings.Cut(in, ":")
	if !tagged {
		ip, err := netip.ParseAddr(in)
		if err != nil || !ip.Is4() {
			return "", fmt.Errorf("%w: IPv4 address literal", ErrDomain)
		}
		return Literal(ip), nil
	}
	if strings.EqualFold(tag, "IPv6") {
		ip, err := netip.ParseAddr(rest)
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", fmt.Errorf("%w: IPv6 address literal", ErrDomain)
		}
		// Not unmapped: [IPv6:::ffff:192.0.2.1] is what the sender wrote.
		return Domain("[" + ipv6Tag + ip.String() + "]"), nil
	}
	if !isLdh(tag) {
		return "", fmt.Errorf("%w: tag of an address literal", ErrDomain)
	}
	if rest == "" {
		return "", fmt.Errorf("%w: empty address literal", ErrDomain)
	}
	for i := range len(rest) { // dcontent = %d33-90 / %d94-126
		if c := rest[i]; c <= ' ' || c >= 0x7f || c >= '[' && c <= ']' {
			return "", fmt.Errorf("%w: character %q in an address literal", ErrDomain, rest[i:i+1])
		}
	}
	return Domain("[" + lower(tag) + ":" + rest + "]"), nil
}

// isLdh obeys Ldh-str = *( ALPHA / DIGIT / "-" ) Let-dig.
func isLdh(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return s != "" && s[len(s)-1] != '-'
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lower is strings.ToLower for ASCII: no other letter may change in a name.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return strings.Map(func(r rune) rune {
				if r >= 'A' && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, s)
		}
	}
	return s
}
