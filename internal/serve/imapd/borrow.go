package imapd

import (
	"context"

	"restante/internal/store"
)

// borrow opens another's account for the command at hand: after it the account is closed, unless a mailbox in it is selected. The session's
// own is what it is.
func (s *session) borrow(ctx context.Context, id store.AccountID) (*store.Account, error) {
	if id == s.who.Account {
		return s.account, nil
	}
	for _, a := range s.borrowed {
		if a.ID() == id {
			return a, nil
		}
	}
	a, err := s.srv.opts.Store.Account(ctx, id)
	if err != nil {
		return nil, err
	}
	s.borrowed = append(s.borrowed, a)
	return a, nil
}

// giveBack closes what was borrowed and is not needed any more.
func (s *session) giveBack() {
	kept := s.borrowed[:0]
	for _, a := range s.borrowed {
		if s.sel != nil && s.sel.account == a {
			kept = append(kept, a)
			continue
		}
		a.Close()
	}
	clear(s.borrowed[len(kept):])
	s.borrowed = kept
}
