package client

import (
	"fmt"
	"strings"
)

// POP3 is a session in TRANSACTION.
type POP3 struct{ c *conn }

// DialPOP3 connects and logs in.
func DialPOP3(addr, user, pass string) (*POP3, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	p := &POP3{c}
	if _, err = p.ok(); err == nil {
		_, err = p.Command("USER " + user)
	}
	if err == nil {
		_, err = p.Command("PASS " + pass)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return p, nil
}

// Command sends one line and returns what comes after +OK; -ERR is an error.
func (p *POP3) Command(line string) (string, error) {
	p.c.printf("%s", line)
	if err := p.c.flush(); err != nil {
		return "", err
	}
	text, err := p.ok()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.SplitN(line, " ", 2)[0], err)
	}
	return text, nil
}

func (p *POP3) ok() (string, error) {
	line, err := p.c.line()
	if err != nil {
		return "", err
	}
	text, ok := strings.CutPrefix(line, "+OK")
	if !ok {
		return "", fmt.Errorf("server said %q", line)
	}
	return strings.TrimPrefix(text, " "), nil
}

// Stat returns the number of messages and their octets.
func (p *POP3) Stat() (messages int, octets int64, err error) {
	text, err := p.Command("STAT")
	if err != nil {
		return 0, 0, err
	}
	_, err = fmt.Sscan(text, &messages, &octets)
	return messages, octets, err
}

// List returns all sizes, in order.
func (p *POP3) List() ([]int64, error) {
	lines, err := p.Lines("LIST")
	if err != nil {
		return nil, err
	}
	sizes := make([]int64, len(lines))
	for i, line := range lines {
		var n int
		if _, err := fmt.Sscan(line, &n, &sizes[i]); err != nil || n != i+1 {
			return nil, fmt.Errorf("LIST: %q at place %d", line, i+1)
		}
	}
	return sizes, nil
}

// UIDL returns all unique ids, in order.
func (p *POP3) UIDL() ([]string, error) {
	lines, err := p.Lines("UIDL")
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		var n int
		if _, err := fmt.Sscan(line, &n, &lines[i]); err != nil || n != i+1 {
			return nil, fmt.Errorf("UIDL: %q at place %d", line, i+1)
		}
	}
	return lines, nil
}

// Lines sends a command and returns the lines of its answer.
func (p *POP3) Lines(command string) ([]string, error) {
	text, err := p.Text(command)
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\r\n"), "\r\n"), nil
}

// Text sends a command and returns the text of its answer.
func (p *POP3) Text(command string) ([]byte, error) {
	if _, err := p.Command(command); err != nil {
		return nil, err
	}
	return p.c.unstuffed()
}

// Retr returns a message, dots unstuffed.
func (p *POP3) Retr(n int) ([]byte, error) { return p.Text(fmt.Sprintf("RETR %d", n)) }

// Quit commits the session's deletions and ends it.
func (p *POP3) Quit() error {
	defer p.c.Close()
	_, err := p.Command("QUIT")
	return err
}

// Close drops the connection without QUIT.
func (p *POP3) Close() error { return p.c.Close() }
