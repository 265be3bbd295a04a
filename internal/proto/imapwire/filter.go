package imapwire

import (
	"bufio"
	"strings"
)

// SearchFilter stands for the program that is kept under that name (RFC 5466 3.1). Case of letters does not count.
type SearchFilter struct{ Name string }

func (k SearchFilter) appendKey(_ wire, b []byte) []byte {
	return append(append(b, "FILTER "...), k.Name...)
}

// CodeUndefinedFilter is UNDEFINED-FILTER with the name (RFC 5466 3.1).
func CodeUndefinedFilter(name string) Code { return Code("UNDEFINED-FILTER " + name) }

// FilterName says whether a filter can have that name.
//
//	filter-name = 1*<any ATOM-CHAR except "/">
func FilterName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isAtomChar(c) || c == '/' {
			return false
		}
	}
	return name != "" && len(name) <= maxEntry
}

// filterKey reads SP filter-name.
func (d *Decoder) filterKey() (SearchKey, bool) {
	if !d.sp() {
		return nil, false
	}
	name, ok := d.atom("the name of a filter")
	if ok && !FilterName(name) {
		return nil, d.fail("no filter can have that name")
	}
	return SearchFilter{name}, ok
}

// ParseSearchKey reads a search program that is kept somewhere: search-key *(SP search-key), in UTF-8. Literals in it are as clients send
// them. The error is an [*Error].
func ParseSearchKey(text string) (SearchKey, error) {
	d := NewDecoder(bufio.NewReaderSize(strings.NewReader(text+"\r\n"), 512), Options{Continue: func() error { return nil }})
	d.SetUTF8(true)
	d.begin()
	if !d.readLine() || d.cut {
		return nil, syntaxError("the program is too long")
	}
	var c Search
	d.searchKeys(&c, d.searchWord())
	if !d.end() {
		if e, ok := d.err.(*Error); ok {
			return nil, e
		}
		return nil, syntaxError("the program is cut off")
	}
	if d.r.Buffered() > 0 {
		return nil, syntaxError("the program is more than one line")
	}
	return c.Key, nil
}

// HasFilter says whether there is a SearchFilter in a program.
func HasFilter(key SearchKey) bool {
	found := false
	_, _ = MapFilters(key, func(name string) (SearchKey, error) {
		found = true
		return SearchFilter{name}, nil
	})
	return found
}

// MapFilters replaces each SearchFilter in a program by what f makes of it. It stops at the first error and returns it.
func MapFilters(key SearchKey, f func(name string) (SearchKey, error)) (SearchKey, error) {
	var err error
	switch k := key.(type) {
	case SearchFilter:
		return f(k.Name)
	case SearchNot:
		k.Key, err = MapFilters(k.Key, f)
		return k, err
	case SearchFuzzy:
		k.Key, err = MapFilters(k.Key, f)
		return k, err
	case SearchOr:
		if k.A, err = MapFilters(k.A, f); err == nil {
			k.B, err = MapFilters(k.B, f)
		}
		return k, err
	case SearchAnd:
		out := make(SearchAnd, len(k))
		for i := range k {
			if out[i], err = MapFilters(k[i], f); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return key, nil
}
