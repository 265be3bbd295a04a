package smtpwire

import (
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// Body is what a message was declared to hold (RFC 6152, RFC 3030 3).
type Body uint8

// The values of the BODY parameter. A message that declares nothing is 7BIT by
// the book and may hold anything in practice.
const (
	BodyUnspecified Body = iota
	Body7Bit
	Body8BitMIME
	BodyBinaryMIME
)

var bodyNames = [...]string{"", "7BIT", "8BITMIME", "BINARYMIME"}

// String returns the value of the BODY parameter, "" where there is none.
func (b Body) String() string { return bodyNames[b] }

// Ret says how much of a message a report of failure is to bring back (RFC 3461 4.3).
type Ret uint8

// The values of the RET parameter.
const (
	RetUnspecified Ret = iota
	RetFull
	RetHeaders
)

var retNames = [...]string{"", "FULL", "HDRS"}

// String returns the value of the RET parameter, "" where there is none.
func (r Ret) String() string { return retNames[r] }

// Notify is the set of events that a sender wants to hear of (RFC 3461 4.1).
// Zero means that nothing was asked for: failures are reported, and delays may be.
type Notify uint8

// The values of the NOTIFY parameter. NotifyNever stands alone.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

var notifyNames = [...]struct {
	n    Notify
	name string
}{{NotifyNever, "NEVER"}, {NotifySuccess, "SUCCESS"}, {NotifyFailure, "FAILURE"}, {NotifyDelay, "DELAY"}}

// String returns the value of the NOTIFY parameter, "" where there is none.
func (n Notify) String() string {
	var list []string
	for _, x := range notifyNames {
		if n&x.n != 0 {
			list = append(list, x.name)
		}
	}
	return strings.Join(list, ",")
}

// By is the parameter of DELIVERBY (RFC 2852 4). The zero value is none.
type By struct {
	// Seconds until the message should be delivered; it may lie in the past, but
	// not with Return.
	Seconds int32
	Mode    ByMode
	Trace   bool
}

// ByMode is what happens to a message that is late.
type ByMode byte

// The modes of RFC 2852 4.1.
const (
	ByNotify ByMode = 'N'
	ByReturn ByMode = 'R'
)

// Mail is a MAIL command. Fields that have no value in the command are zero.
type Mail struct {
	// From is the reverse-path; the zero Address is the null one.
	From addr.Address
	// NonASCII says that the path itself had characters outside ASCII, which only
	// SMTPUTF8 permits (RFC 6531 3.3). U-labels count, though From has A-labels.
	NonASCII bool

	Size     int64 // declared size in octets (RFC 1870 6)
	Body     Body
	SMTPUTF8 bool
	Ret      Ret
	EnvID    string // decoded (RFC 3461 4.4)

	// Auth is the identity that submitted the message (RFC 4954 5), where AuthGiven;
	// the zero Address is "<>", nobody known.
	Auth      addr.Address
	AuthGiven bool

	RequireTLS bool
	By         By

	// Priority is -9 to 9, where PriorityGiven (RFC 6710).
	Priority      int8
	PriorityGiven bool

	HoldFor   time.Duration // RFC 4865
	HoldUntil time.Time     // RFC 4865
}

// Rcpt is a RCPT command.
type Rcpt struct {
	// To is the forward-path. <Postmaster> has no domain (RFC 5321 4.1.1.3).
	To addr.Address
	// NonASCII is as in [Mail].
	NonASCII bool

	Notify Notify
	// ORcptType and ORcpt are the original recipient, decoded: an address type in
	// lower case, such as "rfc822" or "utf-8", and an address of that type (RFC 3461
	// 4.2, RFC 6533 3).
	ORcptType, ORcpt string
}

// ParseMail reads the argument of MAIL (RFC 5321 4.1.1.2):
//
//	mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
//
// Parameters of extensions that are not in offered are a FaultUnsupported. The
// error is a *[SyntaxError].
//
// deviates: spaces after the colon are ignored; whole families of programs send
// one.
func ParseMail(arg string, offered Extensions) (Mail, error) {
	path, params, nonASCII, err := parsePath(arg, "FROM:")
	if err != nil {
		return Mail{}, err
	}
	if path.Domain == "" && path.Local != "" { // <Postmaster> only receives
		return Mail{}, syntaxError(FaultAddress, "address without a domain")
	}
	m := Mail{From: path, NonASCII: nonASCII}
	err = eachParam(params, offered, mailParams, func(p param, value string) bool {
		return p.mail(&m, value)
	})
	switch {
	case err != nil:
		return Mail{}, err
	case m.Body == BodyBinaryMIME && !offered.Has(BinaryMIME|Chunking):
		return Mail{}, syntaxError(FaultUnsupported, "BODY=BINARYMIME is not supported")
	case m.HoldFor != 0 && !m.HoldUntil.IsZero(): // RFC 4865 4
		return Mail{}, syntaxError(FaultParam, "HOLDFOR and HOLDUNTIL exclude each other")
	}
	return m, nil
}

// ParseRcpt reads the argument of RCPT (RFC 5321 4.1.1.3):
//
//	rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" /
//	       Forward-path ) [SP Rcpt-parameters] CRLF
//
// Otherwise it is as [ParseMail].
func ParseRcpt(arg string, offered Extensions) (Rcpt, error) {
	path, params, nonASCII, err := parsePath(arg, "TO:")
	if err != nil {
		return Rcpt{}, err
	}
	if path.IsZero() {
		return Rcpt{}, syntaxError(FaultAddress, "the null path is no recipient")
	}
	r := Rcpt{To: path, NonASCII: nonASCII}
	err = eachParam(params, offered, rcptParams, func(p param, value string) bool {
		return p.rcpt(&r, value)
	})
	if err != nil {
		return Rcpt{}, err
	}
	return r, nil
}

func parsePath(arg, keyword string) (path addr.Address, params string, nonASCII bool, err error) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return path, "", false, syntaxError(FaultArgument, keyword+"<address> is needed")
	}
	arg = strings.TrimLeft(arg[len(keyword):], " ")
	path, params, perr := addr.ParsePath(arg)
	if perr != nil {
		return path, "", false, syntaxError(FaultAddress, perr.Error())
	}
	for _, c := range []byte(arg[:len(arg)-len(params)]) {
		nonASCII = nonASCII || c >= 0x80
	}
	return path, params, nonASCII, nil
}
