package imapwire

import (
	"io"
	"time"
)

// Append is APPEND (RFC 9051 6.3.12) with one or more messages (RFC 3502). They are read one after the other:
//
//	for {
//		m, err := cmd.Next()
//		if err == io.EOF { break }      // the line has ended as it should
//		...                             // look at m.Size, m.Flags; refuse by leaving the loop
//		body, err := m.Open()           // asks for the literal when it is a synchronising one
//		...                             // read it to its end
//	}
//
// Whoever leaves early answers NO and goes on with [Decoder.ReadTag], which skips the rest, or closes (RFC 7888 4).
type Append struct {
	Mailbox Mailbox

	dec    *Decoder
	closer string // what must follow the literal before the next message or the end: ")" after UTF8 data
	count  int
}

// AppendMessage is one message of an APPEND. It is valid until the next call of [Append.Next].
type AppendMessage struct {
	Flags   []Flag
	Date    time.Time // internal date; zero when not given
	Size    int64     // octets of the literal; math.MaxInt64 for more than that. Zero is a client that cancels: answer NO (RFC 3502 6.3.11)
	Binary  bool      // literal8 (RFC 3516): may hold NUL
	UTF8    bool      // UTF8 data (RFC 6855 4)
	NonSync bool      // the client does not wait to be asked

	dec *Decoder
}

// CommandName is APPEND.
func (*Append) CommandName() string { return "APPEND" }

// append = "APPEND" SP mailbox 1*append-message
func (d *Decoder) parseAppend() Command {
	c := &Append{Mailbox: d.spMailbox(), dec: d}
	return c
}

// Next reads up to the next message's literal, skipping what is unread of the one before. It returns io.EOF at the end of the command,
// of which the caller then has read everything.
//
//	append-message = append-opts SP append-data
//	append-opts    = [SP flag-list] [SP date-time]
func (c *Append) Next() (*AppendMessage, error) {
	d := c.dec
	if d.err != nil {
		return nil, d.err
	}
	if c.count > 0 {
		if err := c.finish(); err != nil {
			return nil, err
		}
		if d.pos == len(d.line) {
			d.end()
			return nil, io.EOF
		}
	}
	c.count++
	m := &AppendMessage{dec: d}
	d.sp()
	if d.peek() == '(' {
		m.Flags, _ = d.flagList()
		d.sp()
	}
	if d.peek() == '"' {
		m.Date, _ = d.dateTime()
		d.sp()
	}
	c.data(m)
	if d.err != nil {
		return nil, d.err
	}
	m.Size, m.NonSync = d.tail.left, d.tail.plus
	return m, nil
}

// data reads what announces the message.
//
//	append-data =  literal / literal8
//	append-data =/ "UTF8" SP "(" literal8 ")"
//
// CATENATE (RFC 4469) and other append-data-ext belong here.
func (c *Append) data(m *AppendMessage) {
	d := c.dec
	c.closer = ""
	switch d.peek() {
	case '{':
	case '~':
		m.Binary = d.try('~')
	default:
		if string(d.keyword()) != "UTF8" {
			d.fail("expected a message at column %d", d.pos+1)
			return
		}
		m.UTF8, c.closer = true, ")"
		m.Binary = d.sp() && d.expect('(') && d.expect('~')
	}
	d.announced()
}

// finish reads the rest of the literal, and the line after it up to where a message can begin.
func (c *Append) finish() error {
	d := c.dec
	if d.tail.sync {
		d.fail("the message was not asked for") // a caller's mistake: the client still waits
		return d.err
	}
	if err := d.discardLiteral(); err != nil {
		d.err = err
		return err
	}
	// Nothing of the message before is held, so the bounds hold for each message alone.
	d.budget, d.items = d.opt.Limits.Line, 0
	if !d.nextLine() {
		return d.err
	}
	if c.closer != "" && !d.expect(c.closer[0]) {
		return d.err
	}
	return nil
}

// Open lets the client send the message when it waits to be asked, and returns a reader of exactly Size octets. Reading it fails
// with io.ErrUnexpectedEOF when the connection ends before.
func (m *AppendMessage) Open() (io.Reader, error) {
	if !m.dec.ask() {
		return nil, m.dec.err
	}
	return literalReader{m.dec}, nil
}

// appendArgs appends the mailbox alone; AppendHeader does the rest.
func (c *Append) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

// AppendHeader appends the options and the announcement of a message as a client sends them, after [AppendCommand] of the
// command without its CRLF or after the message before: Size octets and at the end of all CRLF are to follow.
func (m *AppendMessage) AppendHeader(b []byte) []byte {
	if m.Flags != nil {
		b = flagList(append(b, ' '), m.Flags)
	}
	if !m.Date.IsZero() {
		b = appendDateTime(append(b, ' '), m.Date)
	}
	b = append(b, ' ')
	if m.UTF8 {
		b = append(b, "UTF8 ("...)
	}
	if m.Binary {
		b = append(b, '~')
	}
	b = appendUint(append(b, '{'), uint64(m.Size))
	if m.NonSync {
		b = append(b, '+')
	}
	return append(b, "}\r\n"...)
}
