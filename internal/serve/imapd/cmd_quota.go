package imapd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"restante/internal/directory"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// An account is a quota root, named like its login: what is in all of its mailboxes counts, wherever its owner or those whom he lets in put it.

// storageUnit is what STORAGE counts in, in octets (RFC 9208 5.1).
const storageUnit = 1024

// GETQUOTA: RFC 9208 4.1.1. Of another's account the administrators alone are told (RFC 9208 8). The empty name, which old clients
// try, is the user's own root.
//
//	getquota = "GETQUOTA" SP quota-root-name
func cmdGetQuota(s *session, ctx context.Context, c *imapwire.GetQuota) (done, error) {
	a, root, err := s.quotaRoot(ctx, c.Root)
	if err != nil {
		return done{}, err
	}
	s.tellQuota(root, a.View())
	return done{}, nil
}

// GETQUOTAROOT: RFC 9208 4.1.2. The user's own mailbox need not exist: then it is told where it would be counted.
//
//	getquotaroot = "GETQUOTAROOT" SP mailbox
func cmdGetQuotaRoot(s *session, ctx context.Context, c *imapwire.GetQuotaRoot) (done, error) {
	at, err := s.spot(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	login := s.who.Login
	if at.account != s.account {
		// RFC 9208 6: how much there is tells of messages, which is for those who may read them.
		if _, err := s.locate(ctx, c.Mailbox); err != nil {
			return done{}, err
		}
		login = strings.Trim(strings.TrimPrefix(at.prefix, othersPrefix), store.Separator)
	}
	s.out().QuotaRoot(c.Mailbox, login)
	s.tellQuota(login, at.account.View())
	return done{}, nil
}

// SETQUOTA: RFC 9208 4.1.3.
//
//	setquota = "SETQUOTA" SP quota-root-name SP setquota-list
func cmdSetQuota(s *session, ctx context.Context, c *imapwire.SetQuota) (done, error) {
	a, root, err := s.quotaRoot(ctx, c.Root)
	if err != nil {
		return done{}, err
	}
	if !s.administrator() {
		return done{}, no(imapwire.CodeNoPerm, "only an administrator can set a quota")
	}
	q, err := quotaOf(c.Limits)
	if err != nil {
		return done{}, err
	}
	if _, err := a.Update(ctx, store.Origin{Protocol: store.ProtocolIMAP}, func(tx *store.Tx) error { return tx.SetQuota(q) }); err != nil {
		return done{}, err
	}
	s.tellQuota(root, a.View())
	return done{}, nil
}

// quotaOf is the quota that SETQUOTA asks for. A limit of 0 would forbid everything (RFC 9208 3.1.2); it is rounded to the least that there is.
func quotaOf(limits []imapwire.QuotaLimit) (q store.Quota, err error) {
	const most = 1<<63 - 1
	for _, l := range limits {
		n := max(l.Limit, 1)
		switch l.Resource {
		case imapwire.ResourceStorage:
			if n > most/storageUnit {
				n = most / storageUnit
			}
			q.Octets = n * storageUnit
		case imapwire.ResourceMessage:
			q.Messages = n
		case imapwire.ResourceMailbox:
			q.Mailboxes = n
		default:
			return q, no(imapwire.CodeCannot, "there is no limit for "+l.Resource)
		}
	}
	return q, nil
}

// administrator says whether the user may set what others hold.
func (s *session) administrator() bool {
	return slices.ContainsFunc(s.srv.opts.Administrators, func(a string) bool { return strings.EqualFold(a, s.who.Login) })
}

// quotaRoot finds the account that a root stands for, and the root's own name.
func (s *session) quotaRoot(ctx context.Context, root string) (*store.Account, string, error) {
	if root == "" || root == s.who.Login {
		return s.account, s.who.Login, nil
	}
	unknown := no(imapwire.CodeNonExistent, "no such quota root")
	if !s.administrator() {
		return nil, "", unknown
	}
	who, err := s.srv.opts.Auth.Identify(ctx, root)
	if errors.Is(err, directory.ErrUnknownUser) {
		return nil, "", unknown
	}
	if err != nil {
		return nil, "", err
	}
	a, err := s.borrow(ctx, who.Account)
	return a, who.Login, err
}

// tellQuota writes a QUOTA response. Resources that have no limit are not in it (RFC 9208 4.2.1); mailboxes have one always.
func (s *session) tellQuota(root string, v *store.View) {
	used, limit := v.Used(), v.Quota()
	list := make([]imapwire.QuotaUsage, 0, 3)
	if limit.Octets > 0 {
		list = append(list, imapwire.QuotaUsage{Resource: imapwire.ResourceStorage, Used: units(used.Octets), Limit: units(limit.Octets)})
	}
	if limit.Messages > 0 {
		list = append(list, imapwire.QuotaUsage{Resource: imapwire.ResourceMessage, Used: used.Messages, Limit: limit.Messages})
	}
	if limit.Mailboxes == 0 || limit.Mailboxes > store.MaxMailboxes {
		limit.Mailboxes = store.MaxMailboxes
	}
	list = append(list, imapwire.QuotaUsage{Resource: imapwire.ResourceMailbox, Used: used.Mailboxes, Limit: limit.Mailboxes})
	s.out().Quota(root, list)
}

// units rounds octets up to what STORAGE counts in.
func units(octets uint64) uint64 { return octets/storageUnit + min(octets%storageUnit, 1) }
