package pop3d_test

import (
	"context"
	"path/filepath"
	"strings"

	"restante/internal/base/oauth"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
	"restante/internal/serve/listen"
)

// tokens are logins by token.
type tokens map[string]string

func (t tokens) Verify(_ context.Context, token string) (string, error) {
	if token == "later" {
		return "", oauth.ErrUnavailable
	}
	if login, ok := t[token]; ok {
		return login, nil
	}
	return "", oauth.ErrInvalid
}

// logins are those that the name of a transcript asks for.
func logins(file string) func(*directory.Options, *listen.Options) {
	return func(o *directory.Options, _ *listen.Options) {
		if strings.HasPrefix(filepath.Base(file), "apop") {
			o.Offer = sasl.Offer{Mechanisms: []string{sasl.Plain, directory.MechanismAPOP}, Host: "dbc.mtview.ca.us"}
			o.CramKey = make([]byte, 32)
		}
		if strings.HasPrefix(filepath.Base(file), "tokens") {
			o.Offer = sasl.Offer{Mechanisms: []string{sasl.OAuthBearer, sasl.XOAuth2, sasl.CramMD5}, Scope: "mail"}
			o.Tokens, o.CramKey = tokens{"u1": "u1"}, make([]byte, 32)
		}
		if strings.HasPrefix(filepath.Base(file), "delay") {
			o.POP.LoginDelay = "10m"
		}
	}
}
