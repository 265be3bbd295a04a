package sasl_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"restante/internal/proto/sasl"
)

// TestTokens plays OAUTHBEARER and XOAUTH2 message by message: a refusal is a challenge that says why, and then the failure.
func TestTokens(t *testing.T) {
	const pairs = "\x01auth=Bearer "
	for _, tt := range []struct {
		name, mechanism, message string
		challenge                string // "" means that the first message decides
		err                      error
	}{
		{"good", "OAUTHBEARER", "n,a=user,\x01host=h\x01port=143" + pairs + "good\x01\x01", "", nil},
		{"no user", "OAUTHBEARER", "n,," + pairs + "good\x01\x01", "", nil},
		{"scheme in small letters", "OAUTHBEARER", "n,,\x01auth=bearer good\x01\x01", "", nil},
		{"wrong", "OAUTHBEARER", "n,," + pairs + "bad\x01\x01", `{"status":"invalid_token","scope":"mail","openid-configuration":"https://issuer.test/.well-known/openid-configuration"}`, sasl.ErrFailed},
		{"scope", "OAUTHBEARER", "y,," + pairs + "narrow\x01\x01", `{"status":"insufficient_scope","scope":"mail","openid-configuration":"https://issuer.test/.well-known/openid-configuration"}`, sasl.ErrScope},
		{"undecided", "OAUTHBEARER", "n,," + pairs + "later\x01\x01", "", errors.New("")},
		{"dummy first", "OAUTHBEARER", "\x01", "", sasl.ErrMalformed},
		{"no pairs", "OAUTHBEARER", "n,,\x01\x01", "", sasl.ErrMalformed},
		{"basic", "OAUTHBEARER", "n,,\x01auth=Basic good\x01\x01", "", sasl.ErrMalformed},
		{"two", "OAUTHBEARER", "n,," + pairs + "good" + pairs + "good\x01\x01", "", sasl.ErrMalformed},
		{"no end", "OAUTHBEARER", "n,," + pairs + "good\x01", "", sasl.ErrMalformed},
		{"no token", "OAUTHBEARER", "n,," + pairs + "\x01\x01", "", sasl.ErrMalformed},
		{"a space", "OAUTHBEARER", "n,," + pairs + "go od\x01\x01", "", sasl.ErrMalformed},
		{"bound", "OAUTHBEARER", "p=tls-exporter,," + pairs + "good\x01\x01", "", sasl.ErrMalformed},
		{"good", "XOAUTH2", "user=user" + pairs + "good\x01\x01", "", nil},
		{"wrong", "XOAUTH2", "user=user" + pairs + "bad\x01\x01", `{"status":"invalid_token","scope":"mail","openid-configuration":"https://issuer.test/.well-known/openid-configuration"}`, sasl.ErrFailed},
		{"no user", "XOAUTH2", "user=" + pairs + "good\x01\x01", "", sasl.ErrMalformed},
		{"as OAUTHBEARER", "XOAUTH2", "n,," + pairs + "good\x01\x01", "", sasl.ErrMalformed},
	} {
		for _, asked := range []bool{false, true} {
			u := newUsers()
			c := sasl.Config{Backend: u, Offer: offer(), Plaintext: true}
			s, err := c.Start(tt.mechanism)
			if err != nil {
				t.Fatal(err)
			}
			if asked {
				if challenge, done, err := s.Next(nil); string(challenge) != "" || done || err != nil {
					t.Fatal(challenge, done, err)
				}
			}
			challenge, done, err := s.Next([]byte(tt.message))
			if string(challenge) != tt.challenge || done == (tt.challenge != "") {
				t.Errorf("%s, %s: %s, %v, %v", tt.mechanism, tt.name, challenge, done, err)
			}
			if !done {
				if _, done, err = s.Next([]byte(map[string]string{"OAUTHBEARER": "\x01"}[tt.mechanism])); !done {
					t.Errorf("%s, %s: not done", tt.mechanism, tt.name)
				}
			}
			if (err == nil) != (tt.err == nil) || (err == nil) != (u.who != "") || tt.err != nil && tt.err.Error() != "" && !errors.Is(err, tt.err) {
				t.Errorf("%s, %s: %v, %q", tt.mechanism, tt.name, err, u.who)
			}
		}
	}
}

// TestNewerExchanges are the client's and the server's side together.
func TestNewerExchanges(t *testing.T) {
	for _, tt := range []struct {
		mechanism string
		client    sasl.Client
		who       string
	}{
		{"OAUTHBEARER", sasl.NewOAuthBearerClient("user", "good"), "user as "},
		{"OAUTHBEARER", sasl.NewOAuthBearerClient("", "bad"), ""},
		{"XOAUTH2", sasl.NewXOAuth2Client("user", "good"), "user as "},
		{"XOAUTH2", sasl.NewXOAuth2Client("user", "bad"), ""},
		{"EXTERNAL", sasl.NewExternalClient(""), "user as "},
		{"EXTERNAL", sasl.NewExternalClient("user"), "user as user"},
		{"EXTERNAL", sasl.NewExternalClient("other"), ""},
		{"EXTERNAL", sasl.NewExternalClient("a\x00b"), ""},
		{"CRAM-MD5", sasl.NewCramClient("tim", "phone"), "tim as "},
		{"CRAM-MD5", sasl.NewCramClient("tim", "fax"), ""},
		{"CRAM-MD5", sasl.NewCramClient("", "fax"), ""},
	} {
		u := newUsers()
		c := sasl.Config{Backend: u, Offer: offer(), Plaintext: true, Names: []string{"user@demo.test"}}
		s, err := c.Start(tt.mechanism)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(s, tt.client); u.who != tt.who || (err == nil) != (tt.who != "") {
			t.Errorf("%s: %v, %q, want %q", tt.mechanism, err, u.who, tt.who)
		}
	}
}

// TestCramExample is RFC 2195 2.
func TestCramExample(t *testing.T) {
	const challenge = "<1896.697170952@postoffice.reston.mci.net>"
	digest, err := hex.DecodeString("b913a602c7eda7a495b4e6e7334d3890")
	if err != nil {
		t.Fatal(err)
	}
	key := sasl.DeriveCramKey("tanstaaftanstaaf")
	if !key.Fits(challenge, digest) || key.Fits(challenge+" ", digest) || key.Fits(challenge, nil) {
		t.Error("the example does not fit")
	}
	if got := hex.EncodeToString(key.Outer[:]) + hex.EncodeToString(key.Inner[:]); len(got) != 64 {
		t.Error(got)
	}
}
