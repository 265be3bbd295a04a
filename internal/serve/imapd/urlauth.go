package imapd

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/imapurl"
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// tokenVersion begins every token and names the algorithm behind it (RFC 4467 2.4.1): 01 is HMAC-SHA-256 under the access key.
const tokenVersion = "01"

// urlToken is the token of a URL: what the access key's owner says of it by giving it away. The rump is taken as it is written
// (RFC 4467 6).
func urlToken(key []byte, rump string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(rump))
	return tokenVersion + hex.EncodeToString(m.Sum(nil))
}

// authorizedURL finds what an authorized URL stands for (RFC 4467 6, 7). Whatever is wrong with it is errBadURL, and is found out after the token has
// been reckoned, so that nothing can be learnt from how long it takes.
func (s *session) authorizedURL(ctx context.Context, text string) (*target, error) {
	u, err := imapurl.Parse(text)
	if err != nil {
		return nil, badURL(err)
	}
	if u.Auth.Mechanism != imapwire.MechInternal || u.Server.User == "" {
		return nil, badURL(errors.New("not authorized"))
	}
	at, key, err := s.urlOwner(ctx, u)
	if err != nil && !errors.Is(err, errBadURL) {
		return nil, err
	}
	// When there is no such mailbox the key is none, and a token is reckoned all the same.
	good := hmac.Equal([]byte(urlToken(key, u.Rump)), []byte(strings.ToLower(u.Auth.Token)))
	switch {
	case err != nil:
		return nil, err
	case !good:
		return nil, badURL(errors.New("wrong token"))
	case !u.Auth.Expire.IsZero() && time.Now().After(u.Auth.Expire):
		return nil, badURL(errors.New("expired"))
	}
	if ok, err := s.mayUse(ctx, &u.Auth); !ok || err != nil {
		return nil, errors.Join(badURL(errors.New("not for this user")), err)
	}
	return follow(ctx, at, u)
}

// urlOwner finds the mailbox of an authorized URL, among those of the user whom it names, and its access key.
func (s *session) urlOwner(ctx context.Context, u *imapurl.URL) (located, []byte, error) {
	who, err := s.urlUser(ctx, u)
	if err != nil {
		return located{}, nil, err
	}
	a, err := s.borrow(ctx, who.Account)
	if err != nil {
		if errors.Is(err, store.ErrNoAccount) {
			err = badURL(err)
		}
		return located{}, nil, err
	}
	box, err := a.View().Lookup(u.Mailbox)
	if err != nil {
		return located{}, nil, badURL(err)
	}
	key, err := a.AccessKey(ctx, box.ID())
	if errors.Is(err, store.ErrNoRow) {
		err = badURL(err)
	}
	return located{account: a, box: box}, key, err
}

// urlUser finds the user whom a URL names: joe@example.com, or Joe of this server.
func (s *session) urlUser(ctx context.Context, u *imapurl.URL) (directory.Identity, error) {
	names := []string{u.Server.User}
	if !strings.Contains(u.Server.User, "@") {
		names = []string{u.Server.User + "@" + u.Server.Host, u.Server.User}
	}
	for _, name := range names {
		who, err := s.srv.opts.Auth.Identify(ctx, name)
		if !errors.Is(err, directory.ErrUnknownUser) {
			return who, err
		}
	}
	return directory.Identity{}, badURL(directory.ErrUnknownUser)
}

// mayUse says whether the session's user is one of those whom a URL is for (RFC 4467 3). There are no anonymous sessions.
func (s *session) mayUse(ctx context.Context, a *imapurl.URLAuth) (bool, error) {
	switch a.Access {
	case imapurl.AccessAnonymous, imapurl.AccessAuthUser:
		return true, nil
	case imapurl.AccessSubmit:
		// Whether the URL is for the user who submits is for the submission server to find out, before it comes here.
		return slices.ContainsFunc(s.srv.opts.Submitters, func(login string) bool { return strings.EqualFold(login, s.who.Login) }), nil
	}
	who, err := s.srv.opts.Auth.Identify(ctx, a.User)
	if errors.Is(err, directory.ErrUnknownUser) {
		return false, nil
	}
	return err == nil && who.Account == s.who.Account, err
}
