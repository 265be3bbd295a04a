package addr

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxLocal is the longest local part in octets, without quoting. RFC 5321
// 4.5.3.1.1 asks for 64 at least; VERP, BATV and SRS make longer ones every day.
const MaxLocal = 256

// Errors that [Parse] and [ParsePath] wrap, beside [ErrDomain].
var (
	ErrLocal = errors.New("bad local part")
	ErrPath  = errors.New("bad address")
)

// Address is a mailbox. The zero value is no mailbox, and in a reverse-path the
// null one, "<>". Addresses are comparable; see [Address.Key] for equality as
// the owner of a local domain means it.
type Address struct {
	// Local is the local part without quoting: octets of valid UTF-8 without
	// control characters, as they were sent.
	Local string
	// Domain is empty only in the zero value and for <Postmaster>, the one
	// mailbox that has no domain (RFC 5321 4.1.1.3).
	Domain Domain
}

// Parse reads a whole mailbox:
//
//	Mailbox = Local-part "@" ( Domain / address-literal )
//
// UTF-8 is taken anywhere RFC 6531 3.3 allows it; whether it was permitted in
// this place is for the caller to say.
func Parse(s string) (Address, error) {
	a, rest, err := parseMailbox(s)
	if err == nil && rest != "" {
		err = fmt.Errorf("%w: text after the mailbox", ErrPath)
	}
	if err != nil {
		return Address{}, err
	}
	return a, nil
}

// New returns the address made of an unquoted local part and a domain.
func New(local, domain string) (Address, error) {
	if err := checkLocal(local); err != nil {
		return Address{}, err
	}
	d, err := ParseDomain(domain)
	if err != nil {
		return Address{}, err
	}
	return Address{Local: local, Domain: d}, nil
}

// IsZero says whether a is no mailbox: the null reverse-path.
func (a Address) IsZero() bool { return a == Address{} }

// String returns the mailbox as RFC 5321 wants it sent: the local part with the
// least quoting that is possible (4.1.2), the domain in canonical form. It is
// empty for the zero value. Parse(a.String()) is a.
func (a Address) String() string { return a.with(string(a.Domain)) }

// Unicode returns the mailbox for people to read, its domain with U-labels.
func (a Address) Unicode() string { return a.with(a.Domain.Unicode()) }

func (a Address) with(domain string) string {
	if a.Domain == "" {
		return quoteLocal(a.Local)
	}
	return quoteLocal(a.Local) + "@" + domain
}

// Path returns "<" a.String() ">"; "<>" for the zero value.
func (a Address) Path() string { return "<" + a.String() + ">" }

// NeedsUTF8 says whether a can only be sent where SMTPUTF8 is offered: its
// local part has characters outside ASCII (a domain never does).
func (a Address) NeedsUTF8() bool { return !isASCII(a.Local) }

// Key returns the text that is equal for two addresses of one local mailbox:
// letter case is folded and Unicode composed (NFC) in the local part. It is not
// an address to send to; only hosts that own the domain may compare like this.
func (a Address) Key() string { return Fold(a.Local) + "@" + string(a.Domain) }

// Fold returns the comparison form of a local part or login name: letters in
// lower case, Unicode composed (NFC), as the usernames of RFC 8265 3.3 are
// prepared. Letters that only upper case makes equal are equal (final sigma),
// sharp s is not "ss". Fold(Fold(s)) is Fold(s).
//
// Not cases.Fold of x/text: it swaps the two cases of Cherokee letters.
func Fold(s string) string {
	if isASCII(s) {
		return lower(s)
	}
	// Decomposed first: dotted capital I is then an I and its dot, and marks are
	// in canonical order before one of them (U+0345) becomes a letter.
	return norm.NFC.String(strings.Map(foldRune, norm.NFD.String(s)))
}

func foldRune(r rune) rune {
	if unicode.SimpleFold(r) == r {
		return r // also for dotless i, which is not an i
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// Detail splits a subaddress (RFC 5233 1): with separator "+" the local part of
// user+lists is user with detail "lists", true. Without a separator, or with an
// empty user before it, a comes back as it is, false. An empty sep never splits.
func (a Address) Detail(sep string) (base Address, detail string, ok bool) {
	if sep == "" {
		return a, "", false
	}
	user, detail, ok := strings.Cut(a.Local, sep)
	if !ok || user == "" {
		return a, "", false
	}
	return Address{Local: user, Domain: a.Domain}, detail, true
}

// checkLocal says whether s can be a local part at all, quoted if need be.
//
// deviates: RFC 5321 lets "" stand as a quoted local part. Nobody has such a
// mailbox, and an empty Local is how the zero value is known.
func checkLocal(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: empty", ErrLocal)
	case len(s) > MaxLocal:
		return fmt.Errorf("%w: longer than %d octets", ErrLocal, MaxLocal)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: not UTF-8", ErrLocal)
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: control character", ErrLocal)
		}
	}
	return nil
}

// isAtext obeys RFC 5322 3.2.3, with the UTF-8 of RFC 6531 3.3.
func isAtext(c byte) bool {
	return isAlnum(c) || c >= utf8.RuneSelf || strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// isDotString obeys Dot-string = Atom *("." Atom).
func isDotString(s string) bool {
	atom := false
	for i := range len(s) {
		switch c := s[i]; {
		case isAtext(c):
			atom = true
		case c == '.' && atom:
			atom = false
		default:
			return false
		}
	}
	return atom
}

// quoteLocal returns s, or s as a Quoted-string where it is no Dot-string.
func quoteLocal(s string) string {
	if s == "" || isDotString(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}
