package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// passwordFlags say where a password comes from.
type passwordFlags struct {
	PasswordFile string `placeholder:"FILE" help:"Read the password from the first line of FILE. Without it, it is asked for, or read from standard input if that is not a terminal."`
}

// maxPasswordLine bounds what is read.
const maxPasswordLine = 4096

// read gets the password for an address.
func (p *passwordFlags) read(ctx context.Context, con *console, address string) (string, error) {
	if p.PasswordFile != "" {
		f, err := os.Open(p.PasswordFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return passwordLine(f)
	}
	if !isTerminal(con.in) {
		return passwordLine(con.in)
	}
	first, err := con.ask(ctx, "New password for "+address+": ")
	if err != nil {
		return "", err
	}
	again, err := con.ask(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("these were two different passwords, nothing is changed")
	}
	return first, nil
}

// ask reads a line from the terminal without showing it. When ctx ends it ends
// the program: nothing else ends a read from a terminal.
func (con *console) ask(ctx context.Context, prompt string) (string, error) {
	show, err := hideInput(con.in)
	if err != nil {
		return "", fmt.Errorf("this terminal cannot hide what is typed, use --password-file: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		show()
		fmt.Fprintln(con.err)
		os.Exit(exitFailed)
	})
	fmt.Fprint(con.err, prompt)
	line, err := passwordLine(con.in)
	stop()
	show()
	fmt.Fprintln(con.err)
	return line, err
}

// passwordLine reads one line, and no octet more than the line.
func passwordLine(r io.Reader) (string, error) {
	var b strings.Builder
	one := bufio.NewReaderSize(oneByOne{r}, 16)
	for b.Len() < maxPasswordLine {
		c, err := one.ReadByte()
		if err == io.EOF && b.Len() > 0 || err == nil && c == '\n' {
			break
		}
		if err == io.EOF {
			return "", errors.New("no password was given")
		}
		if err != nil {
			return "", err
		}
		b.WriteByte(c)
	}
	line := strings.TrimSuffix(b.String(), "\r")
	if line == "" {
		return "", errors.New("no password was given")
	}
	return line, nil
}

// oneByOne reads an octet at a time: what comes after the line is another's.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }
