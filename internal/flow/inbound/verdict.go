package inbound

import (
	"fmt"

	"restante/internal/flow"
)

// judge decides what is done with a message. It is a pure function of what was
// found out about it.
func judge(r *flow.Received) flow.Verdict {
	var v flow.Verdict
	if r.Hops >= maxHops { // RFC 5321 6.3
		v.Refuse = fmt.Errorf("%w: %d hops", ErrLoop, r.Hops)
		v.Evidence = append(v.Evidence, fmt.Sprintf("hops=%d", r.Hops))
	}
	return v
}
