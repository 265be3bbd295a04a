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

	dec   *Decoder
	state appendState
}

// AppendMessage is one message of an APPEND. It is valid until the next call of [Append.Next].
type AppendMessage struct {
	Flags   []Flag
	Date    time.Time // internal date; zero when not given
	Size    int64     // octets of the literal
	Binary  bool      // literal8 (RFC 3516): may hold NUL
	UTF8    bool      // UTF8 data (RFC 6855 4)
	NonSync bool      // the client does not wait to be asked

	dec  *Decoder
	body io.Reader
}

// CommandName is APPEND.
func (*Append) CommandName() string { return "APPEND" }
