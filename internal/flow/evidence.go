package flow

import (
	"net/netip"

	"restante/internal/trust/arc"
	"restante/internal/trust/dkim"
	"restante/internal/trust/dmarc"
	"restante/internal/trust/spf"
)

// Evidence is what was found out about a message, for the decision and for those who ask later. The zero value is a message that nobody has looked at.
type Evidence struct {
	Hops int // Received fields that it came with
	Filtered
	Door Door // what was found out before it came: the envelope's Client

	Checked   bool // what follows was looked at
	Peer      netip.Addr
	Forwarder bool // the operator knows the host: it may bring mail of any author
	Reverse   Reverse
	SPF       *spf.Result    // nil: not asked
	DKIM      []dkim.Result  // of each signature; nil: not looked at
	ARC       *arc.Result    // the chain of those who have passed it on; nil: not looked at
	DMARC     []dmarc.Result // of each author's domain
}

// Reverse is what the DNS says of the host's address, in the words of iprev (RFC 8601 2.7.3).
type Reverse struct {
	Status string // pass, fail, temperror, permerror
	Name   string // where it is pass
}
