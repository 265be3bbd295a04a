package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"restante/internal/proto/pop3wire"
)

// popConn is a session with a POP3 server. It is never ended with QUIT: a server must do nothing to the messages of a session that ends
// otherwise (RFC 1939 3), be it that it deletes what was taken, or marks it as read.
type popConn struct {
	*wire
	caps map[string]string // of CAPA, with what follows each
}

// maxMaildrop bounds how many messages a POP3 server may list.
const maxMaildrop = 4 << 20

// maxCapabilities bounds how much a POP3 server may say that it can do.
const maxCapabilities = 1000

func openPOP3(ctx context.Context, s *server, o *ServerOptions) (*popConn, error) {
	w, err := s.dial(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &popConn{wire: w}
	if err := c.enter(ctx, s, o); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *popConn) enter(ctx context.Context, s *server, o *ServerOptions) error {
	if _, err := c.ok(); err != nil {
		return err
	}
	if err := c.capabilities(); err != nil {
		return err
	}
	if _, can := c.caps["STLS"]; !s.tls && can {
		if err := c.do("STLS"); err != nil {
			return err
		}
		if err := c.encrypt(ctx, s, o); err != nil {
			return err
		}
	} else if !s.tls && !o.Insecure {
		return errNoTLS
	}
	err := c.do("USER " + s.user)
	if err == nil {
		err = c.do("PASS " + o.Password)
	}
	var no *refusal
	if errors.As(err, &no) && !strings.Contains(no.text, "[IN-USE]") && !strings.Contains(no.text, "[SYS/TEMP]") && !strings.Contains(no.text, "[LOGIN-DELAY]") {
		return fmt.Errorf("%w: %w", errLogin, err)
	}
	if err != nil {
		return fmt.Errorf("logging in: %s", err) // no refusal: it may be taken later (RFC 2449 8, RFC 3206)
	}
	return c.capabilities() // RFC 2449 5: others may be offered now
}

// capabilities asks for CAPA, which a server need not know (RFC 2449 5).
func (c *popConn) capabilities() error {
	c.caps = make(map[string]string)
	err := c.lines("CAPA", maxCapabilities, func(line string) error {
		name, rest, _ := strings.Cut(line, " ")
		c.caps[strings.ToUpper(name)] = rest
		return nil
	})
	var no *refusal
	if errors.As(err, &no) {
		err = nil
	}
	return err
}

// ok reads the first line of a reply; -ERR is a refusal.
func (c *popConn) ok() (string, error) {
	c.begin(0)
	r, err := pop3wire.ReadReply(c.r)
	switch {
	case errors.Is(err, pop3wire.ErrSyntax), errors.Is(err, pop3wire.ErrEndless):
		return "", fmt.Errorf("%w: %w", errProtocol, err)
	case err == io.EOF:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	case !r.OK && r.Code != "":
		return "", &refusal{"-ERR [" + string(r.Code) + "] " + r.Text}
	case !r.OK:
		return "", &refusal{"-ERR " + r.Text}
	}
	return r.Text, nil
}

func (c *popConn) do(command string) error {
	if err := c.say([]byte(command + "\r\n")); err != nil {
		return err
	}
	_, err := c.ok()
	return err
}

// lines sends a command and hands on the lines of its answer, of which it may have so many at most.
func (c *popConn) lines(command string, most int, on func(line string) error) error {
	if err := c.do(command); err != nil {
		return err
	}
	for range most {
		c.begin(0)
		line, err := pop3wire.ReadLine(c.r, pop3wire.MaxReply)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if string(line) == "." {
			return nil
		}
		if err := on(string(line)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the answer to %s has no end", errProtocol, command)
}

// letterAt is a message of a maildrop.
type letterAt struct {
	number int
	size   uint64
	uidl   string // "" for none
}

// list lists the messages, ascending.
func (c *popConn) list() ([]letterAt, error) {
	var list []letterAt
	at := make(map[int]int)
	err := c.lines("LIST", maxMaildrop, func(line string) error {
		number, rest, _ := strings.Cut(line, " ")
		size, _, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		if _, twice := at[n]; err != nil || n < 1 || twice || len(list) >= maxMaildrop {
			return fmt.Errorf("%w: LIST says %q", errProtocol, clip(line))
		}
		octets, _ := strconv.ParseUint(size, 10, 32) // which may be anything, and decides nothing
		at[n] = len(list)
		list = append(list, letterAt{number: n, size: octets})
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = c.lines("UIDL", len(list)+1, func(line string) error {
		number, uidl, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		if i, ok := at[n]; err == nil && ok {
			list[i].uidl = strings.TrimSpace(uidl)
		}
		return nil
	})
	var no *refusal
	if errors.As(err, &no) { // RFC 1939 7: it is optional
		err = nil
	}
	return list, err
}
