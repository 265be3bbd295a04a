package smtpd

import (
	"context"
	"fmt"
	"time"

	"restante/internal/proto/smtpwire"
)

// bdat runs BDAT and reads the chunk (RFC 3030 2):
//
//	bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF
//
// Whatever is answered, the chunk is read: its octets are in the stream already.
func (x *session) bdat(ctx context.Context, arg string) {
	size, last, err := smtpwire.ParseBdat(arg)
	if err != nil {
		x.end(err) // nobody knows how many octets follow
		return
	}
	refusal, refused := x.bdatRefused()
	if !refused && x.tx.chunks == nil {
		binary := x.tx.env.Mail.Body == smtpwire.BodyBinaryMIME
		x.tx.chunks = smtpwire.NewChunkReader(binary, x.bodyLimits())
		if err := x.begin(ctx); err != nil {
			refusal, refused = x.replyTo(err), true
		}
	}
	if refused {
		x.skipChunk(size, last, refusal)
		return
	}
	x.readChunk(ctx, size, last)
}

// bdatRefused says what speaks against a chunk before it is read.
func (x *session) bdatRefused() (smtpwire.Reply, bool) {
	switch {
	case x.hello == "" || !x.extended:
		return badSequence("say EHLO first"), true // CHUNKING was not offered
	case x.tx == nil:
		return badSequence("MAIL comes first"), true
	case x.tx.failed:
		return badSequence("the transaction has failed; send RSET"), true
	case len(x.tx.env.Recipients) == 0:
		return badSequence("no valid recipients"), true
	}
	return smtpwire.Reply{}, false
}

// skipChunk reads a chunk that is not wanted, and answers. The octets are bounded
// as for any refused body.
func (x *session) skipChunk(size int64, last bool, answer smtpwire.Reply) {
	c := smtpwire.NewChunkReader(true, x.bodyLimits())
	c.Next(x.c.Reader(), size, last)
	x.c.LimitUntil(time.Now().Add(x.opts.DataTimeout))
	if lost := c.Drain(); lost != nil {
		x.unreadable(answer, lost)
		return
	}
	x.c.LimitUntil(time.Time{})
	x.chunkRefused(last, answer)
}

// chunkRefused answers a chunk that was read to its end and not taken. With LAST
// the transaction is over; before it, further chunks may be on their way.
func (x *session) chunkRefused(last bool, answer smtpwire.Reply) {
	switch {
	case x.tx == nil:
		x.refuseWith(answer)
	case last: // RFC 2033 4.3: in LMTP one reply for each recipient, none for none
		x.messageRefused(answer)
		x.reset()
	default:
		x.failWith(answer)
	}
}

// readChunk reads a chunk of the message.
func (x *session) readChunk(ctx context.Context, size int64, last bool) {
	c := x.tx.chunks
	c.Next(x.c.Reader(), size, last)
	_, err := c.WriteTo(x.body())
	if err != nil {
		x.abort()
		if lost := c.Drain(); lost != nil {
			x.unreadable(err, lost)
			return
		}
	}
	x.c.LimitUntil(time.Time{})
	switch {
	case last:
		x.finish(ctx, err)
	case err != nil:
		x.chunkRefused(false, x.replyTo(err))
	default:
		x.reply(reply(250, 2, 0, 0, fmt.Sprintf("Ok: %d octets", size)))
	}
}
