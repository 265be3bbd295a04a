package imapd

import (
	"context"
	"slices"

	"restante/internal/proto/collation"
	"restante/internal/proto/imapwire"
)

// COMPARATOR: RFC 5255 4.7. The first argument that names a comparator wins; all that match are told.
//
//	comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)
func cmdComparator(s *session, _ context.Context, c *imapwire.Comparator) (done, error) {
	var matched []collation.Collation
	for _, pattern := range c.Order {
		for _, found := range collation.Match(pattern) {
			if !slices.Contains(matched, found) {
				matched = append(matched, found)
			}
		}
	}
	if len(c.Order) > 0 {
		if len(matched) == 0 {
			return done{}, no(imapwire.CodeBadComparator, "there is no such comparator")
		}
		s.collation = matched[0]
	}
	var names []string
	for _, m := range matched {
		names = append(names, m.String())
	}
	s.out().Comparator(s.collation.String(), names)
	return done{}, nil
}
