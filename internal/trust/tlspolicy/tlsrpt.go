package tlspolicy

// Report is a domain's wish for TLS reports (RFC 8460 3).
type Report struct {
	// URIs are where reports go: "mailto:" and "https:" alone.
	URIs []string
}

// ParseReport reads the texts under _smtp._tls.DOMAIN. ok is false where they say nothing, or more than one thing.
func ParseReport(texts []string) (r Report, ok bool) { return Report{}, false }
