package dns

import (
	"context"
	"slices"
	"strings"
)

// CAAs finds the records that say which authorities may issue certificates for a name, and where they are: its own, or those of the nearest name
// above it that has any (RFC 8659 3). That there are none is no error: everybody may.
func CAAs(ctx context.Context, r Resolver, name string) (at string, records []Record, err error) {
	if name, err = Canonical(name); err != nil {
		return "", nil, err
	}
	for ; name != ""; _, name, _ = strings.Cut(name, ".") {
		a, err := r.Query(ctx, name, CAA)
		if err == nil {
			return name, a.Records, nil
		}
		if !Absent(err) {
			return name, nil, err
		}
	}
	return "", nil, nil
}

// MayIssue says whether CAA records let an authority issue certificates for a name that is no wildcard. The authority is known by any of its domains.
func MayIssue(records []Record, authority ...string) bool {
	restricted := false
	for _, r := range records {
		switch r.Tag {
		case "issue": // RFC 8659 4.2
			restricted = true
			domain, _, _ := strings.Cut(r.Text, ";")
			if slices.ContainsFunc(authority, func(a string) bool { return strings.EqualFold(strings.TrimSpace(domain), a) }) {
				return true
			}
		case "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone":
		default:
			restricted = restricted || r.Critical // RFC 8659 4.1
		}
	}
	return !restricted
}
