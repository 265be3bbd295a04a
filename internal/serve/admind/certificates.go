package admind

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// CertificateBackend is what an operator can do with certificates.
type CertificateBackend interface {
	// Certificates yields the names that the server shows certificates for, and those that it should.
	Certificates(ctx context.Context) iter.Seq2[Certificate, error]
	// RenewCertificates asks the authority now: for these names, or, where none is said, for all that have failed or whose time has come. It yields
	// each when it is done; what went wrong is in its Error.
	RenewCertificates(ctx context.Context, names []string) iter.Seq2[Certificate, error]
}

// States of a Certificate.
const (
	CertificateGood       = "ok"
	CertificateFailing    = "failing"     // good for a while yet, but not renewed
	CertificateSoon       = "ends soon"   // and is not renewed
	CertificateExpired    = "expired"     //
	CertificateMissing    = "missing"     // there is none yet
	CertificateSelfSigned = "self-signed" // mail programs warn of it
	CertificateElsewhere  = "elsewhere"   // the name does not lead here: nobody is asked for one
	CertificateUnknown    = "unknown"     // nobody can tell where the name leads
)

// Certificate is a name and the certificate that is shown for it.
type Certificate struct {
	Name   string    `json:"name"`
	State  string    `json:"state"`
	Source string    `json:"source"` // "file", "acme", "self-signed"
	File   string    `json:"file,omitempty"`
	Issuer string    `json:"issuer,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	Renew  time.Time `json:"renew,omitzero"` // when it is to be renewed
	Tried  time.Time `json:"tried,omitzero"`
	Next   time.Time `json:"next,omitzero"` // after something went wrong: the next attempt
	Error  string    `json:"error,omitempty"`
	Advice string    `json:"advice,omitempty"`
}

// Wrong says that something has to be done.
func (c *Certificate) Wrong() bool {
	switch c.State {
	case CertificateSoon, CertificateExpired:
		return true
	case CertificateMissing:
		return c.Error != ""
	}
	return false
}

// CertificateStatus says how it stands with all of them.
type CertificateStatus struct {
	Names int       `json:"names"`
	Until time.Time `json:"until,omitzero"` // the first end
	// Wrong are names about which something has to be done.
	Wrong []string `json:"wrong,omitempty"`
}

type renewRequest struct {
	Names []string `json:"names,omitempty"`
}

func certificateRoutes(mux *http.ServeMux, b CertificateBackend) {
	stream(mux, "certificate-list", func(ctx context.Context, _ nothing) iter.Seq2[Certificate, error] { return b.Certificates(ctx) })
	stream(mux, "certificate-renew", func(ctx context.Context, r renewRequest) iter.Seq2[Certificate, error] {
		return b.RenewCertificates(ctx, r.Names)
	})
}

// Certificates implements Backend.
func (c *Client) Certificates(ctx context.Context) iter.Seq2[Certificate, error] {
	return list[Certificate](ctx, c, "certificate-list", nothing{})
}

// RenewCertificates implements Backend.
func (c *Client) RenewCertificates(ctx context.Context, names []string) iter.Seq2[Certificate, error] {
	return list[Certificate](ctx, c, "certificate-renew", renewRequest{names})
}
