package config

import (
	"time"

	"restante/internal/proto/addr"
)

// Report says which reports other domains get about mail that is sent to or from them, if they ask for some, and how long theirs are kept
// (docs/operators/reports.md).
type Report struct {
	// Tell domains once a day who has sent mail that says to be from them, and whether it was (DMARC).
	DMARC bool `toml:"dmarc" restart:"true"`
	// Tell domains once a day how often their mail servers could not be reached by TLS, and why (TLS-RPT).
	TLS bool `toml:"tls" restart:"true"`
	// Who writes them: an address whose domain has DKIM keys. When it is empty, postmaster in default_domain, or else in the
	// domain of postmaster, or else at host.
	From string `toml:"from" restart:"true"`
	// Name of the organization, for those who get them; when it is empty, the domain of from.
	Organization string `toml:"organization" restart:"true"`
	// Address for their questions; when it is empty, from.
	Contact string `toml:"contact" restart:"true"`
	// How long the reports of others are kept.
	Keep Duration `toml:"keep" restart:"true"`
}

func defaultReport() Report {
	return Report{DMARC: true, TLS: true, Keep: Duration(90 * 24 * time.Hour)}
}

func (l *loader) checkReport(r *Report) {
	for key, v := range map[string]string{"report.from": r.From, "report.contact": r.Contact} {
		if a, err := addr.Parse(v); v != "" && (err != nil || a.Domain.IsLiteral()) {
			l.fail(key, "%q is not an address", v)
		}
	}
	l.checkTime("report.keep", r.Keep, 24*time.Hour, 10*365*24*time.Hour)
}
