package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Rows of the Storage.
const (
	namePrefix    = "name/"    // and the name: a row
	accountPrefix = "account/" // and the directory: an accountRow
	pauseName     = "pause"    // a pause
)

// row is what is kept of a name.
type row struct {
	// Directory is the authority that was asked last.
	Directory string `json:"directory,omitempty"`
	Chain     []byte `json:"chain,omitempty"` // PEM, the name's own first
	Key       []byte `json:"key,omitempty"`   // PKCS #8

	// Renew is when it is renewed, Ask when the authority is asked whether that is still right (RFC 9773 4.2), and Window what it said last.
	Renew  time.Time    `json:"renew,omitzero"`
	Ask    time.Time    `json:"ask,omitzero"`
	Window [2]time.Time `json:"window,omitzero"`

	Failed int       `json:"failed,omitempty"`
	Tried  time.Time `json:"tried,omitzero"`
	Next   time.Time `json:"next,omitzero"`
	Error  string    `json:"error,omitempty"`
	Advice string    `json:"advice,omitempty"`
	Warned time.Time `json:"warned,omitzero"`
}

// pause is a time in which the authority is not asked for anything.
type pause struct {
	Directory string    `json:"directory"`
	Failed    int       `json:"failed,omitempty"`
	Until     time.Time `json:"until,omitzero"`
}

// accountRow is who we are to an authority.
type accountRow struct {
	Location string `json:"location"` // the account's URL
	Key      []byte `json:"key"`      // PKCS #8
	KeyID    string `json:"key_id,omitempty"`
}

// load reads all rows. One that cannot be understood is as good as none: its name gets another certificate.
func (k *Keeper) load(ctx context.Context) error {
	ours := k.opts.Account.Directory
	err := k.opts.Storage.Rows(ctx, "", func(name string, value []byte) error {
		var err error
		switch host, isName := strings.CutPrefix(name, namePrefix); {
		case isName:
			k.mu.entries[host], err = loadEntry(host, value, ours)
		case name == pauseName:
			err = json.Unmarshal(value, &k.mu.pause)
		case name == accountPrefix+ours:
			err = k.ca.restore(value)
		}
		if err != nil {
			k.opts.Log.Error("something that was kept for ACME cannot be read and is made anew", "row", name, "error", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("acme: reading certificates: %w", err)
	}
	if k.mu.pause.Directory != ours {
		k.mu.pause = pause{}
	}
	return nil
}

// loadEntry reads the row of a name. What another authority has issued is used until ours has issued another.
func loadEntry(name string, value []byte, directory string) (*entry, error) {
	e := &entry{Name: Name{Name: name, Way: Unknown}}
	if err := json.Unmarshal(value, &e.row); err != nil {
		e.row = row{}
		return e, err
	}
	if e.Directory != directory {
		e.Renew, e.Next, e.Failed, e.Error, e.Advice = time.Time{}, time.Time{}, 0, "", ""
	}
	if len(e.Chain) == 0 {
		return e, nil
	}
	var err error
	if e.cert, err = parse(name, e.Chain, e.Key); err != nil {
		e.row = row{}
	} else {
		e.Way = Here // as it was
	}
	return e, err
}

// store writes the row of a name. It runs without the lock: only who holds work changes rows.
func (k *Keeper) store(ctx context.Context, e *entry) error {
	value, err := json.Marshal(e.row)
	if err == nil {
		err = k.opts.Storage.Put(ctx, namePrefix+e.Name.Name, value)
	}
	if err != nil {
		return fmt.Errorf("acme: keeping what is known of %s: %w", e.Name.Name, err)
	}
	return nil
}

// ErrWrong says that what an authority has sent is not what was asked for.
var ErrWrong = errors.New("the authority has sent a certificate that is not what was asked for")

// parse makes a certificate that can be used for a name.
func parse(name string, chain, key []byte) (*tls.Certificate, error) {
	c := new(tls.Certificate)
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			c.Certificate = append(c.Certificate, block.Bytes)
		}
	}
	if len(c.Certificate) == 0 || len(c.Certificate) > maxChain {
		return nil, fmt.Errorf("%w: it has %d certificates", ErrWrong, len(c.Certificate))
	}
	var err error
	if c.Leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrong, err)
	}
	if err := c.Leaf.VerifyHostname(name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrong, err)
	}
	private, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	if public, ok := private.Public().(*ecdsa.PublicKey); !ok || !public.Equal(c.Leaf.PublicKey) {
		return nil, fmt.Errorf("%w: it is for another key", ErrWrong)
	}
	c.PrivateKey = private
	return c, nil
}

// maxChain bounds how many certificates a chain may have.
const maxChain = 10

func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("private key: it cannot sign")
	}
	return signer, nil
}
