package directory

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// secretHash is the hash of a password as it is kept. What it says by String is what it was read from.
type secretHash interface {
	// fits says whether a prepared password has this hash. It takes time by design.
	fits(password string) bool
	String() string
	// needs is the memory that fits takes, in KiB; 0 is next to none.
	needs() uint32
}

var (
	_ secretHash = phc{}
	_ secretHash = bcryptHash("")
	_ secretHash = shaCrypt{}
)

// parseHash reads a hash that is kept: argon2id of our own making, or one that was brought from another server.
func parseHash(s string) (secretHash, error) {
	switch {
	case strings.HasPrefix(s, "$argon2id$"):
		return parsePHC(s)
	case strings.HasPrefix(s, "$2"):
		return parseBcrypt(s)
	case strings.HasPrefix(s, "$5$"), strings.HasPrefix(s, "$6$"):
		return parseShaCrypt(s)
	}
	return nil, errUnknownHash
}

var errUnknownHash = errors.New("directory: not an argon2id, bcrypt, SHA-256 or SHA-512 crypt hash")

// Imported makes the credential of a password that another server has hashed: argon2id in PHC format, bcrypt ($2a$, $2b$, $2y$), or crypt(3) with
// SHA-256 ($5$) or SHA-512 ($6$), with or without Dovecot's scheme in braces before it. The password can be given as it is from now on; what proves
// it otherwise (SCRAM) is made, and the hash made anew, when it is. ErrBadPassword wraps the reason why a hash cannot be taken.
//
// deviates: the password is compared in its prepared form (RFC 4013). Of one with characters that have several forms the other server may have hashed
// another one; it has to be set anew.
func (d *Directory) Imported(hash string) (Credential, error) {
	hash = strings.TrimSpace(hash)
	if scheme, rest, ok := strings.Cut(hash, "}"); ok && strings.HasPrefix(scheme, "{") {
		hash = rest
	}
	if _, err := parseHash(hash); err != nil {
		return Credential{}, fmt.Errorf("%w: %w", ErrBadPassword, err)
	}
	return Credential{Hash: hash, Set: d.now()}, nil
}

// bcryptHash is a hash of bcrypt: "$2b$12$" and 53 octets. It sees the first 72 octets of a password only.
type bcryptHash string

// maxBcryptCost bounds what is read: 2^15 rounds take some seconds.
const maxBcryptCost = 15

func parseBcrypt(s string) (secretHash, error) {
	cost, err := bcrypt.Cost([]byte(s))
	if err != nil || len(s) != 60 || cost > maxBcryptCost || !strings.Contains("aby", s[2:3]) || s[3] != '$' {
		return nil, fmt.Errorf("directory: not a bcrypt hash of cost %d at most", maxBcryptCost)
	}
	return bcryptHash(s), nil
}

func (b bcryptHash) fits(password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(b), []byte(password[:min(len(password), 72)])) == nil
}

func (b bcryptHash) String() string { return string(b) }

func (bcryptHash) needs() uint32 { return 0 }

// shaCrypt is crypt(3) by SHA-256 or SHA-512 ("Unix crypt using SHA-256 and SHA-512", Ulrich Drepper, version 0.6):
//
//	$5$[rounds=N$]salt$hash, $6$[rounds=N$]salt$hash
type shaCrypt struct {
	prefix string // "$5$" or "$6$"
	rounds int
	stated bool // rounds= is in the text
	salt   string
	sum    string // in crypt's base64
}

// Rounds of crypt(3). More than maxRounds, which take a second or two, are refused.
const (
	usualRounds = 5000
	minRounds   = 1000
	maxRounds   = 2_000_000
)

func parseShaCrypt(s string) (secretHash, error) {
	bad := errors.New("directory: not a hash of crypt(3) with 2,000,000 rounds at most")
	h := shaCrypt{prefix: s[:3], rounds: usualRounds}
	rest := s[3:]
	if n, after, ok := strings.Cut(rest, "$"); ok && strings.HasPrefix(n, "rounds=") {
		var err error
		if h.rounds, err = strconv.Atoi(n[len("rounds="):]); err != nil || h.rounds < minRounds || h.rounds > maxRounds {
			return nil, bad
		}
		h.stated, rest = true, after
	}
	var ok bool
	if h.salt, h.sum, ok = strings.Cut(rest, "$"); !ok || len(h.salt) > 16 || len(h.sum) != map[string]int{"$5$": 43, "$6$": 86}[h.prefix] ||
		strings.Trim(h.sum, cryptAlphabet) != "" || h.String() != s {
		return nil, bad
	}
	return h, nil
}

// String implements secretHash.
func (h shaCrypt) String() string {
	rounds := ""
	if h.stated {
		rounds = "rounds=" + strconv.Itoa(h.rounds) + "$"
	}
	return h.prefix + rounds + h.salt + "$" + h.sum
}

func (shaCrypt) needs() uint32 { return 0 }

func (h shaCrypt) fits(password string) bool {
	if len(password) > maxPassword {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(h.digest(password)), []byte(h.sum)) == 1
}

func (h shaCrypt) new() hash.Hash {
	if h.prefix == "$5$" {
		return sha256.New()
	}
	return sha512.New()
}

// digest is the algorithm; the numbers are the specification's steps.
func (h shaCrypt) digest(password string) string {
	key, salt := []byte(password), []byte(h.salt)
	sum := func(parts ...[]byte) []byte {
		d := h.new()
		for _, p := range parts {
			d.Write(p)
		}
		return d.Sum(nil)
	}
	b := sum(key, salt, key) // 4 to 8
	first := [][]byte{key, salt, stretch(b, len(key))}
	for n := len(key); n > 0; n >>= 1 { // 11
		if n&1 != 0 {
			first = append(first, b)
		} else {
			first = append(first, key)
		}
	}
	a := sum(first...) // 12
	p := stretch(sum(repeated(key, len(key))...), len(key))
	s := stretch(sum(repeated(salt, 16+int(a[0]))...), len(salt))
	for i := range h.rounds { // 21
		var parts [4][]byte
		parts[0], parts[3] = a, p
		if i%2 != 0 {
			parts[0], parts[3] = p, a
		}
		if i%3 != 0 {
			parts[1] = s
		}
		if i%7 != 0 {
			parts[2] = p
		}
		a = sum(parts[:]...)
	}
	return cryptEncode(a)
}

// stretch repeats b to n octets.
func stretch(b []byte, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, b[:min(len(b), n-len(out))]...)
	}
	return out
}

func repeated(b []byte, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

const cryptAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// cryptEncode is step 22: three octets make four characters, the lowest bits first, and the octets come in an order of their own.
func cryptEncode(sum []byte) string {
	var out []byte
	put := func(w uint32, n int) {
		for range n {
			out = append(out, cryptAlphabet[w&63])
			w >>= 6
		}
	}
	third := len(sum) / 3 // 10 of 32, 21 of 64
	a, b, c := 0, third, 2*third
	for range third {
		put(uint32(sum[a])<<16|uint32(sum[b])<<8|uint32(sum[c]), 4)
		if len(sum) == sha256.Size {
			a, b, c = c+1, a+1, b+1
		} else {
			a, b, c = b+1, c+1, a+1
		}
	}
	if len(sum) == sha256.Size {
		put(uint32(sum[31])<<8|uint32(sum[30]), 3)
	} else {
		put(uint32(sum[63]), 2)
	}
	return string(out)
}
