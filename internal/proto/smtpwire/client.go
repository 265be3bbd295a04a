package smtpwire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrInjected means that a server sent more than its answer to STARTTLS before
// the TLS handshake: somebody on the way put it there (CVE-2011-0411). The
// connection must be closed.
var ErrInjected = errors.New("octets before the TLS handshake")

// Client is the client's side of a session, on a connection that the caller
// opened, closes and gives its deadlines (RFC 5321 4.5.3.2). It is for one
// goroutine. After an error that is not a [Reply] or an *[UnsupportedError] the
// connection is of no further use.
type Client struct {
	br   *bufio.Reader
	bw   *bufio.Writer
	lmtp bool
	caps Capabilities
	wait func(Step)
}

// Step is what a client is doing: each has a time of its own (RFC 5321 4.5.3.2).
type Step uint8

// The steps.
const (
	StepGreeting Step = iota // waiting for what the server says first
	StepCommand              // waiting for the answer to a command
	StepData                 // waiting for the answer to DATA
	StepText                 // sending message text
	StepEnd                  // waiting for the answer to a whole message
)

// OnStep has fn called before each answer is waited for, and before message text is sent: that is when to set deadlines.
func (c *Client) OnStep(fn func(Step)) { c.wait = fn }

func (c *Client) step(s Step) {
	if c.wait != nil {
		c.wait(s)
	}
}

// NewClient returns a client that reads br and writes bw. With lmtp the server is
// an LMTP server (RFC 2033).
func NewClient(br *bufio.Reader, bw *bufio.Writer, lmtp bool) *Client {
	return &Client{br: br, bw: bw, lmtp: lmtp}
}

// Capabilities returns what the server offered in answer to the last Hello.
func (c *Client) Capabilities() Capabilities { return c.caps }

// Greeting reads what the server says first. A refusal is returned as error.
func (c *Client) Greeting() (Reply, error) {
	c.step(StepGreeting)
	return refusal(ReadReply(c.br))
}

// Hello sends EHLO, and HELO where the server does not know that (RFC 5321 3.2),
// or LHLO.
func (c *Client) Hello(name string) (Reply, error) {
	c.caps = Capabilities{}
	verb := "EHLO "
	if c.lmtp {
		verb = "LHLO "
	}
	r, err := c.Exec(verb + name)
	if err != nil {
		return r, err
	}
	if !r.OK() && !c.lmtp && r.Code/100 == 5 {
		return refusal(c.Exec("HELO " + name))
	}
	if r.OK() {
		c.caps = ParseCapabilities(r)
	}
	return refusal(r, nil)
}

// StartTLS asks for TLS. After nil the caller does the handshake, calls Reset and
// says Hello again: all that the server said before is forgotten (RFC 3207 4.2).
func (c *Client) StartTLS() error {
	if _, err := refusal(c.Exec("STARTTLS")); err != nil {
		return err
	}
	if c.br.Buffered() > 0 {
		return ErrInjected
	}
	return nil
}

// Reset puts the client onto another stream of the same connection.
func (c *Client) Reset(br *bufio.Reader, bw *bufio.Writer) {
	c.br, c.bw, c.caps = br, bw, Capabilities{}
}

// Exec sends one command line and returns the answer to it, good or bad.
func (c *Client) Exec(line string) (Reply, error) {
	if err := c.write(append([]byte(line), "\r\n"...)); err != nil {
		return Reply{}, err
	}
	return c.flushRead(StepCommand)
}

// Quit ends the session. The caller closes the connection.
func (c *Client) Quit() error {
	_, err := refusal(c.Exec("QUIT"))
	return err
}

func (c *Client) write(line []byte) error {
	if err := checkLine(line); err != nil {
		return err
	}
	_, err := c.bw.Write(line)
	return err
}

func (c *Client) flushRead(s Step) (Reply, error) {
	c.step(s)
	if err := c.bw.Flush(); err != nil {
		return Reply{}, err
	}
	r, err := ReadReply(c.br)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return r, err
}

// refusal makes an error of a reply that is not good.
func refusal(r Reply, err error) (Reply, error) {
	if err == nil && r.Code >= 400 {
		err = r
	} else if err == nil && !r.OK() {
		err = fmt.Errorf("%w: code %d here", ErrReply, r.Code)
	}
	return r, err
}
