package tlsrpt

import (
	"fmt"
	"time"
)

// Filename is that of a packed report (RFC 8460 5.1). unique has letters and digits only; it may be empty.
func Filename(submitter, domain string, start, end time.Time, unique string) string {
	if unique != "" {
		unique = "!" + unique
	}
	return fmt.Sprintf("%s!%s!%d!%d%s.json.gz", submitter, domain, start.Unix(), end.Unix(), unique)
}

// Subject is that of a message with a report, folded (RFC 8460 5.3). id has both sides of an "@".
func Subject(domain, submitter, id string) string {
	return fmt.Sprintf("Report Domain: %s\r\n\tSubmitter: %s\r\n\tReport-ID: <%s>", domain, submitter, id)
}
