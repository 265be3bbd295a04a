package pop3wire

import (
	"bufio"
	"bytes"
	"strings"
)

// Reply is the first line of a server's reply.
type Reply struct {
	OK   bool
	Code Code   // in brackets before the text, "" if there was none
	Text string // after the code
}

// ReadReply reads the first line of a reply, which may not be a challenge.
func ReadReply(r *bufio.Reader) (Reply, error) {
	line, err := ReadLine(r, MaxReply)
	if err != nil {
		return Reply{}, err
	}
	return ParseReply(line)
}

// ParseReply parses the first line of a reply without its end (RFC 2449 3):
//
//	single-line = status [SP text] CRLF
//	text        = *schar / resp-code *CHAR
func ParseReply(line []byte) (Reply, error) {
	status, text, _ := bytes.Cut(line, []byte{' '})
	var r Reply
	switch string(status) {
	case "+OK":
		r.OK = true
	case "-ERR":
	default:
		return r, syntax("a reply")
	}
	r.Text = string(text)
	if code, rest, ok := strings.Cut(strings.TrimPrefix(r.Text, "["), "]"); ok && r.Text[0] == '[' {
		r.Code = Code(strings.ToUpper(code))
		r.Text = strings.TrimPrefix(rest, " ")
	}
	return r, nil
}
