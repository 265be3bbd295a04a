package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// lifetime is the longest that Apple's clients accept of a certificate
	// that a user trusts by hand.
	lifetime = 825 * 24 * time.Hour
	// renewBefore leaves time to tell people.
	renewBefore = 30 * 24 * time.Hour
)

func expiresSoon(until, now time.Time) bool { return until.Sub(now) < renewBefore }

// ensureSelfSigned makes the self-signed certificate unless there is one that
// still holds and has all the names.
func (s *Source) ensureSelfSigned() error {
	names := s.selfSignedNames()
	cert, err := tls.LoadX509KeyPair(s.opts.SelfSigned, s.opts.SelfSigned)
	switch {
	case err == nil:
		if !expiresSoon(cert.Leaf.NotAfter, s.opts.Now()) && containsAll(cert.Leaf.DNSNames, names) {
			return nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err // not ours to overwrite
	}
	content, err := selfSigned(names, s.opts.Now())
	if err != nil {
		return err
	}
	return replaceFile(s.opts.SelfSigned, content)
}

func (s *Source) selfSignedNames() []string {
	var names []string
	for _, h := range append(slices.Clone(s.opts.Hosts), "localhost") {
		if h = strings.ToLower(h); h != "" && !slices.Contains(names, h) {
			names = append(names, h)
		}
	}
	return names
}

func containsAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(have, w) })
}

// selfSigned returns a certificate and its key in PEM.
func selfSigned(names []string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: names[0], Organization: []string{"Restante, self-signed"}},
		DNSNames:              names,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             now.Add(-time.Hour), // clients' clocks differ
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a Buffer does not fail
	pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return b.Bytes(), nil
}

// replaceFile writes a file that only its owner can read, whole or not at all:
// certificate and key are one file, so that they always fit.
func replaceFile(name string, content []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
