package imapd

import (
	"context"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// located is a mailbox and the account that it is in.
type located struct {
	account *store.Account // the session's own; whoever opened it closes it
	box     *store.MailboxView
}

// locate finds the mailbox that a name stands for, as it is now, and that messages can be in.
func (s *session) locate(_ context.Context, name imapwire.Mailbox) (located, error) {
	// Thunderbird puts a separator behind a name.
	box, err := s.account.View().Lookup(strings.TrimSuffix(string(name), store.Separator))
	if err == nil && box.NoSelect() {
		err = store.ErrNoSelect
	}
	if err != nil {
		return located{}, err
	}
	return located{s.account, box}, nil
}
