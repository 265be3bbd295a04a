// Package arc verifies and seals Authenticated Received Chains (RFC 8617): what
// each host that passed a message on had found out about it, signed.
//
// # Model
//
// Each host adds a set of three fields under the next number: what it found
// (ARC-Authentication-Results), a signature over the message as it leaves
// (ARC-Message-Signature), and one over all sets so far (ARC-Seal). A chain is
// good when its newest message signature and all its seals are. That says who
// has said what, and not whether it is true: Vouched asks for those who are
// believed.
//
// The octets go by once, with those that package dkim verifies; see Watch.
//
// # Invariants
//
//   - At most 50 sets, and a question to the DNS for each seal, which ends with
//     the first that fails; older message signatures are asked about only
//     when the chain is good.
//   - Whatever goes wrong, the chain fails: there is no "try again"
//     (RFC 8617 5.2.1).
//   - Work grows with the header's size, and not with its square.
//
// # What it does not do
//
// It decides nothing about a message.
package arc

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/trust/authres"
	"restante/internal/trust/taglist"
)

// The fields of a set (RFC 8617 4.1), in the order in which they are signed (5.1.1).
const (
	resultsField   = "ARC-Authentication-Results"
	signatureField = "ARC-Message-Signature"
	sealField      = "ARC-Seal"
)

// MaxSets is how many sets a message may have (RFC 8617 4.2.1).
const MaxSets = 50

// Status is what has become of a chain (RFC 8617 4.4).
type Status string

// The statuses.
const (
	None Status = "none" // there is no chain
	Pass Status = "pass"
	Fail Status = "fail"
)

// Result is what is known of a chain.
type Result struct {
	Status Status
	Reason string // why it is Fail
	Sets   []Set  // the oldest first; only of a chain that is Pass may they be believed
	// OldestPass is the number of the oldest set whose message signature still holds, 0 when all do (RFC 8617 5.2 step 5).
	OldestPass int
}

// Set is what one host has added.
type Set struct {
	Sealer  addr.Domain // who has sealed
	Results string      // what it found, as a field Authentication-Results has it
}

// field is one of a set, as it stands in the header.
type field struct {
	raw   []byte // with its line end
	value string // behind the colon
	start int    // in the header
	tags  taglist.List
}

// set is one of the header's.
type set struct{ results, signature, seal *field }

// errChain is why a chain cannot be read.
type errChain struct{ why string }

func (e errChain) Error() string { return "arc: " + e.why }

// chain reads the sets of a header, the oldest first: those without gaps, each whole (RFC 8617 5.2 steps 1 and 3). highest is the greatest number of any set. nil without an error
// is no chain.
func chain(header []byte) (sets []set, highest int, err error) {
	bad := func(why string) {
		if err == nil {
			err = errChain{why}
		}
	}
	for f := range mime.Fields(header) {
		which := -1
		for i, name := range []string{resultsField, signatureField, sealField} {
			if f.Is(name) {
				which = i
			}
		}
		if which < 0 {
			continue
		}
		one := &field{raw: header[f.Start:f.End], value: string(f.Value), start: f.Start}
		n, ok := one.read(which == 0)
		switch {
		case !ok:
			bad("a field without a number")
			continue
		case n > MaxSets:
			bad("more than 50 sets")
			continue
		}
		for len(sets) < n {
			sets = append(sets, set{})
		}
		place := []**field{&sets[n-1].results, &sets[n-1].signature, &sets[n-1].seal}[which]
		if *place != nil {
			bad("a field is there twice")
			continue
		}
		*place = one
	}
	for i := range sets {
		if s := &sets[i]; s.results == nil || s.signature == nil || s.seal == nil {
			bad("a set is not whole")
		}
	}
	return sets, len(sets), err
}

// read reads a field's number: "i=" is the first thing in ARC-Authentication-Results, and a tag in the other two.
func (f *field) read(results bool) (n int, ok bool) {
	text := f.value
	if results {
		text, _, ok = strings.Cut(text, ";")
		if !ok {
			return 0, false
		}
	}
	var err error
	if f.tags, err = taglist.Parse(text); err != nil {
		return 0, false
	}
	word := f.tags.Bare("i")
	n, err = strconv.Atoi(word)
	return n, err == nil && n > 0 && word[0] >= '0' && word[0] <= '9'
}

// found is what a set says was found.
func (s *set) found() string {
	_, text, _ := strings.Cut(s.results.value, ";")
	return mime.Unfold([]byte(text))
}

var errSealed = errors.New("arc: the chain cannot be continued")

// Vouched says whether somebody who is believed has found that an author's domain stands behind the message, when it came to him, and who that was. From the newest set on
// downwards all must be believed: whoever seals can put another message under the sets before (RFC 8617 9.4).
func (r *Result) Vouched(author addr.Domain, believed []addr.Domain) (addr.Domain, bool) {
	if r == nil || r.Status != Pass {
		return "", false
	}
	for _, s := range slices.Backward(r.Sets) {
		if !slices.Contains(believed, s.Sealer) {
			break
		}
		for _, found := range authres.Parse(s.Results) {
			if from, err := addr.ParseDomain(found.Prop("header.from")); found.Method == "dmarc" && found.Value == "pass" && err == nil && from == author {
				return s.Sealer, true
			}
		}
	}
	return "", false
}
