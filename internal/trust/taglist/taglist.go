// Package taglist reads lists of tags, "v=1; a=rsa-sha256", as the fields and
// records of DKIM, ARC and DMARC have them (RFC 6376 3.2).
//
// It takes anything, keeps order and says where each value stood; what a tag
// means is its user's business.
package taglist

import (
	"errors"
	"strings"
)

// MaxTags bounds a list; no field or record has half as many tags.
const MaxTags = 64

// ErrSyntax says that a text is no list of tags.
var ErrSyntax = errors.New("taglist: not a list of tags")

// Tag is one of a list. Value has no white space around it, but may have some inside; its raw place in the text, with all white space after
// the "=", is [From, To).
type Tag struct {
	Name, Value string
	From, To    int
}

// List is a list of tags whose names differ.
type List []Tag

// Parse reads a list. A name that stands twice makes it none (RFC 6376 3.2), as do more than MaxTags.
func Parse(s string) (List, error) {
	list := make(List, 0, 12)
	for at := 0; at <= len(s); {
		end := len(s)
		if i := strings.IndexByte(s[at:], ';'); i >= 0 {
			end = at + i
		}
		part := s[at:end]
		name, value, ok := strings.Cut(part, "=")
		switch name := strings.Trim(name, space); {
		case !ok && name == "":
			if end < len(s) {
				return nil, ErrSyntax // only the last semicolon may have nothing behind it
			}
		case !ok, !isName(name), len(list) == MaxTags:
			return nil, ErrSyntax
		default:
			if _, twice := list.Get(name); twice {
				return nil, ErrSyntax
			}
			list = append(list, Tag{Name: name, Value: strings.Trim(value, space), From: end - len(value), To: end})
		}
		at = end + 1
	}
	return list, nil
}

const space = " \t\r\n"

// isName is tag-name: ALPHA *ALNUMPUNC.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || (s[i] < '0' || s[i] > '9') && s[i] != '_') {
			return false
		}
	}
	return s != ""
}

// Get returns the tag of a name; names are case-sensitive.
func (l List) Get(name string) (Tag, bool) {
	for _, t := range l {
		if t.Name == name {
			return t, true
		}
	}
	return Tag{}, false
}

// Value is that of a tag, "" where there is none.
func (l List) Value(name string) string {
	t, _ := l.Get(name)
	return t.Value
}

// Bare is the value of a tag without the white space that folding may have put into it.
func (l List) Bare(name string) string { return Bare(l.Value(name)) }

// Bare is a text without white space.
func Bare(s string) string {
	if !strings.ContainsAny(s, space) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(space, r) {
			return -1
		}
		return r
	}, s)
}
