package smtpwire

import (
	"errors"
	"fmt"
	"io"
)

// maxGroup is how many commands are sent before their answers are read. RFC 2920
// 3.1 wants a group to fit into the TCP window, so that both sides cannot wait
// for each other to read; 64 answers of 512 octets fit into any.
const maxGroup = 64

// Transaction is a message to send.
type Transaction struct {
	Mail  Mail
	Rcpts []Rcpt
	// Body is the message text with CR LF line ends; see [DataWriter] for what
	// happens to others. It is read once, up to its end.
	Body io.Reader
	// Size is the exact length of Body, or -1. BDAT is used only where it is known.
	Size int64
	// UseData sends the text by DATA though the server offers CHUNKING.
	UseData bool
}

// Outcome is how a server answered a transaction.
type Outcome struct {
	Mail  Reply
	Rcpts []Reply // one for each of Transaction.Rcpts; none where Mail was refused
	// Data is the answer to DATA where it was not 354; zero otherwise.
	Data Reply
	// Final is the answer to the message: one, or in LMTP one for each recipient
	// that was taken (RFC 2033 4.2). None where nobody was.
	Final []Reply
}

// Rcpt returns what became of recipient i in the end.
func (o Outcome) Rcpt(i int, lmtp bool) Reply {
	switch {
	case !o.Mail.OK():
		return o.Mail
	case !o.Rcpts[i].OK():
		return o.Rcpts[i]
	case o.Data.Code != 0:
		return o.Data
	case !lmtp:
		return o.Final[0]
	}
	n := 0
	for _, r := range o.Rcpts[:i] {
		if r.OK() {
			n++
		}
	}
	return o.Final[n]
}

// errTruncated is a Body that has not Size octets: the chunk cannot be completed
// any more.
var errTruncated = errors.New("message text is not as long as announced")

// Send sends a message. The outcome holds what the server answered, refusals
// too; they are no errors. An error means that the connection cannot be used
// further, and then that what became of recipients without an answer is unknown;
// but after an *[UnsupportedError] nothing was sent.
//
// Where the server has PIPELINING, MAIL, all RCPT and DATA go out in one write.
func (c *Client) Send(t Transaction) (Outcome, error) {
	have := c.caps.Extensions
	utf8 := t.Mail.SMTPUTF8
	for _, r := range t.Rcpts {
		utf8 = utf8 || r.To.NeedsUTF8()
	}
	t.Mail.SMTPUTF8 = utf8 // RFC 6531 3.4: asked for when any address needs it
	if err := t.Mail.Check(have); err != nil {
		return Outcome{}, err
	}
	chunked := have.Has(Chunking) && t.Size >= 0 && (!t.UseData || t.Mail.Body == BodyBinaryMIME)
	if t.Mail.Body == BodyBinaryMIME && !chunked {
		return Outcome{}, &UnsupportedError{Chunking} // a size is needed: RFC 3030 3
	}
	o, data, err := c.envelope(t, !chunked)
	if err != nil {
		return o, err
	}
	taken := 0
	for _, r := range o.Rcpts {
		if r.OK() {
			taken++
		}
	}
	switch {
	case !chunked && data.Code != 354:
		if data.Code != 0 {
			o.Data = data
		}
		return o, c.rset()
	case taken == 0 && !chunked && c.lmtp:
		return o, fmt.Errorf("%w: 354 without a recipient", ErrReply) // RFC 2033 4.2: 503
	case taken == 0 && !chunked:
		// The server takes a message for nobody: send it none (RFC 2920 3.1).
		err = c.finish(&o, 1, func() error { return c.write([]byte(".\r\n")) })
		o.Final = nil
		return o, err
	case taken == 0:
		return o, c.rset()
	}
	if !c.lmtp {
		taken = 1
	}
	return o, c.finish(&o, taken, func() error { return c.body(t, chunked) })
}

// envelope sends MAIL, RCPT and perhaps DATA and reads the answers. data is the
// answer to DATA, zero where it was not sent.
func (c *Client) envelope(t Transaction, withData bool) (o Outcome, data Reply, err error) {
	have := c.caps.Extensions
	commands := 1 + len(t.Rcpts)
	command := func(i int) []byte {
		switch {
		case i == 0:
			return t.Mail.AppendTo(nil, have)
		case i < commands:
			return t.Rcpts[i-1].AppendTo(nil, have)
		}
		return []byte("DATA\r\n")
	}
	answer := func(i int, r Reply) {
		switch {
		case i == 0:
			o.Mail = r
		case i < commands:
			o.Rcpts = append(o.Rcpts, r)
		default:
			data = r
		}
	}
	total := commands
	if withData {
		total++
	}
	group := 1
	if have.Has(Pipelining) {
		group = maxGroup
	}
	for i := 0; i < total; i += group {
		end := min(i+group, total)
		if i > 0 && !o.Mail.OK() || i == commands && !anyOK(o.Rcpts) {
			break // not sent yet, and of no use
		}
		for j := i; j < end; j++ {
			if err := c.write(command(j)); err != nil {
				return o, data, err
			}
		}
		for j := i; j < end; j++ {
			step := StepCommand
			if j == commands {
				step = StepData
			}
			r, err := c.flushRead(step)
			if err != nil {
				return o, data, err
			}
			answer(j, r)
		}
	}
	if !o.Mail.OK() {
		o.Rcpts = nil
	}
	return o, data, nil
}

func anyOK(rs []Reply) bool {
	for _, r := range rs {
		if r.OK() {
			return true
		}
	}
	return false
}

// finish sends the message text and reads n answers to it.
func (c *Client) finish(o *Outcome, n int, send func() error) error {
	c.step(StepText)
	if err := send(); err != nil {
		return err
	}
	if err := c.bw.Flush(); err != nil {
		return err
	}
	for range n {
		r, err := c.flushRead(StepEnd)
		if err != nil {
			return err
		}
		o.Final = append(o.Final, r)
	}
	return nil
}

func (c *Client) body(t Transaction, chunked bool) error {
	if !chunked {
		w := NewDataWriter(c.bw)
		if _, err := io.Copy(w, t.Body); err != nil {
			return fmt.Errorf("sending message text: %w", err)
		}
		return w.Close()
	}
	// One chunk: the size is known, and memory is needed for none of it.
	if _, err := fmt.Fprintf(c.bw, "BDAT %d LAST\r\n", t.Size); err != nil {
		return err
	}
	w := chunkWriter{c.bw, t.Size}
	_, err := io.Copy(&w, t.Body)
	if err == nil && w.left > 0 {
		err = errTruncated
	}
	if err != nil {
		return fmt.Errorf("sending a chunk: %w", err)
	}
	return nil
}

// chunkWriter writes no more than a chunk has room for.
type chunkWriter struct {
	w    io.Writer
	left int64
}

func (w *chunkWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		return 0, errTruncated
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	return n, err
}

// rset clears a transaction that came to nothing.
func (c *Client) rset() error {
	_, err := c.Exec("RSET")
	return err
}
