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
// A message that is Catenate has no body of its own but parts, which [AppendMessage.NextPart] reads in the same way.
//
// Whoever leaves early answers NO and goes on with [Decoder.ReadTag], which skips the rest, or closes (RFC 7888 4).
type Append struct {
	Mailbox Mailbox

	dec    *Decoder
	last   *AppendMessage // the one that was read last
	single bool           // no more than one message may come
}

// AppendMessage is one message of an APPEND. It is valid until the next call of [Append.Next].
type AppendMessage struct {
	Flags   []Flag
	Date    time.Time // internal date; zero when not given
	Size    int64     // octets of the literal; math.MaxInt64 for more than that. Zero is a client that cancels: answer NO (RFC 3502 6.3.11)
	Binary  bool      // literal8 (RFC 3516): may hold NUL
	UTF8    bool      // UTF8 data (RFC 6855 4)
	NonSync bool      // the client does not wait to be asked

	// Catenate says that the message is put together of parts (RFC 4469). Size is 0 then, and Open is not for it.
	Catenate bool

	dec   *Decoder
	part  *AppendPart
	parts int
	ended bool // all parts have been read
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
	if c.last != nil {
		if err := c.last.finish(); err != nil {
			return nil, err
		}
		if d.pos == len(d.line) || c.single {
			if !d.end() {
				return nil, d.err
			}
			return nil, io.EOF
		}
	}
	m := &AppendMessage{dec: d}
	c.last = m
	d.sp()
	if d.peek() == '(' {
		m.Flags, _ = d.flagList()
		d.sp()
	}
	if d.peek() == '"' {
		m.Date, _ = d.dateTime()
		d.sp()
	}
	m.data()
	if d.err != nil {
		return nil, d.err
	}
	if !m.Catenate {
		m.Size, m.NonSync = d.tail.left, d.tail.plus
	}
	return m, nil
}

// data reads what announces the message.
//
//	append-data =  literal / literal8
//	append-data =/ "UTF8" SP "(" literal8 ")"
//	append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
func (m *AppendMessage) data() {
	d := m.dec
	switch d.peek() {
	case '{':
	case '~':
		m.Binary = d.try('~')
	default:
		switch string(d.keyword()) {
		case "UTF8":
			m.UTF8 = true
			m.Binary = d.sp() && d.expect('(') && d.expect('~')
		case "CATENATE":
			m.Catenate = d.sp() && d.expect('(')
			return
		default:
			d.fail("expected a message at column %d", d.pos+1)
			return
		}
	}
	d.announced()
}

// finish reads the rest of the message, and the line after it up to where another message can begin.
func (m *AppendMessage) finish() error {
	if !m.Catenate {
		return m.dec.afterLiteral(m.UTF8)
	}
	for {
		if _, err := m.NextPart(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// afterLiteral reads what is left of a literal, and the line after it: with the closing parenthesis, after UTF8 data.
func (d *Decoder) afterLiteral(utf8 bool) error {
	if d.tail.sync {
		d.fail("the message was not asked for") // a caller's mistake: the client still waits
		return d.err
	}
	if err := d.discardLiteral(); err != nil {
		d.err = err
		return err
	}
	// Nothing of the message before is held, so the bounds hold for each message alone.
	d.budget, d.literal, d.items = d.opt.Limits.Line, d.opt.Limits.Literal, 0
	if !d.nextLine() {
		return d.err
	}
	if utf8 {
		d.expect(')')
	}
	return d.err
}

// Open lets the client send the message when it waits to be asked, and returns a reader of exactly Size octets. Reading it fails
// with io.ErrUnexpectedEOF when the connection ends before.
func (m *AppendMessage) Open() (io.Reader, error) {
	return m.dec.openLiteral()
}

func (d *Decoder) openLiteral() (io.Reader, error) {
	if !d.ask() {
		return nil, d.err
	}
	return literalReader{d}, nil
}

// appendArgs appends the mailbox alone; AppendHeader does the rest.
func (c *Append) appendArgs(w wire, b []byte) []byte {
	return w.mailbox(append(b, ' '), string(c.Mailbox))
}

// AppendHeader appends the options and the announcement of a message as a client sends them, after [AppendCommand] of the
// command without its CRLF or after the message before: Size octets and at the end of all CRLF are to follow, or, when it is
// Catenate, its parts by [AppendPart.AppendHeader] with a space between them, and ")".
func (m *AppendMessage) AppendHeader(b []byte) []byte {
	if m.Flags != nil {
		b = flagList(append(b, ' '), m.Flags)
	}
	if !m.Date.IsZero() {
		b = appendDateTime(append(b, ' '), m.Date)
	}
	if m.Catenate {
		return append(b, " CATENATE ("...)
	}
	return announce(append(b, ' '), m.UTF8, m.Binary, m.Size, m.NonSync)
}

// announce appends the announcement of a literal.
func announce(b []byte, utf8, binary bool, size int64, nonSync bool) []byte {
	if utf8 {
		b = append(b, "UTF8 ("...)
	}
	if binary {
		b = append(b, '~')
	}
	b = appendUint(append(b, '{'), uint64(size))
	if nonSync {
		b = append(b, '+')
	}
	return append(b, "}\r\n"...)
}
