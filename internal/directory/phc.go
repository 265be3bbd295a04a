package directory

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// phc is an argon2id hash as the PHC string format writes it:
//
//	$argon2id$v=19$m=19456,t=2,p=1$salt$hash
//
// with salt and hash in base64 without padding.
type phc struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
	salt    []byte
	hash    []byte
}

var errPHC = errors.New("directory: not an argon2id hash in PHC format")

// Bounds of what is read: a hash from elsewhere must not take the machine down.
const (
	maxArgonMemory = 256 << 10 // KiB
	maxArgonTime   = 64
	maxArgonBytes  = 128 // salt, hash
)

// b64 is strict, so that a hash has one spelling only.
func b64() *base64.Encoding { return base64.RawStdEncoding.Strict() }

func parsePHC(s string) (phc, error) {
	var p phc
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errPHC
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil {
		return p, errPHC
	}
	var err, err2 error
	p.salt, err = b64().DecodeString(fields[4])
	p.hash, err2 = b64().DecodeString(fields[5])
	switch {
	case err != nil || err2 != nil,
		p.time < 1 || p.time > maxArgonTime,
		p.threads < 1,
		p.memory < 8*uint32(p.threads) || p.memory > maxArgonMemory, // RFC 9106 3.1
		len(p.salt) < 8 || len(p.salt) > maxArgonBytes,
		len(p.hash) < 16 || len(p.hash) > maxArgonBytes:
		return p, errPHC
	}
	if p.String() != s {
		return p, errPHC // "+2", "02", trailing text
	}
	return p, nil
}

// String writes the PHC string.
func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		b64().EncodeToString(p.salt), b64().EncodeToString(p.hash))
}

// fits says whether password has this hash. It takes p's memory and time.
func (p phc) fits(password string) bool {
	got := argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.hash)))
	return subtle.ConstantTimeCompare(got, p.hash) == 1
}

// needs implements secretHash.
func (p phc) needs() uint32 { return p.memory }

// newPHC hashes password at the given cost.
func newPHC(password string, c Cost, salt []byte) phc {
	return phc{
		memory: c.Memory, time: c.Time, threads: c.Threads, salt: salt,
		hash: argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, 32),
	}
}

// costs says whether p was made at cost c.
func (p phc) costs(c Cost) bool {
	return p.memory == c.Memory && p.time == c.Time && p.threads == c.Threads
}
