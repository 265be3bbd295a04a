// Package client has the smallest clients that can test and load a mail
// server: they say exactly what they are told and read exactly what comes. They
// share no code with the server. None is safe for concurrent use; every
// operation ends within a minute.
package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// patience is the longest that a client waits for the server.
const patience = time.Minute

// conn is a line at a time over TCP.
type conn struct {
	net.Conn
	r *bufio.Reader
	w *bufio.Writer
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, 32<<10), bufio.NewWriterSize(c, 32<<10)}, nil
}

// line reads one line without its CRLF. A line that ends otherwise is an error.
func (c *conn) line() (string, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return line, err
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return line, errors.New("a line without CRLF")
	}
	return line, nil
}

// printf buffers one line; flush sends.
func (c *conn) printf(format string, args ...any) {
	fmt.Fprintf(c.w, format+"\r\n", args...)
}

func (c *conn) flush() error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return c.w.Flush()
}

// stuffed writes a message with its dots stuffed, and the final dot
// (RFC 5321 4.5.2).
func (c *conn) stuffed(message []byte) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for rest := string(message); rest != ""; {
		line, after, _ := strings.Cut(rest, "\r\n")
		if strings.HasPrefix(line, ".") {
			c.w.WriteByte('.')
		}
		c.w.WriteString(line)
		c.w.WriteString("\r\n")
		rest = after
	}
	c.printf(".")
	return c.w.Flush()
}

// unstuffed reads lines up to the final dot, and takes stuffed dots away
// (RFC 1939 3).
func (c *conn) unstuffed() ([]byte, error) {
	var out []byte
	for {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		line, err := c.r.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			out = append(out, line...)
			line, err = c.r.ReadSlice('\n')
		}
		if err != nil {
			return nil, err
		}
		begins := len(out) == 0 || out[len(out)-1] == '\n'
		if begins && line[0] == '.' {
			if string(line) == ".\r\n" {
				return out, nil
			}
			line = line[1:]
		}
		out = append(out, line...)
	}
}

// exactly reads n octets.
func (c *conn) exactly(n int) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c.r, b)
	return b, err
}
