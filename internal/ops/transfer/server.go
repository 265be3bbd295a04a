package transfer

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// server is where a running server is, and who asks it.
type server struct {
	format  Format
	tls     bool // from the first octet; else by STARTTLS
	host    string
	address string // with the port
	user    string
	mailbox string // this one only, "" for all
}

// ErrURL says what the address of a server looks like.
var ErrURL = errors.New("a server is imaps://USER@HOST, imap://, pop3s:// or pop3://, with :PORT where it is another than usual")

// errInURL is said of a password that everybody on the machine can see.
var errInURL = errors.New("a password on the command line can be read by everyone on this machine: leave it out of the address")

// IsURL says whether a path is the URL of a server, of whatever kind.
func IsURL(path string) bool {
	scheme, _, ok := strings.Cut(path, "://")
	return ok && !strings.ContainsAny(scheme, "/\\.")
}

// CheckURL says what is wrong with the URL of a server.
func CheckURL(text string) error {
	_, err := parseServer(text)
	return err
}

// parseServer reads a URL as Options.Path has it.
func parseServer(text string) (*server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, ErrURL // not err, which has what was typed
	}
	s := &server{host: strings.ToLower(u.Hostname()), user: u.User.Username(), mailbox: strings.Trim(u.Path, "/")}
	port := ""
	switch strings.ToLower(u.Scheme) {
	case "imaps":
		s.format, s.tls, port = IMAP, true, "993"
	case "imap":
		s.format, port = IMAP, "143"
	case "pop3s":
		s.format, s.tls, port = POP3, true, "995"
	case "pop3":
		s.format, port = POP3, "110"
	}
	if _, has := u.User.Password(); has {
		return nil, errInURL
	}
	if s.format == "" || s.host == "" || s.user == "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s.user, "\x00\r\n") {
		return nil, ErrURL
	}
	s.address = net.JoinHostPort(s.host, cmp.Or(u.Port(), port))
	return s, nil
}

// id is the server as it is remembered with what has come from it: with the port where it is none of the usual ones, behind which
// another server may be.
func (s *server) id() string {
	id := s.host
	if _, port, _ := net.SplitHostPort(s.address); !slices.Contains([]string{"143", "993", "110", "995"}, port) {
		id = s.address
	}
	return string(s.format) + "\x00" + id + "\x00" + s.user
}

// String is the server for people.
func (s *server) String() string { return string(s.format) + " server " + s.address }

// Errors that end a connection and are the server's word: to ask again does not help.
var (
	errNoTLS = errors.New("the server offers no TLS, and the password would be readable on its way: --insecure takes that")
	errLogin = errors.New("the server does not take the name and password")
)

// defaultPatience is how long a server may be silent.
const defaultPatience = time.Minute

// slowest is how many octets a second must come at least of a message, beyond the first minute.
const slowest = 1 << 10

// wire is a connection to a server. Whatever comes over it is bounded in size and time by those who read.
type wire struct {
	net.Conn
	r        *bufio.Reader
	patience time.Duration
	until    time.Time // when what is read now must have come
	unhook   func() bool
}

// wireBuffer is how long a line can be that is looked at before it is read.
const wireBuffer = 64 << 10

// dial connects to a server, with TLS if it is so from the first octet.
func (s *server) dial(ctx context.Context, o *ServerOptions) (*wire, error) {
	patience := cmp.Or(o.Patience, defaultPatience)
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: patience}).DialContext
	}
	c, err := dial(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: c, patience: patience, unhook: context.AfterFunc(ctx, func() { c.Close() })}
	w.r = bufio.NewReaderSize(timed{w}, wireBuffer)
	if s.tls {
		if err := w.encrypt(ctx, s, o); err != nil {
			w.Close()
			return nil, err
		}
	}
	return w, nil
}

// encrypt begins TLS. What has come before it, and was not read, is not trusted (RFC 9051 6.2.1, RFC 2595 2.3).
func (w *wire) encrypt(ctx context.Context, s *server, o *ServerOptions) error {
	conf := &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if o.Insecure {
		conf.InsecureSkipVerify, conf.MinVersion = true, tls.VersionTLS10
	}
	if w.r.Buffered() > 0 {
		return errors.New("the server says something between STARTTLS and TLS")
	}
	c := tls.Client(w.Conn, conf)
	handshake, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	if err := c.HandshakeContext(handshake); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	w.Conn = c
	return nil
}

// Close closes the connection.
func (w *wire) Close() error {
	w.unhook()
	return w.Conn.Close()
}

// begin gives what is read next the time of a line and of a message of size octets.
func (w *wire) begin(size int64) {
	w.until = time.Now().Add(w.patience + time.Duration(size/slowest)*time.Second)
}

// say sends a command.
func (w *wire) say(line []byte) error {
	if err := w.SetWriteDeadline(time.Now().Add(w.patience)); err != nil {
		return err
	}
	_, err := w.Write(line)
	return err
}

// timed reads from a wire within its times.
type timed struct{ w *wire }

// Read implements io.Reader.
func (t timed) Read(p []byte) (int, error) {
	until := time.Now().Add(t.w.patience)
	if t.w.until.Before(until) {
		until = t.w.until
	}
	if err := t.w.SetReadDeadline(until); err != nil {
		return 0, err
	}
	return t.w.Conn.Read(p)
}

const (
	// tries is how often something is asked for that fails by the connection.
	tries = 4
	// firstPause doubles with each try.
	firstPause = 2 * time.Second
)

// pause waits before a try.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(firstPause << try)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refusal is a server's no: the connection goes on.
type refusal struct{ text string }

func (e *refusal) Error() string { return fmt.Sprintf("the server said %q", clip(e.text)) }

// clip makes what a server says fit to be shown.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// final says whether to ask again does not help.
func final(ctx context.Context, err error) bool {
	var cert *tls.CertificateVerificationError
	var no *refusal
	return ctx.Err() != nil || errors.Is(err, errLogin) || errors.Is(err, errNoTLS) || errors.As(err, &cert) || errors.As(err, &no)
}
