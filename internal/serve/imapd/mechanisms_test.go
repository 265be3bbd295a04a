package imapd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/oauth"
	"restante/internal/base/oauth/oauthtest"
	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
)

// tokens are the logins of transcripts' tokens.
type tokens map[string]string

func (t tokens) Verify(_ context.Context, token string) (string, error) {
	switch login, ok := t[token]; {
	case token == "later":
		return "", oauth.ErrUnavailable
	case token == "narrow":
		return "", oauth.ErrScope
	case !ok:
		return "", oauth.ErrInvalid
	default:
		return login, nil
	}
}

// logins are those that the first line of a transcript asks for.
func logins(first string) func(*directory.Options) {
	return func(o *directory.Options) {
		words := strings.Fields(first)
		if len(words) == 0 || words[0] != "mechanisms" {
			return
		}
		o.Offer = sasl.Offer{Mechanisms: words[1:], Scope: "mail", Configuration: "https://issuer.test/.well-known/openid-configuration"}
		o.Tokens = tokens{"u1": "u1@demo.test", "stranger": "x@demo.test"}
		o.CramKey = make([]byte, 32)
	}
}

// TestOAuth logs in by tokens of a real issuer on loopback.
func TestOAuth(t *testing.T) {
	issuer := oauthtest.New(t)
	v, err := oauth.New(oauth.Options{Transport: issuer.Transport(), Issuers: []oauth.Issuer{{
		URL: issuer.URL, Audiences: []string{oauthtest.Audience}, Scopes: []string{"mail"},
		ClientID: oauthtest.ClientID, ClientSecret: oauthtest.ClientSecret,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	o, conf := withTLS(t, houseOptions{})
	o.logins = func(d *directory.Options) { d.Tokens, d.Offer.Scope = v, "mail" }
	h := newHouse(t, o)
	c := h.client()
	defer func() { c.close() }()
	if got := authenticate(c, sasl.OAuthBearer, sasl.NewOAuthBearerClient("", "x"), true); !strings.HasPrefix(got, "a NO [PRIVACYREQUIRED]") {
		t.Errorf("in the clear: %s", got)
	}
	c.ok("STARTTLS")
	c, _ = startTLS(t, c.conn, conf)
	now := time.Now()
	opaque := issuer.Claims("u1@demo.test", now, map[string]any{"active": true})
	issuer.Opaque("opaque", opaque)
	for _, tt := range []struct {
		user, token, want string
	}{
		{"", issuer.JWT(issuer.Claims("u1@demo.test", now, map[string]any{"aud": "other"})), "a NO [AUTHENTICATIONFAILED]"},
		{"", issuer.JWT(issuer.Claims("u1@demo.test", now, map[string]any{"exp": now.Unix() - 600})), "a NO [AUTHENTICATIONFAILED]"},
		{"u2@demo.test", issuer.JWT(issuer.Claims("u1@demo.test", now, nil)), "a NO [AUTHENTICATIONFAILED]"},
		{"u1@demo.test", issuer.JWT(issuer.Claims("u1@demo.test", now, nil)), "a OK [CAPABILITY "},
		{"u1@demo.test", "opaque", "a OK [CAPABILITY "},
	} {
		for _, mechanism := range []string{sasl.OAuthBearer, sasl.XOAuth2} {
			client := sasl.NewOAuthBearerClient(tt.user, tt.token)
			if mechanism == sasl.XOAuth2 {
				user := tt.user
				if user == "" {
					user = "u1@demo.test"
				}
				client = sasl.NewXOAuth2Client(user, tt.token)
			}
			if got := authenticate(c, mechanism, client, true); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s as %q: %s", mechanism, tt.user, got)
			}
			if strings.HasPrefix(tt.want, "a OK") {
				c.close()
				c = h.client()
				c.ok("STARTTLS")
				c, _ = startTLS(t, c.conn, conf)
			}
		}
	}
}

// TestLongToken: tokens of some issuers take ten thousand octets.
func TestLongToken(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	o := plain()
	o.logins = func(d *directory.Options) { d.Tokens = tokens{long: "u1"} }
	c := newHouse(t, o).client()
	defer c.close()
	for _, initial := range []bool{true, false} {
		// The JSON of the refusal shows that the token was read whole.
		got := authenticate(c, sasl.XOAuth2, sasl.NewXOAuth2Client("u2", long), initial)
		if !strings.HasPrefix(got, "a NO [AUTHENTICATIONFAILED]") {
			t.Errorf("initial %v: %s", initial, got)
		}
	}
	if got := authenticate(c, sasl.OAuthBearer, sasl.NewOAuthBearerClient("", long), true); !strings.HasPrefix(got, "a OK") {
		t.Error(got)
	}
}

// TestWhyTokenIsRefused reads the challenge of RFC 7628 3.2.2.
func TestWhyTokenIsRefused(t *testing.T) {
	o := plain()
	o.logins = func(d *directory.Options) { d.Tokens, d.Offer.Scope = tokens{}, "mail" }
	c := newHouse(t, o).client()
	defer c.close()
	message, err := sasl.NewOAuthBearerClient("", "narrow").Next(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.send("a AUTHENTICATE OAUTHBEARER %s\r\n", base64.StdEncoding.EncodeToString(message))
	line, err := c.r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(strings.TrimPrefix(line, "+ ")))
	var why struct{ Status, Scope string }
	if err != nil || json.Unmarshal(b, &why) != nil || why.Status != "insufficient_scope" || why.Scope != "mail" {
		t.Errorf("%q: %s", line, b)
	}
}

// people signs certificates for people.
type people struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newPeople(t *testing.T) *people {
	t.Helper()
	p := new(people)
	p.cert = &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	_, p.key = p.sign(t, p.cert, nil)
	der, err := x509.CreateCertificate(rand.Reader, p.cert, p.cert, &p.key.PublicKey, p.key)
	if err == nil {
		p.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *people) sign(t *testing.T, template *x509.Certificate, by *people) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), true
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if by == nil {
		return nil, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// certificate is one for somebody with an e-mail address.
func (p *people) certificate(t *testing.T, address string) tls.Certificate {
	t.Helper()
	der, key := p.sign(t, &x509.Certificate{EmailAddresses: []string{address}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, p)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestExternal(t *testing.T) {
	signer, stranger := newPeople(t), newPeople(t)
	o, conf := withTLS(t, houseOptions{})
	o.listen.TLS.ClientCAs = x509.NewCertPool()
	o.listen.TLS.ClientCAs.AddCert(signer.cert)
	o.listen.TLS.ClientAuth = tls.VerifyClientCertIfGiven
	h := newHouse(t, o)
	open := func(certs ...tls.Certificate) *client {
		t.Helper()
		c := h.client()
		c.ok("STARTTLS")
		own := conf.Clone()
		own.Certificates = certs
		c, _ = startTLS(t, c.conn, own)
		return c
	}
	c := open(signer.certificate(t, "U1@demo.test"))
	if got := raw(c.ok("CAPABILITY")); !strings.Contains(got, " AUTH=EXTERNAL ") {
		t.Errorf("not told: %s", got)
	}
	if got := authenticate(c, sasl.External, sasl.NewExternalClient("u2@demo.test"), true); !strings.HasPrefix(got, "a NO [AUTHENTICATIONFAILED]") {
		t.Errorf("as another: %s", got)
	}
	c.send("a AUTHENTICATE EXTERNAL =\r\n") // an empty response is one
	if got := c.read(); got.Tag != "a" || got.Name != "OK" {
		t.Errorf("as oneself: %s", got.Raw)
	}
	c.close()

	c = open()
	if got := raw(c.ok("CAPABILITY")); strings.Contains(got, "EXTERNAL") {
		t.Errorf("told without a certificate: %s", got)
	}
	if got := authenticate(c, sasl.External, sasl.NewExternalClient(""), false); !strings.HasPrefix(got, "a NO [CANNOT]") {
		t.Errorf("without a certificate: %s", got)
	}
	c.close()

	c = h.client()
	defer c.close()
	c.ok("STARTTLS")
	own := conf.Clone()
	own.Certificates = []tls.Certificate{stranger.certificate(t, "u1@demo.test")}
	own.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own.Certificates[0], nil }
	tc := tls.Client(c.conn, own)
	err := tc.Handshake()
	if err == nil {
		_, err = tc.Read(make([]byte, 1)) // TLS 1.3 tells the client behind its handshake
	}
	if err == nil {
		t.Error("a stranger's certificate was taken")
	}
}

// TestScramSHA1: keys for it are made when an operator asks for it, and not before.
func TestScramSHA1(t *testing.T) {
	o := plain()
	o.logins = func(d *directory.Options) {
		d.Offer.Mechanisms = []string{sasl.ScramSHA1, sasl.ScramSHA256, sasl.Plain}
	}
	c := newHouse(t, o).client()
	defer c.close()
	if got := raw(c.ok("CAPABILITY")); !strings.Contains(got, "AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1 AUTH=PLAIN") {
		t.Error(got)
	}
	for _, password := range []string{"wrong", "pass"} {
		got := authenticate(c, sasl.ScramSHA1, &sasl.ScramClient{Hash: sasl.SHA1, User: "u1", Password: password}, true)
		if strings.HasPrefix(got, "a OK") != (password == "pass") {
			t.Errorf("%s: %s", password, got)
		}
	}
}

// TestBusySessionIsCut: a session that is in the middle of telling a client that does not listen is not spared.
func TestBusySessionIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		for range 40 {
			h.put("u1", "INBOX", "Subject: x\r\n\r\n"+strings.Repeat("a line of text\r\n", 10_000), putOptions(nil))
		}
		c := h.login("u1")
		c.ok("SELECT INBOX")
		c.send("b FETCH 1:* BODY[]\r\n")
		synctest.Wait() // it waits for the client to read
		secret, err := h.dir.Derive(t.Context(), "new")
		h.must(err)
		begun := time.Now()
		h.must(h.dir.SetPassword(t.Context(), addr.Address{Local: "u1", Domain: domain}, secret))
		time.Sleep(4 * time.Second)
		synctest.Wait()
		n, err := io.Copy(io.Discard, c.r)
		if took := time.Since(begun); took > 5*time.Second || n > 3<<20 {
			t.Errorf("after %v, %d octets: %v", took, n, err)
		}
		h.stop()
	})
}

// TestPipeliningSessionIsCut: what is buffered already is not done any more.
func TestPipeliningSessionIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		c := h.login("u1")
		h.must(h.dir.SetAccess(t.Context(), addr.Address{Local: "u1", Domain: domain}, directory.NoLogin))
		fmt.Fprint(c.conn, strings.Repeat("b NOOP\r\n", 100))
		all, err := io.ReadAll(c.r)
		if string(all) != "* BYE [CONTACTADMIN] the account was disabled\r\n" {
			t.Errorf("%q, %v", all, err)
		}
		h.stop()
	})
}
