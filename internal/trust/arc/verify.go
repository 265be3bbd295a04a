package arc

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"slices"
	"strings"
	"time"

	"restante/internal/base/dns"
	"restante/internal/trust/dkim"
)

// Watch has a verifier look at what a chain needs of a message. It is to be called before the first octet.
func Watch(v *dkim.Verifier) { v.Also(signatureField) }

// Verify says what becomes of the chain of a message that a watching verifier has seen (RFC 8617 5.2). ctx bounds how long it takes.
func Verify(ctx context.Context, v *dkim.Verifier, r dns.Resolver, now time.Time) Result {
	header := v.Header()
	if header == nil {
		return Result{Status: Fail, Reason: "the header is too long"}
	}
	sets, highest, err := chain(header)
	if highest == 0 && err == nil {
		return Result{Status: None}
	}
	var bad errChain
	switch {
	case highest > 0 && sets[highest-1].seal != nil && sets[highest-1].seal.tags.Value("cv") == string(Fail): // step 2
		return Result{Status: Fail, Reason: "it was broken when it was last sealed"}
	case errors.As(err, &bad):
		return Result{Status: Fail, Reason: bad.why}
	}
	seals, why := readSeals(sets)
	if why != "" {
		return Result{Status: Fail, Reason: why}
	}
	out := Result{Status: Pass, Sets: make([]Set, len(sets))}
	for i := range sets {
		out.Sets[i].Results = sets[i].found()
	}
	fail := func(why string) Result {
		out.Status, out.Reason = Fail, why
		return out
	}
	if got := v.VerifyOther(ctx, r, sets[highest-1].signature.start, now); got.Status != dkim.Pass { // step 4
		return fail("the newest message signature: " + got.Reason)
	}
	for i, sum := range slices.Backward(sums(sets, seals)) { // step 6
		got := seals[i].Verify(ctx, r, sum)
		if got.Status != dkim.Pass {
			return fail("a seal of " + string(got.Domain) + ": " + got.Reason)
		}
		out.Sets[i].Sealer = got.Domain
	}
	for i := highest - 2; i >= 0; i-- { // step 5
		if v.VerifyOther(ctx, r, sets[i].signature.start, now).Status != dkim.Pass {
			out.OldestPass = i + 2
			break
		}
	}
	return out
}

// readSeals reads the seals, and what the other fields of their sets must be like (RFC 8617 4.1.2, 4.1.3, 5.2 step 3 C).
func readSeals(sets []set) (seals []dkim.FieldsSignature, why string) {
	for i := range sets {
		tags := sets[i].seal.tags
		want := Pass
		if i == 0 {
			want = None
		}
		if tags.Value("cv") != string(want) {
			return nil, "a seal says nothing good of the chain before it"
		}
		if _, ok := tags.Get("h"); ok { // RFC 8617 4.1.3
			return nil, "a seal with h="
		}
		for name := range strings.SplitSeq(strings.ToLower(sets[i].signature.tags.Bare("h")), ":") {
			if strings.HasPrefix(name, "arc-") { // RFC 8617 4.1.2
				return nil, "a message signature over fields of the chain"
			}
		}
		one, err := dkim.ReadFieldsSignature(tags)
		if err != nil {
			return nil, "a seal: " + strings.TrimPrefix(err.Error(), "dkim: ")
		}
		seals = append(seals, one)
	}
	return seals, ""
}

// sums are the hashes that the seals are over: of all sets up to theirs (RFC 8617 5.1.1).
func sums(sets []set, seals []dkim.FieldsSignature) (out [][sha256.Size]byte) {
	h := sha256.New()
	var b []byte
	for i := range sets {
		b = b[:0]
		for _, f := range []*field{sets[i].results, sets[i].signature} {
			b = dkim.AppendRelaxed(b, f.raw)
		}
		h.Write(b)
		out = append(out, fork(h, seals[i].Unsigned(sets[i].seal.raw)))
		h.Write(dkim.AppendRelaxed(nil, sets[i].seal.raw))
	}
	return out
}

// fork is the hash of what h has seen, and of more.
func fork(h hash.Hash, more []byte) [sha256.Size]byte {
	clone, err := h.(hash.Cloner).Clone()
	if err != nil {
		panic("arc: SHA-256 that cannot be cloned: " + err.Error())
	}
	clone.Write(more)
	return [sha256.Size]byte(clone.Sum(nil))
}
