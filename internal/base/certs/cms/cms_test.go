package cms_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/base/certs/cms"
)

// issue makes a certificate for a key, signed by another, or by itself.
func issue(t *testing.T, name string, serial int64, key crypto.Signer, by *x509.Certificate, byKey crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: by == nil || byKey == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if by == nil {
		by, byKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func keysOf(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"ecdsa": ec, "rsa": r}
}

// OpenSSL is the second opinion: it takes what we sign, gives back the content, and refuses it when an octet differs.
func TestOpenSSLVerifies(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	content := []byte("<plist>a profile\r\n</plist>\n")
	for name, key := range keysOf(t) {
		t.Run(name, func(t *testing.T) {
			rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			root := issue(t, "the authority", 1, rootKey, nil, nil)
			middleKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			middle := issueCA(t, "in between", middleKey, root, rootKey)
			leaf := issue(t, "mail.example.org", 1<<40, key, middle, middleKey)
			signed, err := cms.Sign(content, &tls.Certificate{Certificate: [][]byte{leaf.Raw, middle.Raw}, PrivateKey: key, Leaf: leaf}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			rootFile, file := filepath.Join(dir, "root.pem"), filepath.Join(dir, "signed")
			if err := os.WriteFile(rootFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			verify := func(signed []byte) (string, error) {
				if err := os.WriteFile(file, signed, 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := exec.CommandContext(t.Context(), openssl, "cms", "-verify", "-binary", "-inform", "DER", "-in", file, "-CAfile", rootFile, "-purpose", "any").Output()
				var failed *exec.ExitError
				if errors.As(err, &failed) {
					t.Logf("%s", failed.Stderr)
				}
				return string(out), err
			}
			if out, err := verify(signed); err != nil || out != string(content) {
				t.Errorf("%q, %v", out, err)
			}
			at := indexOf(signed, content)
			signed[at] ^= 1
			if _, err := verify(signed); err == nil {
				t.Error("a changed profile is taken")
			}
		})
	}
}

func issueCA(t *testing.T, name string, key crypto.Signer, by *x509.Certificate, byKey crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func indexOf(b, part []byte) int {
	for i := range b {
		if len(b)-i >= len(part) && string(b[i:i+len(part)]) == string(part) {
			return i
		}
	}
	return -1
}

func TestOtherKeys(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issue(t, "mail.example.org", 1, key, nil, nil)
	if _, err := cms.Sign([]byte("x"), &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, time.Now()); !errors.Is(err, cms.ErrKey) {
		t.Error(err)
	}
}
