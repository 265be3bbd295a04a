package pop3wire

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Verb is a command's keyword.
type Verb uint8

// The verbs. Unknown is any that is not among them.
const (
	Unknown Verb = iota
	APOP         // RFC 1939 7
	Auth         // RFC 5034 4
	Capa         // RFC 2449 5
	Dele
	Lang // RFC 6856 3
	List
	Noop
	Pass
	Quit
	Retr
	Rset
	Stat
	STLS // RFC 2595 4
	Top
	UIDL
	User
	UTF8 // RFC 6856 2

	verbs // their number
)

var verbNames = [verbs]string{
	Unknown: "?", APOP: "APOP", Auth: "AUTH", Capa: "CAPA", Dele: "DELE", Lang: "LANG", List: "LIST",
	Noop: "NOOP", Pass: "PASS", Quit: "QUIT", Retr: "RETR", Rset: "RSET", Stat: "STAT", STLS: "STLS",
	Top: "TOP", UIDL: "UIDL", User: "USER", UTF8: "UTF8",
}

// String is the verb as it is sent.
func (v Verb) String() string { return verbNames[min(v, verbs-1)] }

// Verbs returns all verbs, Unknown first.
func Verbs() []Verb {
	list := make([]Verb, verbs)
	for i := range list {
		list[i] = Verb(i)
	}
	return list
}

// Command is one parsed command.
type Command struct {
	Verb Verb
	// Arg is USER's and APOP's name, PASS's password, AUTH's mechanism in upper case,
	// LANG's language range; "" when there was none.
	Arg string
	// Msg is the message-number, from 1; 0 when there was none.
	Msg int
	// Lines is TOP's second number.
	Lines int
	// Initial is AUTH's initial response, decoded; nil when there was none,
	// empty when it was "=". It is APOP's digest, too, of 16 octets.
	Initial []byte
}

// Parse parses a line without its end. With an error the Command has its Verb,
// so that a transcript can mask what may be a password.
//
// Keywords may have any case (RFC 1939 3). Spaces at the end are ignored, but
// for PASS; anything else where no argument belongs is ErrSyntax.
func Parse(line []byte) (Command, error) {
	word, rest, hasArg := bytes.Cut(line, []byte{' '})
	c := Command{Verb: lookup(word)}
	if c.Verb == Pass { // RFC 1939 7: spaces may be part of the password
		if len(rest) == 0 || !utf8.Valid(rest) {
			return c, syntax("PASS password")
		}
		c.Arg = string(rest)
		return c, nil
	}
	rest = bytes.TrimRight(rest, " ")
	hasArg = hasArg && len(rest) > 0
	var err error
	switch c.Verb {
	case Unknown:
		return c, syntax("unknown command")
	case Capa, Noop, Quit, Rset, Stat, STLS, UTF8:
		if hasArg {
			err = syntax(c.Verb.String() + " takes no argument")
		}
	case User:
		// RFC 6856 2.2: names may be UTF-8, whether UTF8 was given or not.
		if !hasArg || !utf8.Valid(rest) {
			err = syntax("USER name")
		}
		c.Arg = string(rest)
	case List, UIDL:
		if hasArg {
			c.Msg, err = number(rest, 1)
		}
	case Retr, Dele:
		c.Msg, err = number(rest, 1)
	case Top:
		err = c.parseTop(rest)
	case APOP:
		err = c.parseAPOP(rest)
	case Auth:
		err = c.parseAuth(rest)
	case Lang:
		c.Arg = string(rest)
		if len(rest) > 0 && !isLanguageRange(c.Arg) {
			err = syntax("LANG range")
		}
	}
	return c, err
}

// lookup finds a keyword without allocating.
func lookup(word []byte) Verb {
	if len(word) < 3 || len(word) > 4 {
		return Unknown
	}
	var upper [4]byte
	for i, b := range word {
		if b >= 'a' && b <= 'z' {
			b -= 'a' - 'A'
		}
		upper[i] = b
	}
	for v := Unknown + 1; v < verbs; v++ {
		if string(upper[:len(word)]) == verbNames[v] {
			return v
		}
	}
	return Unknown
}

// parseTop parses "msg n" (RFC 1939 7): n may be 0.
func (c *Command) parseTop(args []byte) (err error) {
	msg, n, _ := bytes.Cut(args, []byte{' '})
	if c.Msg, err = number(msg, 1); err != nil {
		return err
	}
	c.Lines, err = number(n, 0)
	return err
}

// parseAPOP parses "name digest" (RFC 1939 7): the digest is MD5's, in hexadecimal. A name may have spaces, as USER's may.
func (c *Command) parseAPOP(args []byte) error {
	at := bytes.LastIndexByte(args, ' ')
	if at <= 0 || !utf8.Valid(args[:at]) || len(args)-at-1 != 2*md5.Size {
		return syntax("APOP name digest")
	}
	digest := make([]byte, md5.Size)
	if _, err := hex.Decode(digest, args[at+1:]); err != nil {
		return syntax("APOP name digest")
	}
	c.Arg, c.Initial = string(args[:at]), digest
	return nil
}

// parseAuth parses (RFC 5034 5)
//
//	auth-command     = "AUTH" SP sasl-mech [SP initial-response]
//	initial-response = base64 / "="
//
// Without a mechanism it is an old way to ask for the list.
func (c *Command) parseAuth(args []byte) (err error) {
	mechanism, initial, has := bytes.Cut(args, []byte{' '})
	c.Arg = strings.ToUpper(string(mechanism))
	if len(mechanism) > 0 && !isMechanism(c.Arg) {
		return syntax("AUTH mechanism")
	}
	switch {
	case !has:
	case string(initial) == "=":
		c.Initial = []byte{}
	default:
		c.Initial, err = DecodeResponse(initial)
	}
	return err
}

// isMechanism is RFC 4422 3.1: sasl-mech = 1*20mech-char.
func isMechanism(s string) bool {
	for i := range len(s) {
		b := s[i]
		if !(b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_') {
			return false
		}
	}
	return len(s) <= 20
}

// isLanguageRange is RFC 4647 2.1:
//
//	language-range = (1*8ALPHA *("-" 1*8alphanum)) / "*"
func isLanguageRange(s string) bool {
	if s == "*" {
		return true
	}
	for i, sub := range strings.Split(s, "-") {
		if len(sub) < 1 || len(sub) > 8 {
			return false
		}
		for j := range len(sub) {
			b := sub[j] | 0x20
			if !(b >= 'a' && b <= 'z' || i > 0 && sub[j] >= '0' && sub[j] <= '9') {
				return false
			}
		}
	}
	return true
}

// maxNumber is what larger numbers are taken for: some clients ask for
// "TOP 1 2147483648" to get it all.
const maxNumber = 1<<31 - 1

// number parses a decimal number.
func number(s []byte, least int) (int, error) {
	if len(s) == 0 {
		return 0, syntax("a number is missing")
	}
	n := 0
	for _, b := range s {
		if b < '0' || b > '9' {
			return 0, syntax("not a number")
		}
		n = min(10*n+int(b-'0'), maxNumber)
	}
	if n < least {
		return 0, syntax("numbers begin at 1")
	}
	return n, nil
}

// DecodeResponse decodes a line of an AUTH exchange. RFC 5034 4: any octet
// outside the alphabet, and padding elsewhere than at the end, is an error.
func DecodeResponse(line []byte) ([]byte, error) {
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
	n, err := base64.StdEncoding.Decode(decoded, line)
	if err != nil || bytes.ContainsAny(line, "\r\n") {
		return nil, syntax("base64")
	}
	return decoded[:n], nil
}
