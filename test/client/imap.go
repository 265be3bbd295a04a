package client

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// IMAP is a session that is logged in.
type IMAP struct {
	c   *conn
	tag int
}

// Response is one untagged response: its text, in which each literal stands as
// {n}, and the literals.
type Response struct {
	Text     string
	Literals [][]byte
}

// DialIMAP connects and logs in.
func DialIMAP(addr, user, pass string) (*IMAP, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	i := &IMAP{c: c}
	if _, err = i.response(); err == nil {
		_, err = i.Do("LOGIN %s %s", user, pass)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return i, nil
}

// Do sends a command and returns the untagged responses to it; any completion
// but OK is an error.
func (i *IMAP) Do(format string, args ...any) ([]Response, error) {
	var out []Response
	err := i.Each(func(r Response) error { out = append(out, r); return nil }, format, args...)
	return out, err
}

// Each is Do that hands each response on as it comes.
func (i *IMAP) Each(f func(Response) error, format string, args ...any) error {
	i.tag++
	tag := "A" + strconv.Itoa(i.tag)
	i.c.printf("%s %s", tag, fmt.Sprintf(format, args...))
	if err := i.c.flush(); err != nil {
		return err
	}
	for {
		r, err := i.response()
		if err != nil {
			return err
		}
		if done, ok := strings.CutPrefix(r.Text, tag+" "); ok {
			if !strings.HasPrefix(done, "OK") {
				return fmt.Errorf("%s: server said %q", strings.SplitN(format, " ", 2)[0], done)
			}
			return nil
		}
		if err := f(r); err != nil {
			return err
		}
	}
}

// Append stores a message by a synchronising literal.
func (i *IMAP) Append(mailbox, flags string, message []byte) error {
	return i.add(mailbox, "("+flags+")", message)
}

// AppendDated is Append with an internal date, as IMAP writes it: "03-Feb-2003 04:05:06 +0100".
func (i *IMAP) AppendDated(mailbox, flags, date string, message []byte) error {
	return i.add(mailbox, fmt.Sprintf("(%s) %q", flags, date), message)
}

func (i *IMAP) add(mailbox, how string, message []byte) error {
	i.tag++
	tag := "A" + strconv.Itoa(i.tag)
	i.c.printf("%s APPEND %s %s {%d}", tag, mailbox, how, len(message))
	if err := i.c.flush(); err != nil {
		return err
	}
	for sent := false; ; {
		r, err := i.response()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(r.Text, "+") && !sent:
			i.c.w.Write(message)
			i.c.printf("")
			if err := i.c.flush(); err != nil {
				return err
			}
			sent = true
		case strings.HasPrefix(r.Text, tag+" OK"):
			return nil
		case strings.HasPrefix(r.Text, tag+" "):
			return fmt.Errorf("APPEND: server said %q", r.Text)
		}
	}
}

// Idle sends IDLE and waits until the server agrees. What comes after is read by Next.
func (i *IMAP) Idle() error {
	i.tag++
	i.c.printf("A%d IDLE", i.tag)
	if err := i.c.flush(); err != nil {
		return err
	}
	for {
		r, err := i.response()
		if err != nil || strings.HasPrefix(r.Text, "+") {
			return err
		}
		if strings.HasPrefix(r.Text, "A") {
			return fmt.Errorf("IDLE: server said %q", r.Text)
		}
	}
}

// Next reads one response.
func (i *IMAP) Next() (Response, error) { return i.response() }

// Close drops the connection.
func (i *IMAP) Close() error { return i.c.Close() }

// response reads one line with its literals.
func (i *IMAP) response() (Response, error) {
	var r Response
	for {
		line, err := i.c.line()
		if err != nil {
			return r, err
		}
		r.Text += line
		n := literal(line)
		if n < 0 {
			return r, nil
		}
		text, err := i.c.exactly(n)
		if err != nil {
			return r, err
		}
		r.Literals = append(r.Literals, text)
	}
}

// literal is the length of the literal that a line announces at its end, or -1.
func literal(line string) int {
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return -1
	}
	n, err := strconv.Atoi(line[open+1 : len(line)-1])
	if err != nil {
		return -1
	}
	return n
}

// Number finds the number that follows a word in a response ("RFC822.SIZE
// 120"), or -1.
func (r Response) Number(word string) int64 {
	m := regexp.MustCompile(`(?:^|[ (\[])` + regexp.QuoteMeta(word) + ` (\d+)`).FindStringSubmatch(r.Text)
	if m == nil {
		return -1
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n
}
