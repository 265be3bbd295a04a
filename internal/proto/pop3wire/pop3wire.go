// Package pop3wire is the grammar of POP3: RFC 1939, with CAPA and response
// codes (RFC 2449, 3206), STLS (RFC 2595), AUTH (RFC 5034), UTF8 and LANG (RFC
// 6856). Both sides: what a server reads is parsed into a [Command], what it
// writes is appended to a buffer or sent through a [DotWriter]; a client reads
// by ReadReply and [DotReader].
//
// Input is bounded: a line has a limit, and what is beyond it is thrown away up
// to another limit. Nothing here keeps a line: a Command holds copies of what
// it needs.
//
// The package does not know which command is allowed when; that is pop3d's.
package pop3wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
)

// Limits of lines, in octets with their CRLF.
const (
	MaxCommand  = 255      // RFC 2449 4
	MaxReply    = 512      // RFC 1939 3
	MaxAuthLine = 12 << 10 // RFC 5034 4 sets no bound; RFC 4954 4 takes this one
	maxDiscard  = 64 << 10 // of a line that is too long
)

// Errors of ReadLine, ReadCommand and Parse. Errors that wrap ErrSyntax or
// ErrTooLong leave the stream at the beginning of the next line: answer -ERR
// and go on. After any other error the connection is done.
var (
	ErrSyntax  = errors.New("pop3wire: syntax error")
	ErrTooLong = fmt.Errorf("%w: line too long", ErrSyntax)
	ErrEndless = errors.New("pop3wire: a line without an end")
)

func syntax(what string) error { return fmt.Errorf("%w: %s", ErrSyntax, what) }

// ReadLine reads a line of at most max octets and returns it without its end,
// valid until the next read. r's buffer must be at least max. A line may end
// with LF alone; a CR or NUL in it is ErrSyntax.
func ReadLine(r *bufio.Reader, max int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, discardLine(r)
	case err != nil:
		return nil, err
	case len(line) > max:
		return nil, ErrTooLong
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return nil, syntax("a bare CR or a NUL")
	}
	return line, nil
}

// discardLine reads up to the line's end: ErrTooLong when it came.
func discardLine(r *bufio.Reader) error {
	for n := r.Buffered(); n <= maxDiscard; {
		rest, err := r.ReadSlice('\n')
		switch {
		case err == nil:
			return ErrTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
		n += len(rest)
	}
	return ErrEndless
}

// ReadCommand reads one command. r's buffer must be at least MaxAuthLine.
func ReadCommand(r *bufio.Reader) (Command, error) {
	line, err := ReadLine(r, MaxAuthLine)
	if err != nil {
		return Command{}, err
	}
	c, err := Parse(line)
	// RFC 5034 4 wants a long initial response sent after a challenge;
	// clients with long tokens send it at once, and it does no harm.
	if len(line)+2 > MaxCommand && c.Verb != Auth {
		return Command{Verb: c.Verb}, ErrTooLong
	}
	return c, err
}
