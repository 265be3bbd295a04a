package imapwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// endless repeats a text for ever.
type endless string

func (e endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		n += copy(p[n:], e)
	}
	return len(p), nil
}

// memory is what f allocates, in octets.
func memory(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostile: input made to exhaust the server gets a clear answer at a bounded cost.
func TestHostile(t *testing.T) {
	const mib = 1 << 20
	var million strings.Builder
	for i := range 1_000_000 {
		million.WriteString(strconv.Itoa(4_000_000-3*i) + ",")
	}
	set := strings.TrimSuffix(million.String(), ",")
	for _, c := range []struct {
		name  string
		in    io.Reader
		limit Limits
		reply string // to the command
		then  string // from the next ReadTag
	}{
		{"endless line", endless("a LOGIN x "), Limits{}, "BYE line too long", "BYE line too long"},
		{"endless line of literals", endless("x {1}"), Limits{}, "BYE line too long", "BYE line too long"},
		{"nested lists", strings.NewReader("a SEARCH " + strings.Repeat("(", 60_000) + "\r\n"), Limits{}, "NO [LIMIT] command nested too deep", "EOF"},
		{"nested lists in a long line", strings.NewReader("a SEARCH " + strings.Repeat("(", 100_000) + "ALL\r\n"), Limits{}, "BAD line too long", "EOF"},
		{"nested NOT", strings.NewReader("a SEARCH " + strings.Repeat("NOT ", 15_000) + "ALL\r\n"), Limits{}, "NO [LIMIT] command nested too deep", "EOF"},
		{"nested OR", strings.NewReader("a SEARCH " + strings.Repeat("OR ALL ", 9_000) + "ALL\r\n"), Limits{}, "NO [LIMIT] command nested too deep", "EOF"},
		{"many keys", strings.NewReader("a SEARCH " + strings.Repeat("ALL ", 10_000) + "ALL\r\n"), Limits{}, "NO [LIMIT] too many elements in a command", "EOF"},
		{"many items", strings.NewReader("a FETCH 1 (" + strings.Repeat("UID ", 10_000) + "UID)\r\n"), Limits{}, "NO [LIMIT] too many elements in a command", "EOF"},
		{"many flags", strings.NewReader("a STORE 1 FLAGS " + strings.Repeat("x ", 10_000) + "x\r\n"), Limits{}, "NO [LIMIT] too many elements in a command", "EOF"},
		{"many parts", strings.NewReader("a FETCH 1 BODY[" + strings.Repeat("1.", 10_000) + "1]\r\n"), Limits{}, "NO [LIMIT] part nested too deep", "EOF"},
		{"set of a million ranges", strings.NewReader("a FETCH " + set + " UID\r\n"), Limits{}, "BAD line too long", "EOF"},
		{"set of a million ranges, long lines allowed", strings.NewReader("a FETCH " + set + " UID\r\n"), Limits{Line: 16 * mib}, "", "EOF"},
		{"literal of 4 GiB", strings.NewReader("a LOGIN {4294967295}\r\nb NOOP\r\n"), Limits{}, "NO [TOOBIG] literal too big", "b NOOP"},
		{"literal of 4 GiB, not to be stopped", strings.NewReader("a LOGIN {4294967295+}\r\n"), Limits{}, "NO [TOOBIG] literal too big", "BYE [TOOBIG] literal too big"},
		{"literal of more than 63 bits", strings.NewReader("a LOGIN {18446744073709551616+}\r\n"), Limits{}, "NO [TOOBIG] literal too big", "BYE [TOOBIG] literal too big"},
		{"many literals", strings.NewReader("a SEARCH " + strings.Repeat("TEXT {60+}\r\n"+strings.Repeat("x", 60)+" ", 2000) + "ALL\r\n"), Limits{}, "NO [TOOBIG] literal too big", "EOF"},
		{"many empty literals", strings.NewReader("a LIST \"\" (" + strings.Repeat("{0+}\r\n ", 20_000) + "x)\r\n"), Limits{}, "BAD line too long", "EOF"},
		{"endless tag", strings.NewReader(strings.Repeat("a", 50_000) + " NOOP\r\n"), Limits{}, "BAD a command begins with a tag", "EOF"},
		{"endless name", strings.NewReader("a " + strings.Repeat("N", 50_000) + "\r\n"), Limits{}, "BAD unknown command", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			used := memory(func() {
				d := NewDecoder(bufio.NewReader(c.in), Options{Limits: c.limit})
				_, name, err := d.ReadTag()
				if err == nil {
					_, err = d.ParseArgs(name)
				}
				if got := errorText(err); got != c.reply {
					t.Errorf("reply %q, want %q", got, c.reply)
				}
				tag, name, err := d.ReadTag()
				if got := strings.TrimSpace(tag + " " + name + errorText(err)); got != c.then {
					t.Errorf("then %q, want %q", got, c.then)
				}
			})
			if bound := uint64(8*mib + 32*c.limit.Line); used > bound {
				t.Errorf("%d octets allocated, bound %d", used, bound)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A session that is idle holds no more than a small buffer, however long its last command was.
func TestIdleHoldsLittle(t *testing.T) {
	d := NewDecoder(bufio.NewReaderSize(strings.NewReader("a LOGIN x "+strings.Repeat("y", 60_000)+"\r\nb NOOP\r\n"), 512), Options{})
	for range 2 {
		_, name, err := d.ReadTag()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.ParseArgs(name); err != nil {
			t.Fatal(err)
		}
	}
	if cap(d.long) > keepBuffer {
		t.Errorf("%d octets held", cap(d.long))
	}
}

// The connection may end anywhere: between commands it is io.EOF, within one io.ErrUnexpectedEOF.
func TestConnectionEnds(t *testing.T) {
	whole := "a APPEND x (\\Seen) {5+}\r\nhello {3}\r\nabc\r\n"
	for n := range len(whole) {
		d := NewDecoder(bufio.NewReaderSize(strings.NewReader(whole[:n]), 16), Options{Continue: func() error { return nil }})
		_, name, err := d.ReadTag()
		if n == 0 {
			if err != io.EOF {
				t.Errorf("at the start: %v", err)
			}
			continue
		}
		for err == nil {
			var cmd Command
			if cmd, err = d.ParseArgs(name); err != nil {
				break
			}
			for err == nil {
				var m *AppendMessage
				if m, err = cmd.(*Append).Next(); err != nil {
					break
				}
				var body io.Reader
				if body, err = m.Open(); err == nil {
					_, err = io.Copy(io.Discard, body)
				}
			}
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d octets, %q: %v", n, whole[:n], err)
		}
	}
}

// An error of the callback that asks for a literal ends the connection.
func TestContinueFails(t *testing.T) {
	broken := errors.New("broken pipe")
	d := NewDecoder(bufio.NewReader(strings.NewReader("a LOGIN {3}\r\nabc x\r\n")), Options{Continue: func() error { return broken }})
	_, name, _ := d.ReadTag()
	if _, err := d.ParseArgs(name); err != broken {
		t.Error(err)
	}
}

func TestReadDone(t *testing.T) {
	d := NewDecoder(bufio.NewReader(strings.NewReader("a IDLE\r\ndone\r\nb IDLE\r\nc NOOP {4+}\r\nDONE\r\nd NOOP\r\ne IDLE\r\n")), Options{})
	read := func(want string) {
		t.Helper()
		tag, name, err := d.ReadTag()
		if err != nil || tag+" "+name != want {
			t.Fatalf("%s %s %v, want %s", tag, name, err, want)
		}
		if _, err := d.ParseArgs(name); err != nil {
			t.Fatal(err)
		}
	}
	read("a IDLE")
	if err := d.ReadDone(); err != nil {
		t.Fatal(err)
	}
	read("b IDLE")
	var reply *Error
	if err := d.ReadDone(); !errors.As(err, &reply) || reply.Status != BAD {
		t.Fatal(err)
	}
	read("d NOOP")
	read("e IDLE")
	if err := d.ReadDone(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
}

func TestReadSASL(t *testing.T) {
	d := NewDecoder(bufio.NewReader(strings.NewReader("YWI=\r\n\r\n*\r\nYW\rI=\r\nYWI\r\n"+strings.Repeat("YWJj", 20_000)+"\r\nx NOOP\r\n")), Options{})
	for i, want := range []string{"ab", "", "BAD AUTHENTICATE cancelled", "BAD invalid base64", "BAD invalid base64", "BAD line too long"} {
		got, err := d.ReadSASL()
		if s := string(got) + errorText(err); s != want {
			t.Errorf("%d: %q, want %q", i, s, want)
		}
	}
	if tag, name, err := d.ReadTag(); tag != "x" || name != "NOOP" || err != nil {
		t.Error(tag, name, err)
	}
}

// The decoder leaves what follows a command to whoever takes the connection over.
func TestReadsNoFurther(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("a STARTTLS\r\n\x16\x03\x01"))
	d := NewDecoder(r, Options{})
	_, name, _ := d.ReadTag()
	if _, err := d.ParseArgs(name); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(r)
	if !bytes.Equal(rest, []byte("\x16\x03\x01")) {
		t.Errorf("left %q", rest)
	}
}
