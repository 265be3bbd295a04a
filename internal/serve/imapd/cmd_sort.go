package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/threading"
	"restante/internal/store"
	"restante/internal/store/columns"
)

// SORT: RFC 5256 3; DISPLAYFROM, DISPLAYTO: RFC 5957; RETURN: RFC 5267 3.
//
//	sort          = ["UID" SP] "SORT" SP sort-criteria SP search-criteria
//	extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria
func cmdSort(s *session, ctx context.Context, tag string, c *imapwire.Sort) (done, error) {
	if err := s.checkUpdate(tag, &c.Search); err != nil {
		return done{}, err
	}
	found, modSeq, err := s.search(ctx, s.sel, &c.Search)
	if err == nil {
		err = s.sort(ctx, &found, c.Criteria)
	}
	if err != nil {
		return done{}, s.notSaved(&c.Search, err)
	}
	s.answer(tag, &c.Search, found, modSeq)
	return s.keepUpdated(tag, &c.Search, c.Criteria, found), nil
}

// maxCriteria bounds what there is to sort by. There are ten keys, and a second time each changes nothing.
const maxCriteria = 32

// sort puts results into an order. Those that are alike stay in the order of the mailbox (RFC 5256 3).
func (s *session) sort(ctx context.Context, found *results, criteria []imapwire.SortCriterion) error {
	if len(criteria) > maxCriteria {
		return no(imapwire.CodeLimit, "too many sort criteria")
	}
	list := gather(found)
	if err := list.look(ctx, s, criteria); err != nil {
		return err
	}
	order, keys := threading.NewOrder(len(list.entries)), make([]uint64, len(list.entries))
	for i := len(criteria) - 1; i >= 0; i-- {
		list.keys(keys, criteria[i])
		order.SortBy(keys)
	}
	found.sorted = true
	found.places, found.entries = make([]uint32, len(order)), make([]*store.Entry, len(order))
	for i, at := range order {
		found.places[i], found.entries[i] = list.places[at], list.entries[at]
	}
	return nil
}

// sortList is messages in the order of the mailbox, and what they are sorted or threaded by.
type sortList struct {
	places  []uint32
	entries []*store.Entry
	columns *columns.Look // nil when entries are enough
	scores  []uint8       // by place; see results
}

func gather(found *results) sortList {
	n := found.len()
	l := sortList{scores: found.scores, places: make([]uint32, 0, n), entries: make([]*store.Entry, 0, n)}
	for at, e := range found.each() {
		l.places, l.entries = append(l.places, uint32(at)), append(l.entries, e)
	}
	return l
}

// look reads what the criteria need.
func (l *sortList) look(ctx context.Context, s *session, criteria []imapwire.SortCriterion) error {
	want := columns.Want{By: s.collation}
	header := false
	for _, by := range criteria {
		if by.Key != imapwire.SortArrival && by.Key != imapwire.SortSize && by.Key != imapwire.SortRelevancy {
			header, want.Texts = true, want.Texts || by.Key != imapwire.SortDate
		}
	}
	if !header {
		return nil
	}
	return l.read(ctx, s, want)
}

func (l *sortList) read(ctx context.Context, s *session, want columns.Want) (err error) {
	ids := make([]store.MessageID, len(l.entries))
	for i, e := range l.entries {
		ids[i] = e.Message
	}
	l.columns, err = s.srv.columns.Look(ctx, s.sel.account, ids, want)
	return err
}

// keys puts the key of each message into keys: the smaller, the earlier in the order.
func (l *sortList) keys(keys []uint64, by imapwire.SortCriterion) {
	switch by.Key {
	case imapwire.SortArrival:
		for i, e := range l.entries {
			keys[i] = threading.Key(arrival(e))
		}
	case imapwire.SortSize:
		for i, e := range l.entries {
			keys[i] = e.Size
		}
	case imapwire.SortRelevancy: // RFC 6203 6: the highest first
		for i, at := range l.places {
			keys[i] = uint64(^l.scores[at])
		}
	case imapwire.SortDate:
		for i := range keys {
			keys[i] = threading.Key(l.sent(i))
		}
	default:
		text := sortText(by.Key)
		for i := range keys {
			keys[i] = uint64(l.columns.Rank(text, i))
		}
	}
	if by.Reverse {
		for i := range keys {
			keys[i] = ^keys[i]
		}
	}
}

// arrival is the internal date to the second, which is all that clients see of it.
func arrival(e *store.Entry) int64 { return floorDiv(e.Internal, 1000) }

// sent is the sent date; without one the internal date counts (RFC 5256 2.2).
func (l *sortList) sent(i int) int64 {
	if sent, ok := l.columns.Sent(i); ok {
		return sent
	}
	return arrival(l.entries[i])
}

// sortText is the column of a sort key that is a text.
func sortText(key imapwire.SortKey) columns.Text {
	switch key {
	case imapwire.SortFrom:
		return columns.From
	case imapwire.SortTo:
		return columns.To
	case imapwire.SortCc:
		return columns.Cc
	case imapwire.SortDisplayFrom:
		return columns.DisplayFrom
	case imapwire.SortDisplayTo:
		return columns.DisplayTo
	}
	return columns.Subject
}
