package dkim

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"restante/internal/base/dns"
	"restante/internal/proto/addr"
)

// MaxSignatures bounds how many signatures of a message are looked at, from the top.
const MaxSignatures = 8

// Status is what has become of a signature, in the words of RFC 8601 2.7.1.
type Status string

// The statuses.
const (
	Pass      Status = "pass"
	Fail      Status = "fail"
	Policy    Status = "policy"    // it holds, but not for all of the message
	Neutral   Status = "neutral"   // it cannot be read
	TempError Status = "temperror" // the key cannot be had now
	PermError Status = "permerror" // there is no key that could be used
)

// Result is what is known of one signature. Texts of the signature are in it only where they are safe to write.
type Result struct {
	Status    Status
	Domain    addr.Domain // who signed ("d="); "" if that cannot be read
	Selector  string
	Algorithm string // "rsa-sha256", "ed25519-sha256"; "" of others
	Bits      int    // of the key; 0 if there was none
	Testing   bool   // the domain only tries it
	B         string // the beginning of the signature, which tells two of a domain apart (RFC 6008)
	Reason    string // why it is no Pass; "" if it is
}

// Verifier verifies the signatures of one message. The zero value is ready. It is not safe for concurrent use.
type Verifier struct {
	header header
	fields *fields
	found  []*signature
	bodies map[bodyKey]*bodyHash
	also   string // a field of another standard, in lower case
	others []*signature
}

// bodyKey is what tells hashes of one body apart.
type bodyKey struct {
	canon string
	limit int64
}

// Write implements io.Writer, for octets of the message with CRLF line ends. It does not fail.
func (v *Verifier) Write(p []byte) (int, error) {
	was := v.header.whole
	body := v.header.write(p)
	if v.header.whole && !was {
		v.begin()
	}
	for _, b := range v.bodies {
		b.write(body)
	}
	return len(p), nil
}

// begin reads the signatures of a whole header.
func (v *Verifier) begin() {
	v.fields = readFields(v.header.raw)
	v.bodies = make(map[bodyKey]*bodyHash)
	for _, at := range v.fields.name["dkim-signature"] {
		if len(v.found) == MaxSignatures {
			break
		}
		s := readSignature(v.fields.all[at].Value, false)
		s.at = at
		v.found = append(v.found, s)
		v.hash(s)
	}
	v.beginOthers()
}

// hash has the body hashed as a signature wants it.
func (v *Verifier) hash(s *signature) {
	if s.status != "" {
		return
	}
	k := bodyKey{s.bodyCanon, s.limit}
	if v.bodies[k] == nil {
		v.bodies[k] = newBodyHash(k.canon, k.limit)
	}
}

// Header is the header of the message as far as it has come, or nil where it is longer than MaxHeader. It is shared.
func (v *Verifier) Header() []byte {
	if v.header.broken {
		return nil
	}
	return v.header.raw
}

// Finish asks for the keys and says what becomes of each signature, in their order; now is for those that have expired. ctx bounds how long it takes: what
// is not known by then is TempError.
func (v *Verifier) Finish(ctx context.Context, r dns.Resolver, now time.Time) []Result {
	v.settle()
	out := make([]Result, len(v.found))
	for i, s := range v.found {
		out[i] = v.verify(ctx, r, s, now)
	}
	return out
}

// settle is the end of the octets.
func (v *Verifier) settle() {
	if !v.header.whole && !v.header.broken { // a header without a body
		v.header.whole = true
		v.begin()
	}
}

// Verify verifies the signatures of a whole message. The error is that of reading.
func Verify(ctx context.Context, r dns.Resolver, message io.Reader, now time.Time) ([]Result, error) {
	var v Verifier
	if _, err := io.Copy(&v, message); err != nil {
		return nil, fmt.Errorf("dkim: reading: %w", err)
	}
	return v.Finish(ctx, r, now), nil
}

// verify does what RFC 6376 6.1 says, with what needs no question first.
func (v *Verifier) verify(ctx context.Context, r dns.Resolver, s *signature, now time.Time) Result {
	out := s.Result
	end := func(status Status, why string) Result {
		out.Status, out.Reason = status, why
		return out
	}
	if s.status != "" {
		return end(s.status, s.why)
	}
	if !s.expires.IsZero() && now.After(s.expires) {
		return end(Fail, "the signature has expired")
	}
	body := v.bodies[bodyKey{s.bodyCanon, s.limit}]
	if subtle.ConstantTimeCompare(body.finish(), s.bodyHash) != 1 {
		return end(Fail, "the body has been changed")
	}
	if s.limit > body.size {
		return end(Fail, "the body is shorter than what was signed")
	}
	out = s.verify(ctx, r, v.sum(s))
	switch {
	case out.Status != Pass:
		return out
	case s.limit >= 0 && s.limit < body.size:
		// RFC 6376 8.2: what stands behind is anybody's.
		return end(Policy, fmt.Sprintf("only %d octets of %d are signed", s.limit, body.size))
	}
	return end(Pass, "")
}

// verify says whether a signature over a hash is by its signer's key.
func (s *signature) verify(ctx context.Context, r dns.Resolver, sum [sha256.Size]byte) Result {
	out := s.Result
	end := func(status Status, why string) Result {
		out.Status, out.Reason = status, why
		return out
	}
	key, err := findKey(ctx, r, s.Selector, string(s.Domain))
	switch {
	case dns.Absent(err):
		return end(PermError, "there is no key")
	case errors.Is(err, errKey):
		return end(PermError, err.Error()[len("dkim: "):])
	case err != nil:
		return end(TempError, "the key cannot be had now")
	case key.Revoked:
		return end(PermError, "the key is revoked")
	}
	out.Bits, out.Testing = key.Bits, key.Testing
	switch {
	case key.Algorithm != s.algorithm:
		return end(PermError, "the key is for another algorithm")
	case key.Strict && s.identity != s.Domain:
		return end(PermError, "the key is not for domains below")
	case !key.verify(sum, s.signature):
		return end(Fail, "the header has been changed, or the signature is not by this key")
	}
	return end(Pass, "")
}

// sum is the hash of what is signed of the header (RFC 6376 3.7).
func (v *Verifier) sum(s *signature) [sha256.Size]byte {
	p := picker{fields: v.fields, taken: make(map[string]int), but: s.at}
	var b []byte
	h := sha256.New()
	for _, name := range s.names {
		if field := p.pick(name); field != nil {
			b = appendHeader(b[:0], field, s.headerCan)
			h.Write(b)
		}
	}
	h.Write(unsigned(v.fields.text(s.at), s))
	return [sha256.Size]byte(h.Sum(nil))
}
