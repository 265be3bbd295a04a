package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
)

// Hash is the hash function of a SCRAM mechanism. Its values may be stored.
type Hash uint8

// The hash functions.
const (
	SHA1   Hash = 1 // RFC 5802; 20 octets
	SHA256 Hash = 2 // RFC 7677; 32 octets
)

// String is the function's IANA name.
func (h Hash) String() string {
	if h == SHA1 {
		return "SHA-1"
	}
	return "SHA-256"
}

// Mechanism is the name of SCRAM with this hash.
func (h Hash) Mechanism() string { return "SCRAM-" + h.String() }

func (h Hash) new() hash.Hash {
	if h == SHA1 {
		return sha1.New()
	}
	return sha256.New()
}

func (h Hash) hmac(key []byte, text string) []byte {
	m := hmac.New(h.new, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func (h Hash) sum(b []byte) []byte {
	s := h.new()
	s.Write(b)
	return s.Sum(nil)
}

// MinIterations is what RFC 5802 5.1 and RFC 7677 3 ask a server to announce
// at least.
const MinIterations = 4096

// Keys are an account's SCRAM data for one hash. All its passwords share salt
// and iteration count, because those go out before the client has shown which
// password it has.
type Keys struct {
	Salt       []byte
	Iterations int
	Keys       []Key // none: the exchange will fail, at its end
}

// Key is what is stored of one password (RFC 5802 3). It lets nobody log in
// who steals it, unless he also sees an exchange.
type Key struct {
	StoredKey []byte
	ServerKey []byte
}

// DeriveKey makes the Key of a password, which must have been prepared by Prep.
// It takes time in proportion to iterations, some milliseconds for 10,000.
func DeriveKey(h Hash, password string, salt []byte, iterations int) (Key, error) {
	salted, err := saltedPassword(h, password, salt, iterations)
	if err != nil {
		return Key{}, err
	}
	return Key{
		StoredKey: h.sum(h.hmac(salted, "Client Key")),
		ServerKey: h.hmac(salted, "Server Key"),
	}, nil
}

func saltedPassword(h Hash, password string, salt []byte, iterations int) ([]byte, error) {
	salted, err := pbkdf2.Key(h.new, password, salt, iterations, h.new().Size())
	if err != nil {
		return nil, fmt.Errorf("sasl: deriving a key: %w", err)
	}
	return salted, nil
}

// FakeKeys are the Keys of nobody: the same for the same name at all times, as
// a real account's would be, and unlike another name's. secret belongs to the
// installation; iterations are what real accounts have.
func FakeKeys(secret []byte, name string, h Hash, iterations int) Keys {
	return Keys{Salt: SHA256.hmac(secret, "SCRAM salt "+h.String()+" "+name)[:16], Iterations: iterations}
}

// match returns which of the keys a proof over message shows, -1 for none. All
// are tried, whichever fits.
func (k *Keys) match(h Hash, message string, proof []byte) int {
	found := -1
	for i, key := range k.Keys {
		signature := h.hmac(key.StoredKey, message)
		if len(signature) != len(proof) {
			continue
		}
		clientKey := make([]byte, len(proof))
		subtle.XORBytes(clientKey, signature, proof)
		if subtle.ConstantTimeCompare(h.sum(clientKey), key.StoredKey) == 1 {
			found = i
		}
	}
	return found
}
