// Package milterwire is the grammar of the milter protocol, version 6: what a
// mail server and a filter beside it say to each other. There is no standard; the
// protocol is what Sendmail's libmilter does (mfdef.h), and Postfix, rspamd and
// the others after it.
//
// A packet is a length, a code and data. All of what comes from a filter is
// bounded here; reading and writing is the caller's.
package milterwire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"restante/internal/proto/smtpwire"
)

// Version is what is spoken. Filters of 2 to 6 are understood: the later ones only have more to choose from.
const Version = 6

// Code is what a packet is.
type Code byte

// What the server says.
const (
	Negotiate   Code = 'O' // both sides
	Macros      Code = 'D'
	Connect     Code = 'C'
	Helo        Code = 'H'
	Mail        Code = 'M'
	Rcpt        Code = 'R'
	Data        Code = 'T'
	Header      Code = 'L'
	EndOfHeader Code = 'N'
	Body        Code = 'B'
	End         Code = 'E'
	Quit        Code = 'Q'
)

// What the filter says.
const (
	Continue   Code = 'c'
	Accept     Code = 'a'
	Reject     Code = 'r'
	TempFail   Code = 't'
	Discard    Code = 'd'
	ReplyCode  Code = 'y'
	Skip       Code = 's' // no more of the body, please
	Progress   Code = 'p' // it takes longer
	ConnFail   Code = 'f'
	Shutdown   Code = '4'
	AddHeader  Code = 'h'
	InsHeader  Code = 'i'
	Quarantine Code = 'q'

	ChgHeader  Code = 'm'
	ReplBody   Code = 'b'
	AddRcpt    Code = '+'
	AddRcptPar Code = '2'
	DelRcpt    Code = '-'
	ChgFrom    Code = 'e'
)

// Actions are what a filter may do to a message beside refusing it.
type Actions uint32

// The actions.
const (
	MayAddHeaders    Actions = 0x01
	MayChangeBody    Actions = 0x02
	MayAddRcpt       Actions = 0x04
	MayDeleteRcpt    Actions = 0x08
	MayChangeHeaders Actions = 0x10
	MayQuarantine    Actions = 0x20
	MayChangeFrom    Actions = 0x40
)

// Steps are what a filter does not want to hear (No), or will not answer (Mute).
type Steps uint32

// The steps.
const (
	NoConnect     Steps = 0x01
	NoHelo        Steps = 0x02
	NoMail        Steps = 0x04
	NoRcpt        Steps = 0x08
	NoBody        Steps = 0x10
	NoHeaders     Steps = 0x20
	NoEndOfHeader Steps = 0x40
	MuteHeader    Steps = 0x80
	NoUnknown     Steps = 0x100
	NoData        Steps = 0x200
	MaySkip       Steps = 0x400
	MuteConnect   Steps = 0x1000
	MuteHelo      Steps = 0x2000
	MuteMail      Steps = 0x4000
	MuteRcpt      Steps = 0x8000
	MuteData      Steps = 0x10000
	MuteUnknown   Steps = 0x20000
	MuteEnd       Steps = 0x40000 // of the header
	MuteBody      Steps = 0x80000
	LeadingSpace  Steps = 0x100000 // values of fields come with the space before them

	// AllSteps are those that this package knows.
	AllSteps = NoConnect | NoHelo | NoMail | NoRcpt | NoBody | NoHeaders | NoEndOfHeader | MuteHeader | NoUnknown | NoData | MaySkip |
		MuteConnect | MuteHelo | MuteMail | MuteRcpt | MuteData | MuteUnknown | MuteEnd | MuteBody | LeadingSpace
)

// MaxData is the longest data of a packet, where no more was agreed upon; a body goes in chunks of it.
const MaxData = 65535

// ErrProtocol is a filter that does not keep to the protocol.
var ErrProtocol = errors.New("milter: protocol error")

// Append appends a packet whose data are the parts.
func Append(dst []byte, c Code, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	dst = append(binary.BigEndian.AppendUint32(dst, uint32(n)), byte(c))
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// Read reads a packet. One with more than MaxData is an error.
func Read(r *bufio.Reader) (Code, []byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > MaxData+1 {
		return 0, nil, fmt.Errorf("%w: a packet of %d octets", ErrProtocol, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, nil, err
	}
	return Code(b[0]), b[1:], nil
}

// Text is a string as it goes into data; it ends at a NUL, so it has none.
func Text(s string) []byte {
	return append([]byte(strings.ReplaceAll(s, "\x00", "")), 0)
}

// Offer are the data of Negotiate.
type Offer struct {
	Version uint32
	Actions Actions
	Steps   Steps
}

// Append appends the packet.
func (o Offer) Append(dst []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, o.Version)
	b = binary.BigEndian.AppendUint32(b, uint32(o.Actions))
	return Append(dst, Negotiate, binary.BigEndian.AppendUint32(b, uint32(o.Steps)))
}

// ParseOffer reads the data. What may follow, a list of macros, is passed over.
func ParseOffer(b []byte) (Offer, error) {
	if len(b) < 12 {
		return Offer{}, fmt.Errorf("%w: short negotiation", ErrProtocol)
	}
	return Offer{binary.BigEndian.Uint32(b), Actions(binary.BigEndian.Uint32(b[4:])), Steps(binary.BigEndian.Uint32(b[8:]))}, nil
}

// ParseReply reads the data of ReplyCode: "550 5.7.1 text", of several lines perhaps. The code is 4yz or 5yz (RFC 5321 4.2.1).
func ParseReply(b []byte) (smtpwire.Reply, error) {
	text, _, _ := bytes.Cut(b, []byte{0})
	var out smtpwire.Reply
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.TrimRight(string(text), "\r\n"), "\r\n", "\n"), "\n") {
		code, rest, ok := replyLine(line)
		if !ok || out.Code != 0 && code != out.Code || len(lines) == maxReplyLines {
			return smtpwire.Reply{}, fmt.Errorf("%w: reply %.100q", ErrProtocol, text)
		}
		out.Code = code
		enhanced, after, _ := strings.Cut(rest, " ")
		if e, ok := parseEnhanced(enhanced, code); ok {
			out.Enhanced, rest = e, after
		}
		lines = append(lines, strings.ReplaceAll(rest, "%%", "%"))
	}
	out.Text = strings.Join(lines, "\n")
	return out, nil
}

const maxReplyLines = 32 // as libmilter has it

func replyLine(s string) (code int, rest string, ok bool) {
	if len(s) < 3 || s[0] != '4' && s[0] != '5' || s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9' {
		return 0, "", false
	}
	code = int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
	if len(s) == 3 {
		return code, "", true
	}
	return code, s[4:], s[3] == ' ' || s[3] == '-'
}

// parseEnhanced reads an enhanced code (RFC 3463 2) of the class that the code has.
func parseEnhanced(s string, code int) (smtpwire.Enhanced, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return smtpwire.Enhanced{}, false
	}
	var n [3]uint16
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || v > 999 {
			return smtpwire.Enhanced{}, false
		}
		n[i] = uint16(v)
	}
	return smtpwire.Enhanced{Class: n[0], Subject: n[1], Detail: n[2]}, int(n[0]) == code/100
}

// Field is a header field that a filter adds.
type Field struct {
	Name, Value string
	Index       uint32 // where; of AddHeader 0, which means behind all
}

// ParseField reads the data of AddHeader, and of InsHeader where it is indexed.
func ParseField(b []byte, indexed bool) (Field, error) {
	var f Field
	if indexed {
		if len(b) < 4 {
			return f, fmt.Errorf("%w: short field", ErrProtocol)
		}
		f.Index, b = binary.BigEndian.Uint32(b), b[4:]
	}
	name, rest, ok := bytes.Cut(b, []byte{0})
	value, _, ended := bytes.Cut(rest, []byte{0})
	if !ok || !ended || !fieldName(name) {
		return f, fmt.Errorf("%w: field %.100q", ErrProtocol, b)
	}
	f.Name, f.Value = string(name), string(value)
	return f, nil
}

// fieldName says whether a name can be one (RFC 5322 3.6.8).
func fieldName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 76
}

// AppendTo appends the field as it stands in a message. spaced says that the value begins with its own space. Whatever the filter has written, what comes of
// it is one field.
func (f Field) AppendTo(dst []byte, spaced bool) []byte {
	dst = append(append(dst, f.Name...), ':')
	if !spaced {
		dst = append(dst, ' ')
	}
	value := strings.TrimRight(strings.ReplaceAll(f.Value, "\r", ""), "\n \t")
	first := true
	for line := range strings.SplitSeq(value, "\n") {
		switch {
		case first:
		case strings.TrimLeft(line, " \t") == "":
			continue // RFC 5322 3.2.2: no line of a field is empty
		default:
			dst = append(dst, "\r\n"...)
			if line[0] != ' ' && line[0] != '\t' {
				dst = append(dst, '\t')
			}
		}
		first = false
		dst = append(dst, line...)
	}
	return append(dst, "\r\n"...)
}
