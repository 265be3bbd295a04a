package imapwire

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCommands reads testdata/commands-*.txt. A case is lines that a client sends, after ">", and what becomes of them, after "<":
// continuation requests, then the command as it would be sent again, what is in it, and the messages of an APPEND; or the reply to an error.
// A blank line ends a case, "#" begins a comment, "!" a setting. Whatever comes of a case, the next command must be found after it.
func TestCommands(t *testing.T) {
	files, err := filepath.Glob("testdata/commands-*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { goldenFile(t, file) })
	}
}

func goldenFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var opt Options
	utf8 := false
	for _, block := range strings.Split(strings.TrimRight(string(text), "\n"), "\n\n") {
		var input []string
		for _, line := range strings.Split(block, "\n") {
			switch {
			case line == "!utf8":
				utf8 = true
			case line == "!literal-":
				opt.LiteralMinus = true
			case line == "!small":
				opt.Limits = Limits{Line: 100, Literal: 20, Drain: 1000, Depth: 4, Items: 8}
			case strings.HasPrefix(line, "> "), line == ">":
				input = append(input, strings.TrimPrefix(strings.TrimPrefix(line, ">"), " "))
			case strings.HasPrefix(line, "<"):
				continue
			}
			out.WriteString(line + "\n")
		}
		if len(input) > 0 {
			for _, line := range strings.Split(runCase(t, input, opt, utf8), "\n") {
				out.WriteString("< " + line + "\n")
			}
		}
		out.WriteString("\n")
	}
	got := strings.TrimRight(out.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), got); diff != "" && !*update {
		t.Errorf("run with -update to accept:\n%s", diff)
	}
}

// unquote lets a golden file have octets that are no text.
func unquote(s string) string {
	return strings.NewReplacer(`\x00`, "\x00", `\xE9`, "\xE9", `\r`, "\r", `\x01`, "\x01").Replace(s)
}

func runCase(t *testing.T, input []string, opt Options, utf8 bool) string {
	t.Helper()
	var lines []string
	opt.Continue = func() error {
		lines = append(lines, "+")
		return nil
	}
	in := unquote(strings.Join(input, "\r\n")) + "\r\nzz NOOP\r\n"
	d := NewDecoder(bufio.NewReaderSize(strings.NewReader(in), 64), opt)
	d.SetUTF8(utf8)
	tag, name, err := d.ReadTag()
	var cmd Command
	if err == nil {
		cmd, err = d.ParseArgs(name)
	}
	if err == nil {
		if cmd.CommandName() != name {
			t.Errorf("%q: ReadTag says %q, the command %q", input, name, cmd.CommandName())
		}
		lines = append(lines, strings.Split(describe(tag, cmd, utf8), "\n")...)
		if app := appending(cmd); app != nil {
			var msgs []string
			msgs, err = readMessages(app)
			lines = append(lines, msgs...)
		}
	}
	if err != nil {
		lines = append(lines, fmt.Sprintf("error, tag %q: %v", tag, err))
	}
	switch tag, name, err := d.ReadTag(); {
	case err != nil:
		lines = append(lines, "then: "+err.Error())
	case tag != "zz" || name != "NOOP":
		t.Errorf("%q: the next command is %q %q", input, tag, name)
	}
	return strings.Join(lines, "\n")
}

// describe is the command as a client would send it and, where that says less, its content.
func describe(tag string, cmd Command, utf8 bool) string {
	sent := strings.TrimSuffix(string(AppendCommand(nil, tag, cmd, utf8)), "\r\n")
	content := fmt.Sprintf("%+v", cmd)
	switch c := cmd.(type) {
	case Bare:
		return sent
	case *Append:
		content = string(c.Mailbox)
	case *Replace:
		content = c.Set.String() + " " + string(c.Mailbox)
	case *Select:
		if c.QResync != nil {
			content = fmt.Sprintf("%s %+v", c.Mailbox, *c.QResync)
		}
	case *Fetch:
		var labels []string
		for i := range c.Items {
			if label := c.Items[i].Label(); !c.Items[i].Peek {
				labels = append(labels, label+" sets Seen")
			} else {
				labels = append(labels, label)
			}
		}
		content = strings.Join(labels, ", ")
	}
	return fmt.Sprintf("%q\n%s", sent, content)
}

// appending is the APPEND that a command is, nil for others.
func appending(cmd Command) *Append {
	switch c := cmd.(type) {
	case *Append:
		return c
	case *Replace:
		return &c.Append
	}
	return nil
}

func readMessages(app *Append) (lines []string, err error) {
	for {
		m, err := app.Next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf("message %q", m.AppendHeader(nil)))
		if m.Catenate {
			lines, err = readParts(m, lines)
		} else {
			lines, err = readText(m.Size, m.Open, lines)
		}
		if err != nil {
			return lines, err
		}
	}
}

func readParts(m *AppendMessage, lines []string) ([]string, error) {
	for {
		p, err := m.NextPart()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf(" part %q", p.AppendHeader(nil)))
		if p.URL != "" {
			continue
		}
		if lines, err = readText(p.Size, p.Open, lines); err != nil {
			return lines, err
		}
	}
}

func readText(size int64, open func() (io.Reader, error), lines []string) ([]string, error) {
	if size > 1000 {
		return lines, errors.New("refused")
	}
	body, err := open()
	if err != nil {
		return lines, err
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return lines, err
	}
	return append(lines, fmt.Sprintf("  %q", content)), nil
}
