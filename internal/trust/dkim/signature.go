package dkim

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/trust/taglist"
)

// maxNames bounds "h=".
const maxNames = 512

// signature is a DKIM-Signature field, read (RFC 6376 3.5), or one of another standard that is as good as one; see Verifier.Also.
type signature struct {
	Result
	instance int // of another standard

	at                   int // of the field
	status               Status
	why                  string // it cannot be verified, and why; status is "" if it can
	algorithm            string // of the key
	headerCan, bodyCanon string
	names                []string // lower case
	bodyHash, signature  []byte
	identity             addr.Domain
	limit                int64 // "l=", -1 if there is none
	expires              time.Time
	b                    taglist.Tag // where "b=" stands in the value
}

// readSignature reads the value of a field; foreign is of another standard.
func readSignature(value []byte, foreign bool) *signature {
	s := &signature{limit: -1}
	tags, err := taglist.Parse(string(value))
	if err != nil {
		return s.bad(Neutral, "not a list of tags")
	}
	for _, name := range []string{"v", "a", "b", "bh", "d", "h", "s"} {
		if _, ok := tags.Get(name); !ok && (name != "v" || !foreign) {
			return s.bad(PermError, "the tag "+name+" is missing")
		}
	}
	if foreign { // RFC 8617 4.1.2: the version is ignored, and "i=" is no identity
		s.instance, _ = strconv.Atoi(tags.Bare("i"))
		tags = slices.DeleteFunc(tags, func(t taglist.Tag) bool { return t.Name == "i" })
	} else if tags.Value("v") != "1" {
		return s.bad(Neutral, "unknown version")
	}
	if why := s.readSigner(tags); why != "" {
		return s.bad(PermError, why)
	}
	if why := s.readSums(tags); why != "" {
		return s.bad(Neutral, why)
	}
	if status, why := s.readWhat(tags); why != "" {
		return s.bad(status, why)
	}
	if status, why := s.readWho(tags); why != "" {
		return s.bad(status, why)
	}
	return s
}

func (s *signature) bad(status Status, why string) *signature {
	s.status, s.why = status, why
	return s
}

// readSigner reads whose signature it is.
func (s *signature) readSigner(tags taglist.List) (why string) {
	var err error
	if s.Domain, err = addr.ParseDomain(tags.Bare("d")); err != nil || s.Domain.IsLiteral() {
		s.Domain = ""
		return "not a domain in d"
	}
	s.identity = s.Domain
	selector, err := addr.ParseDomain(tags.Bare("s"))
	if err != nil || selector.IsLiteral() {
		return "not a selector"
	}
	s.Selector = string(selector)
	return ""
}

// readB reads the signature itself.
func (s *signature) readB(tags taglist.List) (why string) {
	var err error
	s.b, _ = tags.Get("b")
	text := tags.Bare("b")
	if s.signature, err = base64.StdEncoding.DecodeString(text); err != nil {
		return "the signature is not base64"
	}
	s.B = text[:min(len(text), 12)]
	return ""
}

func (s *signature) readSums(tags taglist.List) (why string) {
	if why := s.readB(tags); why != "" {
		return why
	}
	var err error
	if s.bodyHash, err = base64.StdEncoding.DecodeString(tags.Bare("bh")); err != nil {
		return "the body hash is not base64"
	}
	return ""
}

func (s *signature) readAlgorithm(tags taglist.List) (Status, string) {
	switch a := tags.Bare("a"); a {
	case "rsa-sha256", "ed25519-sha256":
		s.Algorithm = a
		s.algorithm, _, _ = strings.Cut(a, "-")
	case "rsa-sha1": // RFC 8301 3.1
		return PermError, "SHA-1 is too weak"
	default:
		return Neutral, "unknown algorithm"
	}
	return "", ""
}

// readWhat reads how it is signed, and what.
func (s *signature) readWhat(tags taglist.List) (Status, string) {
	if status, why := s.readAlgorithm(tags); why != "" {
		return status, why
	}
	s.headerCan, s.bodyCanon = simple, simple
	if c := tags.Bare("c"); c != "" {
		head, body, both := strings.Cut(c, "/")
		if s.headerCan = head; both {
			s.bodyCanon = body
		}
	}
	for _, c := range []string{s.headerCan, s.bodyCanon} {
		if c != simple && c != relaxed {
			return Neutral, "unknown canonicalization"
		}
	}
	s.names = strings.Split(strings.ToLower(tags.Bare("h")), ":")
	if len(s.names) > maxNames {
		return PermError, "too many names of fields"
	}
	if !slices.Contains(s.names, "from") { // RFC 6376 5.4
		return PermError, "From is not signed"
	}
	if q, ok := tags.Get("q"); ok && !slices.Contains(colons(q.Value), "dns/txt") {
		return PermError, "the key is not in the DNS"
	}
	if l, ok := tags.Get("l"); ok {
		n, err := strconv.ParseUint(l.Value, 10, 62)
		if err != nil {
			return Neutral, "not a length in l"
		}
		s.limit = int64(n)
	}
	return "", ""
}

// readWho reads for whom it is signed, and for how long.
func (s *signature) readWho(tags taglist.List) (Status, string) {
	if i, ok := tags.Get("i"); ok {
		text := taglist.Bare(i.Value)
		domain, err := addr.ParseDomain(text[strings.LastIndexByte(text, '@')+1:])
		if err != nil || !strings.HasSuffix("."+string(domain), "."+string(s.Domain)) { // RFC 6376 6.1.1
			return PermError, "the identity is not of the domain"
		}
		s.identity = domain
	}
	var times [2]int64
	for i, name := range []string{"t", "x"} {
		tag, ok := tags.Get(name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(tag.Value, 10, 40)
		if err != nil {
			return Neutral, "not a time in " + name
		}
		times[i] = int64(n)
	}
	if times[1] != 0 {
		if times[1] <= times[0] { // RFC 6376 3.5
			return PermError, "it expires before it was made"
		}
		s.expires = time.Unix(times[1], 0)
	}
	return "", ""
}

// unsigned is the field of a signature as it was signed: in canonical form, with nothing in "b=", without its last line end.
func unsigned(field []byte, s *signature) []byte {
	value := bytes.IndexByte(field, ':') + 1
	b := append(make([]byte, 0, len(field)), field[:value+s.b.From]...)
	b = append(b, field[value+s.b.To:]...)
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		b = append(b, "\r\n"...)
	}
	return bytes.TrimSuffix(appendHeader(nil, b, s.headerCan), []byte("\r\n"))
}
