package imapd

import (
	"context"
	"errors"
	"strings"

	"restante/internal/directory"
	"restante/internal/store"
)

// maxOwners bounds how many others' accounts one LIST looks into.
const maxOwners = 500

// addOthers adds what others share with the user, if it may have to be listed.
func (l *lister) addOthers(ctx context.Context) error {
	if !l.reachOthers() {
		return nil
	}
	owners, err := l.s.srv.opts.Store.SharedWith(ctx, l.s.visitor, maxOwners)
	for _, id := range owners {
		if err != nil {
			return err
		}
		err = l.addOther(ctx, id)
	}
	return err
}

// reachOthers says whether any pattern may match a name below "Other Users", or that one.
func (l *lister) reachOthers() bool {
	for _, p := range l.patterns {
		fixed := p.text
		if i := strings.IndexAny(fixed, "*%"); i >= 0 {
			fixed = fixed[:i]
		}
		if strings.HasPrefix(othersPrefix, fixed) || strings.HasPrefix(fixed, othersPrefix) {
			return true
		}
	}
	return false
}

// addOther adds what one account shares with the user.
func (l *lister) addOther(ctx context.Context, id store.AccountID) error {
	login, err := l.s.srv.opts.Auth.LoginOf(ctx, id)
	if errors.Is(err, directory.ErrUnknownUser) {
		return nil // on its way out
	}
	if err != nil {
		return err
	}
	at, err := l.s.visit(ctx, id, login)
	if errors.Is(err, store.ErrNoMailbox) {
		return nil // the row was a hint
	}
	if err != nil {
		return err
	}
	var names []string
	for _, box := range at.account.View().Mailboxes() {
		if r := box.Rights(l.s.visitor); r&store.RightLookup != 0 {
			shared := &located{at.account, box, at.prefix, r}
			l.add(shared)
			names = append(names, string(shared.name()))
		}
	}
	for _, name := range names {
		l.addPhantoms(name)
	}
	return nil
}

// addPhantoms notes the names above a mailbox of another's that are no mailboxes.
func (l *lister) addPhantoms(name string) {
	hidden := !l.matches(name)
	for parent := range ancestors(name) {
		l.parents[parent] = true
		if l.boxes[parent] != nil {
			continue
		}
		if l.phantoms == nil {
			l.phantoms = make(map[string]bool)
		}
		l.phantoms[parent] = l.phantoms[parent] || hidden
	}
}
