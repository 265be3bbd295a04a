package imapwire

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"strings"
)

// Limits bounds what a client can make the server hold. Zero fields have the values given.
type Limits struct {
	Line    int   // octets of a command without its literals: 64 KiB
	Literal int64 // octets of all literals of a command that are held in memory, which APPEND's messages are not: 64 KiB
	Drain   int64 // octets of a command that are read and thrown away after it was refused, before giving the connection up: 16 MiB
	Depth   int   // nesting of lists and search keys: 256, for clients chain OR
	Items   int   // elements of all lists of a command: 10,000
	Value   int64 // octets of a value of SETMETADATA: 16 KiB
}

// Options is what a Decoder needs besides its reader.
type Options struct {
	Limits Limits
	// Continue writes a continuation request ("+ OK") and flushes it: the client waits for it with a synchronising literal.
	// Without it such literals are refused. Its error ends the connection.
	Continue func() error
	// LiteralMinus refuses non-synchronising literals over 4096 octets (RFC 7888 5). They are read in any case.
	LiteralMinus bool
}

// Decoder reads commands. It is not safe for concurrent use.
type Decoder struct {
	r    *bufio.Reader
	opt  Options
	utf8 bool

	line    []byte // the line being parsed, without its end; lies in r's buffer or in long, so gone with the next read
	pos     int    // what is parsed of line
	long    []byte // lines longer than r's buffer
	tail    tail   // the literal that line ends with
	cut     bool   // line was over the limit and is only its head
	open    bool   // a command has begun and its end has not been read
	err     error  // the first error; nothing is parsed after it
	word    [maxWord]byte
	depth   int
	items   int
	budget  int   // of Limits.Line
	literal int64 // of Limits.Literal
	drain   int64 // of Limits.Drain
}

// maxWord is more than the longest keyword of any command.
const maxWord = 40

// maxTag is as long as a tag can be; it is sent back with every reply.
const maxTag = 255

// maxMinus is the largest non-synchronising literal under LITERAL- (RFC 7888 5).
const maxMinus = 4096

// NewDecoder makes a Decoder that reads from r. It reads no further than the end of the command, so that r can be handed on after
// STARTTLS: what is then buffered in r was sent too early.
func NewDecoder(r *bufio.Reader, opt Options) *Decoder {
	d := &Decoder{r: r}
	d.SetOptions(opt)
	return d
}

// SetOptions replaces the options from the next command on, when a session has authenticated, say.
func (d *Decoder) SetOptions(opt Options) {
	if opt.Limits.Line <= 0 {
		opt.Limits.Line = 64 << 10
	}
	if opt.Limits.Literal <= 0 {
		opt.Limits.Literal = 64 << 10
	}
	if opt.Limits.Drain <= 0 {
		opt.Limits.Drain = 16 << 20
	}
	if opt.Limits.Depth <= 0 {
		opt.Limits.Depth = 256
	}
	if opt.Limits.Items <= 0 {
		opt.Limits.Items = 10_000
	}
	if opt.Limits.Value <= 0 {
		opt.Limits.Value = 16 << 10
	}
	d.opt = opt
}

// SetUTF8 says that the client has enabled IMAP4rev2 or UTF8=ACCEPT: mailbox names are UTF-8, not modified UTF-7.
func (d *Decoder) SetUTF8(on bool) { d.utf8 = on }

// ReadTag reads the tag and the name of the next command, having skipped what is left of the one before.
// The name is in capitals, "UID FETCH" for commands with that prefix, and not yet known to exist.
//
// The error is io.EOF when the connection ended between commands. Any error of the reader is final, a deadline's too: what was read of the
// line is lost. After an [*Error] the tag is "" when none was readable; the reply is
// untagged then.
func (d *Decoder) ReadTag() (tag, name string, err error) {
	if err := d.Skip(); err != nil {
		return "", "", err
	}
	d.begin()
	if !d.readLine() {
		return "", "", d.err
	}
	// tag = 1*<any ASTRING-CHAR except "+">
	raw := d.run(isTagChar)
	if c := d.peek(); len(raw) == 0 || len(raw) > maxTag || c != ' ' && d.pos < len(d.line) {
		d.err = syntaxError("a command begins with a tag")
		return "", "", d.err
	}
	tag = string(raw)
	if d.cut {
		d.err = syntaxError("line too long")
		return tag, "", d.err
	}
	if d.sp() {
		name = d.commandName()
	}
	return tag, name, d.err
}

// commandName reads "NOOP" or "UID FETCH".
func (d *Decoder) commandName() string {
	w := d.keyword()
	if len(w) == 0 {
		d.fail("a command name is missing")
		return ""
	}
	name := knownName(w)
	if name != "UID" {
		return name
	}
	if !d.sp() {
		return ""
	}
	if w = d.keyword(); len(w) == 0 {
		d.fail("UID needs a command")
		return ""
	}
	return knownUIDName(w)
}

// ParseArgs reads the arguments of the command that ReadTag has read, to the end of its line. For [*Append] it ends before the first message.
func (d *Decoder) ParseArgs(name string) (Command, error) {
	if d.err != nil {
		return nil, d.err
	}
	cmd := d.parseCommand(name)
	if d.err != nil {
		return nil, d.err
	}
	return cmd, nil
}

// ReadDone reads the line that ends IDLE (RFC 2177). An [*Error] is the reply to IDLE.
func (d *Decoder) ReadDone() error {
	d.begin()
	if !d.readLine() {
		return unexpected(d.err)
	}
	if !d.cut && strings.EqualFold(string(d.line), "DONE") {
		d.open = false
		return nil
	}
	d.err = syntaxError("expected DONE")
	return d.err
}

// ReadSASL reads a client's response within AUTHENTICATE and decodes it. An [*Error] is the reply to AUTHENTICATE; the client gives up by
// "*" (RFC 9051 6.2.2).
func (d *Decoder) ReadSASL() ([]byte, error) {
	d.begin()
	if !d.readLine() {
		return nil, unexpected(d.err)
	}
	if d.cut {
		d.err = syntaxError("line too long")
		return nil, d.err
	}
	if string(d.line) == "*" {
		d.open = false
		return nil, syntaxError("AUTHENTICATE cancelled")
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(nil, d.line)
	if err != nil || bytes.IndexByte(d.line, '\r') >= 0 { // which the decoder overlooks
		d.err = syntaxError("invalid base64")
		return nil, d.err
	}
	d.open = false
	return out, nil
}

// unexpected turns the end of the connection within an exchange into an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// begin forgets the command before.
func (d *Decoder) begin() {
	d.err, d.open, d.depth, d.items = nil, false, 0, 0
	d.budget, d.literal, d.drain = d.opt.Limits.Line, d.opt.Limits.Literal, d.opt.Limits.Drain
	if cap(d.long) > keepBuffer {
		d.long = nil // an idle session holds no long line
	}
}

// keepBuffer is what a Decoder or Encoder holds on to between commands, in octets.
const keepBuffer = 4096

// Skip reads on to the end of the command, its literals included (RFC 7888 3), so that none of it is taken for a command. It does nothing
// when the end has been read. An [*Error] with BYE means that the client is sending more than it is worth reading (RFC 7888 4).
func (d *Decoder) Skip() error {
	for d.open {
		if !d.tail.given || d.tail.sync {
			d.open = false // the client waits to be asked: our reply is its answer (RFC 9051 2.2.1)
			break
		}
		if err := d.discardLiteral(); err != nil {
			return err
		}
		if !d.readLine() {
			return unexpected(d.err)
		}
	}
	return nil
}

// readLine reads a line into d.line. Over the limit it keeps the head, notes in d.cut that it has, and reads on to the end of the line.
func (d *Decoder) readLine() bool {
	d.line, d.pos, d.tail, d.cut = nil, 0, tail{}, false
	frag, err := d.r.ReadSlice('\n')
	if err == nil && len(frag) <= d.budget {
		d.line = frag
	} else if err = d.readLong(frag, err); err != nil {
		if err == io.EOF && (d.open || len(d.long) > 0 || len(frag) > 0) {
			err = io.ErrUnexpectedEOF
		}
		d.err = err
		return false
	}
	d.open = true
	d.budget -= len(d.line)
	if !d.cut {
		d.line = trimEOL(d.line)
		d.tail = literalTail(d.line)
	}
	return true
}

// trimEOL cuts the end of line off. deviates: a line may end with LF alone, as people type it.
func trimEOL(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// readLong reads the rest of a line that does not fit the reader's buffer or the limit.
func (d *Decoder) readLong(frag []byte, err error) error {
	d.long = d.long[:0]
	var end [64]byte // the last octets, where a literal is announced
	n := 0
	for {
		if room := d.budget - len(d.long); len(frag) > room {
			d.cut = true
			d.long = append(d.long, frag[:max(room, 0)]...)
		} else if !d.cut {
			d.long = append(d.long, frag...)
		}
		n = keepEnd(&end, n, frag)
		if d.cut {
			if d.drain -= int64(len(frag)); d.drain < 0 {
				return &Error{Status: BYE, Text: "line too long"}
			}
		}
		if err != bufio.ErrBufferFull {
			break
		}
		frag, err = d.r.ReadSlice('\n')
	}
	if err != nil {
		return err
	}
	d.line = d.long
	if d.cut {
		d.tail = literalTail(trimEOL(end[:n]))
	}
	return nil
}

// keepEnd keeps in end the last octets of what it is given, and returns how many they are.
func keepEnd(end *[64]byte, n int, frag []byte) int {
	if len(frag) >= len(end) {
		return copy(end[:], frag[len(frag)-len(end):])
	}
	if over := n + len(frag) - len(end); over > 0 {
		n = copy(end[:], end[over:n])
	}
	return n + copy(end[n:], frag)
}
