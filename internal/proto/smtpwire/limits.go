package smtpwire

import "errors"

// Limits of RFC 5321 4.5.3.1, each with what the extensions add.
const (
	// MaxCommandLine is the longest command line in octets, with its CR LF. RFC
	// 5321 4.5.3.1.4 says 512; the parameters of SIZE, 8BITMIME, SMTPUTF8, AUTH
	// (500 alone), DSN (ORCPT 500, ENVID 100), DELIVERBY, FUTURERELEASE,
	// MT-PRIORITY and REQUIRETLS add about 1,300 to MAIL and RCPT.
	MaxCommandLine = 2048
	// MaxAuthLine is the longest line of a SASL exchange (RFC 4954 4, 12288 octets
	// of base64), with its CR LF.
	MaxAuthLine = 12288 + 2
	// MaxReplyLine is the longest line of a reply that is written, with its CR LF
	// (4.5.3.1.5).
	MaxReplyLine = 512

	// What a client reads of one reply before it gives up.
	maxReplyLineIn = MaxAuthLine
	maxReplyLines  = 256

	maxHello  = 255 // 4.5.3.1.2
	maxEnvID  = 100 // RFC 3461 4.4
	maxORcpt  = 500 // RFC 3461 4.2
	maxSkip   = 64 << 10
	maxNumber = 1<<62 - 1
)

// Faults of a line or of message text. What follows from each is the caller's
// to decide, but see the comments.
var (
	// ErrBareLF is a LF without a CR before it, ErrBareCR a CR without a LF after
	// it. In a command line they mean that the two sides may already disagree about
	// what is a line: the connection should be closed.
	ErrBareLF = errors.New("bare <LF>")
	ErrBareCR = errors.New("bare <CR>")
	// ErrNUL is a NUL octet in message text.
	ErrNUL = errors.New("NUL octet")
	// ErrTooBig is a message longer than Limits.Size.
	ErrTooBig = errors.New("message too big")
	// ErrLineTooLong is a line that was too long and has been read up to its end;
	// the stream stands at the next line.
	ErrLineTooLong = errors.New("line too long")
	// ErrEndless is a line or body whose end did not come within what is worth
	// reading and throwing away. The connection must be closed.
	ErrEndless = errors.New("no end in sight")
)

// Limits bound the reading of one message.
type Limits struct {
	// Size is the longest message in octets, as RFC 1870 5 counts: with line ends,
	// without dot-stuffing. Zero means no limit.
	Size int64
	// Drain is how many octets of a refused message are read and thrown away
	// before the reader gives up with [ErrEndless]. Zero means none at all.
	Drain int64
}
