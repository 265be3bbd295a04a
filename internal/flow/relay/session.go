package relay

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/trust/tlspolicy"
)

// session is a connection to a host that has been greeted and, where it is to be, protected. It is for one attempt at a time.
type session struct {
	key   poolKey
	line  *line
	br    *bufio.Reader
	c     *smtpwire.Client
	state *tls.ConnectionState // nil: without TLS

	host     string // name and address, for people
	evidence []string
	auth     bool // we have said who we are
	sure     bool // the host has shown who it is
	began    time.Time
	sent     int // transactions
	rest     *time.Timer
}

// quitTime is how long a host may take to say goodbye.
const quitTime = 5 * time.Second

// bufferSize is that of what is read and what is written. Message text passes by the latter where it comes in larger pieces.
const (
	readBuffer  = 4 << 10
	writeBuffer = 16 << 10
)

// open makes a session of a connection, which it closes when it fails. Errors are a smtpwire.Reply, a *tlsError, a *queue.PermanentError, or the network's.
// quiet ones are in no report.
func (r *Relay) open(ctx context.Context, conn net.Conn, t *target, ip netip.Addr, p *tlspolicy.Decision, plain, quiet bool) (*session, error) {
	l := &line{Conn: conn, times: &r.opts.Times}
	l.until(time.Now().Add(r.opts.Times.Session))
	stop := l.watch(ctx)
	s := &session{line: l, began: time.Now(), host: hostLabel(t.name, ip)}
	err := r.greet(ctx, s, conn, t, p, plain)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if !plain && !quiet && t.host == nil { // that TLS has failed is told already; the operator's own hosts are nobody's report
		r.tell(p, conn, s.state, tlsFailure(err))
	}
	if err != nil {
		if polite(err) && ctx.Err() == nil {
			r.pool.end(s) // RFC 8689 4.2.1
		} else {
			conn.Close()
		}
		return nil, err
	}
	if s.state != nil {
		s.sure = p.Level == tlspolicy.Authenticated
		r.count.encrypted.Inc()
	} else {
		r.count.plain.Inc()
	}
	s.evidence = append(s.evidence, describe(p, s.state)+": "+strings.Join(p.Reasons, "; "))
	return s, nil
}

// polite says that a host waits for our next command after an error, and QUIT can be said.
func polite(err error) bool {
	var r smtpwire.Reply
	var p *queue.PermanentError
	var e *tlspolicy.Error
	if errors.As(err, &e) {
		return e.Failure == "" || errors.Is(err, errNoStartTLS)
	}
	return errors.As(err, &r) && r.Code != 421 || errors.As(err, &p)
}

// tlsFailure is what an error says of TLS, nil if it came after it.
func tlsFailure(err error) error {
	var t *tlsError
	var e *tlspolicy.Error
	switch {
	case errors.As(err, &t):
		return t.cause
	case errors.As(err, &e):
		return nil // REQUIRETLS
	}
	return err
}

func hostLabel(name string, ip netip.Addr) string {
	if name == "" {
		return fmt.Sprintf("[%s]", ip)
	}
	return fmt.Sprintf("%s [%s]", name, ip)
}

// greet says hello, in TLS if it is to be and can be.
func (r *Relay) greet(ctx context.Context, s *session, conn net.Conn, t *target, p *tlspolicy.Decision, plain bool) error {
	s.on(s.line)
	implicit := t.host != nil && t.host.Implicit
	if implicit {
		if err := r.protect(ctx, s, t, p); err != nil {
			return err
		}
	}
	if err := accepted(s.c.Greeting()); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := r.hello(s, t); err != nil {
		return err
	}
	if !implicit && p.Level > tlspolicy.None && !plain {
		if err := r.upgrade(ctx, s, t, p); err != nil {
			return err
		}
	}
	if p.RequireTLS && (s.state == nil || !s.c.Capabilities().Extensions.Has(smtpwire.RequireTLS)) {
		return p.FailRequireTLS()
	}
	if t.host != nil && t.host.User != "" {
		return r.login(s, t.host)
	}
	return nil
}

// on puts the session onto a stream.
func (s *session) on(conn net.Conn) {
	s.br = bufio.NewReaderSize(conn, readBuffer)
	bw := bufio.NewWriterSize(conn, writeBuffer)
	if s.c == nil {
		s.c = smtpwire.NewClient(s.br, bw, false)
		s.c.OnStep(s.line.on)
		return
	}
	s.c.Reset(s.br, bw)
}

func accepted(_ smtpwire.Reply, err error) error { return err }

func (r *Relay) hello(s *session, t *target) error {
	reply, err := s.c.Hello(helloName(r.opts.Name))
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	who, _, _ := strings.Cut(reply.Text, "\n")
	who, _, _ = strings.Cut(who, " ")
	if t.host == nil && strings.EqualFold(who, r.opts.Name) && t.hop.Domain != "" && r.opts.Name != "localhost" {
		return errLoop(t.hop.Domain)
	}
	return nil
}

// helloName is a host's name as EHLO takes it (RFC 5321 4.1.1.1).
func helloName(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip.Is6() {
			return fmt.Sprintf("[IPv6:%s]", ip)
		}
		return fmt.Sprintf("[%s]", ip)
	}
	return name
}

// upgrade starts TLS as far as the protection asks for it.
func (r *Relay) upgrade(ctx context.Context, s *session, t *target, p *tlspolicy.Decision) error {
	if !s.c.Capabilities().Extensions.Has(smtpwire.StartTLS) {
		if p.Level > tlspolicy.Opportunistic {
			return noTLS(p, errNoStartTLS)
		}
		return nil
	}
	err := s.c.StartTLS()
	var reply smtpwire.Reply
	switch {
	case errors.Is(err, smtpwire.ErrInjected):
		return brokenTLS(p, err)
	case errors.As(err, &reply) && p.Level > tlspolicy.Opportunistic:
		return noTLS(p, refusedTLS(reply))
	case errors.As(err, &reply):
		s.evidence = append(s.evidence, refusedTLS(reply).Error())
		return nil // RFC 3207 4: the session goes on without
	case err != nil:
		return brokenTLS(p, plainly(err))
	}
	if err := r.protect(ctx, s, t, p); err != nil {
		return err
	}
	return r.hello(s, t) // RFC 3207 4.2
}

// protect does the handshake.
func (r *Relay) protect(ctx context.Context, s *session, t *target, p *tlspolicy.Decision) error {
	conf := p.Config(r.opts.Roots, r.opts.Clock)
	conf.ClientSessionCache = r.resumed
	s.line.handshake()
	conn := tls.Client(s.line, conf)
	if err := conn.HandshakeContext(context.WithoutCancel(ctx)); err != nil { // the line ends it
		if seen := conn.ConnectionState(); len(seen.PeerCertificates) > 0 {
			s.state = &seen // for reports
		}
		return brokenTLS(p, plainly(err))
	}
	state := conn.ConnectionState()
	s.state = &state
	s.on(conn)
	return nil
}

// quit says goodbye and closes.
func (s *session) quit() {
	s.line.until(time.Now().Add(quitTime))
	_ = s.c.Quit() // a host that has gone already is no loss
	s.line.Conn.Close()
}

// worn says that a session has lived long enough.
func (r *Relay) worn(s *session) bool {
	n := s.c.Capabilities().MailMax // RFC 9422 4.1
	return s.sent >= r.opts.Messages || n > 0 && int64(s.sent) >= n || time.Since(s.began) >= r.opts.Age
}
