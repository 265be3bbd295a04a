package smtpwire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Enhanced is an enhanced status code (RFC 3463): class, subject and detail. The
// zero value is none.
type Enhanced struct{ Class, Subject, Detail uint16 }

// IsZero says whether e is none.
func (e Enhanced) IsZero() bool { return e == Enhanced{} }

// String returns, for example, "5.1.1", and "" for none.
func (e Enhanced) String() string {
	if e.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", e.Class, e.Subject, e.Detail)
}

// Reply is the answer to a command. As an error it is a refusal.
type Reply struct {
	// Code is 200 to 599.
	Code int
	// Enhanced stands before the text of every line (RFC 2034 4).
	Enhanced Enhanced
	// Text has one line or several, with "\n" between them.
	Text string
}

// OK says whether r is a positive completion, 2yz.
func (r Reply) OK() bool { return r.Code/100 == 2 }

// Temporary says whether r is a transient failure, 4yz.
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

// Error returns the reply in one line.
func (r Reply) Error() string {
	parts := []string{fmt.Sprint(r.Code)}
	if !r.Enhanced.IsZero() {
		parts = append(parts, r.Enhanced.String())
	}
	if r.Text != "" {
		parts = append(parts, strings.ReplaceAll(r.Text, "\n", " / "))
	}
	return strings.Join(parts, " ")
}

// AppendTo appends the reply as it is sent (RFC 5321 4.2):
//
//	Reply-line = *( Reply-code "-" [ textstring ] CRLF )
//	             Reply-code [ SP textstring ] CRLF
//
// Lines over 512 octets go on in a further line. The text may hold anything:
// control characters become "?", and what is not ASCII becomes \x{HEX} as in
// RFC 6533 3, because a client that did not ask for UTF-8 must not get it (RFC
// 6531 3.7.4).
func (r Reply) AppendTo(dst []byte) []byte {
	rest := r.Text
	for more := true; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		dst = r.appendLine(dst, line, more)
	}
	return dst
}

// appendLine appends one line of text, in as many lines as it needs.
func (r Reply) appendLine(dst []byte, text string, more bool) []byte {
	start := len(dst)
	dst = r.appendPrefix(dst)
	for _, c := range text {
		var enc [12]byte
		b := appendText(enc[:0], c)
		if len(dst)-start+len(b)+2 > MaxReplyLine && r.Code != 334 { // RFC 4954 4: a challenge is one line
			dst = append(dst, "\r\n"...)
			dst[start+3] = '-'
			start = len(dst)
			dst = r.appendPrefix(dst)
		}
		dst = append(dst, b...)
	}
	if more {
		dst[start+3] = '-'
	}
	return append(dst, "\r\n"...)
}

func (r Reply) appendPrefix(dst []byte) []byte {
	dst = fmt.Appendf(dst, "%03d ", r.Code)
	if !r.Enhanced.IsZero() {
		dst = append(append(dst, r.Enhanced.String()...), ' ')
	}
	return dst
}

// appendText appends c as a textstring, %d09 / %d32-126.
func appendText(dst []byte, c rune) []byte {
	switch {
	case c < ' ' && c != '\t' || c == 0x7f:
		return append(dst, '?')
	case c >= utf8.RuneSelf:
		return fmt.Appendf(dst, `\x{%02X}`, c)
	}
	return append(dst, byte(c))
}

// ErrReply means that what a server sent is not a reply.
var ErrReply = errors.New("malformed SMTP reply")

// ReadReply reads one reply of at most 256 lines of [MaxAuthLine] octets. The error wraps
// [ErrReply] for what is no reply; otherwise it is br's, io.EOF only before the
// first octet.
//
// deviates: lines may end with LF alone. A client acts on the code and has asked
// for everything that it reads, so nothing can be smuggled in.
func ReadReply(br *bufio.Reader) (Reply, error) {
	var r Reply
	var text []string
	for range maxReplyLines {
		line, err := readReplyLine(br)
		if err != nil {
			if err == io.EOF && text != nil {
				err = io.ErrUnexpectedEOF
			}
			return Reply{}, err
		}
		code, more, rest, ok := cutReplyLine(line)
		if !ok || text != nil && code != r.Code { // 4.2.1: the same code on each line
			return Reply{}, fmt.Errorf("%w: %q", ErrReply, line[:min(len(line), 80)])
		}
		e, rest := cutEnhanced(code, rest)
		if text == nil {
			r.Code, r.Enhanced = code, e
		}
		text = append(text, string(rest))
		if !more {
			r.Text = strings.Join(text, "\n")
			return r, nil
		}
	}
	return Reply{}, fmt.Errorf("%w: more than %d lines", ErrReply, maxReplyLines)
}

func readReplyLine(br *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		frag, err := br.ReadSlice('\n')
		long = append(long, frag...)
		switch {
		case len(long) > maxReplyLineIn:
			return nil, fmt.Errorf("%w: line too long", ErrReply)
		case err == nil:
			return bytes.TrimSuffix(long[:len(long)-1], []byte("\r")), nil
		case err == io.EOF && len(long) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

// cutReplyLine splits a line into code, hyphen and text. Code and hyphen, or the
// code alone, are enough (4.2).
func cutReplyLine(line []byte) (code int, more bool, text []byte, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, false, nil, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, nil, false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) == 3 {
		return code, false, nil, true
	}
	if line[3] != ' ' && line[3] != '-' {
		return 0, false, nil, false
	}
	return code, line[3] == '-', line[4:], true
}

// cutEnhanced takes an enhanced status code off the text of a reply. It is one
// only where its class is the first digit of the code (RFC 2034 4).
//
//	status-code = class "." subject "." detail
//	class       = "2" / "4" / "5"
//	subject     = 1*3DIGIT
//	detail      = 1*3DIGIT
func cutEnhanced(code int, text []byte) (Enhanced, []byte) {
	word, rest, _ := bytes.Cut(text, []byte(" "))
	var n [3]uint16
	i, digits := 0, 0
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			n[i] = n[i]*10 + uint16(c-'0')
			digits++
		case c == '.' && digits > 0 && i < 2:
			i, digits = i+1, 0
		default:
			return Enhanced{}, text
		}
	}
	class := code / 100
	if i != 2 || digits == 0 || int(n[0]) != class || class == 3 {
		return Enhanced{}, text
	}
	return Enhanced{n[0], n[1], n[2]}, rest
}
