package dkim

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/base/dns"
	"restante/internal/trust/taglist"
)

// What follows is for signatures of other standards that are made as DKIM's are: ARC (RFC 8617).

// maxOthers bounds how many fields of another standard are looked at, from the top.
const maxOthers = 64

// Also has the verifier look at fields of this name, too: signatures with "i=" for an instance, and without a version (RFC 8617 4.1.2). It is to be called before the
// first octet.
func (v *Verifier) Also(field string) { v.also = strings.ToLower(field) }

// beginOthers reads those fields. The newest has the body hashed as it wants; older ones only if they want all of the body, so that they cost two hashes at most.
func (v *Verifier) beginOthers() {
	if v.also == "" {
		return
	}
	newest := 0
	for _, at := range v.fields.name[v.also] {
		if len(v.others) == maxOthers {
			break
		}
		s := readSignature(v.fields.all[at].Value, true)
		s.at = at
		v.others = append(v.others, s)
		newest = max(newest, s.instance)
	}
	for _, s := range v.others {
		if s.limit < 0 {
			v.hash(s)
		}
	}
	for _, s := range v.others {
		if s.instance == newest {
			v.hash(s)
			break
		}
	}
}

// VerifyOther says what becomes of one of those fields, by where it begins in the header.
func (v *Verifier) VerifyOther(ctx context.Context, r dns.Resolver, start int, now time.Time) Result {
	v.settle()
	for _, s := range v.others {
		if v.fields.all[s.at].Start == start {
			if s.status == "" && v.bodies[bodyKey{s.bodyCanon, s.limit}] == nil {
				return Result{Status: Neutral, Reason: "the body was not hashed"}
			}
			return v.verify(ctx, r, s, now)
		}
	}
	return Result{Status: Neutral, Reason: "not looked at"}
}

// FieldsSignature is a signature over fields alone, whose tags "a", "b", "d" and "s" are DKIM's: ARC-Seal (RFC 8617 4.1.3).
type FieldsSignature struct{ s *signature }

// ReadFieldsSignature reads one.
func ReadFieldsSignature(tags taglist.List) (FieldsSignature, error) {
	s := &signature{limit: -1, headerCan: relaxed}
	for _, name := range []string{"a", "b", "d", "s"} {
		if _, ok := tags.Get(name); !ok {
			return FieldsSignature{}, fmt.Errorf("dkim: the tag %s is missing", name)
		}
	}
	_, why := s.readAlgorithm(tags)
	for _, read := range []func(taglist.List) string{s.readSigner, s.readB} {
		if why == "" {
			why = read(tags)
		}
	}
	if why != "" {
		return FieldsSignature{}, errors.New("dkim: " + why)
	}
	return FieldsSignature{s}, nil
}

// Unsigned is the signature's own field as it was signed: in relaxed form, with nothing in "b=", without its line end.
func (f FieldsSignature) Unsigned(field []byte) []byte { return unsigned(field, f.s) }

// Verify says whether a hash was signed.
func (f FieldsSignature) Verify(ctx context.Context, r dns.Resolver, sum [sha256.Size]byte) Result {
	return f.s.verify(ctx, r, sum)
}

// Header is the header of the message as far as it has come. It is shared.
func (s *Signer) Header() []byte { return s.header.raw }

// SignOther makes a field of another standard that is signed as DKIM's are, with the signatures that the message came with. start is its name and first tag.
func (s *Signer) SignOther(k *Key, start string) ([]byte, error) {
	f := readFields(s.header.raw)
	names := chosen(f)
	for range min(len(f.name["dkim-signature"]), MaxSignatures) {
		names = append(names, "DKIM-Signature")
	}
	return k.sign(start, s.now, s.pick(f, names), names, s.body.finish())
}

// SignFields makes a field that signs others, which are in relaxed form. start is its name and first tag, more is another one.
func (k *Key) SignFields(start, more string, now time.Time, fields []byte) ([]byte, error) {
	return k.end(k.begin(start, more, now), fields)
}
