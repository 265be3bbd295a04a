// Package dnstest stands in for the DNS in tests: Zone answers in memory, Server is a real one on the loopback interface that signs its zones and can be
// told to misbehave.
//
// # Text
//
// Both are made from lines of a name, a type and a value; "#" begins a comment at the beginning of a line or after a space, outside quotes.
//
//	example.org       MX    10 mx.example.org
//	example.org       MX    .                     (null MX, like "0 .")
//	example.org       TXT   v=spf1 mx -all        (the rest of the line, or "strings" "that are joined")
//	_25._tcp.mx.example.org TLSA 3 1 1 0123abcd
//	_imaps._tcp.example.org SRV  0 1 993 mail.example.org
//	example.org       CAA   0 issue "ca.example"
//	*.example.org     A     192.0.2.1             (a wildcard, RFC 4592)
//	alias.example.org CNAME example.org
//	empty.example.org NONE                        (the name exists, and has nothing)
//
// Instead of a value there may be a word on what becomes of such a question; "*" is any type, and as a name any name:
//
//	example.org  TXT  SERVFAIL   the server cannot tell
//	example.org  A    TIMEOUT    no answer comes
//	example.org  *    NXDOMAIN   the name does not exist
//	example.org  *    BOGUS      DNSSEC validation failed
//	example.org  MX   +AD        the answer is authentic ("* * +AD": all are)
//	example.org  TLSA -AD        it is not, though others are
//
// Server knows more of them, which Zone takes for nothing:
//
//	example.org  A    TRUNCATE   the answer comes by TCP alone
//	example.org  A    CLOSE      truncated, and TCP closes without an answer
//	example.org  A    STALL      truncated, and TCP never answers
//	example.org  A    STRANGER   answers under other ids come by UDP before
//	example.org  A    OTHER      the answer is to another question
//	example.org  A    GARBAGE    the answer is no DNS message
//	example.org  A    FORMERR    questions with EDNS are not understood
package dnstest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/base/dns"
)

// anyType is the type of rules for all types.
const anyType dns.Type = 255

// key is a name and a type.
type key struct {
	name string
	t    dns.Type
}

// Zone is a dns.Resolver that knows all there is. It is safe for concurrent use.
type Zone struct {
	// Patience is how long a question without answer takes; 0 fails at once.
	Patience time.Duration

	mu struct {
		sync.Mutex
		records map[key][]dns.Record
		words   map[key]string // SERVFAIL ...
		ad      map[key]bool
		names   map[string]bool // those that exist, with all above them
		asked   []string
	}
}

var _ dns.Resolver = (*Zone)(nil)

// New makes a Zone; a text that cannot be read fails the test.
func New(tb testing.TB, text string) *Zone {
	tb.Helper()
	z, err := Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

// Parse makes a Zone.
func Parse(text string) (*Zone, error) {
	z := new(Zone)
	return z, z.Set(text)
}

// Set puts a text in the place of all that the zone knows.
func (z *Zone) Set(text string) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.mu.records, z.mu.words = make(map[key][]dns.Record), make(map[key]string)
	z.mu.ad, z.mu.names = make(map[key]bool), make(map[string]bool)
	for n, line := range strings.Split(text, "\n") {
		if err := z.add(uncomment(line)); err != nil {
			return fmt.Errorf("dnstest: line %d: %q: %w", n+1, line, err)
		}
	}
	return nil
}

func uncomment(line string) string {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == '#' && !quoted && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return strings.TrimSpace(line[:i])
		}
	}
	return strings.TrimSpace(line)
}

// add reads a line. It runs under the lock.
func (z *Zone) add(line string) error {
	if line == "" {
		return nil
	}
	name, rest := word(line)
	kind, value := word(rest)
	k := key{fold(name), 0}
	kind = strings.ToUpper(kind)
	if kind == "NONE" {
		z.exists(k.name)
		return nil
	}
	var ok bool
	if k.t, ok = parseType(kind); !ok {
		return errors.New("not a type")
	}
	switch value {
	case "+AD", "-AD":
		z.mu.ad[k] = value == "+AD"
		return nil
	case "SERVFAIL", "TIMEOUT", "NXDOMAIN", "BOGUS", "TRUNCATE", "CLOSE", "STALL", "STRANGER", "OTHER", "GARBAGE", "FORMERR":
		z.mu.words[k] = value
		return nil
	}
	r, err := parseRecord(k.t, value)
	if err != nil {
		return err
	}
	z.mu.records[k] = append(z.mu.records[k], r)
	z.exists(k.name)
	return nil
}

// exists notes a name and all above it (RFC 8020).
func (z *Zone) exists(name string) {
	for ; name != ""; _, name, _ = strings.Cut(name, ".") {
		z.mu.names[name] = true
	}
}

func word(s string) (first, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func parseType(s string) (dns.Type, bool) {
	if s == "*" {
		return anyType, true
	}
	for _, t := range []dns.Type{dns.A, dns.NS, dns.CNAME, dns.SOA, dns.PTR, dns.MX, dns.TXT, dns.AAAA, dns.SRV, dns.TLSA, dns.CAA} {
		if t.String() == s {
			return t, true
		}
	}
	return 0, false
}

func parseRecord(t dns.Type, value string) (r dns.Record, err error) {
	f := strings.Fields(value)
	want := map[dns.Type]int{dns.A: 1, dns.AAAA: 1, dns.NS: 1, dns.CNAME: 1, dns.PTR: 1, dns.SOA: 1, dns.MX: 2, dns.SRV: 4, dns.TLSA: 4}[t]
	if t == dns.MX && value == "." {
		f = []string{"0", "."}
	}
	if t != dns.TXT && t != dns.CAA && len(f) != want {
		return r, fmt.Errorf("%s wants %d words", t, want)
	}
	var numbers []uint64
	for _, s := range f[:max(want-1, 0)] {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return r, err
		}
		numbers = append(numbers, n)
	}
	switch t {
	case dns.A, dns.AAAA:
		if r.Addr, err = netip.ParseAddr(value); err == nil && r.Addr.Is4() != (t == dns.A) {
			err = errors.New("an address of the other kind")
		}
	case dns.MX:
		r.Preference, r.Host = uint16(numbers[0]), fold(f[1])
	case dns.SRV:
		r.Preference, r.Weight, r.Port, r.Host = uint16(numbers[0]), uint16(numbers[1]), uint16(numbers[2]), fold(f[3])
	case dns.TLSA:
		r.Usage, r.Selector, r.Matching = uint8(numbers[0]), uint8(numbers[1]), uint8(numbers[2])
		r.Data, err = hex.DecodeString(f[3])
	case dns.TXT:
		r.Text, err = parseText(value)
	case dns.CAA:
		if len(f) < 3 {
			return r, errors.New("CAA wants 3 words")
		}
		_, rest := word(value)
		_, rest = word(rest)
		r.Critical, r.Tag = f[0] == "128", f[1]
		r.Text, err = parseText(rest)
	case dns.NS, dns.CNAME, dns.PTR, dns.SOA:
		r.Host = fold(value)
	default:
		err = errors.New("a value for any type")
	}
	return r, err
}

// parseText takes a text as it stands, or joins quoted ones.
func parseText(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	var out string
	for s != "" {
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", err
		}
		part, _ := strconv.Unquote(q)
		out += part
		s = strings.TrimSpace(s[len(q):])
	}
	return out, nil
}

// Asked returns the questions since the last call, as "TYPE name", in order.
func (z *Zone) Asked() []string {
	z.mu.Lock()
	defer z.mu.Unlock()
	asked := z.mu.asked
	z.mu.asked = nil
	return asked
}

// Query implements dns.Resolver. Answers hold an hour, absences a minute.
func (z *Zone) Query(ctx context.Context, name string, t dns.Type) (dns.Answer, error) {
	name, err := dns.Canonical(name)
	if err != nil {
		return dns.Answer{}, fmt.Errorf("%s: %w", t, err)
	}
	a, err := z.answer(name, t)
	if err == nil || dns.Absent(err) {
		return a, err
	}
	if z.Patience > 0 && errors.Is(err, errSilent) {
		timer := time.NewTimer(z.Patience)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return dns.Answer{}, fmt.Errorf("%s of %s: %w", t, name, ctx.Err())
		}
	}
	return dns.Answer{}, err
}

var errSilent = errors.New("no server answers")

func (z *Zone) answer(name string, t dns.Type) (dns.Answer, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.mu.asked = append(z.mu.asked, t.String()+" "+name)
	a := dns.Answer{Name: name, Authentic: true, TTL: time.Hour}
	fail := func(err error) (dns.Answer, error) { return a, fmt.Errorf("%s of %s: %w", t, name, err) }
	for range 9 {
		switch z.find(a.Name, t) {
		case "SERVFAIL":
			return fail(dns.ErrTemporary)
		case "BOGUS":
			return fail(dns.ErrBogus)
		case "TIMEOUT":
			return fail(fmt.Errorf("%w: %w", dns.ErrTemporary, errSilent))
		case "NXDOMAIN":
			a.Authentic, a.TTL = a.Authentic && z.authentic(a.Name, t), time.Minute
			return fail(dns.ErrNoName)
		}
		owner := z.owner(a.Name)
		alias := z.mu.records[key{owner, dns.CNAME}]
		if len(alias) == 0 || t == dns.CNAME {
			a.Authentic = a.Authentic && z.authentic(a.Name, t)
			a.Records = slices.Clone(z.mu.records[key{owner, t}])
			if len(a.Records) > 0 {
				return a, nil
			}
			a.TTL = time.Minute
			if z.mu.names[owner] {
				return fail(dns.ErrNoRecord)
			}
			return fail(dns.ErrNoName)
		}
		a.Authentic = a.Authentic && z.authentic(a.Name, dns.CNAME)
		a.Name = alias[0].Host
	}
	return fail(fmt.Errorf("%w: aliases without end", dns.ErrTemporary))
}

// owner is where the records of a name lie: there, or at the nearest wildcard (RFC 4592 3.3.1).
func (z *Zone) owner(name string) string {
	if z.mu.names[name] {
		return name
	}
	for rest := name; ; {
		_, above, ok := strings.Cut(rest, ".")
		if !ok {
			return name
		}
		if z.mu.names["*."+above] {
			return "*." + above
		}
		if z.mu.names[above] {
			return name // the closest encloser has no wildcard
		}
		rest = above
	}
}

// find is the word on a question, the most special first.
func (z *Zone) find(name string, t dns.Type) string {
	for _, k := range special(name, t) {
		if w := z.mu.words[k]; w != "" {
			return w
		}
	}
	return ""
}

func (z *Zone) authentic(name string, t dns.Type) bool {
	for _, k := range special(name, t) {
		if ad, ok := z.mu.ad[k]; ok {
			return ad
		}
	}
	return false
}

func special(name string, t dns.Type) []key {
	return []key{{name, t}, {name, anyType}, {"*", t}, {"*", anyType}}
}
