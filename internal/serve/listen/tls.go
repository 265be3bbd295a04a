package listen

import (
	"context"
	"crypto"
	_ "crypto/sha256" // for crypto.Hash.New below
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// serverConfig is a private copy of base that remembers which certificate each
// connection was shown.
func serverConfig(base *tls.Config) *tls.Config {
	if base == nil {
		return nil
	}
	conf := base.Clone()
	// RFC 8314 4.1 and RFC 8996: nothing below TLS 1.2.
	conf.MinVersion = max(conf.MinVersion, tls.VersionTLS12)
	get := conf.GetCertificate
	if get == nil {
		static := &tls.Config{Certificates: conf.Certificates}
		get = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return staticCertificate(static, hello)
		}
	}
	conf.Certificates = nil // else crypto/tls would not ask GetCertificate without SNI
	conf.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := get(hello)
		if w, ok := hello.Conn.(*wire); ok && err == nil {
			w.cert = cert
		}
		return cert, err
	}
	return conf
}

func staticCertificate(conf *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if len(conf.Certificates) == 0 {
		return nil, errors.New("listen: no certificate")
	}
	for i := range conf.Certificates {
		if hello.SupportsCertificate(&conf.Certificates[i]) == nil {
			return &conf.Certificates[i], nil
		}
	}
	return &conf.Certificates[0], nil
}

// HasTLS reports whether StartTLS can be offered: it is configured and not yet
// active, neither here nor at a proxy.
func (c *Conn) HasTLS() bool { return c.srv.tls != nil && !c.Secret() }

// StartTLS does the server's side of a handshake. What the Writer holds (the
// +OK) is sent first. Input that the client sent before its handshake is
// refused with ErrPipelined, and nothing is sent: check Buffered before the
// +OK. After any other error than those of this package the connection is dead.
func (c *Conn) StartTLS(ctx context.Context) error {
	if c.Secret() {
		return ErrTLSActive
	}
	return c.handshake(ctx)
}

// handshake is StartTLS also for a proxy that speaks TLS with the client, and with us once more.
func (c *Conn) handshake(ctx context.Context) error {
	switch {
	case c.srv.tls == nil:
		return ErrNoTLS
	case c.deflate != nil: // compression lies above TLS (RFC 4978 3)
		return ErrDeflateActive
	case c.Buffered() > 0:
		return ErrPipelined
	}
	if err := c.Flush(); err != nil {
		return err
	}
	limit := c.wire.limit
	c.wire.limit = c.wire.cap(time.Now().Add(c.srv.opts.HandshakeTimeout))
	defer func() { c.wire.limit = limit }()
	t := tls.Server(&c.wire, c.srv.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		c.srv.count.tlsFailed.Inc()
		c.readErr = fmt.Errorf("listen: TLS handshake: %w", err)
		return c.readErr
	}
	c.tls, c.raw = t, nil
	if c.Tracing() {
		state := t.ConnectionState()
		c.debug("TLS", "version", tls.VersionName(state.Version), "cipher", tls.CipherSuiteName(state.CipherSuite),
			"server_name", state.ServerName, "resumed", state.DidResume)
	}
	return nil
}

// TLS is the state of TLS between the client and here; nil in the clear, and
// when a proxy has ended it: then certificates and bindings are none of the client's. See Secret.
func (c *Conn) TLS() *tls.ConnectionState {
	if c.tls == nil || c.frontTLS() {
		return nil
	}
	state := c.tls.ConnectionState()
	return &state
}

// ChannelBinding returns the channel binding data of type kind:
// "tls-exporter" (RFC 9266), "tls-server-end-point" and, below TLS 1.3 only,
// "tls-unique" (RFC 5929). ErrNoBinding when there is none.
func (c *Conn) ChannelBinding(kind string) ([]byte, error) {
	state := c.TLS()
	if state == nil {
		return nil, ErrNoBinding
	}
	switch kind {
	case "tls-exporter":
		// RFC 9266 2: the context is a zero-length string, not none. Without
		// unique master secrets (4.2) crypto/tls refuses.
		data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoBinding, err)
		}
		return data, nil
	case "tls-server-end-point":
		return c.endPointBinding(state.ServerName)
	case "tls-unique":
		if len(state.TLSUnique) == 0 {
			return nil, ErrNoBinding
		}
		return state.TLSUnique, nil
	}
	return nil, ErrNoBinding
}

func (c *Conn) endPointBinding(serverName string) ([]byte, error) {
	cert := c.wire.cert
	if cert == nil { // resumed: no certificate was sent; the client remembers the one for this name
		var err error
		cert, err = c.srv.tls.GetCertificate(&tls.ClientHelloInfo{ServerName: serverName})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoBinding, err)
		}
	}
	return endPointHash(cert)
}

// endPointHash is RFC 5929 4.1: the hash of the certificate by its signature's
// hash function, SHA-256 in the place of MD5 and SHA-1, undefined for a
// signature without exactly one.
func endPointHash(cert *tls.Certificate) ([]byte, error) {
	if len(cert.Certificate) == 0 {
		return nil, ErrNoBinding
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBinding, err)
	}
	var hash crypto.Hash
	switch leaf.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256:
		hash = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		hash = crypto.SHA512
	default:
		return nil, ErrNoBinding
	}
	h := hash.New()
	h.Write(leaf.Raw)
	return h.Sum(nil), nil
}
