package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/threading"
	"restante/internal/store/columns"
)

// THREAD: RFC 5256 3; REFS: draft-ietf-morg-inthread-01 4.
//
//	thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
func cmdThread(s *session, ctx context.Context, c *imapwire.Thread) (done, error) {
	by := threader(c.Algorithm)
	if by == nil {
		return done{}, badCommand("unknown threading algorithm")
	}
	found, _, err := s.search(ctx, s.sel, &c.Search)
	if err != nil {
		return done{}, err
	}
	list := gather(&found)
	if err := list.read(ctx, s, columns.Want{Texts: true, By: s.collation}); err != nil {
		return done{}, err
	}
	threads := by(list.messages(), list.columns.IDs())
	nodes := make([]imapwire.ThreadNode, len(threads))
	for i, n := range threads {
		nodes[i].Children = n.Children
		switch {
		case n.Place == threading.Dummy:
		case c.UID:
			nodes[i].Number = uint32(list.entries[n.Place].UID)
		default:
			nodes[i].Number = list.places[n.Place] + 1
		}
	}
	s.out().Thread(nodes)
	return done{}, nil
}

// threader is the algorithm of that name, or nil.
func threader(name string) func([]threading.Message, uint32) threading.Threads {
	switch name {
	case "ORDEREDSUBJECT":
		return func(msgs []threading.Message, _ uint32) threading.Threads { return threading.OrderedSubject(msgs) }
	case "REFERENCES":
		return threading.References
	case "REFS":
		return threading.Refs
	}
	return nil
}

// messages are what threading looks at.
func (l *sortList) messages() []threading.Message {
	msgs := make([]threading.Message, len(l.entries))
	for i, e := range l.entries {
		msgs[i] = threading.Message{
			ID: l.columns.ID(i), Reply: l.columns.IsReply(i), Subject: l.columns.Rank(columns.Subject, i), Refs: l.columns.Refs(i),
			Sent: l.sent(i), Arrived: arrival(e),
		}
	}
	return msgs
}
