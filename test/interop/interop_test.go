// Package interop puts real mail clients to the real server: programs that people
// use, and libraries that other programs are made with. Each must do all of its
// work here, and what one does every other must see.
//
// The tests need the built binary and the clients: make interop.
package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/test/client"
	"restante/test/demo"
)

// program is a client to run.
type program struct {
	name string
	args []string
	env  []string // in addition
	in   string   // standard input
	ok   []int    // exit codes that are fine; none: 0
}

// run runs a program for two minutes at most and returns all that it wrote.
func run(t *testing.T, p program) string {
	t.Helper()
	if _, err := exec.LookPath(p.name); err != nil {
		t.Fatalf("%s is not installed: run make deps", p.name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.name, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdin = strings.NewReader(p.in)
	out, err := cmd.CombinedOutput()
	code := cmd.ProcessState.ExitCode()
	for _, fine := range p.ok {
		if code == fine {
			return string(out)
		}
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", p.name, strings.Join(p.args, " "), err, out)
	}
	return string(out)
}

// write makes a file and returns its name.
func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// deliver sends messages to one account by LMTP.
func deliver(t *testing.T, s *demo.Server, user string, messages ...[]byte) {
	t.Helper()
	m, err := client.DialLMTP(s.Addr(demo.LMTP))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, message := range messages {
		replies, err := m.Send("sender@example.org", []string{user + "@" + demo.Domain}, message)
		if err != nil || !replies[0].OK() {
			t.Fatalf("delivery to %s: %v %v", user, replies, err)
		}
	}
}

// letter is a small message.
func letter(n int) []byte {
	return fmt.Appendf(nil, "From: Anna <anna@example.org>\r\nTo: u1@demo.test\r\nSubject: letter %d\r\n"+
		"Date: Tue, 3 Nov 2026 09:15:00 +0100\r\nMessage-ID: <letter.%d@example.org>\r\n\r\nThis is letter %d.\r\n", n, n, n)
}

// letters are the small messages from 1 to n.
func letters(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = letter(i + 1)
	}
	return out
}

// login logs in to an account by IMAP.
func login(t *testing.T, s *demo.Server, user string) *client.IMAP {
	t.Helper()
	c, err := client.DialIMAP(s.Addr(demo.IMAP), user, demo.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// do runs an IMAP command.
func do(t *testing.T, c *client.IMAP, format string, args ...any) []client.Response {
	t.Helper()
	r, err := c.Do(format, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// count returns what STATUS says of a mailbox.
func count(t *testing.T, c *client.IMAP, mailbox, item string) int64 {
	t.Helper()
	for _, r := range do(t, c, "STATUS %s (%s)", mailbox, item) {
		if n := r.Number(item); n >= 0 {
			return n
		}
	}
	t.Fatalf("STATUS %s has no %s", mailbox, item)
	return -1
}

// maildrop logs in to an account by POP3.
func maildrop(t *testing.T, s *demo.Server, user string) *client.POP3 {
	t.Helper()
	c, err := client.DialPOP3(s.Addr(demo.POP3), user, demo.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
