package arc

import (
	"fmt"
	"strings"
	"time"

	"restante/internal/trust/authres"
	"restante/internal/trust/dkim"
)

// Sealer seals one message. It is not safe for concurrent use.
type Sealer struct {
	signer *dkim.Signer
	now    time.Time
}

// NewSealer returns a Sealer. now is the time of the seals.
func NewSealer(now time.Time) *Sealer { return &Sealer{dkim.NewSigner(now), now} }

// Write implements io.Writer, for octets of the message as it leaves, with CRLF line ends.
func (s *Sealer) Write(p []byte) (int, error) { return s.signer.Write(p) }

// Seal returns the set to be put before the message (RFC 8617 5.1), or nothing where the chain ends here: it was sealed as broken before, or is full. status is what Verify
// has found; id and results are as in authres.Append. The key's algorithm is to be RSA: ARC knows no way for a host to offer two, and not all know Ed25519
// (RFC 8617 4.2). It may be called for several keys.
func (s *Sealer) Seal(k *dkim.Key, status Status, id string, results []authres.Result) ([]byte, error) {
	sets, highest, _ := chain(s.signer.Header())
	n := highest + 1
	if n > MaxSets || highest > 0 && sets[highest-1].seal != nil && sets[highest-1].seal.tags.Value("cv") == string(Fail) { // step 2
		return nil, nil
	}
	if highest == 0 && status == Fail {
		return nil, nil // there are fields of a chain, and none has a number to go on from
	}
	number := fmt.Sprintf(" i=%d;", n)
	found := strings.TrimPrefix(string(authres.Append(nil, id, results)), authres.Field+":")
	aar := []byte(resultsField + ":" + number + found)
	ams, err := s.signer.SignOther(k, signatureField+":"+number)
	if err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	var signed []byte
	if status != Fail { // RFC 8617 5.1.2: or else this set alone
		for i := range sets {
			for _, f := range []*field{sets[i].results, sets[i].signature, sets[i].seal} {
				if f == nil {
					return nil, errSealed // Verify has not seen this message
				}
				signed = dkim.AppendRelaxed(signed, f.raw)
			}
		}
	}
	signed = dkim.AppendRelaxed(dkim.AppendRelaxed(signed, aar), ams)
	as, err := k.SignFields(sealField+":"+number, " cv="+string(status)+";", s.now, signed)
	if err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	return append(append(as, ams...), aar...), nil
}
