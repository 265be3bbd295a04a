package sasl

import (
	"bytes"
	"unicode/utf8"
)

// externalServer is EXTERNAL (RFC 4422 appendix A): the client's certificate has said who it is.
//
//	initial-response = *( UTF8-char-no-nul ) ; the authorization identity, or nothing
type externalServer struct {
	config *Config
	asked  bool
}

// Next implements Server.
func (s *externalServer) Next(response []byte) ([]byte, bool, error) {
	if response == nil && !s.asked {
		s.asked = true
		return []byte{}, false, nil
	}
	if !utf8.Valid(response) || bytes.IndexByte(response, 0) >= 0 {
		return nil, true, malformed("EXTERNAL")
	}
	return nil, true, s.config.Backend.External(string(response), s.config.Names)
}

type externalClient struct{ authzid string }

// NewExternalClient returns the client's side of EXTERNAL. authzid may be empty.
func NewExternalClient(authzid string) Client { return externalClient{authzid} }

// Next implements Client.
func (c externalClient) Next(challenge []byte) ([]byte, error) {
	if len(challenge) > 0 {
		return nil, malformed("an unexpected challenge")
	}
	return []byte(c.authzid), nil
}

var (
	_ Server = (*externalServer)(nil)
	_ Client = externalClient{}
)
