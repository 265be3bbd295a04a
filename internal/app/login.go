package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"restante/internal/base/oauth"
	"restante/internal/config"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
	"restante/internal/serve/imapd"
)

// logins puts the ways to log in of a configuration into a directory's options.
func (c *Core) logins(conf *config.Config, opts *directory.Options) error {
	l := &conf.Login
	opts.Offer = sasl.Offer{Mechanisms: l.Mechanisms, Host: conf.Host}
	opts.Certificates = make(map[string]string)
	for _, cert := range l.Certificate {
		opts.Certificates[strings.ToLower(cert.Name)] = cert.Login
	}
	if opts.Offer.Has(sasl.CramMD5) || opts.Offer.Has(directory.MechanismAPOP) {
		line, err := firstLine(l.CramMD5Key)
		if err == nil {
			opts.CramKey, err = hex.DecodeString(line)
		}
		if err == nil && len(opts.CramKey) != 32 {
			err = fmt.Errorf("%s has %d octets, not 32 in hex: make it with openssl rand -hex 32", l.CramMD5Key, len(opts.CramKey))
		}
		if err != nil {
			return fmt.Errorf("login.cram_md5_key: %w", err)
		}
	}
	if len(l.OAuth) == 0 {
		return nil
	}
	if len(l.OAuth) == 1 {
		// RFC 7628 3.2.2: a client with a bad token learns where to get a better one.
		opts.Offer.Configuration = strings.TrimSuffix(l.OAuth[0].Issuer, "/") + "/.well-known/openid-configuration"
		opts.Offer.Scope = strings.Join(l.OAuth[0].Scope, " ")
	}
	v, err := c.tokens(conf)
	if err != nil {
		return fmt.Errorf("login.oauth: %w", err)
	}
	opts.Tokens = v
	return nil
}

func (c *Core) tokens(conf *config.Config) (*oauth.Verifier, error) {
	o := oauth.Options{Log: c.opts.Log, Remember: time.Duration(conf.Login.Remember)}
	if o.Remember == 0 {
		o.Remember = -1
	}
	for _, i := range conf.Login.OAuth {
		issuer := oauth.Issuer{
			URL: i.Issuer, Audiences: i.Audience, Scopes: i.Scope, Claim: i.Claim, ClientID: i.ClientID, Introspection: i.Introspection,
		}
		if i.ClientSecretFile != "" {
			var err error
			if issuer.ClientSecret, err = firstLine(i.ClientSecretFile); err != nil {
				return nil, err
			}
		}
		o.Issuers = append(o.Issuers, issuer)
	}
	return oauth.New(o)
}

// switches are what IMAP is to do without.
func switches(conf *config.Config) (imapd.Switches, error) {
	sw := imapd.Switches{Disable: conf.IMAP.Disable}
	for _, c := range conf.IMAP.Client {
		sw.Clients = append(sw.Clients, imapd.Client{Name: c.Name, Version: c.Version, Vendor: c.Vendor, Disable: c.Disable})
	}
	if err := sw.Check(); err != nil {
		return sw, fmt.Errorf("imap: %w", err)
	}
	return sw, nil
}

// firstLine reads the first line of a file with a secret.
func firstLine(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s has nothing on its first line", file)
	}
	return line, nil
}

// clientCertificates asks clients for certificates, if somebody is configured who signs them.
func clientCertificates(base *tls.Config, file string) (*tls.Config, error) {
	if file == "" {
		return base, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("login.client_ca: %w", err)
	}
	base = base.Clone()
	base.ClientCAs = x509.NewCertPool()
	if !base.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("login.client_ca: %s has no certificate in PEM", file)
	}
	base.ClientAuth = tls.VerifyClientCertIfGiven
	return base, nil
}
