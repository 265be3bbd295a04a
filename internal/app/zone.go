package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"strings"

	"restante/internal/config"
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
		Web: len(c.Listen.HTTPS) > 0, Authority: authorityDomain(&c.ACME),
	}
	for _, k := range keys {
		if !k.Past { // nobody looks for those any more
			s.Keys = append(s.Keys, zone.Key{Selector: k.Selector, Text: k.Text, Spare: !k.Needed})
		}
	}
	if p := policyForOthers(c); p.Mode != "" {
		// It changes whenever the policy does, and only then (RFC 8461 3.1).
		sum := sha256.Sum256(p.AppendTo(nil))
		s.Policy = hex.EncodeToString(sum[:8])
	}
	return s
}

// authorityDomain is what CAA records name the authority by that certificates are had from, as far as it is known without asking it; else "".
func authorityDomain(c *config.ACME) string {
	u, err := url.Parse(c.Directory)
	if err != nil || !c.Enabled {
		return ""
	}
	for at, domain := range map[string]string{"api.letsencrypt.org": "letsencrypt.org", "acme.zerossl.com": "sectigo.com", "api.pki.goog": "pki.goog"} {
		if host := u.Hostname(); host == at || strings.HasSuffix(host, "."+at) {
			return domain
		}
	}
	return ""
}

// ZoneChecks are checks of the machine of a configured server, by the resolver that it asks. probe is a domain elsewhere whose mail server is
// connected to, "" for none.
func ZoneChecks(c *config.Config, probe string) zone.Checks {
	return zone.Checks{
		Host: c.Host, Resolver: (&Core{config: c}).openResolver(), Probe: probe, Signed: "ietf.org", Data: c.Data, Authority: authorityDomain(&c.ACME),
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}
