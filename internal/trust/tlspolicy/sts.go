package tlspolicy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a policy.
const (
	// MaxPolicy is the largest policy file (RFC 8461 3.3).
	MaxPolicy = 64 << 10
	// maxAge is the longest time that a policy may be kept for (RFC 8461 3.2).
	maxAge = 31557600 * time.Second
	// maxRecord is the longest TXT record that is read as one of ours; they are short.
	maxRecord = 4096
)

// Mode is how much an MTA-STS policy asks for (RFC 8461 3.2).
type Mode string

// The modes. The zero value is that of no policy.
const (
	ModeEnforce Mode = "enforce"
	ModeTesting Mode = "testing"
	ModeNone    Mode = "none"
)

// Policy is an MTA-STS policy. Its zero value is none.
type Policy struct {
	Mode Mode
	// MX are the patterns that names of the domain's hosts must match one of, in lower case: "mx.example.org", "*.example.org".
	MX []string
	// MaxAge is in whole seconds.
	MaxAge time.Duration
}

// ErrPolicy means that a text is not a policy.
var ErrPolicy = errors.New("bad MTA-STS policy")

// ParsePolicy reads a policy file. The error wraps ErrPolicy.
//
//	sts-policy-record = sts-policy-field *WSP *(sts-policy-term sts-policy-field *WSP) [sts-policy-term]
//	sts-policy-term   = LF / CRLF
//
// Fields that are not known are left out, of those that are there twice the first counts (RFC 8461 3.2).
func ParsePolicy(text []byte) (Policy, error) {
	var p Policy
	if len(text) > MaxPolicy {
		return p, fmt.Errorf("%w: longer than %d octets", ErrPolicy, MaxPolicy)
	}
	if !utf8.Valid(text) {
		return p, fmt.Errorf("%w: not UTF-8", ErrPolicy)
	}
	seen := make(map[string]bool)
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimRight(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), " \t")
		if len(line) == 0 {
			continue // deviates: no empty lines are allowed, and many files end in one
		}
		if err := p.field(string(line), seen); err != nil {
			return Policy{}, fmt.Errorf("%w: line %d: %w", ErrPolicy, n, err)
		}
	}
	for _, want := range []string{"version", "mode", "max_age", "mx"} {
		if !seen[want] && (want != "mx" || p.Mode != ModeNone) {
			return Policy{}, fmt.Errorf("%w: no %s", ErrPolicy, want)
		}
	}
	return p, nil
}

// field reads a line.
//
//	sts-policy-field-delim = ":" *WSP
//	sts-policy-ext-value   = sts-policy-vchar [*(%x20 / sts-policy-vchar) sts-policy-vchar]
func (p *Policy) field(line string, seen map[string]bool) error {
	name, value, ok := strings.Cut(line, ":")
	value = strings.TrimLeft(value, " \t")
	if !ok || !isFieldName(name) || value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("not a field with a value")
	}
	if name != "mx" && seen[name] {
		return nil
	}
	seen[name] = true
	switch name {
	case "version":
		if value != "STSv1" {
			return errors.New("not version STSv1")
		}
	case "mode":
		p.Mode = Mode(value)
		if p.Mode != ModeEnforce && p.Mode != ModeTesting && p.Mode != ModeNone {
			return errors.New("no such mode")
		}
	case "max_age":
		seconds, err := strconv.ParseUint(value, 10, 64)
		if err != nil || len(value) > 10 {
			return errors.New("max_age is not a number of seconds")
		}
		p.MaxAge = time.Duration(min(seconds, uint64(maxAge/time.Second))) * time.Second
	case "mx":
		pattern := lower(strings.TrimSuffix(value, "."))
		if !isHostName(strings.TrimPrefix(pattern, "*.")) {
			return errors.New("mx is not a name")
		}
		p.MX = append(p.MX, pattern)
	}
	return nil
}

// isFieldName obeys sts-policy-ext-name = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".").
func isFieldName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isAlnum(c) && (i == 0 || c != '_' && c != '-' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// isHostName obeys Domain of RFC 5321 4.1.2, and takes the underscore that is met in names.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// lower is for ASCII alone, as names are.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// lines are those of the policy's file, as reports show them, too (RFC 8460 4.5).
func (p Policy) lines() []string {
	out := []string{"version: STSv1", "mode: " + string(p.Mode)}
	for _, mx := range p.MX {
		out = append(out, "mx: "+mx)
	}
	return append(out, "max_age: "+strconv.FormatInt(int64(p.MaxAge/time.Second), 10))
}

// AppendTo appends the policy's file to b, for a domain of our own.
func (p Policy) AppendTo(b []byte) []byte {
	for _, line := range p.lines() {
		b = append(append(b, line...), "\r\n"...)
	}
	return b
}

// Active says whether the policy asks for anything.
func (p Policy) Active() bool { return p.Mode == ModeEnforce || p.Mode == ModeTesting }

// Match says whether the policy allows a host: "*" is exactly one label, the first (RFC 8461 4.1). A host is in lower case, without a dot at the end.
func (p Policy) Match(host string) bool {
	return slices.ContainsFunc(p.MX, func(pattern string) bool { return matches(pattern, host) })
}

// matches says whether a name is what a pattern, or a name in a certificate, stands for (RFC 9525 6.3).
func matches(pattern, name string) bool {
	pattern, name = lower(pattern), lower(name)
	if suffix, ok := strings.CutPrefix(pattern, "*."); ok {
		label, rest, _ := strings.Cut(name, ".")
		return label != "" && label != "*" && rest == suffix && suffix != ""
	}
	return pattern == name && name != ""
}

// ParseSTSRecord finds the policy's id in the texts under _mta-sts.DOMAIN. It is empty where they announce no policy, or more than one.
//
//	sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]
//	sts-id          = %s"id=" 1*32(ALPHA / DIGIT)
func ParseSTSRecord(texts []string) (id string) {
	fields, ok := only(texts, "v=STSv1")
	if !ok {
		return ""
	}
	for _, f := range fields {
		if strings.ContainsAny(f.value, " \t=") {
			return ""
		}
		if f.name == "id" && id == "" { // The first one counts.
			if id = f.value; len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return r >= 0x80 || !isAlnum(byte(r)) }) {
				return ""
			}
		}
	}
	return id
}

// recordField is name=value in a TXT record.
type recordField struct{ name, value string }

// only finds the one text among texts that begins with version and a delimiter, and reads the fields behind it. ok is false if there
// is not one, or it has something else than fields (RFC 8461 3.1, RFC 8460 3).
//
//	sts-field-delim = *WSP ";" *WSP
//	sts-ext-value   = 1*(%x21-3A / %x3C / %x3E-7E)
//
// Values may hold what URIs hold, "=" and spaces around commas, too.
func only(texts []string, version string) (fields []recordField, ok bool) {
	found := ""
	for _, t := range texts {
		rest, ours := strings.CutPrefix(t, version)
		if ours = ours && strings.HasPrefix(strings.TrimLeft(rest, " \t"), ";"); !ours {
			continue
		}
		if found != "" || len(t) > maxRecord {
			return nil, false
		}
		found = rest
	}
	if found == "" {
		return nil, false
	}
	parts := strings.Split(found, ";")[1:]
	for i, part := range parts {
		part = strings.Trim(part, " \t")
		if part == "" && i == len(parts)-1 {
			break // the delimiter at the end
		}
		name, value, cut := strings.Cut(part, "=")
		if !cut || !isFieldName(name) || value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f }) {
			return nil, false
		}
		fields = append(fields, recordField{name, value})
	}
	return fields, true
}
