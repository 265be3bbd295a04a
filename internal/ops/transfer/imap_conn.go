package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"restante/internal/proto/imapwire"
)

// imapConn is a session with an IMAP server. Its grammar is package imapwire's; what is here is only that texts of messages are not read
// into memory. No client library: those at hand keep what a server sends in memory, of whatever size.
type imapConn struct {
	*wire
	tag    int
	caps   []string
	greets string // text of the greeting

	parse *bufio.Reader // for lines that are in memory
}

const (
	// maxResponse bounds a response without the text of a message.
	maxResponse = 1 << 20
	// maxIdle is how many responses may come that nobody asked for, before the one that was.
	maxIdle = 100_000
)

// errProtocol says that a server speaks no IMAP, or no POP3.
var errProtocol = errors.New("the server breaks the protocol")

// openIMAP connects and logs in.
func openIMAP(ctx context.Context, s *server, o *ServerOptions) (*imapConn, error) {
	w, err := s.dial(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &imapConn{wire: w, parse: bufio.NewReader(nil)}
	if err := c.enter(ctx, s, o); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *imapConn) enter(ctx context.Context, s *server, o *ServerOptions) error {
	greeting, err := c.response()
	if err != nil {
		return err
	}
	if c.greets = greeting.Text; greeting.Tag != "*" || greeting.Name != "OK" && greeting.Name != "PREAUTH" {
		return fmt.Errorf("%w: it greets with %q", errProtocol, clip(greeting.Raw+greeting.Text))
	}
	if err := c.capabilities(); err != nil {
		return err
	}
	if !s.tls && c.can("STARTTLS") && greeting.Name == "OK" {
		if err := c.do("STARTTLS", nil); err != nil {
			return err
		}
		if err := c.encrypt(ctx, s, o); err != nil {
			return err
		}
		if err := c.capabilities(); err != nil { // RFC 9051 6.2.1: those before it are forgotten
			return err
		}
	} else if !s.tls && !o.Insecure {
		return errNoTLS // also after PREAUTH, which may be somebody's between (RFC 9051 11.1)
	}
	if greeting.Name == "OK" {
		if err := c.login(s.user, o.Password); err != nil {
			return err
		}
	}
	return c.capabilities()
}

func (c *imapConn) capabilities() error {
	c.caps = nil
	return c.do("CAPABILITY", func(r *imapwire.Response) error {
		if r.Name == "CAPABILITY" {
			for _, v := range r.Values {
				c.caps = append(c.caps, strings.ToUpper(v.Text))
			}
		}
		return nil
	})
}

func (c *imapConn) can(name string) bool { return slices.Contains(c.caps, name) }

func (c *imapConn) login(user, password string) error {
	var err error
	if c.can("AUTH=PLAIN") {
		// RFC 9051 6.2.2, RFC 4616: for names and passwords of any octets.
		initial := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
		err = c.talk("AUTHENTICATE PLAIN", nil, initial)
	} else {
		err = c.talk("LOGIN", nil, user, password)
	}
	var no *refusal
	if errors.As(err, &no) {
		return fmt.Errorf("%w: %w", errLogin, err)
	}
	return err
}

// talk is do for what is sent piece by piece, as the server asks for it: the initial response of AUTHENTICATE, or the strings of LOGIN as
// literals, which hold any octet.
func (c *imapConn) talk(command string, on func(*imapwire.Response) error, pieces ...string) error {
	login := command == "LOGIN"
	c.tag++
	line := fmt.Appendf(nil, "A%d %s", c.tag, command)
	if login {
		line = fmt.Appendf(line, " {%d}", len(pieces[0]))
	}
	if err := c.say(append(line, "\r\n"...)); err != nil {
		return err
	}
	return c.until(func(r *imapwire.Response) error {
		if r.Tag != "+" {
			return call(on, r)
		}
		if len(pieces) == 0 {
			return fmt.Errorf("%w: it asks for more", errProtocol)
		}
		line := []byte(pieces[0])
		if pieces = pieces[1:]; login && len(pieces) > 0 {
			line = fmt.Appendf(line, " {%d}", len(pieces[0]))
		}
		return c.say(append(line, "\r\n"...))
	})
}

func call(on func(*imapwire.Response) error, r *imapwire.Response) error {
	if on == nil {
		return nil
	}
	return on(r)
}

// do sends a command and hands on what comes until it is done. A no is a refusal.
func (c *imapConn) do(command string, on func(*imapwire.Response) error) error {
	if err := c.send(command); err != nil {
		return err
	}
	return c.until(func(r *imapwire.Response) error {
		if r.Tag == "+" {
			return fmt.Errorf("%w: it asks for more", errProtocol)
		}
		return call(on, r)
	})
}

// send sends a command. Those that were sent are done in their order.
func (c *imapConn) send(command string) error {
	c.tag++
	return c.say(fmt.Appendf(nil, "A%d %s\r\n", c.tag, command))
}

// until reads up to the end of the command that was sent last. It is on that bounds how many responses of FETCH and LIST it takes.
func (c *imapConn) until(on func(*imapwire.Response) error) error {
	tag := "A" + strconv.Itoa(c.tag)
	for idle := 0; idle < maxIdle; {
		r, err := c.response()
		switch {
		case err != nil:
			return err
		case r.Tag == tag:
			return done(r)
		case r.Name == "BYE":
			return fmt.Errorf("the server ends the connection: %q", clip(r.Text))
		}
		if r.Name != "FETCH" && r.Name != "LIST" {
			idle++
		}
		if err := on(r); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it sends without end", errProtocol)
}

// done is what came of a command.
func done(r *imapwire.Response) error {
	switch r.Name {
	case "OK":
		return nil
	case "NO", "BAD":
		return &refusal{r.Name + " " + r.Text}
	}
	return fmt.Errorf("%w: a command ends with %q", errProtocol, clip(r.Name))
}

// response reads a response, all of it.
func (c *imapConn) response() (*imapwire.Response, error) {
	c.begin(maxResponse)
	line, err := c.peekLine()
	if err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(line, []byte(" \r\n")) {
		return c.read(c.r)
	}
	// Some end a line with a space that does not belong there.
	c.parse.Reset(bytes.NewReader(append(bytes.TrimRight(bytes.Clone(line), " \r\n"), "\r\n"...)))
	if _, err := c.r.Discard(len(line)); err != nil {
		return nil, err
	}
	return c.read(c.parse)
}

func (c *imapConn) read(r *bufio.Reader) (*imapwire.Response, error) {
	res, err := imapwire.ReadResponse(r, maxResponse)
	if errors.Is(err, imapwire.ErrResponse) {
		return nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return res, err
}

// textItem is the item of FETCH that has the text of a message.
const textItem = "BODY[]"

// next is response for one that may have the text of a message as a literal: then of its size, and rest is to be called when it has been read
// from c.r.
func (c *imapConn) next() (r *imapwire.Response, size int64, rest func() (*imapwire.Response, error), err error) {
	c.begin(maxResponse)
	line, err := c.peekLine()
	if err != nil {
		return nil, 0, nil, err
	}
	head, size, ok := textLiteral(line)
	if !ok {
		r, err = c.response()
		return r, 0, nil, err
	}
	head = bytes.Clone(head)
	if _, err := c.r.Discard(len(line)); err != nil {
		return nil, 0, nil, err
	}
	c.begin(size)
	return nil, size, func() (*imapwire.Response, error) {
		if b, err := c.r.Peek(1); err == nil && b[0] != ' ' && b[0] != ')' {
			return nil, fmt.Errorf("%w: a message goes on where it should end", errProtocol)
		}
		// A place holder stands for what was read.
		c.parse.Reset(io.MultiReader(bytes.NewReader(append(head, `""`...)), &oneLine{r: c.r}))
		return c.read(c.parse)
	}, nil
}

// peekLine looks at the next line with its end, or at its beginning if it is a long one.
func (c *imapConn) peekLine() ([]byte, error) {
	for n := 1; ; n = c.r.Buffered() + 1 {
		_, err := c.r.Peek(min(n, wireBuffer))
		b, _ := c.r.Peek(c.r.Buffered())
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			return b[:end+1], nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(b) >= wireBuffer {
			return b, nil
		}
	}
}

// textLiteral says whether a line ends with the length of a message's text, and what stands before that.
//
//	line = "*" SP nz-number SP "FETCH" SP "(" *(item SP) "BODY[]" SP ["~"] "{" number "}" CRLF
func textLiteral(line []byte) (head []byte, size int64, ok bool) {
	text, ended := bytes.CutSuffix(bytes.TrimRight(line, "\r\n"), []byte("}"))
	open := bytes.LastIndexByte(text, '{')
	if !ended || open < 0 || !bytes.HasPrefix(line, []byte("* ")) {
		return nil, 0, false
	}
	head = bytes.TrimSuffix(text[:open], []byte("~"))
	if n := len(head) - len(textItem) - 1; n < 0 || !strings.EqualFold(string(head[n:]), textItem+" ") {
		return nil, 0, false
	}
	n, err := strconv.ParseUint(string(text[open+1:]), 10, 32)
	return head, int64(n), err == nil
}

// oneLine reads to the end of a line and no further.
type oneLine struct {
	r    *bufio.Reader
	over bool
}

// Read implements io.Reader.
func (l *oneLine) Read(p []byte) (int, error) {
	if l.over {
		return 0, io.EOF
	}
	b, err := l.r.Peek(1)
	if len(b) == 0 {
		return 0, err
	}
	b, _ = l.r.Peek(min(l.r.Buffered(), len(p)))
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b, l.over = b[:i+1], true
	}
	n := copy(p, b)
	_, err = l.r.Discard(n)
	return n, err
}
