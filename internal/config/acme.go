package config

import (
	"net/url"
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// LetsEncrypt is the directory of the authority that is asked if no other is named.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// ACME has certificates from an authority by itself, and has them renewed (docs/operators/tls.md): for host, and for the names mail, imap, pop, smtp, autoconfig,
// autodiscover and mta-sts below each domain that lead to this server. A name that a [[tls]] block has keeps that. The authority has to reach port 80 (listen.http) or 443
// (listen.https) of the server, or look into a zone that the server can change (dns_server).
type ACME struct {
	// Have certificates.
	Enabled bool `toml:"enabled" restart:"true"`
	// You have read the authority's terms of service, and agree. For Let's Encrypt they are at https://letsencrypt.org/repository/.
	TermsAgreed bool `toml:"terms_agreed" restart:"true"`
	// URL of the authority's ACME directory.
	Directory string `toml:"directory" restart:"true"`
	// Address that the authority may write to, if it does.
	Email string `toml:"email" restart:"true"`
	// PEM file with the certificates of those who vouch for the authority's own web server, for one of yours. When it is empty, those that this machine trusts.
	Roots string `toml:"roots" restart:"true"`
	// An account that you have with the authority already, where it wants one (external account binding): its key id,
	EABKeyID string `toml:"eab_key_id" restart:"true"`
	// and the file with its key, in base64url on the first line.
	EABKey string `toml:"eab_key" restart:"true"`
	// Renew with the key that a certificate has. For hosts whose keys are published in TLSA records (DANE); otherwise each gets a new one.
	KeepKeys bool `toml:"keep_keys" restart:"true"`
	// Primary name server that takes dynamic updates (RFC 2136) of the zones, or of one that _acme-challenge below the names leads to by CNAME. When it is empty, the
	// authority looks at ports 80 and 443.
	DNSServer Resolver `toml:"dns_server" restart:"true"`
	// File with the key that updates are signed by (TSIG), as tsig-keygen writes it.
	DNSKey string `toml:"dns_key" restart:"true"`
	// How long the other name servers of the zones take to follow.
	DNSWait Duration `toml:"dns_wait" restart:"true"`
}

func defaultACME() ACME {
	return ACME{Directory: LetsEncrypt, DNSWait: Duration(10 * time.Second)}
}

// checkACME says what cannot be meant.
func (l *loader) checkACME(c *Config) {
	a := &c.ACME
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		l.fail("acme.directory", "%q is not the https URL of an ACME directory", a.Directory)
	}
	if e, err := addr.Parse(a.Email); a.Email != "" && (err != nil || e.Domain.IsLiteral() || strings.ContainsAny(a.Email, "?%,")) {
		l.fail("acme.email", "%q is not an address that an authority could write to", a.Email)
	}
	if (a.EABKeyID == "") != (a.EABKey == "") {
		l.fail("acme.eab_key_id", "eab_key_id and eab_key belong together")
	}
	if (a.DNSServer == "") != (a.DNSKey == "") {
		l.fail("acme.dns_server", "dns_server and dns_key belong together")
	}
	l.checkTime("acme.dns_wait", a.DNSWait, 0, 2*time.Minute)
	if !a.Enabled {
		return
	}
	if !a.TermsAgreed {
		where := "of the authority"
		if a.Directory == LetsEncrypt {
			where = "at https://letsencrypt.org/repository/"
		}
		l.fail("acme.enabled", "needs your consent: read the terms of service %s, and say terms_agreed = true", where)
	}
	if len(c.Listen.HTTP) == 0 && len(c.Listen.HTTPS) == 0 && a.DNSServer == "" {
		l.fail("acme.enabled", `the authority has no way to see that the names are yours: serve listen.http = [":80"] or listen.https = [":443"], or name a dns_server`)
	}
	if !strings.Contains(c.Host, ".") {
		l.fail("acme.enabled", "no authority issues a certificate for %q: host has to be this machine's whole name in the DNS", c.Host)
	}
}
