package tlsrpt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var errTooMany = errors.New("too many entries")

// text is a string without control characters, cut to what anybody reads. Numbers and null are taken, too.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	} else if b[0] != 'n' && b[0] != '{' && b[0] != '[' {
		s = string(b)
	}
	if len(s) > maxString {
		s = s[:maxString]
	}
	*t = text(clean(s))
	return nil
}

func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
}

// texts are strings; one alone is taken, too.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	if b[0] != '[' {
		var one text
		err := one.UnmarshalJSON(b)
		if one != "" {
			*t = texts{string(one)}
		}
		return err
	}
	return each(b, maxStrings, func(one text) { *t = append(*t, string(one)) })
}

func listOf(s []string) texts { return texts(s) }

// each reads a list without holding more of it than max entries.
func each[T any](b []byte, max int, fn func(T)) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if tok, err := d.Token(); err != nil || tok != json.Delim('[') {
		return fmt.Errorf("not a list: %w", err)
	}
	for n := 0; d.More(); n++ {
		var one T
		if n == max {
			return errTooMany
		}
		if err := d.Decode(&one); err != nil {
			return err
		}
		fn(one)
	}
	return nil
}

type policies []jsonPolicy

// UnmarshalJSON implements json.Unmarshaler.
func (p *policies) UnmarshalJSON(b []byte) error {
	*p = policies{}
	if b[0] == 'n' {
		return nil
	}
	return each(b, MaxPolicies, func(one jsonPolicy) { *p = append(*p, one) })
}

type failures []jsonFailure

// UnmarshalJSON implements json.Unmarshaler.
func (f *failures) UnmarshalJSON(b []byte) error {
	if b[0] == 'n' {
		return nil
	}
	return each(b, MaxFailures, func(one jsonFailure) { *f = append(*f, one) })
}

// count is a number of sessions; in quotes, too.
type count int64

// UnmarshalJSON implements json.Unmarshaler.
func (c *count) UnmarshalJSON(b []byte) error {
	if b[0] == 'n' {
		return nil
	}
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil || n < 0 || n > maxCount {
		return fmt.Errorf("not a number of sessions: %.20q", b)
	}
	*c = count(n)
	return nil
}

// maxCount keeps sums from overflowing.
const maxCount = 1 << 40

// date is a moment as RFC 3339 has it; some leave out the zone.
type date time.Time

// UnmarshalJSON implements json.Unmarshaler.
func (d *date) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 && t.Year() < 3000 {
			*d = date(t.UTC().Truncate(time.Second))
			return nil
		}
	}
	return fmt.Errorf("not a date: %.30q", s)
}

// MarshalJSON implements json.Marshaler.
func (d date) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Time(d).UTC().Format(time.RFC3339))
}
