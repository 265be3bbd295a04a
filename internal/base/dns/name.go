package dns

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

const (
	maxName  = 253 // RFC 1035 2.3.4, without the root
	maxLabel = 63
)

// toASCII maps and checks U-labels as a lookup wants it (RFC 5891 5); what may be in other labels is the DNS's business.
var toASCII = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false))

// Canonical returns a name as records have it: A-labels in lower case, no dot at the end. Labels may hold any visible ASCII but a backslash, which
// presentation gives a meaning: "_25", "*" and what macros of SPF put there. A name that cannot exist is ErrNoName.
func Canonical(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	if len(name) > 4*maxName {
		return "", fmt.Errorf("%w: longer than %d octets", ErrNoName, maxName)
	}
	ascii, visible := true, true
	for i := range len(name) {
		ascii = ascii && name[i] < 0x80
		visible = visible && name[i] > ' ' && name[i] != 0x7f && name[i] != '\\'
	}
	if !visible {
		return "", fmt.Errorf("%w: %q has a character that no name has", ErrNoName, name)
	}
	if !ascii {
		a, err := toASCII.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("%w: %q is not an internationalised name", ErrNoName, name)
		}
		name = strings.TrimSuffix(a, ".")
	}
	if len(name) > maxName {
		return "", fmt.Errorf("%w: longer than %d octets", ErrNoName, maxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel {
			return "", fmt.Errorf("%w: %q has a label that is empty or longer than %d octets", ErrNoName, name, maxLabel)
		}
	}
	return lower(name), nil
}

// lower is for ASCII alone: nothing else has case in the DNS.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// String is the type's name.
func (t Type) String() string {
	switch t {
	case A:
		return "A"
	case NS:
		return "NS"
	case CNAME:
		return "CNAME"
	case SOA:
		return "SOA"
	case PTR:
		return "PTR"
	case MX:
		return "MX"
	case TXT:
		return "TXT"
	case AAAA:
		return "AAAA"
	case SRV:
		return "SRV"
	case TLSA:
		return "TLSA"
	case CAA:
		return "CAA"
	}
	return fmt.Sprintf("TYPE%d", uint16(t))
}
