package sasl

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// bearerServer is OAUTHBEARER (RFC 7628) and XOAUTH2, which differ in their first message and in the client's last:
//
//	C: user and token
//	S: (success), or a JSON object that says what was wrong
//	C: %x01 (OAUTHBEARER), nothing (XOAUTH2)
//	S: (failure)
type bearerServer struct {
	config *Config
	parse  func(message string) (user, token string, err error)
	dummy  string // the client's answer to the JSON object
	asked  bool
	failed error // what is said behind the client's answer
}

// Next implements Server.
func (s *bearerServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case s.failed != nil:
		if string(response) != s.dummy && len(response) > 0 {
			return nil, true, malformed("data after the failure of a token") // RFC 7628 3.2.3
		}
		return nil, true, s.failed
	case response == nil && !s.asked:
		s.asked = true
		return []byte{}, false, nil
	}
	user, token, err := s.parse(string(response))
	if err != nil {
		return nil, true, err
	}
	if user != "" {
		if user, err = Prep(user); err != nil {
			return nil, true, errors.Join(ErrFailed, err)
		}
	}
	err = s.config.Backend.Token(user, token)
	if err == nil || !errors.Is(err, ErrFailed) {
		return nil, true, err
	}
	s.failed = err
	return s.why(err), false, nil
}

// why is the error result of RFC 7628 3.2.2.
func (s *bearerServer) why(err error) []byte {
	result := struct {
		Status        string `json:"status"`
		Scope         string `json:"scope,omitempty"`
		Configuration string `json:"openid-configuration,omitempty"`
	}{"invalid_token", s.config.Offer.Scope, s.config.Offer.Configuration}
	if errors.Is(err, ErrScope) {
		result.Status = "insufficient_scope"
	}
	b, err := json.Marshal(result)
	if err != nil {
		panic("sasl: strings that cannot be JSON: " + err.Error())
	}
	return b
}

// RFC 7628 3.1:
//
//	kvpair      = key "=" value kvsep
//	client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
//
// A response of nothing but kvsep answers a failure, and is none of its own.
func parseBearer(message string) (user, token string, err error) {
	if !utf8.ValidString(message) {
		return "", "", malformed("OAUTHBEARER: not UTF-8")
	}
	header, rest, err := parseGS2(message)
	switch {
	case err != nil:
		return "", "", err
	case header.flag == 'p':
		return "", "", malformed("OAUTHBEARER: channel binding")
	case !strings.HasPrefix(rest, "\x01"):
		return "", "", malformed("OAUTHBEARER: no key/value pairs")
	}
	token, err = bearer(rest[1:])
	return header.authzid, token, err
}

// XOAUTH2 has no RFC; Google defines it:
//
//	"user=" userName %x01 "auth=Bearer " accessToken %x01 %x01
func parseXOAuth2(message string) (user, token string, err error) {
	if !utf8.ValidString(message) {
		return "", "", malformed("XOAUTH2: not UTF-8")
	}
	user, rest, ok := strings.Cut(strings.TrimPrefix(message, "user="), "\x01")
	if !ok || user == "" || !strings.HasPrefix(message, "user=") {
		return "", "", malformed("XOAUTH2: no user")
	}
	token, err = bearer(rest)
	return user, token, err
}

// bearer finds the token in key/value pairs; keys that are not known are passed over (RFC 7628 3.1).
func bearer(pairs string) (token string, err error) {
	found := false
	for pairs != "\x01" {
		pair, rest, ok := strings.Cut(pairs, "\x01")
		key, value, isPair := strings.Cut(pair, "=")
		if !ok || !isPair || !isAlpha(key) {
			return "", malformed("OAuth: key/value pairs")
		}
		pairs = rest
		if key != "auth" {
			continue
		}
		scheme, credentials, _ := strings.Cut(value, " ")
		token = strings.TrimLeft(credentials, " ")
		if found || !strings.EqualFold(scheme, "Bearer") || !isToken(token) {
			return "", malformed("OAuth: not one bearer token") // RFC 6750 2.1
		}
		found = true
	}
	if !found {
		return "", malformed("OAuth: no token")
	}
	return token, nil
}

func isAlpha(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}

// isToken is b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 2.1).
func isToken(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return s != ""
}

// bearerClient is the client's side of both.
type bearerClient struct {
	message, dummy string
	step           int
}

// NewOAuthBearerClient returns the client's side of OAUTHBEARER. user may be empty.
func NewOAuthBearerClient(user, token string) Client {
	if user != "" {
		user = "a=" + quoteName.Replace(user)
	}
	return &bearerClient{message: "n," + user + ",\x01auth=Bearer " + token + "\x01\x01", dummy: "\x01"}
}

// NewXOAuth2Client returns the client's side of XOAUTH2.
func NewXOAuth2Client(user, token string) Client {
	return &bearerClient{message: "user=" + user + "\x01auth=Bearer " + token + "\x01\x01"}
}

// Next implements Client. The second challenge says why the token was refused.
func (c *bearerClient) Next(challenge []byte) ([]byte, error) {
	c.step++
	switch {
	case c.step == 1 && len(challenge) == 0:
		return []byte(c.message), nil
	case c.step == 2:
		return []byte(c.dummy), nil
	}
	return nil, malformed("an unexpected challenge")
}

var (
	_ Server = (*bearerServer)(nil)
	_ Client = (*bearerClient)(nil)
)
