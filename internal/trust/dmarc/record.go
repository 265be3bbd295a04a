package dmarc

import (
	"errors"
	"strings"

	"restante/internal/trust/taglist"
)

// Disposition is what a domain asks to be done with mail that only says that it is from there.
type Disposition string

// The dispositions, from mild to strict.
const (
	Nothing    Disposition = "none"
	Quarantine Disposition = "quarantine"
	Reject     Disposition = "reject"
)

// maxRecord bounds the text of a record; those of the world have less than 512 octets.
const maxRecord = 4 << 10

// ErrRecord says that a text is no record, or none that says anything.
var ErrRecord = errors.New("dmarc: not a record")

// Record is what a domain publishes under _dmarc (RFC 9989 4.7).
type Record struct {
	Policy     Disposition // "p"
	Subdomains Disposition // "sp"; "" where Policy holds for them
	Absent     Disposition // "np", for domains that do not exist; "" where Subdomains holds for them
	StrictDKIM bool        // "adkim=s"
	StrictSPF  bool        // "aspf=s"
	Testing    bool        // "t=y"
	Suffix     byte        // "psd": 'y', 'n', or 'u' where nobody says
	Aggregate  []string    // "rua": where reports go, as URIs
}

// ParseRecord reads the text of a record. Tags that are not known are passed over, as are values that make no sense where there is a default (RFC 9989 4.7).
func ParseRecord(text string) (Record, error) {
	if !IsRecord(text) || len(text) > maxRecord {
		return Record{}, ErrRecord
	}
	tags, err := taglist.Parse(text)
	if err != nil {
		return Record{}, ErrRecord
	}
	r := Record{Suffix: 'u', StrictDKIM: fold(tags, "adkim") == "s", StrictSPF: fold(tags, "aspf") == "s", Testing: fold(tags, "t") == "y"}
	if s := fold(tags, "psd"); s == "y" || s == "n" {
		r.Suffix = s[0]
	}
	for uri := range strings.SplitSeq(tags.Bare("rua"), ",") {
		if strings.HasPrefix(strings.ToLower(uri), "mailto:") && len(r.Aggregate) < maxURIs {
			r.Aggregate = append(r.Aggregate, uri)
		}
	}
	var ok [3]bool
	r.Policy, ok[0] = disposition(tags, "p")
	r.Subdomains, ok[1] = disposition(tags, "sp")
	r.Absent, ok[2] = disposition(tags, "np")
	if ok[0] && ok[1] && ok[2] && r.Policy != "" {
		return r, nil
	}
	// RFC 9989 4.10.1: without a policy that can be read, reports are all that it asks for, if it does.
	if len(r.Aggregate) == 0 {
		return Record{}, ErrRecord
	}
	r.Policy, r.Subdomains, r.Absent = Nothing, "", ""
	return r, nil
}

// maxURIs bounds where reports go.
const maxURIs = 4

// IsRecord says whether a text is meant as a record: "v=DMARC1" comes first.
func IsRecord(text string) bool {
	tags, _, _ := strings.Cut(text, ";")
	name, value, ok := strings.Cut(tags, "=")
	return ok && strings.Trim(name, " \t") == "v" && strings.Trim(value, " \t") == "DMARC1"
}

func fold(tags taglist.List, name string) string { return strings.ToLower(tags.Value(name)) }

func disposition(tags taglist.List, name string) (d Disposition, ok bool) {
	switch d := Disposition(fold(tags, name)); d {
	case Nothing, Quarantine, Reject, "":
		return d, true
	}
	return "", false
}

// of is what is asked for mail of a domain that the record was, or was not, found under.
func (r *Record) of(self, exists bool) Disposition {
	d := r.Policy
	if !self && r.Subdomains != "" {
		d = r.Subdomains
	}
	if !self && !exists && r.Absent != "" {
		d = r.Absent
	}
	if r.Testing { // RFC 9989 4.7, "t": one step milder
		switch d {
		case Reject:
			return Quarantine
		case Quarantine:
			return Nothing
		}
	}
	return d
}
