package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/trust/taglist"
)

// The algorithms (RFC 6376 3.3, RFC 8463 3).
const (
	RSA     = "rsa"
	Ed25519 = "ed25519"
)

// Bounds of RSA keys: RFC 8301 3.2, and what is more than anybody needs.
const (
	minBits = 1024
	maxBits = 8192
)

var errKey = errors.New("dkim: bad key record")

// Record is what a domain publishes of a key (RFC 6376 3.6.1).
type Record struct {
	Algorithm string // RSA or Ed25519
	Public    crypto.PublicKey
	Revoked   bool // there is no key any more
	Testing   bool // "t=y"
	Strict    bool // "t=s": the identity's domain is the signer's, and none below it
	Bits      int
}

// ParseRecord reads the text of a key record. Any that cannot be used, but for a revoked one, is an error.
func ParseRecord(text string) (Record, error) {
	bad := func(why string) (Record, error) { return Record{}, fmt.Errorf("%w: %s", errKey, why) }
	tags, err := taglist.Parse(text)
	if err != nil {
		return bad("not a list of tags")
	}
	if v, ok := tags.Get("v"); ok && (v.Value != "DKIM1" || tags[0].Name != "v") {
		return bad("unknown version")
	}
	p, ok := tags.Get("p")
	if !ok {
		return bad("no key in it")
	}
	r := Record{Algorithm: RSA}
	if k, ok := tags.Get("k"); ok {
		r.Algorithm = k.Value
	}
	flags := colons(tags.Value("t"))
	r.Testing, r.Strict = slices.Contains(flags, "y"), slices.Contains(flags, "s")
	if h, ok := tags.Get("h"); ok && !slices.Contains(colons(h.Value), "sha256") {
		return bad("it does not allow SHA-256")
	}
	if s, ok := tags.Get("s"); ok {
		if list := colons(s.Value); !slices.Contains(list, "*") && !slices.Contains(list, "email") {
			return bad("it is not for mail")
		}
	}
	if p.Value == "" {
		r.Revoked = true
		return r, nil
	}
	der, err := base64.StdEncoding.DecodeString(taglist.Bare(p.Value))
	if err != nil {
		return bad("the key is not base64")
	}
	if r.Public, r.Bits, err = publicKey(r.Algorithm, der); err != nil {
		return bad(err.Error())
	}
	return r, nil
}

func publicKey(algorithm string, der []byte) (crypto.PublicKey, int, error) {
	switch algorithm {
	case Ed25519:
		if len(der) != ed25519.PublicKeySize {
			return nil, 0, errors.New("the Ed25519 key has not 32 octets")
		}
		return ed25519.PublicKey(der), 256, nil
	case RSA:
		var key *rsa.PublicKey
		if any, err := x509.ParsePKIXPublicKey(der); err == nil {
			key, _ = any.(*rsa.PublicKey)
		} else { // RFC 6376 erratum 3017: either form
			key, _ = x509.ParsePKCS1PublicKey(der)
		}
		switch {
		case key == nil:
			return nil, 0, errors.New("not an RSA key")
		case key.N.BitLen() < minBits: // RFC 8301 3.2
			return nil, 0, fmt.Errorf("an RSA key of %d bits is too weak", key.N.BitLen())
		case key.N.BitLen() > maxBits:
			return nil, 0, fmt.Errorf("an RSA key of %d bits is too big", key.N.BitLen())
		}
		return key, key.N.BitLen(), nil
	}
	return nil, 0, errors.New("unknown algorithm")
}

// colons splits a list between colons.
func colons(s string) []string { return strings.Split(taglist.Bare(s), ":") }

// verify checks a signature over the SHA-256 sum of a header.
func (r *Record) verify(sum [sha256.Size]byte, signature []byte) bool {
	switch key := r.Public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, sum[:], signature) // RFC 8463 3: of the sum, not of the header
	}
	return false
}

// findKey asks for a key (RFC 6376 3.6.2).
func findKey(ctx context.Context, resolver dns.Resolver, selector, domain string) (Record, error) {
	texts, _, err := dns.TXTs(ctx, resolver, selector+"._domainkey."+domain)
	if err != nil {
		return Record{}, err
	}
	// Other texts may lie there, by a wildcard. Two keys are none: which one is used is "undefined" (RFC 6376 3.6.2.2).
	var found []string
	for _, text := range texts {
		if tags, err := taglist.Parse(text); err == nil {
			if _, ok := tags.Get("p"); ok && (tags.Value("v") == "" || tags.Value("v") == "DKIM1") {
				found = append(found, text)
			}
		}
	}
	switch len(found) {
	case 0:
		return ParseRecord(texts[0])
	case 1:
		return ParseRecord(found[0])
	}
	return Record{}, fmt.Errorf("%w: there are %d", errKey, len(found))
}
