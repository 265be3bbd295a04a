package oauth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// claims are what a token says, or an issuer says of it.
type claims map[string]any

const claimEmail = "email"

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// list reads a claim that is a string or a list of strings.
func (c claims) list(name string) []string {
	switch v := c[name].(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// time reads a NumericDate (RFC 7519 2).
func (c claims) time(name string) (time.Time, bool) {
	n, ok := c[name].(float64)
	if !ok || n < -1e11 || n > 1e11 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(n * 1000)), true
}

// scopes are those of the token: one string with spaces (RFC 9068 2.2.3, RFC 7662 2.2), or as some issuers write it.
func (c claims) scopes() (list []string) {
	for _, name := range []string{"scope", "scp"} {
		for _, s := range c.list(name) {
			list = append(list, strings.Fields(s)...)
		}
	}
	return list
}

// judge says which login verified claims are for. The errors say what was missing, and nothing of the token.
func (i *issuer) judge(c claims, now time.Time) (login string, err error) {
	exp, hasExp := c.time("exp")
	nbf, hasNbf := c.time("nbf")
	switch {
	case !hasExp && c["exp"] != nil, !hasNbf && c["nbf"] != nil:
		return "", fmt.Errorf("%w: its dates cannot be read", ErrInvalid)
	case !hasExp && c["active"] == nil:
		return "", fmt.Errorf("%w: it does not say when it expires", ErrInvalid) // RFC 9068 2.2
	case hasExp && now.After(exp.Add(skew)):
		return "", fmt.Errorf("%w: it has expired", ErrInvalid)
	case hasNbf && now.Before(nbf.Add(-skew)):
		return "", fmt.Errorf("%w: it is not good yet", ErrInvalid)
	case !i.meant(c):
		return "", fmt.Errorf("%w: it is for another audience", ErrInvalid)
	}
	have := c.scopes()
	for _, s := range i.Scopes {
		if !slices.Contains(have, s) {
			return "", ErrScope
		}
	}
	login = c.text(i.Claim)
	if i.Claim == claimEmail && c["email_verified"] != nil && c["email_verified"] != true && c["email_verified"] != "true" {
		return "", fmt.Errorf("%w: its e-mail address is not verified", ErrInvalid)
	}
	if login == "" {
		return "", fmt.Errorf("%w: it has no claim %q", ErrInvalid, i.Claim)
	}
	return login, nil
}

// meant says whether the token is for us (RFC 9068 4). Issuers that leave the audience out of an introspection (RFC 7662 2.2
// lets them) may name the client in its place.
func (i *issuer) meant(c claims) bool {
	audience := c.list("aud")
	if len(audience) == 0 && c["active"] == true {
		audience = c.list("client_id")
	}
	return slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(i.Audiences, a) })
}
