package imapd

import (
	"context"
	"errors"
	"slices"

	"restante/internal/proto/imapurl"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// GENURLAUTH: RFC 4467 7. URLs are authorized for the user's own mailboxes.
//
//	genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)
func cmdGenURLAuth(s *session, ctx context.Context, c *imapwire.GenURLAuth) (done, error) {
	out := make([]string, 0, len(c.URLs))
	for _, it := range c.URLs {
		box, err := s.checkRump(ctx, it)
		if err != nil {
			return done{}, err
		}
		key, err := s.accessKey(ctx, box.ID())
		if err != nil {
			return done{}, err
		}
		out = append(out, it.URL+":internal:"+urlToken(key, it.URL))
	}
	s.out().GenURLAuth(out)
	return done{}, nil
}

// checkRump checks a URL that is to be authorized (RFC 4467 7, GENURLAUTH). Whoever else may use it is not looked up: that would tell who is here.
func (s *session) checkRump(ctx context.Context, it imapwire.URLMech) (*store.MailboxView, error) {
	u, err := imapurl.Parse(it.URL)
	switch {
	case err != nil:
		return nil, badCommand("that is no URL")
	case it.Mechanism != imapwire.MechInternal:
		return nil, badCommand("the only mechanism is INTERNAL")
	case u.Auth.Access == imapurl.AccessNone:
		return nil, badCommand("missing access identifier in supplied URL")
	case u.Auth.Token != "":
		return nil, badCommand("the URL has a token already")
	case u.Server.User == "":
		return nil, badCommand("missing owner username in supplied URL")
	}
	who, err := s.urlUser(ctx, u)
	if err != nil && !errors.Is(err, errBadURL) {
		return nil, err
	}
	if err != nil || who.Account != s.who.Account {
		return nil, badCommand("the URL is not about a mailbox of yours")
	}
	box, err := s.account.View().Lookup(u.Mailbox)
	if err != nil || box.NoSelect() {
		return nil, badCommand("there is no such mailbox")
	}
	return box, nil
}

// accessKey is the access key of a mailbox of the user's, made when it is first asked for.
func (s *session) accessKey(ctx context.Context, id store.MailboxID) ([]byte, error) {
	key, err := s.account.AccessKey(ctx, id)
	if !errors.Is(err, store.ErrNoRow) {
		return key, err
	}
	_, err = s.account.Update(ctx, s.origin(), func(tx *store.Tx) (err error) {
		key, err = tx.AccessKey(id)
		return err
	})
	return key, err
}

// RESETKEY: RFC 4467 7.
//
//	resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]
//
// deviates: other sessions that have the mailbox selected are not told URLMECH. With INTERNAL alone it tells nothing that they do not know.
func cmdResetKey(s *session, ctx context.Context, c *imapwire.ResetKey) (done, error) {
	if c.All {
		_, err := s.account.Update(ctx, s.origin(), (*store.Tx).DropAccessKeys)
		return done{text: "all keys are gone"}, err
	}
	if slices.ContainsFunc(c.Mechanisms, func(m string) bool { return m != imapwire.MechInternal }) {
		return done{}, no(imapwire.CodeCannot, "the only mechanism is INTERNAL")
	}
	box, err := s.account.View().Lookup(string(c.Mailbox))
	if err != nil {
		return done{}, err
	}
	_, err = s.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		_, err := tx.RenewAccessKey(box.ID())
		return err
	})
	return done{code: imapwire.CodeURLMech(imapwire.MechInternal), text: "what was authorized before is not any more"}, err
}

// URLFETCH: RFC 4467 7; with parameters: RFC 5524. What cannot be had, for whatever reason, is NIL. Each URL has a response of its own.
//
//	urlfetch = "URLFETCH" 1*(SP url-fetch-arg)
func cmdURLFetch(s *session, ctx context.Context, c *imapwire.URLFetch) (done, error) {
	for i := range c.Items {
		if err := s.urlFetch(ctx, &c.Items[i]); err != nil {
			return done{}, err
		}
		if err := s.out().Err(); err != nil {
			return done{}, &connError{err}
		}
	}
	return done{}, nil
}
