package imapd

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"restante/internal/proto/imapwire"
)

// A filter is a search program with a name, kept as an annotation of the server: the user's own under /private/filters/values/NAME, the
// operator's under /shared/filters/values/NAME (RFC 5466).

// Bounds of the filters in one search. RFC 5466 3.1 wants three passes at least.
const (
	maxFilterDepth = 10
	maxFilterUses  = 100
)

// checkFilter says whether a filter can be kept under that name (RFC 5466 3.2).
func checkFilter(name, value string) error {
	if !imapwire.FilterName(name) {
		return badCommand("no filter can have that name")
	}
	if !utf8.ValidString(value) {
		return no(imapwire.CodeCannot, "a filter is UTF-8")
	}
	if _, err := imapwire.ParseSearchKey(value); err != nil {
		return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeCannot, Text: "the filter is no search program: " + reply(err).Text, Err: err}
	}
	return nil
}

// CheckMetadata says what is wrong with the shared annotations of a server.
func CheckMetadata(list map[string]string) error {
	for entry, value := range list {
		name, ok := imapwire.EntryName(entry)
		rest, shared := strings.CutPrefix(name, scopeShared+"/")
		if !ok || !shared || name != entry {
			return fmt.Errorf("%q is no shared entry in lower case", entry)
		}
		if filter, ok := strings.CutPrefix("/"+rest, filterValues); ok {
			if err := checkFilter(filter, value); err != nil {
				return fmt.Errorf("%s: %w", entry, err)
			}
		}
	}
	return nil
}

// filter is the program of that name: the user's own, or else the server's (RFC 5466 3.1).
func (s *session) filter(name string) (imapwire.SearchKey, error) {
	entry := filterValues + strings.ToLower(name)
	value, ok := "", false
	if n := s.account.View().Annotation(0, s.who.Account, entry); n != nil {
		value, ok = string(n.Value), true
	} else {
		value, ok = s.srv.opts.Metadata[scopeShared+entry]
	}
	if !ok {
		return nil, errNoFilter(name)
	}
	key, err := imapwire.ParseSearchKey(value)
	if err != nil {
		return nil, errNoFilter(name)
	}
	return key, nil
}

// errNoFilter is the reply where a filter is not there, or goes round in circles (RFC 5466 3.1).
func errNoFilter(name string) error {
	return no(imapwire.CodeUndefinedFilter(name), "there is no such filter")
}

// filtering puts programs in the place of the filters of one search.
type filtering struct {
	s    *session
	uses int
}

// expandFilters puts programs in the place of filters. Their texts are UTF-8, whatever the command's charset, which must be that then.
func (s *session) expandFilters(c *imapwire.Search) error {
	if !imapwire.HasFilter(c.Key) {
		return nil
	}
	if c.Charset != "" && c.Charset != "UTF-8" && c.Charset != "US-ASCII" {
		return &imapwire.Error{Status: imapwire.BAD, Code: imapwire.CodeBadCharset("UTF-8", "US-ASCII"), Text: "FILTER goes with UTF-8"}
	}
	f := filtering{s: s}
	key, err := f.expand(c.Key, 0)
	if err == nil {
		c.Key = key
	}
	return err
}

func (f *filtering) expand(key imapwire.SearchKey, depth int) (imapwire.SearchKey, error) {
	return imapwire.MapFilters(key, func(name string) (imapwire.SearchKey, error) {
		if f.uses++; depth >= maxFilterDepth || f.uses > maxFilterUses {
			return nil, errNoFilter(name)
		}
		key, err := f.s.filter(name)
		if err != nil {
			return nil, err
		}
		return f.expand(key, depth+1)
	})
}
