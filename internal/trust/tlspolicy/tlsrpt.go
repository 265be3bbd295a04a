package tlspolicy

import (
	"strings"
)

// maxURIs bounds the destinations of a domain's reports.
const maxURIs = 10

// Report is a domain's wish for TLS reports (RFC 8460 3).
type Report struct {
	// URIs are where reports go, at most ten: "mailto:..." and "https:..." alone.
	URIs []string
}

// ParseReport reads the texts under _smtp._tls.DOMAIN. ok is false where they say nothing, or more than one thing, or nothing that a report could be sent to.
//
//	tlsrpt-record = tlsrpt-version 1*(field-delim tlsrpt-field) [field-delim]
//	tlsrpt-rua    = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
func ParseReport(texts []string) (r Report, ok bool) {
	fields, ok := only(texts, "v=TLSRPTv1")
	if !ok {
		return Report{}, false
	}
	for _, f := range fields {
		if f.name != "rua" {
			continue
		}
		for uri := range strings.SplitSeq(f.value, ",") {
			uri = strings.Trim(uri, " \t")
			scheme, rest, _ := strings.Cut(uri, ":")
			switch {
			case rest == "" || strings.ContainsAny(uri, " \t!") || len(r.URIs) == maxURIs:
			case strings.EqualFold(scheme, "mailto"), strings.EqualFold(scheme, "https"):
				r.URIs = append(r.URIs, uri)
			}
		}
		break // The first one counts.
	}
	return r, len(r.URIs) > 0
}
