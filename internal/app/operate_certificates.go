package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"restante/internal/base/certs"
	"restante/internal/base/certs/acme"
	"restante/internal/directory"
	"restante/internal/flow/notice"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

// Certificates implements admind.Backend: without a Server none are shown.
func (c *Core) Certificates(context.Context) iter.Seq2[admind.Certificate, error] {
	return told(func(func(admind.Certificate) error) error { return admind.ErrNotRunning })
}

// RenewCertificates implements admind.Backend.
func (c *Core) RenewCertificates(context.Context, []string) iter.Seq2[admind.Certificate, error] {
	return told(func(func(admind.Certificate) error) error { return admind.ErrNotRunning })
}

// Certificates implements admind.Backend.
func (s *Server) Certificates(context.Context) iter.Seq2[admind.Certificate, error] {
	return told(func(tell func(admind.Certificate) error) error {
		for _, c := range s.certificates() {
			if err := tell(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// certificates are those that are shown: of files, of the authority, and, if the host has none of these, the self-signed one.
func (s *Server) certificates() []admind.Certificate {
	now := s.opts.Clock()
	var list []admind.Certificate
	source := s.certs.Load()
	for _, h := range source.Held() {
		if h.SelfSigned && !s.certs.selfSigned(source.Find(s.config.Host)) {
			continue
		}
		for _, name := range h.Leaf.DNSNames {
			if h.SelfSigned && name != s.config.Host {
				continue
			}
			list = append(list, fromFile(name, h, now))
		}
	}
	if s.certs.acme != nil {
		for _, st := range s.certs.acme.List() {
			list = append(list, fromACME(st, now))
		}
	}
	return list
}

func fromFile(name string, h certs.Held, now time.Time) admind.Certificate {
	c := admind.Certificate{Name: name, State: admind.CertificateGood, Source: "file", File: h.File, Issuer: issuer(h.Leaf), Until: h.Leaf.NotAfter}
	switch {
	case h.SelfSigned:
		c.Source, c.State = "self-signed", admind.CertificateSelfSigned
		c.Advice = "mail programs warn of it: have one from an authority ([acme], or [[tls]] with files)"
	case now.After(h.Leaf.NotAfter):
		c.State, c.Advice = admind.CertificateExpired, "put a new one into the file; whoever renews it (certbot?) has not"
	case acme.EndsSoon(h.Leaf, now):
		c.State, c.Advice = admind.CertificateSoon, "look at whoever renews the file (certbot?)"
	}
	return c
}

func issuer(leaf *x509.Certificate) string {
	if leaf.Issuer.CommonName == "" && len(leaf.Issuer.Organization) > 0 {
		return leaf.Issuer.Organization[0]
	}
	return leaf.Issuer.CommonName
}

func fromACME(st acme.Status, now time.Time) admind.Certificate {
	c := admind.Certificate{
		Name: st.Name, State: admind.CertificateGood, Source: "acme", Issuer: st.Issuer, Until: st.Until, Renew: st.Renew, Tried: st.Tried,
		Error: st.Error, Advice: st.Advice,
	}
	if st.Error != "" || st.Until.IsZero() {
		c.Next = st.Next
	}
	switch {
	case st.Way == acme.Elsewhere:
		c.State, c.Error, c.Next = admind.CertificateElsewhere, st.Why, time.Time{}
		c.Advice = "no certificate is asked for; if mail programs are to use this name, have it lead here"
	case st.Way == acme.Unknown && st.Until.IsZero():
		c.State, c.Error = admind.CertificateUnknown, st.Why
	case st.Until.IsZero():
		c.State = admind.CertificateMissing
	case now.After(st.Until):
		c.State = admind.CertificateExpired
	case st.Soon:
		c.State = admind.CertificateSoon
	case st.Error != "":
		c.State = admind.CertificateFailing
	}
	return c
}

// RenewCertificates implements admind.Backend.
func (s *Server) RenewCertificates(ctx context.Context, names []string) iter.Seq2[admind.Certificate, error] {
	return told(func(tell func(admind.Certificate) error) error {
		if s.certs.acme == nil {
			return errNoACME
		}
		for st, err := range s.certs.acme.Renew(ctx, names) {
			c := fromACME(st, s.opts.Clock())
			if err != nil && c.Error == "" {
				c.Error = err.Error()
			}
			if err := tell(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddDomain implements admind.Backend. Its names may lead here already.
func (s *Server) AddDomain(ctx context.Context, name string) error {
	err := s.Core.AddDomain(ctx, name)
	if err == nil && s.certs.acme != nil {
		s.certs.acme.Look()
	}
	return err
}

// warnCertificate writes to the postmaster of the server, if there is one here.
func (s *Server) warnCertificate(ctx context.Context, st acme.Status) {
	to, err := s.postmasters(ctx)
	n := notice.New(notice.Options{Store: s.store, Directory: &s.directory, Host: s.config.Host, Clock: s.opts.Clock})
	for _, r := range to {
		err = errors.Join(err, n.Certificate(ctx, r.Account, st.Name, st.Until, st.Error, st.Advice))
	}
	if err != nil {
		s.opts.Log.Error("the postmaster could not be told of a certificate that ends soon", "name", st.Name, "error", err)
	}
}

// postmasters get mail for the server's own postmaster: the one that the configuration names.
func (s *Server) postmasters(ctx context.Context) ([]directory.Recipient, error) {
	if s.config.Postmaster == "" {
		return nil, nil
	}
	a, err := addr.Parse(s.config.Postmaster)
	if err != nil {
		return nil, err
	}
	to, err := s.directory.Lookup(ctx, a)
	return to.Recipients, err
}

// certificateStatus says how it stands with certificates.
func (s *Server) certificateStatus() admind.CertificateStatus {
	var st admind.CertificateStatus
	for _, c := range s.certificates() {
		if c.Wrong() {
			st.Wrong = append(st.Wrong, fmt.Sprintf("%s: %s", c.Name, c.State))
		}
		if c.Until.IsZero() || c.State == admind.CertificateElsewhere {
			continue
		}
		st.Names++
		if st.Until.IsZero() || c.Until.Before(st.Until) {
			st.Until = c.Until
		}
	}
	return st
}

// observeCertificates registers their numbers.
func (s *Server) observeCertificates() {
	s.metrics.GaugeFunc("restante_certificate_expiry_seconds", "When the first certificate expires, as Unix time.", func() float64 {
		return float64(s.certificateStatus().Until.Unix())
	})
	s.metrics.GaugeFunc("restante_certificate_days_left", "Days until the first certificate expires.", func() float64 {
		return math.Floor(s.certificateStatus().Until.Sub(s.opts.Clock()).Hours() / 24)
	})
	s.metrics.GaugeFunc("restante_certificates_wrong", "Names whose certificate is missing, has expired, or ends soon and is not renewed.", func() float64 {
		return float64(len(s.certificateStatus().Wrong))
	})
}
