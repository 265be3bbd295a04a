package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"time"

	"restante/internal/config"
	"restante/internal/flow/signing"
	"restante/internal/ops/zone"
	"restante/internal/proto/addr"
	"restante/internal/serve/admind"
)

// Zone is what a domain of a configured server needs in the DNS, with its keys.
func Zone(c *config.Config, domain addr.Domain, keys []admind.SigningKey) zone.Setup {
	s := zone.Setup{
		Domain: domain, Host: c.Host,
		IMAPS: len(c.Listen.IMAPS) > 0, POP3S: len(c.Listen.POP3S) > 0,
		Submissions: len(c.Listen.Submissions) > 0, Submission: len(c.Listen.Submission) > 0,
		Web: len(c.Listen.HTTPS) > 0,
	}
	for _, k := range keys {
		if k.State == string(signing.Retired) && time.Since(k.Since) > lingers(time.Duration(c.Send.Expire)) {
			continue // nobody looks for it any more
		}
		s.Keys = append(s.Keys, zone.Key{Selector: k.Selector, Text: k.Text, Spare: !k.Needed})
	}
	if p := policyForOthers(c); p.Mode != "" {
		// It changes whenever the policy does, and only then (RFC 8461 3.1).
		sum := sha256.Sum256(p.AppendTo(nil))
		s.Policy = hex.EncodeToString(sum[:8])
	}
	return s
}

// ZoneChecks are checks of the machine of a configured server, by the resolver that it asks. probe is a domain elsewhere whose mail server is
// connected to, "" for none.
func ZoneChecks(c *config.Config, probe string) zone.Checks {
	return zone.Checks{
		Host: c.Host, Resolver: (&Core{config: c}).openResolver(), Probe: probe, Signed: "ietf.org", Data: c.Data,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}
