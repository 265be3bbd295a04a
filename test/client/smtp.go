package client

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
)

// Mailer sends mail by SMTP or LMTP.
type Mailer struct {
	c    *conn
	lmtp bool
}

// Reply is what the server said to a command; of several lines, the last.
type Reply struct {
	Code int
	Text string
}

// OK says whether the server took it.
func (r Reply) OK() bool { return r.Code/100 == 2 }

// DialSMTP connects and greets.
func DialSMTP(addr string) (*Mailer, error) { return dialMailer(addr, false) }

// DialLMTP connects and greets.
func DialLMTP(addr string) (*Mailer, error) { return dialMailer(addr, true) }

func dialMailer(addr string, lmtp bool) (*Mailer, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	m := &Mailer{c, lmtp}
	hello := "EHLO client.example"
	if lmtp {
		hello = "LHLO client.example"
	}
	if r, err := m.reply(); err != nil || !r.OK() {
		c.Close()
		return nil, fmt.Errorf("greeting: %v %w", r, err)
	}
	if r, err := m.Command(hello); err != nil || !r.OK() {
		c.Close()
		return nil, fmt.Errorf("%s: %v %w", hello, r, err)
	}
	return m, nil
}

// Command sends one line and reads its reply.
func (m *Mailer) Command(line string) (Reply, error) {
	m.c.printf("%s", line)
	if err := m.c.flush(); err != nil {
		return Reply{}, err
	}
	return m.reply()
}

// StartTLS goes on in TLS, and greets again.
func (m *Mailer) StartTLS(config *tls.Config) error {
	if r, err := m.Command("STARTTLS"); err != nil || !r.OK() {
		return fmt.Errorf("STARTTLS: %v %w", r, err)
	}
	c := tls.Client(m.c.Conn, config)
	m.c = &conn{c, bufio.NewReader(c), bufio.NewWriter(c)}
	if r, err := m.Command("EHLO client.example"); err != nil || !r.OK() {
		return fmt.Errorf("EHLO: %v %w", r, err)
	}
	return nil
}

// Say sends text as it is, with a line end after it, and reads no reply.
func (m *Mailer) Say(text string) error {
	m.c.printf("%s", text)
	return m.c.flush()
}

// Envelope is from whom to whom, each with the parameters of its command.
type Envelope struct {
	From, With string
	To         []string
	Each       string // the parameters of every RCPT
}

// Send is Transact for 8-bit mail without other parameters.
func (m *Mailer) Send(from string, to []string, message []byte) ([]Reply, error) {
	return m.Transact(Envelope{From: from, With: "BODY=8BITMIME", To: to}, message)
}

// Transact does one transaction: MAIL, the RCPTs and DATA go out together
// (RFC 2920), then the message. It returns one reply a recipient: a refusal of
// RCPT, or of DATA, or the verdict on the message, which SMTP gives once for
// all and LMTP to each (RFC 2033 4.2).
func (m *Mailer) Transact(e Envelope, message []byte) ([]Reply, error) {
	to := e.To
	m.c.printf("%s", strings.TrimSpace(fmt.Sprintf("MAIL FROM:<%s> %s", e.From, e.With)))
	for _, rcpt := range to {
		m.c.printf("%s", strings.TrimSpace(fmt.Sprintf("RCPT TO:<%s> %s", rcpt, e.Each)))
	}
	m.c.printf("DATA")
	if err := m.c.flush(); err != nil {
		return nil, err
	}
	mail, err := m.reply()
	if err != nil {
		return nil, err
	}
	replies, accepted := make([]Reply, len(to)), 0
	for i := range to {
		if replies[i], err = m.reply(); err != nil {
			return nil, err
		}
		if replies[i].OK() {
			accepted++
		}
	}
	data, err := m.reply()
	if err != nil {
		return nil, err
	}
	switch {
	case data.Code == 354:
		if err := m.c.stuffed(message); err != nil {
			return nil, err
		}
	case !mail.OK():
		return nil, fmt.Errorf("MAIL: %v", mail)
	default:
		return replies, nil // nobody was accepted
	}
	return replies, m.verdicts(replies, accepted)
}

// verdicts reads what became of the message.
func (m *Mailer) verdicts(replies []Reply, accepted int) error {
	if accepted == 0 { // DATA was allowed for nobody: one reply that does not matter
		_, err := m.reply()
		return err
	}
	var verdict Reply
	var err error
	for i := range replies {
		if !replies[i].OK() {
			continue
		}
		if m.lmtp || verdict.Code == 0 {
			if verdict, err = m.reply(); err != nil {
				return err
			}
		}
		replies[i] = verdict
	}
	return nil
}

// Close ends the connection without QUIT.
func (m *Mailer) Close() error { return m.c.Close() }

// reply reads one reply of any number of lines.
func (m *Mailer) reply() (Reply, error) {
	for {
		line, err := m.c.line()
		if err != nil {
			return Reply{}, err
		}
		if len(line) < 4 {
			return Reply{}, fmt.Errorf("not a reply: %q", line)
		}
		code, err := strconv.Atoi(line[:3])
		if err != nil {
			return Reply{}, fmt.Errorf("not a reply: %q", line)
		}
		if line[3] != '-' {
			return Reply{code, line[4:]}, nil
		}
	}
}
