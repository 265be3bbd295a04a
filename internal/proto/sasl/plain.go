package sasl

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// checkPassword prepares both strings as RFC 4616 2 wants and asks the backend.
func checkPassword(b Backend, authzid, authcid, password string) error {
	user, err := Prep(authcid)
	if err != nil {
		return fmt.Errorf("%w: user name: %w", ErrFailed, err)
	}
	pass, err := Prep(password)
	if err != nil {
		return fmt.Errorf("%w: password: %w", ErrFailed, err)
	}
	return b.Password(authzid, user, pass)
}

// RFC 4616 2:
//
//	message   = [authzid] UTF8NUL authcid UTF8NUL passwd
//	authcid   = 1*SAFE ; MUST accept up to 255 octets
//	authzid   = 1*SAFE ; MUST accept up to 255 octets
//	passwd    = 1*SAFE ; MUST accept up to 255 octets
type plainServer struct {
	backend Backend
	asked   bool
}

// Next implements Server.
func (s *plainServer) Next(response []byte) ([]byte, bool, error) {
	if response == nil && !s.asked {
		s.asked = true
		return []byte{}, false, nil // client-first: an empty challenge asks for it
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || !utf8.Valid(response) {
		return nil, true, malformed("PLAIN")
	}
	if len(parts[1]) == 0 || len(parts[2]) == 0 {
		return nil, true, malformed("PLAIN without a name or a password")
	}
	return nil, true, checkPassword(s.backend, string(parts[0]), string(parts[1]), string(parts[2]))
}

// loginServer asks for the name, then for the password. The challenges are the
// ones that a widely deployed client insists on (draft-murchison 2.2).
type loginServer struct {
	backend Backend
	step    int
	user    string
}

// Next implements Server.
func (s *loginServer) Next(response []byte) ([]byte, bool, error) {
	if response == nil && s.step == 0 {
		s.step = 1
		return []byte("Username:"), false, nil
	}
	if len(response) == 0 || !utf8.Valid(response) || bytes.IndexByte(response, 0) >= 0 {
		return nil, true, malformed("LOGIN")
	}
	if s.step < 2 {
		s.step = 2
		s.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, checkPassword(s.backend, "", s.user, string(response))
}

type plainClient struct{ message []byte }

// NewPlainClient returns the client's side of PLAIN.
func NewPlainClient(authzid, authcid, password string) Client {
	return &plainClient{[]byte(authzid + "\x00" + authcid + "\x00" + password)}
}

// Next implements Client.
func (c *plainClient) Next(challenge []byte) ([]byte, error) {
	if c.message == nil || len(challenge) > 0 {
		return nil, malformed("an unexpected challenge")
	}
	message := c.message
	c.message = nil
	return message, nil
}

type loginClient struct{ answers []string }

// NewLoginClient returns the client's side of LOGIN.
func NewLoginClient(user, password string) Client {
	return &loginClient{[]string{user, password}}
}

// Next implements Client.
func (c *loginClient) Next(challenge []byte) ([]byte, error) {
	if challenge == nil {
		return nil, nil
	}
	if len(c.answers) == 0 {
		return nil, errors.New("sasl: an unexpected challenge")
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return []byte(answer), nil
}

var (
	_ Server = (*plainServer)(nil)
	_ Server = (*loginServer)(nil)
	_ Client = (*plainClient)(nil)
	_ Client = (*loginClient)(nil)
)
