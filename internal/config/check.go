package config

import (
	"time"

	"restante/internal/proto/addr"
)

// Check says what is found out about mail that strangers bring by SMTP, and what is done with it (docs/smtp.md). Mail from this machine, by LMTP and of
// those who have logged in is not checked.
type Check struct {
	// Whether the domain of the sender allows the host (SPF).
	SPF bool `toml:"spf" restart:"true"`
	// Whether the signatures hold (DKIM).
	DKIM bool `toml:"dkim" restart:"true"`
	// Whether the author's domain stands behind the message, and what it wants done if not (DMARC). It needs the other two, and switches them on.
	DMARC bool `toml:"dmarc" restart:"true"`
	// Whether the chain of those who have passed a message on holds (ARC). It counts where trusted_sealers has some of them, and is told to those whom mail is
	// sent on to.
	ARC bool `toml:"arc" restart:"true"`
	// Refuse mail where the author's domain asks for that. Otherwise it goes to Junk.
	DMARCReject bool `toml:"dmarc_reject" restart:"true"`
	// Let senders come again where it cannot be found out now what the author's domain wants. Otherwise their mail is taken.
	DMARCDefer bool `toml:"dmarc_defer" restart:"true"`
	// Networks of hosts that pass on mail for people here and may change it, such as "192.0.2.0/28": what they bring is checked, and taken however that
	// ends.
	Forwarders []Network `toml:"forwarders" restart:"true"`
	// Domains of those who pass on mail for people here, such as mailing lists, and are believed what they say of it in their seals (ARC): where it was its author's
	// when it came to them, it is taken, though they have changed it.
	TrustedSealers []string `toml:"trusted_sealers" restart:"true"`
	// How long the checks of one message may take, all together. What is not known by then counts as unknown.
	Time Duration `toml:"time" restart:"true"`
}

func defaultCheck() Check {
	return Check{SPF: true, DKIM: true, DMARC: true, ARC: true, DMARCReject: true, Forwarders: []Network{}, TrustedSealers: []string{}, Time: Duration(10 * time.Second)}
}

// checkCheck says what cannot be meant.
func (l *loader) checkCheck(c *Check) {
	for _, n := range c.Forwarders {
		if n.Prefix().Bits() == 0 {
			l.fail("check.forwarders", "%q is everybody: switch checks off instead, or name the forwarders' own addresses", n)
		}
	}
	for _, s := range c.TrustedSealers {
		if d, err := addr.ParseDomain(s); err != nil || d.IsLiteral() {
			l.fail("check.trusted_sealers", "%q is not a domain: it is the d= of their ARC-Seal fields", s)
		}
	}
	if t := time.Duration(c.Time); t < time.Second || t > time.Minute {
		l.fail("check.time", "%s is not between 1s and 1m: senders wait for the answer meanwhile", t)
	}
}
