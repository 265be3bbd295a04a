package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
)

// COMPRESS: RFC 4978 3.
//
//	compress  = "COMPRESS" SP algorithm
//	algorithm = "DEFLATE"
//
// What comes in the clear behind it is read as it is: the command is refused, for a client has to wait for its reply.
func cmdCompress(s *session, _ context.Context, c *imapwire.Compress) (done, error) {
	switch {
	case c.Algorithm != "DEFLATE":
		return done{}, badCommand("this algorithm is not offered")
	case s.conn.Deflating():
		return done{}, &imapwire.Error{Status: imapwire.BAD, Code: imapwire.CodeCompressionActive, Text: "DEFLATE is active"}
	case s.conn.Buffered() > 0:
		return done{}, badCommand("nothing may follow COMPRESS before its reply")
	}
	return done{text: "DEFLATE is active from here on", then: func() error {
		if err := s.conn.StartDeflate(); err != nil {
			return &connError{err}
		}
		return nil
	}}, nil
}
