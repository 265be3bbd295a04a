// Package cms signs octets by a certificate, in the form that Apple's systems take for profiles: CMS SignedData (RFC 5652) in DER, with the content and
// the whole chain inside, one signer, and SHA-256.
//
// It verifies nothing.
package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ErrKey says that a key is of a kind that nothing is signed with here.
var ErrKey = errors.New("cms: the key is neither ECDSA nor RSA")

// The identifiers; each call makes its own, for variables of a package could be changed.
func oid(arcs ...int) asn1.ObjectIdentifier { return arcs }

func oidData() asn1.ObjectIdentifier          { return oid(1, 2, 840, 113549, 1, 7, 1) } // RFC 5652 4
func oidSignedData() asn1.ObjectIdentifier    { return oid(1, 2, 840, 113549, 1, 7, 2) } // 5.1
func oidContentType() asn1.ObjectIdentifier   { return oid(1, 2, 840, 113549, 1, 9, 3) } // 11.1
func oidMessageDigest() asn1.ObjectIdentifier { return oid(1, 2, 840, 113549, 1, 9, 4) } // 11.2
func oidSigningTime() asn1.ObjectIdentifier   { return oid(1, 2, 840, 113549, 1, 9, 5) } // 11.3
func oidSHA256() asn1.ObjectIdentifier        { return oid(2, 16, 840, 1, 101, 3, 4, 2, 1) }

// contentInfo is RFC 5652 3; the content of encapContentInfo (5.2) has the same form.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content any `asn1:"explicit,tag:0"`
}

// signedData is RFC 5652 5.1.
type signedData struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Content      contentInfo
	Certificates asn1.RawValue
	Signers      []signerInfo `asn1:"set"`
}

// signerInfo is RFC 5652 5.3.
type signerInfo struct {
	Version   int
	Signer    issuerAndSerial
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue // [0] IMPLICIT
	Signature pkix.AlgorithmIdentifier
	Value     []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// attribute is RFC 5652 5.3.
type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []any `asn1:"set"`
}

// Sign signs content. The certificate needs its Leaf.
func Sign(content []byte, cert *tls.Certificate, now time.Time) ([]byte, error) {
	digest := sha256.Sum256(content)
	attributes, err := marshalSet(
		attribute{oidContentType(), []any{oidData()}},
		attribute{oidSigningTime(), []any{now.UTC().Truncate(time.Second)}},
		attribute{oidMessageDigest(), []any{digest[:]}},
	)
	if err != nil {
		return nil, fmt.Errorf("cms: %w", err)
	}
	// RFC 5652 5.4: what is signed has the tag of a SET, and not the [0] that is sent.
	algorithm, value, err := signature(cert.PrivateKey, attributes)
	if err != nil {
		return nil, err
	}
	sha := pkix.AlgorithmIdentifier{Algorithm: oidSHA256()}
	sent := bytes.Clone(attributes)
	sent[0] = 0xa0
	d := signedData{
		Version: 1, Digests: []pkix.AlgorithmIdentifier{sha}, Content: contentInfo{oidData(), content},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: bytes.Join(cert.Certificate, nil)},
		Signers: []signerInfo{{
			Version: 1, Signer: issuerAndSerial{asn1.RawValue{FullBytes: cert.Leaf.RawIssuer}, cert.Leaf.SerialNumber},
			Digest: sha, Signed: asn1.RawValue{FullBytes: sent}, Signature: algorithm, Value: value,
		}},
	}
	out, err := asn1.Marshal(contentInfo{oidSignedData(), d})
	if err != nil {
		return nil, fmt.Errorf("cms: %w", err)
	}
	return out, nil
}

// marshalSet writes attributes as a SET OF in DER, which sorts them.
func marshalSet(list ...attribute) ([]byte, error) {
	return asn1.MarshalWithParams(list, "set")
}

// signature signs what has been written.
func signature(key crypto.PrivateKey, written []byte) (pkix.AlgorithmIdentifier, []byte, error) {
	var a pkix.AlgorithmIdentifier
	signer, ok := key.(crypto.Signer)
	if !ok {
		return a, nil, ErrKey
	}
	switch signer.Public().(type) {
	case *ecdsa.PublicKey:
		a.Algorithm = oid(1, 2, 840, 10045, 4, 3, 2) // ecdsa-with-SHA256
	case *rsa.PublicKey:
		a.Algorithm, a.Parameters = oid(1, 2, 840, 113549, 1, 1, 11), asn1.NullRawValue // sha256WithRSAEncryption
	default:
		return a, nil, ErrKey
	}
	sum := sha256.Sum256(written)
	value, err := signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return a, nil, fmt.Errorf("cms: %w", err)
	}
	return a, value, nil
}
