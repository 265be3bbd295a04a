package smtpwire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Verb is the first word of a command.
type Verb uint8

// The verbs of RFC 5321 4.1.1 and of the extensions. ETRN, SEND, SOML, SAML and
// TURN are not known.
const (
	Unknown Verb = iota
	EHLO
	HELO
	LHLO // RFC 2033 4.1
	MAIL
	RCPT
	DATA
	BDAT // RFC 3030 2
	RSET
	VRFY
	EXPN
	HELP
	NOOP
	QUIT
	STARTTLS // RFC 3207 4
	AUTH     // RFC 4954 4
	XCLIENT  // see ParseXClient
)

var verbNames = [...]string{"", "EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT",
	"RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "STARTTLS", "AUTH", "XCLIENT"}

// String returns the verb as it is sent, and "" for [Unknown].
func (v Verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return ""
}

// bare verbs take no argument (RFC 5321 4.1.1, RFC 3207 4).
const bareVerbs = 1<<DATA | 1<<RSET | 1<<QUIT | 1<<STARTTLS

// Command is a command line split in two.
type Command struct {
	Verb Verb
	// Arg is what follows the verb and one space, without spaces at its end: valid
	// UTF-8 without control characters.
	Arg string
}

// Fault says what kind of thing is wrong with a command.
type Fault uint8

// The faults, each with the reply code that RFC 5321 4.3.2 has for it.
const (
	FaultCommand     Fault = iota + 1 // 500: not a command at all
	FaultArgument                     // 501: an argument that cannot be read
	FaultAddress                      // 501: a path or mailbox that cannot be read
	FaultParam                        // 501: a value that an ESMTP parameter cannot have
	FaultUnsupported                  // 555: an ESMTP parameter of no extension offered
)

// SyntaxError is a command that cannot be read. Its text is for the client: it
// repeats nothing of what the client sent but parameter keywords.
type SyntaxError struct {
	Fault Fault
	Text  string
}

func (e *SyntaxError) Error() string { return e.Text }

func syntaxError(f Fault, text string) error { return &SyntaxError{Fault: f, Text: text} }

// ParseCommand splits a command line, which is without its line end. White space
// at the end is ignored (RFC 5321 4.1.1). The error is a *[SyntaxError]; then
// Verb is still the verb, where there is one.
func ParseCommand(line []byte) (Command, error) {
	word, arg, _ := strings.Cut(strings.TrimRight(string(line), " \t"), " ")
	c := Command{Verb: verbOf(word), Arg: arg}
	if !utf8.ValidString(arg) {
		return Command{Verb: c.Verb}, syntaxError(FaultCommand, "command is not valid UTF-8")
	}
	for i := range len(arg) {
		if arg[i] < ' ' && arg[i] != '\t' || arg[i] == 0x7f {
			return Command{Verb: c.Verb}, syntaxError(FaultCommand, "control character in a command")
		}
	}
	switch {
	case c.Verb == Unknown:
		return c, syntaxError(FaultCommand, "command not recognized")
	case arg != "" && bareVerbs>>c.Verb&1 != 0:
		return c, syntaxError(FaultArgument, c.Verb.String()+" takes no argument")
	}
	return c, nil
}

func verbOf(word string) Verb {
	for v, name := range verbNames {
		if v != 0 && strings.EqualFold(name, word) {
			return Verb(v)
		}
	}
	return Unknown
}

// ParseHello reads the argument of EHLO, HELO and LHLO and returns the client's
// name for itself: 1 to 255 visible ASCII characters.
//
// deviates: RFC 5321 4.1.1.1 wants a domain or an address literal here. So many
// hosts send something else that no server insists; what they send is only
// ever shown. Text after the name was once customary and is ignored.
func ParseHello(arg string) (string, error) {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, " "), " ")
	if name == "" || len(name) > maxHello {
		return "", syntaxError(FaultArgument, "a host name is needed")
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] >= 0x7f {
			return "", syntaxError(FaultArgument, "not a host name")
		}
	}
	return name, nil
}

// ParseBdat reads the argument of BDAT (RFC 3030 2):
//
//	bdat-cmd   ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF
//	chunk-size ::= 1*DIGIT
//	end-marker ::= "LAST"
//
// After an error nobody knows how many octets follow: the connection must be
// closed.
func ParseBdat(arg string) (size int64, last bool, err error) {
	digits, marker, marked := strings.Cut(arg, " ")
	if size, err = parseNumber(digits); err != nil {
		return 0, false, syntaxError(FaultArgument, "BDAT needs a chunk size")
	}
	if marked && !strings.EqualFold(marker, "LAST") {
		return 0, false, syntaxError(FaultArgument, "only LAST may follow a chunk size")
	}
	return size, marked, nil
}

// ParseAuth reads the argument of AUTH (RFC 4954 4): a mechanism in upper case
// and the initial response as it was sent, base64, or "=" for an empty one. It is
// empty where there was none.
//
//	auth-command = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) ...
//	sasl-mech    = 1*20( UPPER-ALPHA / DIGIT / "-" / "_" )
func ParseAuth(arg string) (mechanism, initial string, err error) {
	mechanism, initial, _ = strings.Cut(arg, " ")
	if mechanism == "" || len(mechanism) > 20 {
		return "", "", syntaxError(FaultArgument, "AUTH needs a mechanism")
	}
	for i := range len(mechanism) {
		if c := mechanism[i]; !isAlnum(c) && c != '-' && c != '_' {
			return "", "", syntaxError(FaultArgument, "not a SASL mechanism")
		}
	}
	if strings.Contains(initial, " ") {
		return "", "", syntaxError(FaultArgument, "text after the initial response")
	}
	return strings.ToUpper(mechanism), initial, nil
}

// parseNumber reads 1*20DIGIT up to maxNumber; no sign, no space.
func parseNumber(s string) (int64, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, strconv.ErrSyntax
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxNumber {
		return 0, strconv.ErrRange
	}
	return n, nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
