package smtpwire

import (
	"bufio"
	"bytes"
	"io"
)

// ReadLine reads one line of at most limit octets, its CR LF counted, and returns
// it without the CR LF. The slice is valid until the next use of br.
//
// Errors: [ErrBareLF] and [ErrBareCR], with the octets up to the next LF
// consumed; [ErrLineTooLong]; [ErrEndless]; io.EOF at the end of the stream, and
// io.ErrUnexpectedEOF there in the middle of a line; and what br reports.
func ReadLine(br *bufio.Reader, limit int) ([]byte, error) {
	var long []byte // what did not fit into br's buffer
	for {
		frag, err := br.ReadSlice('\n')
		switch {
		case err != nil && err != bufio.ErrBufferFull:
			if err == io.EOF && len(long)+len(frag) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		case len(long)+len(frag) > limit:
			return nil, skipLine(br, err == nil)
		case err != nil:
			long = append(long, frag...)
			continue
		case long != nil:
			frag = append(long, frag...)
		}
		return cutCRLF(frag)
	}
}

// cutCRLF takes the line end off a line that ends with LF.
func cutCRLF(line []byte) ([]byte, error) {
	n := len(line) - 1
	switch cr := bytes.IndexByte(line, '\r'); {
	case cr < 0:
		return nil, ErrBareLF
	case cr != n-1:
		return nil, ErrBareCR
	}
	return line[:n-1], nil
}

// skipLine reads up to the end of a line that is too long, unless it was read.
func skipLine(br *bufio.Reader, ended bool) error {
	for n := 0; !ended; {
		frag, err := br.ReadSlice('\n')
		if n += len(frag); n > maxSkip {
			return ErrEndless
		}
		switch err {
		case nil:
			ended = true
		case bufio.ErrBufferFull:
		case io.EOF:
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return ErrLineTooLong
}
