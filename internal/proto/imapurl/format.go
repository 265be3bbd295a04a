package imapurl

import (
	"strconv"
	"strings"
	"time"
)

// String writes the URL, percent-encoded. Parse reads it as the same URL, but for a Rump.
func (u *URL) String() string {
	var b []byte
	if u.Absolute {
		b = append(b, "imap:"...)
	}
	if u.Server != nil {
		b = u.Server.appendTo(b)
	}
	if u.Mailbox != "" || u.UID == 0 {
		b = append(b, '/')
	}
	b = appendMailbox(b, u.Mailbox)
	if u.UIDValidity != 0 {
		b = strconv.AppendUint(append(b, ";UIDVALIDITY="...), uint64(u.UIDValidity), 10)
	}
	if u.Search != "" {
		b = encode(append(b, '?'), u.Search, isBChar)
	}
	if u.UID == 0 {
		return string(b)
	}
	if u.Mailbox != "" || u.UIDValidity != 0 {
		b = append(b, '/')
	}
	b = strconv.AppendUint(append(b, ";UID="...), uint64(u.UID), 10)
	if u.Section != "" {
		b = encode(append(b, "/;SECTION="...), u.Section, isBChar)
	}
	if u.Partial != (Partial{}) {
		b = strconv.AppendUint(append(b, "/;PARTIAL="...), u.Partial.Offset, 10)
		if u.Partial.Count != 0 {
			b = strconv.AppendUint(append(b, '.'), u.Partial.Count, 10)
		}
	}
	return string(u.Auth.appendTo(b))
}

func (s *Server) appendTo(b []byte) []byte {
	b = encode(append(b, "//"...), s.User, isAChar)
	if s.Auth != "" {
		b = encode(append(b, ";AUTH="...), s.Auth, isAChar)
	}
	if s.User != "" || s.Auth != "" {
		b = append(b, '@')
	}
	b = append(b, s.Host...)
	if s.Port != 0 {
		b = strconv.AppendUint(append(b, ':'), uint64(s.Port), 10)
	}
	return b
}

// appendMailbox writes a name so that no part of it is taken for a dot segment, and its beginning not for a server (RFC 5092 7).
func appendMailbox(b []byte, name string) []byte {
	for i, segment := range strings.Split(name, "/") {
		switch {
		case i == 1 && name[0] == '/':
			b = append(b, "%2F"...)
		case i > 0:
			b = append(b, '/')
		}
		if segment == "." || segment == ".." {
			b = append(b, strings.Repeat("%2E", len(segment))...)
			continue
		}
		b = encode(b, segment, isBChar)
	}
	return b
}

func (a *URLAuth) appendTo(b []byte) []byte {
	if a.Access == AccessNone {
		return b
	}
	if !a.Expire.IsZero() {
		b = a.Expire.AppendFormat(append(b, ";EXPIRE="...), time.RFC3339Nano)
	}
	b = append(append(b, ";URLAUTH="...), a.Access.prefix()...)
	b = encode(b, a.User, isAChar)
	if a.Token != "" {
		b = append(append(append(b, ':'), a.Mechanism...), ':')
		b = append(b, a.Token...)
	}
	return b
}

// encode percent-encodes what is not of the class.
func encode(b []byte, s string, class func(byte) bool) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; class(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}
