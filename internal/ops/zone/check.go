package zone

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/trust/dkim"
	"restante/internal/trust/tlspolicy"
)

// State is how something is.
type State string

// The states, from good to bad. Unknown is what nobody could tell now.
const (
	Good    State = "ok"
	Advice  State = "advice"
	Unknown State = "unknown"
	Bad     State = "WRONG"
)

// Row is the outcome of one check.
type Row struct {
	State State  `json:"state"`
	What  string `json:"what"`  // what was looked at, such as "MX example.org"
	Found string `json:"found"` // what there is; may be empty
	Fix   string `json:"fix"`   // what to do; empty where all is well
}

// Check asks for every record of a list, in its order.
func Check(ctx context.Context, r dns.Resolver, list []Record) []Row {
	rows := make([]Row, len(list))
	for i, want := range list {
		rows[i] = check(ctx, r, want)
		rows[i].What = string(want.Kind) + " " + want.Name
	}
	return rows
}

func check(ctx context.Context, r dns.Resolver, want Record) Row {
	if want.Kind == Alias {
		return checkAlias(ctx, r, want)
	}
	if want.Kind == CAA {
		return checkCAA(ctx, r, want)
	}
	a, err := r.Query(ctx, want.Name, want.number())
	if err != nil && !dns.Absent(err) {
		return nobody(err)
	}
	switch want.Type {
	case "MX":
		return checkMX(a.Records, want)
	case "SRV":
		return checkSRV(a.Records, want)
	}
	return checkText(a.Records, want)
}

// nobody is the row of a question without an answer.
func nobody(err error) Row {
	fix := "ask again; if that stays, look at the resolver ([dns] in the configuration) and at the name servers of the domain"
	if errors.Is(err, dns.ErrBogus) {
		fix = "the answer is signed wrongly (DNSSEC): to others the name does not exist; have the signatures or the DS record mended"
	}
	return Row{State: Unknown, Found: err.Error(), Fix: fix}
}

// missing is the row of a record that has to be added.
func missing(want Record, found string) Row {
	row := Row{State: Bad, Found: found, Fix: "add " + shown(want)}
	if want.Optional {
		row.State = Advice
	}
	return row
}

func shown(r Record) string {
	if r.Type == "TXT" {
		return fmt.Sprintf("%s TXT %s", r.Name, quoted(r.Value))
	}
	return fmt.Sprintf("%s %s %s", r.Name, r.Type, r.Value)
}

func checkMX(list []dns.Record, want Record) Row {
	var hosts []string
	for _, rec := range list {
		hosts = append(hosts, fmt.Sprintf("%d %s", rec.Preference, rec.Host+"."))
	}
	found := strings.Join(hosts, ", ")
	if !slices.ContainsFunc(list, func(rec dns.Record) bool { return rec.Host == want.Target }) {
		return missing(want, found)
	}
	if len(list) > 1 {
		return Row{State: Advice, Found: found, Fix: "the other hosts get mail for the domain, too: take them away unless they pass it on to this one"}
	}
	return Row{State: Good, Found: found}
}

func checkSRV(list []dns.Record, want Record) Row {
	var found []string
	for _, rec := range list {
		found = append(found, fmt.Sprintf("%d %d %d %s", rec.Preference, rec.Weight, rec.Port, rec.Host+"."))
		if rec.Host == want.Target && rec.Port == want.Port {
			return Row{State: Good, Found: found[len(found)-1]}
		}
	}
	return missing(want, strings.Join(found, ", "))
}

// checkAlias wants a name to lead to the server, by CNAME or by address.
func checkAlias(ctx context.Context, r dns.Resolver, want Record) Row {
	there, err := dns.Addrs(ctx, r, want.Name)
	if dns.Absent(err) {
		return missing(want, "")
	}
	if err != nil {
		return nobody(err)
	}
	here, err := dns.Addrs(ctx, r, want.Target)
	if err != nil {
		return nobody(err)
	}
	if there.Name == here.Name || slices.ContainsFunc(there.IPs, func(ip netip.Addr) bool { return slices.Contains(here.IPs, ip) }) {
		return Row{State: Good, Found: there.Name}
	}
	row := missing(want, fmt.Sprintf("%s, %v", there.Name, there.IPs[0]))
	row.Fix = "it leads elsewhere; if that is not meant, " + row.Fix + " in the place of what is there"
	return row
}

// checkText checks a TXT record. Texts that begin otherwise are not looked at.
func checkText(list []dns.Record, want Record) Row {
	version, _, _ := strings.Cut(strings.SplitN(want.Value, ";", 2)[0], " ")
	var ours []string
	for _, rec := range list {
		if want.Kind == DKIM || strings.HasPrefix(strings.ToLower(rec.Text), strings.ToLower(version)) {
			ours = append(ours, rec.Text)
		}
	}
	found := strings.Join(ours, " | ")
	switch {
	case len(ours) == 0:
		return missing(want, "")
	case len(ours) > 1:
		return Row{State: Bad, Found: found, Fix: fmt.Sprintf("there must be one only, others take no notice of %d: keep %s", len(ours), shown(want))}
	}
	if fix := checkOne(ours[0], want); fix != "" {
		return Row{State: missing(want, "").State, Found: found, Fix: fix}
	}
	return Row{State: Good, Found: found}
}

// checkOne says what to do about the one text that there is.
func checkOne(text string, want Record) (fix string) {
	instead := "put " + shown(want) + " in its place"
	switch want.Kind {
	case SPF:
		terms := strings.Fields(strings.ToLower(text))
		if !slices.ContainsFunc(terms, func(t string) bool {
			t = strings.TrimPrefix(t, "+")
			return t == "mx" || strings.HasPrefix(t, "ip4:") || strings.HasPrefix(t, "ip6:") || strings.HasPrefix(t, "a:") || t == "a"
		}) {
			return "it does not name this server: add mx after v=spf1"
		}
		if slices.Contains(terms, "+all") || slices.Contains(terms, "all") {
			return "it lets everybody send in the domain's name: end it with -all"
		}
	case DKIM:
		there, err := dkim.ParseRecord(text)
		here, _ := dkim.ParseRecord(want.Value)
		switch {
		case tag(text, "p") != tag(want.Value, "p"):
			return "it is not this server's key, so no signature is good: " + instead
		case err != nil || there.Revoked || there.Algorithm != here.Algorithm:
			return "others cannot read the key, so no signature is good: " + instead
		case there.Testing:
			return "it is said to be a test (t=y), so some take no notice of its signatures: " + instead
		}
	case DMARC:
		if p := strings.ToLower(tag(text, "p")); p != "none" && p != "quarantine" && p != "reject" {
			return "it has no policy (p=): " + instead
		}
	case STS:
		if id := tlspolicy.ParseSTSRecord([]string{text}); id == "" {
			return "it cannot be read: " + instead
		} else if id != tag(want.Value, "id") {
			return "the policy has changed, and nobody notices before the id does: " + instead
		}
	case TLSRPT:
		if tag(text, "rua") == "" {
			return "it says nowhere to send reports to (rua=): " + instead
		}
	}
	return ""
}

// tag is the value of name=value in a list with semicolons, without spaces.
func tag(text, name string) string {
	for part := range strings.SplitSeq(text, ";") {
		k, v, ok := strings.Cut(part, "=")
		if ok && strings.TrimSpace(k) == name {
			return strings.Join(strings.Fields(v), "")
		}
	}
	return ""
}
