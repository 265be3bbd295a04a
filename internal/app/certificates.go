package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"restante/internal/base/certs"
	"restante/internal/base/certs/acme"
	"restante/internal/base/certs/cms"
	"restante/internal/base/dns"
	"restante/internal/config"
	"restante/internal/store"
)

// reloadable is the source of certificates as it is configured now.
type reloadable struct {
	atomic.Pointer[certs.Source]
	log  *slog.Logger
	acme *acme.Keeper // nil: no authority is asked
}

// openCertificates opens the files, and what an authority has issued before.
func (s *Server) openCertificates(ctx context.Context) error {
	s.certs = &reloadable{log: s.opts.Log}
	if s.config.ACME.Enabled {
		o, err := s.acmeOptions()
		if err != nil {
			return err
		}
		if s.certs.acme, err = acme.Open(ctx, o); err != nil {
			return err
		}
	}
	if err := s.certs.reload(s.config); err != nil {
		return err
	}
	if s.certs.selfSigned(s.certs.Load().Find(s.config.Host)) {
		s.opts.Log.Warn("there is no certificate that mail programs trust yet: a self-signed one is shown", "name", s.config.Host, "acme", s.config.ACME.Enabled)
	}
	return nil
}

// reload opens the certificates that a configuration names, or the one that the
// server signs for itself. With an error nothing changes.
func (r *reloadable) reload(c *config.Config) error {
	o := certs.Options{
		SelfSigned: filepath.Join(c.Data, "tls", "self-signed.pem"),
		Hosts:      []string{c.Host},
		Logger:     r.log,
	}
	if r.acme != nil {
		o.Managed = r.acme.Find
	}
	for _, t := range c.TLS {
		o.Pairs = append(o.Pairs, certs.Pair{Cert: t.Cert, Key: t.Key})
	}
	source, err := certs.New(o)
	if err != nil {
		return err
	}
	r.Store(source)
	return nil
}

// TLSConfig asks for the certificate at each handshake.
func (r *reloadable) TLSConfig() *tls.Config {
	conf := r.Load().TLSConfig()
	conf.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return r.Load().GetCertificate(hello)
	}
	return conf
}

// webConfig is TLSConfig for port 443, where an authority looks, too.
func (r *reloadable) webConfig() *tls.Config {
	conf := r.TLSConfig()
	if r.acme != nil {
		conf.GetConfigForClient = r.acme.Challenge
	}
	return conf
}

// selfSigned says that a certificate is the one that the server has signed for itself.
func (r *reloadable) selfSigned(cert *tls.Certificate) bool {
	held := r.Load().Held()
	return len(held) == 1 && held[0].SelfSigned && held[0].Leaf.Equal(cert.Leaf)
}

// sign signs what people's devices are to take from a host with its certificate; nil if nobody would trust that.
func (r *reloadable) sign(host string, content []byte, now time.Time) ([]byte, error) {
	cert := r.Load().Find(host)
	if r.selfSigned(cert) {
		return nil, nil
	}
	return cms.Sign(content, cert, now)
}

// token answers an authority that looks at port 80.
func (r *reloadable) token(host, token string) (string, bool) {
	if r.acme == nil {
		return "", false
	}
	return r.acme.Token(host, token)
}

// acmeOptions are those of the configuration.
func (s *Server) acmeOptions() (acme.Options, error) {
	c := &s.config.ACME
	o := acme.Options{
		Storage: certificateRows{s.store}, Account: acme.Account{Directory: c.Directory, Email: c.Email, KeyID: c.EABKeyID},
		Names:    func(ctx context.Context) ([]acme.Name, error) { return s.certificateNames(ctx, s.resolver) },
		Resolver: s.resolver, KeepKeys: c.KeepKeys, Settle: time.Duration(c.DNSWait),
		HTTP: len(s.config.Listen.HTTP) > 0, TLS: len(s.config.Listen.HTTPS) > 0, Warn: s.warnCertificate,
		UserAgent: "restante/" + s.opts.Version, Clock: s.opts.Clock, Log: s.opts.Log, Metrics: s.metrics,
	}
	var err error
	if c.EABKey != "" {
		if o.Account.MACKey, err = firstLine(c.EABKey); err != nil {
			return o, fmt.Errorf("acme.eab_key: %w", err)
		}
	}
	if c.Roots != "" {
		pem, err := os.ReadFile(c.Roots)
		if err != nil {
			return o, fmt.Errorf("acme.roots: %w", err)
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(pem) {
			return o, fmt.Errorf("acme.roots: %s has no certificate in PEM", c.Roots)
		}
	}
	if c.DNSServer != "" {
		text, err := os.ReadFile(c.DNSKey)
		if err != nil {
			return o, fmt.Errorf("acme.dns_key: %w", err)
		}
		key, err := dns.ParseUpdateKey(string(text))
		if err != nil {
			return o, fmt.Errorf("acme.dns_key: %s: %w", c.DNSKey, err)
		}
		o.Zones = &dns.Updater{Server: c.DNSServer.AddrPort(), Key: key}
	}
	return o, nil
}

// certificateRows keeps what ACME knows in the store, where all servers of a cluster find it, and backups have it.
type certificateRows struct{ store *store.Store }

var _ acme.Storage = certificateRows{}

// Rows implements acme.Storage.
func (r certificateRows) Rows(ctx context.Context, prefix string, fn func(string, []byte) error) error {
	return r.store.Rows(ctx, store.CertificateRows, prefix, fn)
}

// Put implements acme.Storage.
func (r certificateRows) Put(ctx context.Context, name string, value []byte) error {
	return r.store.UpdateRows(ctx, func(tx *store.RowTx) error { return tx.Put(store.CertificateRows, name, value) })
}

// Delete implements acme.Storage.
func (r certificateRows) Delete(ctx context.Context, name string) error {
	return r.store.UpdateRows(ctx, func(tx *store.RowTx) error { return tx.Delete(store.CertificateRows, name) })
}
