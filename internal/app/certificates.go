package app

import (
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"restante/internal/base/certs"
	"restante/internal/config"
)

// reloadable is the source of certificates as it is configured now.
type reloadable struct {
	atomic.Pointer[certs.Source]
	log *slog.Logger
}

func openCertificates(c *config.Config, log *slog.Logger) (*reloadable, error) {
	r := &reloadable{log: log}
	return r, r.reload(c)
}

// reload opens the certificates that a configuration names, or the one that the
// server signs for itself. With an error nothing changes.
func (r *reloadable) reload(c *config.Config) error {
	o := certs.Options{
		SelfSigned: filepath.Join(c.Data, "tls", "self-signed.pem"),
		Hosts:      []string{c.Host},
		Logger:     r.log,
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
