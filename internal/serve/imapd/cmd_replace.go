package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// REPLACE: RFC 8508. The new message comes and the old one goes in one transaction, and of the quota only the difference counts.
//
//	replace = "REPLACE" SP seq-number SP mailbox append-message
//
// APPENDUID comes before EXISTS and EXPUNGE, which are the dispatcher's (RFC 8508 4.3).
func cmdReplace(s *session, ctx context.Context, c *imapwire.Replace) (done, error) {
	if s.sel.readOnly {
		return done{}, errReadOnly()
	}
	if err := store.Permit(s.sel.rights, store.RightMark|store.RightExpunge); err != nil { // RFC 8508 4.1
		return done{}, err
	}
	old, err := s.replaced(ctx, c)
	if err != nil {
		return done{}, err
	}
	a := appending{s: s, name: c.Mailbox}
	if err := a.find(ctx); err != nil {
		return done{}, err
	}
	if a.to.account == s.sel.account {
		a.instead = old
	}
	if err := a.takeAll(ctx, &c.Append); err != nil {
		return done{}, err
	}
	code, err := a.replace(ctx, old.UID)
	if code != "" {
		s.out().Status("", imapwire.OK, code, "the new message is there")
	}
	return done{}, err
}

// replaced finds the message that is to go.
func (s *session) replaced(ctx context.Context, c *imapwire.Replace) (*store.Entry, error) {
	spans, err := s.resolve(ctx, c.Set, c.UID)
	if err != nil {
		return nil, err
	}
	if s.sel.hasGhosts(spans) {
		return nil, errExpunged()
	}
	for _, e := range s.sel.each(spans) {
		return e, nil
	}
	return nil, no(imapwire.CodeNonExistent, "there is no such message")
}

// replace adds the new message and removes the old one.
func (a *appending) replace(ctx context.Context, uid store.UID) (imapwire.Code, error) {
	from, id := a.s.sel.account, a.s.sel.id
	remove := func(tx *store.Tx) error {
		gone, err := tx.Expunge(id, []store.UIDRange{{Lo: uid, Hi: uid}})
		if err == nil && len(gone) == 0 {
			err = store.ErrNoMessage // by another session, meanwhile
		}
		return err
	}
	if a.instead != nil {
		return a.commit(ctx, remove)
	}
	// Two accounts are two transactions; what is between them must lose nothing.
	code, err := a.commit(ctx, nil)
	if err == nil {
		_, err = from.Update(ctx, a.s.origin(), remove)
	}
	return code, err
}
