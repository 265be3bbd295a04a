package zone

import (
	"context"
	"fmt"
	"strings"

	"restante/internal/base/dns"
)

// authority is the record that lets an authority issue certificates for a domain (RFC 8659). It is a hint: with it nobody else may, so it is for domains whose
// other certificates come from there, too.
func authority(domain, ca string) Record {
	return Record{Kind: CAA, Name: domain, Type: "CAA", Value: fmt.Sprintf("0 issue %q", ca), Target: ca, Optional: true}
}

// checkCAA wants the authority to be let. That there are no records is as good.
func checkCAA(ctx context.Context, r dns.Resolver, want Record) Row {
	at, records, err := dns.CAAs(ctx, r, want.Name)
	if err != nil {
		row := nobody(err)
		row.Fix += "; an authority that cannot tell issues nothing"
		return row
	}
	found := make([]string, len(records))
	for i, rec := range records {
		found[i] = fmt.Sprintf("%s %q", rec.Tag, rec.Text)
	}
	row := Row{State: Good, Found: strings.Join(found, ", ")}
	switch {
	case len(records) == 0:
		row.Found = "none, so every authority may issue certificates"
	case !dns.MayIssue(records, want.Target):
		row.State, row.Fix = Bad, fmt.Sprintf("certificates come from %s, which these records do not let: add %s CAA %s", want.Target, at, want.Value)
	}
	return row
}
