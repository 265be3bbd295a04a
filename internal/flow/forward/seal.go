package forward

import (
	"context"

	"restante/internal/flow"
	"restante/internal/flow/check"
	"restante/internal/proto/addr"
	"restante/internal/trust/arc"
)

// Seal goes along with a message that is to be sent on, so that it can be sealed (ARC, RFC 8617). It is not safe for concurrent use; a nil one does nothing.
type Seal struct {
	sealer *arc.Sealer
	broken bool // its header is longer than anybody looks at
}

// Begin begins with a message.
func (f *Forwarder) Begin() *Seal {
	if f == nil || f.opts.Keys == nil {
		return nil
	}
	return &Seal{sealer: arc.NewSealer(f.opts.Clock())}
}

// Write implements io.Writer, for octets of the message as it came. It does not fail.
func (s *Seal) Write(p []byte) (int, error) {
	if s != nil && !s.broken {
		_, err := s.sealer.Write(p)
		s.broken = err != nil
	}
	return len(p), nil
}

// seal is the set of fields by which a domain tells those after us what was found out about a message; nil where it has no key, or nobody has looked.
func (f *Forwarder) seal(ctx context.Context, r *flow.Received, domain addr.Domain, s *Seal) ([]byte, error) {
	if s == nil || s.broken || r.ARC == nil { // RFC 8617 5.1: what begins here is not sealed
		return nil, nil
	}
	key, err := f.opts.Keys.Sealing(ctx, domain)
	if err != nil || key == nil {
		return nil, err
	}
	set, err := s.sealer.Seal(key, r.ARC.Status, f.opts.Host, check.Results(&r.Evidence, r.Mail.From.String()))
	if len(set) > maxSet {
		return nil, err
	}
	return set, err
}

// maxSet bounds a set: the names of others are in it, and what stands before a queued message has 16 KiB. A longer one is left out, and the message goes unsealed.
const maxSet = 10 << 10
