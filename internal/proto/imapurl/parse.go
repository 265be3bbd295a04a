package imapurl

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Parse reads a URL or a reference.
//
//	imapurl        = "imap://" iserver ["/" [icommand]]
//	imapurl-rel    = "//" iserver ["/" [icommand]] / "/" [icommand] / iuid-only ["/" isection-only] ["/" ipartial-only]
//	icommand       = enc-mailbox [uidvalidity] ["?" enc-search] /
//	                 enc-mailbox [uidvalidity] "/" iuid-only ["/" isection-only] ["/" ipartial-only] [iurlauth]
func Parse(s string) (*URL, error) {
	if len(s) > MaxLength {
		return nil, syntax("it has more than %d octets", MaxLength)
	}
	for i := range len(s) {
		if !isURLChar(s[i]) {
			return nil, syntax("octet %d cannot stand in a URL", i+1)
		}
	}
	u := new(URL)
	rest, hasServer := s, false
	if n := len("imap:"); len(s) > n && strings.EqualFold(s[:n], "imap:") {
		u.Absolute, rest = true, s[n:]
	}
	if rest, hasServer = strings.CutPrefix(rest, "//"); hasServer {
		var err error
		if rest, err = u.server(rest); err != nil || rest == "" {
			return u.orNil(err)
		}
	} else if u.Absolute {
		return nil, syntax("a server is missing")
	}
	path, ok := strings.CutPrefix(rest, "/")
	if !ok && (hasServer || !strings.HasPrefix(rest, ";")) {
		return nil, syntax("a path must begin with a slash")
	}
	if ok && path == "" && hasServer {
		return u, nil
	}
	return u.orNil(u.command(path, s, ok))
}

func (u *URL) orNil(err error) (*URL, error) {
	if err != nil {
		return nil, err
	}
	return u, nil
}

func syntax(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...))
}

// server reads an iserver and returns what follows it.
//
//	iserver   = [iuserinfo "@"] host [":" port]
//	iuserinfo = enc-user [iauth] / [enc-user] iauth
//	iauth     = ";AUTH=" ("*" / enc-auth-type)
func (u *URL) server(s string) (rest string, err error) {
	end := strings.IndexAny(s, "/?")
	if end < 0 {
		end = len(s)
	}
	authority, rest := s[:end], s[end:]
	srv := new(Server)
	if info, host, ok := strings.Cut(authority, "@"); ok {
		authority = host
		user, auth, hasAuth := strings.Cut(info, ";")
		if srv.User, err = decode(user, isAChar); err != nil {
			return "", err
		}
		if hasAuth {
			name, value, _ := strings.Cut(auth, "=")
			if srv.Auth, err = decode(value, isAChar); err != nil || srv.Auth == "" || !strings.EqualFold(name, "AUTH") {
				return "", syntax("after the user only ;AUTH= can follow")
			}
		} else if srv.User == "" {
			return "", syntax("the user is empty")
		}
	}
	if err := srv.host(authority); err != nil {
		return "", err
	}
	u.Server = srv
	return rest, nil
}

// host reads the host and the port.
func (srv *Server) host(s string) error {
	host, port := s, ""
	if end := strings.LastIndexByte(s, ']'); strings.HasPrefix(s, "[") && end > 0 {
		addr, err := netip.ParseAddr(s[1:end])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return syntax("no IPv6 address")
		}
		host, port = s[:end+1], s[end+1:]
		if port != "" && port[0] != ':' {
			return syntax("unexpected text after the address")
		}
		port = strings.TrimPrefix(port, ":")
	} else {
		host, port, _ = strings.Cut(s, ":")
		for i := range len(host) {
			if c := host[i]; !isAlphaNum(c) && c != '-' && c != '.' && c != '_' {
				return syntax("no host name")
			}
		}
	}
	if host == "" {
		return syntax("the host is missing")
	}
	srv.Host = strings.ToLower(host)
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return syntax("no port")
	}
	srv.Port = uint16(n)
	return nil
}

// The parameters in the order in which they stand.
const (
	paramMailbox = iota
	paramUIDValidity
	paramUID
	paramSection
	paramPartial
	paramExpire
	paramURLAuth
)

// command reads what follows the server: pieces between semicolons, which occur nowhere else. whole is all of the URL.
func (u *URL) command(path, whole string, absolutePath bool) error {
	path, query, hasQuery := strings.Cut(path, "?")
	pieces := strings.Split(path, ";")
	at := paramMailbox
	for i, piece := range pieces {
		next := -1
		if i+1 < len(pieces) {
			next = paramOf(pieces[i+1])
		}
		if next == paramUID || next == paramSection || next == paramPartial {
			// These are parts of the path. The first of a relative reference stands alone.
			var ok bool
			if piece, ok = strings.CutSuffix(piece, "/"); !ok && (i > 0 || absolutePath) {
				return syntax("a slash is missing")
			}
		}
		if i == 0 {
			if err := u.mailbox(piece, absolutePath); err != nil {
				return err
			}
			continue
		}
		p := paramOf(piece)
		if p <= at {
			return syntax("a parameter that does not belong there")
		}
		at = p
		_, value, _ := strings.Cut(piece, "=")
		if err := u.param(p, value); err != nil {
			return err
		}
	}
	return u.complete(query, hasQuery, whole)
}

// mailbox reads the name of the mailbox.
func (u *URL) mailbox(s string, absolutePath bool) error {
	if absolutePath != (s != "") {
		return syntax("the mailbox is missing")
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "." || segment == ".." {
			return syntax("dot segments are not read")
		}
	}
	if strings.HasPrefix(s, "/") {
		return syntax("a slash at the beginning of a name must be written as %%2F") // RFC 5092 7.1
	}
	var err error
	u.Mailbox, err = decode(s, isBChar)
	return err
}

func paramOf(piece string) int {
	name, _, ok := strings.Cut(piece, "=")
	if ok {
		for i, known := range [...]string{"", "UIDVALIDITY", "UID", "SECTION", "PARTIAL", "EXPIRE", "URLAUTH"} {
			if i > 0 && strings.EqualFold(name, known) {
				return i
			}
		}
	}
	return -1
}

func (u *URL) param(p int, value string) (err error) {
	switch p {
	case paramUIDValidity:
		u.UIDValidity, err = nzNumber(value)
	case paramUID:
		u.UID, err = nzNumber(value)
	case paramSection:
		if u.Section, err = decode(value, isBChar); u.Section == "" && err == nil {
			err = syntax("the section is empty")
		}
	case paramPartial:
		err = u.Partial.parse(value)
	case paramExpire:
		// RFC 3339 5.6, note: t and z may be small.
		if u.Auth.Expire, err = time.Parse(time.RFC3339, strings.ToUpper(value)); err != nil {
			err = syntax("EXPIRE is no date")
		}
	case paramURLAuth:
		err = u.Auth.parse(value)
	}
	return err
}

// complete checks what belongs together.
func (u *URL) complete(query string, hasQuery bool, whole string) error {
	switch {
	case hasQuery && (u.UID != 0 || query == ""):
		return syntax("no place for a search")
	case u.UID == 0 && (u.Section != "" || u.Partial != Partial{} || u.Auth != URLAuth{} || u.Mailbox == ""):
		return syntax("the UID is missing")
	case !u.Auth.Expire.IsZero() && u.Auth.Access == AccessNone:
		return syntax("EXPIRE without URLAUTH")
	case u.Auth.Access != AccessNone && !u.Absolute:
		return syntax("URLAUTH is for absolute URLs") // RFC 4467 9, authimapurl
	}
	if u.Auth.Access != AccessNone {
		u.Rump = whole
		if u.Auth.Token != "" {
			u.Rump = whole[:len(whole)-len(u.Auth.Token)-len(u.Auth.Mechanism)-2]
		}
	}
	var err error
	u.Search, err = decode(query, isBChar)
	return err
}

// parse reads a partial-range: number ["." nz-number].
func (p *Partial) parse(s string) error {
	from, count, hasCount := strings.Cut(s, ".")
	var err error
	if p.Offset, err = number(from, 63); err != nil {
		return err
	}
	if hasCount {
		if p.Count, err = number(count, 63); err == nil && p.Count == 0 {
			err = syntax("a range of no octets")
		}
	}
	return err
}

// parse reads what follows ";URLAUTH=".
//
//	iurlauth-rump = [expire] ";URLAUTH=" access
//	iua-verifier  = ":" uauth-mechanism ":" enc-urlauth
//	enc-urlauth   = 32*HEXDIG
func (a *URLAuth) parse(s string) error {
	access, verifier, verified := strings.Cut(s, ":")
	for k := AccessAnonymous; k <= AccessSubmit; k++ {
		n := len(k.prefix())
		withUser := k == AccessUser || k == AccessSubmit
		if len(access) < n || !strings.EqualFold(access[:n], k.prefix()) || withUser != (len(access) > n) {
			continue
		}
		a.Access = k
		var err error
		// deviates: an "@" need not be percent-encoded here, where nothing else can be meant by it: logins are addresses.
		if a.User, err = decode(access[n:], func(c byte) bool { return isAChar(c) || c == '@' }); err != nil {
			return err
		}
	}
	if a.Access == AccessNone {
		return syntax("unknown access identifier")
	}
	if !verified {
		return nil
	}
	mech, token, ok := strings.Cut(verifier, ":")
	if !ok || mech == "" || len(token) < 32 {
		return syntax("the token is missing or too short")
	}
	for i := range len(mech) {
		if c := mech[i]; !isAlphaNum(c) && c != '-' && c != '.' {
			return syntax("no mechanism")
		}
	}
	for i := range len(token) {
		if unhex(token[i]) < 0 {
			return syntax("the token is not hexadecimal")
		}
	}
	a.Mechanism, a.Token = strings.ToUpper(mech), token
	return nil
}

func nzNumber(s string) (uint32, error) {
	n, err := number(s, 32)
	if err == nil && n == 0 {
		err = syntax("a number that must not be zero")
	}
	return uint32(n), err
}

// number reads digits: no sign, and no zero before others.
func number(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil || s[0] == '+' || s[0] == '0' && len(s) > 1 {
		return 0, syntax("no number")
	}
	return n, nil
}

// decode undoes percent-encoding. What stands there unencoded must be of the class, what results must be UTF-8 without control characters.
func decode(s string, class func(byte) bool) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", syntax("bad percent-encoding")
			}
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		case !class(c):
			return "", syntax("%q must be percent-encoded", c)
		default:
			out = append(out, c)
		}
	}
	text := string(out)
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return "", syntax("not UTF-8")
	}
	return text, nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func isAlphaNum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isURLChar: what can stand in a URL at all (RFC 3986 2).
func isURLChar(c byte) bool {
	return isBChar(c) || c == '%' || c == ';' || c == '?' || c == '[' || c == ']'
}

// isAChar: unreserved / sub-delims-sh / "&" / "=", which leaves ";" out (RFC 5092 11). A percent sign is looked at apart.
func isAChar(c byte) bool {
	return isAlphaNum(c) || c != 0 && strings.IndexByte("-._~!$'()*+,&=", c) >= 0
}

// isBChar: achar / ":" / "@" / "/"
func isBChar(c byte) bool { return isAChar(c) || c == ':' || c == '@' || c == '/' }
