package imapwire

import (
	"bufio"
	"bytes"
	"testing"

	"restante/internal/proto/mime"
)

// A field without text is "", one that is not there is NIL (RFC 9051 7.5.2).
func TestEnvelopeTellsEmptyFromAbsent(t *testing.T) {
	env := mime.Parse([]byte("Subject:\r\nIn-Reply-To: \r\nFrom: a@b\r\n\r\n")).Envelope()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	e := NewEncoder(w)
	f := e.Fetch(1)
	f.Envelope(env)
	f.End()
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "* 1 FETCH (ENVELOPE (NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL \"\" NIL))\r\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}
