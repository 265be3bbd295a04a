package config

import (
	"net/netip"
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// checkMTASTS checks the policy that other servers are told.
func (l *loader) checkMTASTS(c *Config) {
	l.checkWord("mta_sts.mode", c.MTASTS.Mode, "off", "testing", "enforce", "none")
	if age := time.Duration(c.MTASTS.MaxAge); age < 24*time.Hour || age > 365*24*time.Hour { // RFC 8461 3.2: a year at most
		l.fail("mta_sts.max_age", "%v is not between 1d and 365d", c.MTASTS.MaxAge)
	}
	for _, mx := range c.MTASTS.MX {
		if d, err := addr.ParseDomain(strings.TrimPrefix(mx, "*.")); err != nil || d.IsLiteral() || isIP(mx) {
			l.fail("mta_sts.mx", "%q is not the name of a host", mx)
		}
	}
	if c.MTASTS.Mode != "off" && len(c.Listen.HTTPS) == 0 {
		l.fail("mta_sts.mode", `nobody can read the policy: serve it, with listen.https = [":443"]`)
	}
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
