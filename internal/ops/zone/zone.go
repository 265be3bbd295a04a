// Package zone says what a domain of this server has to have in the DNS, and what it has.
//
// # Model
//
// Records makes the list for a domain; Write shows it as a fragment of a zone file. Check asks for each record of the list what there is, and says
// what to do where that will not do: it looks for what works, not for what looks the same. Machine looks at the rest of what mail to and from a server
// hangs on: its addresses and their names, the way out, the resolver, the clock, the disk.
//
// # What it does not do
//
// It changes nothing, neither here nor in the DNS.
package zone

import (
	"fmt"
	"io"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/proto/addr"
)

// Setup is a domain and what the server does for it.
type Setup struct {
	Domain addr.Domain
	// Host is the server's name, where the domain's mail goes.
	Host string
	// Keys are those that mail of the domain is signed by.
	Keys []Key
	// Policy is the id of the MTA-STS policy; empty: there is none.
	Policy string
	// Authority is the domain that CAA records name the authority by that certificates are had from; empty: nobody knows.
	Authority string
	// What is served to mail programs, in TLS from the first octet but for Submission; Web is what they set themselves up by.
	IMAPS, POP3S, Submissions, Submission, Web bool
}

// Key is a public key for DKIM as it is published: Text at Selector._domainkey.
type Key struct {
	Selector, Text string
	// Spare keys are not needed now, whether they are new or old: mail is signed, too, without them.
	Spare bool
}

// Record is what is to be published of a key.
func (k Key) Record(domain addr.Domain) Record {
	return Record{Kind: DKIM, Name: k.Selector + "._domainkey." + string(domain), Type: "TXT", Value: k.Text, Optional: k.Spare}
}

// Kind is what a record is for: how it is checked follows from it.
type Kind string

// The kinds.
const (
	MX     Kind = "MX"
	SPF    Kind = "SPF"
	DKIM   Kind = "DKIM"
	DMARC  Kind = "DMARC"
	STS    Kind = "MTA-STS"
	TLSRPT Kind = "TLS-RPT"
	SRV    Kind = "SRV"
	Alias  Kind = "alias"
	CAA    Kind = "CAA"
)

// Record is one that a domain has to have.
type Record struct {
	Kind  Kind   `json:"kind"`
	Name  string `json:"name"`  // whole, without a dot at the end
	Type  string `json:"type"`  // as in a zone file
	Value string `json:"value"` // as in a zone file, names with a dot at the end; of TXT the text itself
	// Port and Target are those of MX, SRV and CNAME.
	Port   uint16 `json:"port,omitempty"`
	Target string `json:"target,omitempty"`
	// Optional ones help mail programs, or will be of use; without the others mail fails or is not believed.
	Optional bool `json:"optional"`
}

// Records are those of a domain.
func Records(s Setup) []Record {
	domain := string(s.Domain)
	txt := func(kind Kind, name, text string) Record {
		return Record{Kind: kind, Name: name, Type: "TXT", Value: text}
	}
	list := []Record{
		{Kind: MX, Name: domain, Type: "MX", Value: "10 " + s.Host + ".", Target: s.Host},
		txt(SPF, domain, "v=spf1 mx -all"),
	}
	for _, key := range s.Keys {
		list = append(list, key.Record(s.Domain))
	}
	policy := "none" // to hear of what fails, before anything is refused
	if len(s.Keys) > 0 {
		policy = "quarantine"
	}
	list = append(list, txt(DMARC, "_dmarc."+domain, "v=DMARC1; p="+policy+"; rua=mailto:dmarc-reports@"+domain))
	if s.Policy != "" {
		list = append(list, txt(STS, "_mta-sts."+domain, "v=STSv1; id="+s.Policy)) // RFC 8461 3.1
	}
	list = append(list, txt(TLSRPT, "_smtp._tls."+domain, "v=TLSRPTv1; rua=mailto:tls-reports@"+domain)) // RFC 8460 3
	list = append(list, services(s)...)
	list = append(list, aliases(s)...)
	if s.Authority != "" {
		list = append(list, authority(domain, s.Authority))
	}
	return list
}

// services are where programs find the server that look for SRV records.
func services(s Setup) []Record {
	var list []Record
	for _, p := range []struct {
		served   bool
		name     string
		priority int
		port     uint16
	}{
		{s.IMAPS, "_imaps", 0, 993},             // RFC 6186 3.2
		{s.POP3S, "_pop3s", 10, 995},            // RFC 6186 3.3: behind IMAP, for programs that know both
		{s.Submissions, "_submissions", 0, 465}, // RFC 8314 5.1
		{s.Submission, "_submission", 10, 587},  // RFC 6186 3.1
	} {
		if p.served {
			list = append(list, Record{
				Kind: SRV, Name: p.name + "._tcp." + string(s.Domain), Type: "SRV",
				Value: fmt.Sprintf("%d 1 %d %s.", p.priority, p.port, s.Host), Port: p.port, Target: s.Host, Optional: true,
			})
		}
	}
	return list
}

// aliases are names that lead to the server.
func aliases(s Setup) []Record {
	var list []Record
	for _, p := range []struct {
		wanted   bool
		name     string
		optional bool
	}{
		{s.Policy != "", "mta-sts", false},
		{s.Web, "autoconfig", true},
		{s.Web, "autodiscover", true},
		{s.IMAPS, "imap", true},
		{s.POP3S, "pop", true},
		{s.Submissions || s.Submission, "smtp", true},
		{true, "mail", true},
	} {
		if name := p.name + "." + string(s.Domain); p.wanted && name != s.Host {
			list = append(list, Record{Kind: Alias, Name: name, Type: "CNAME", Value: s.Host + ".", Target: s.Host, Optional: p.optional})
		}
	}
	return list
}

// Write writes records as a fragment of a zone file. What may do harm where the domain has other uses is behind a semicolon.
func Write(w io.Writer, list []Record) error {
	width := 0
	for _, r := range list {
		width = max(width, len(r.Name)+1)
	}
	var b strings.Builder
	for _, r := range list {
		value := r.Value
		if r.Type == "TXT" {
			value = quoted(value)
		}
		if r.Kind == CAA {
			fmt.Fprintf(&b, "\n; If all certificates of the domain, those of its web sites too, are from %s:\n; ", r.Target)
		}
		fmt.Fprintf(&b, "%-*s  IN  %-5s  %s\n", width, r.Name+".", r.Type, value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a text as strings of at most 255 octets (RFC 1035 3.3).
func quoted(text string) string {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	var parts []string
	for len(text) > 250 { // an escape must not be cut in two; base64 has none
		parts = append(parts, `"`+text[:250]+`"`)
		text = text[250:]
	}
	return strings.Join(append(parts, `"`+text+`"`), " ")
}

// number is the DNS's for a type in a zone file.
func (r Record) number() dns.Type {
	return map[string]dns.Type{"MX": dns.MX, "TXT": dns.TXT, "SRV": dns.SRV, "CNAME": dns.CNAME}[r.Type]
}
