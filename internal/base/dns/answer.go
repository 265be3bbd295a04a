package dns

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	wire "github.com/miekg/dns"
)

// maxAliases bounds how many aliases lead to an answer.
const maxAliases = 8

// ErrBogus is ErrTemporary where the resolver says that DNSSEC is why (RFC 8914): signatures that are wrong, missing or expired.
var ErrBogus = fmt.Errorf("%w: DNSSEC validation failed", ErrTemporary)

// errTruncated and errForeign do not leave the package.
var (
	errTruncated = errors.New("truncated")
	errForeign   = errors.New("an answer to something else")
)

// question is one that is asked: a canonical name and a type.
type question struct {
	name string
	t    Type
}

func (q question) String() string { return q.t.String() + " of " + q.name }

// message builds the question.
func (q question) message(id uint16, edns bool) ([]byte, error) {
	m := new(wire.Msg)
	m.Id = id
	m.RecursionDesired = true
	m.AuthenticatedData = true // RFC 6840 5.7: the bit is understood here
	m.Question = []wire.Question{{Name: q.name + ".", Qtype: uint16(q.t), Qclass: wire.ClassINET}}
	if edns {
		m.SetEdns0(maxUDP, true)
	}
	return m.Pack()
}

// reply is what a server says, before it is judged.
type reply struct {
	answer Answer
	err    error // ErrNoName, ErrNoRecord, ErrTemporary, ErrBogus; nil with an answer
	// again says that the server does not know EDNS (RFC 6891 7).
	again bool
}

// read makes a reply of the bytes of a message that came for q with that id. The error is errForeign if they are something else, or errTruncated.
func (q question) read(raw []byte, id uint16) (reply, error) {
	var m wire.Msg
	// The header and the question decide whether it is for us; an answer that is cut off in its records still has them.
	err := m.Unpack(raw)
	if len(m.Question) != 1 || m.Id != id || !m.Response || m.Opcode != wire.OpcodeQuery {
		return reply{}, errForeign
	}
	if got := m.Question[0]; lower(got.Name) != q.name+"." || got.Qtype != uint16(q.t) || got.Qclass != wire.ClassINET {
		return reply{}, errForeign
	}
	switch {
	case m.Truncated:
		return reply{}, errTruncated
	case err != nil:
		return reply{err: fmt.Errorf("%w: %v", ErrTemporary, err)}, nil
	}
	return q.judge(&m), nil
}

// judge turns a message that answers q into a reply.
func (q question) judge(m *wire.Msg) reply {
	switch m.Rcode {
	case wire.RcodeSuccess, wire.RcodeNameError:
	case wire.RcodeFormatError, wire.RcodeNotImplemented, wire.RcodeBadVers:
		return reply{err: fmt.Errorf("%w: %s", ErrTemporary, wire.RcodeToString[m.Rcode]), again: true}
	default:
		return reply{err: failure(m)}
	}
	a := Answer{Authentic: m.AuthenticatedData}
	ttl, err := q.follow(m.Answer, &a)
	switch {
	case err != nil:
		return reply{err: err}
	case len(a.Records) > 0:
		a.TTL = ttl
		return reply{answer: a}
	}
	a.TTL = min(ttl, negativeTTL(m.Ns))
	if m.Rcode == wire.RcodeNameError {
		return reply{answer: a, err: ErrNoName}
	}
	return reply{answer: a, err: ErrNoRecord}
}

// follow collects the records at the end of the aliases into a.
func (q question) follow(section []wire.RR, a *Answer) (ttl time.Duration, err error) {
	aliases := make(map[string]*wire.CNAME)
	records := make(map[string][]wire.RR)
	for _, rr := range section {
		h := rr.Header()
		owner := host(h.Name)
		switch c, alias := rr.(*wire.CNAME); {
		case h.Class != wire.ClassINET:
		case h.Rrtype == uint16(q.t):
			records[owner] = append(records[owner], rr)
		case alias:
			aliases[owner] = c
		}
	}
	a.Name, ttl = q.name, maxTTL
	for range maxAliases + 1 {
		if found := records[a.Name]; len(found) > 0 {
			a.Records, err = convert(found)
			for _, rr := range found {
				ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
			}
			return ttl, err
		}
		c, ok := aliases[a.Name]
		if !ok {
			return ttl, nil
		}
		ttl = min(ttl, time.Duration(c.Hdr.Ttl)*time.Second)
		a.Name = host(c.Target)
	}
	return 0, fmt.Errorf("%w: more than %d aliases", ErrTemporary, maxAliases)
}

// negativeTTL is how long an absence holds (RFC 2308 5); without an SOA record not at all.
func negativeTTL(authority []wire.RR) time.Duration {
	for _, rr := range authority {
		if soa, ok := rr.(*wire.SOA); ok {
			return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
		}
	}
	return 0
}

// failure is what a server says that has no answer.
func failure(m *wire.Msg) error {
	code := wire.RcodeToString[m.Rcode]
	if code == "" {
		code = fmt.Sprintf("RCODE %d", m.Rcode)
	}
	opt := m.IsEdns0()
	if opt == nil {
		return fmt.Errorf("%w: %s", ErrTemporary, code)
	}
	for _, o := range opt.Option {
		e, ok := o.(*wire.EDNS0_EDE)
		if !ok {
			continue
		}
		why := wire.ExtendedErrorCodeToString[e.InfoCode]
		if why == "" {
			why = fmt.Sprintf("error %d", e.InfoCode)
		}
		switch e.InfoCode {
		case wire.ExtendedErrorCodeDNSSECIndeterminate, wire.ExtendedErrorCodeDNSBogus, wire.ExtendedErrorCodeSignatureExpired,
			wire.ExtendedErrorCodeSignatureNotYetValid, wire.ExtendedErrorCodeDNSKEYMissing, wire.ExtendedErrorCodeRRSIGsMissing,
			wire.ExtendedErrorCodeNoZoneKeyBitSet, wire.ExtendedErrorCodeNSECMissing:
			return fmt.Errorf("%w: %s (%s)", ErrBogus, code, why)
		}
		return fmt.Errorf("%w: %s (%s)", ErrTemporary, code, why)
	}
	return fmt.Errorf("%w: %s", ErrTemporary, code)
}

// convert makes Records of one type's.
func convert(in []wire.RR) ([]Record, error) {
	if len(in) > MaxRecords {
		return nil, fmt.Errorf("%w: more than %d records", ErrTemporary, MaxRecords)
	}
	out := make([]Record, 0, len(in))
	for _, rr := range in {
		r, err := record(rr)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func record(rr wire.RR) (r Record, err error) {
	ok := true
	switch rr := rr.(type) {
	case *wire.A:
		r.Addr, ok = netip.AddrFromSlice(rr.A.To4())
	case *wire.AAAA:
		r.Addr, ok = netip.AddrFromSlice(rr.AAAA)
	case *wire.NS:
		r.Host = host(rr.Ns)
	case *wire.CNAME:
		r.Host = host(rr.Target)
	case *wire.PTR:
		r.Host = host(rr.Ptr)
	case *wire.SOA:
		r.Host = host(rr.Ns)
	case *wire.MX:
		r.Host, r.Preference = host(rr.Mx), rr.Preference
	case *wire.SRV:
		r.Host, r.Preference, r.Weight, r.Port = host(rr.Target), rr.Priority, rr.Weight, rr.Port
	case *wire.TLSA:
		r.Usage, r.Selector, r.Matching = rr.Usage, rr.Selector, rr.MatchingType
		r.Data, err = hex.DecodeString(rr.Certificate)
		ok = err == nil
	case *wire.TXT:
		r.Text, ok = text(rr.Txt)
	case *wire.CAA:
		r.Tag, r.Critical = lower(rr.Tag), rr.Flag&0x80 != 0 // RFC 8659 4.1
		r.Text, ok = text([]string{rr.Value})
	default:
		ok = false // an empty record (RFC 2136 has them), or a type that is not among the constants
	}
	if !ok {
		return Record{}, fmt.Errorf("%w: a %s record that makes no sense", ErrTemporary, Type(rr.Header().Rrtype))
	}
	return r, nil
}

// host is a name as Records have it.
func host(name string) string { return lower(strings.TrimSuffix(name, ".")) }

// text joins the strings of a TXT record and takes back what presentation did to them: \DDD, and a backslash before others.
func text(strs []string) (string, bool) {
	n := 0
	for _, s := range strs {
		n += len(s)
	}
	out := make([]byte, 0, n)
	for _, s := range strs {
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c == '\\' && i+1 < len(s) {
				i++
				c = s[i]
				if c >= '0' && c <= '9' && i+2 < len(s) {
					c = (c-'0')*100 + (s[i+1]-'0')*10 + s[i+2] - '0'
					i += 2
				}
			}
			out = append(out, c)
		}
	}
	return string(out), len(out) <= MaxText
}
