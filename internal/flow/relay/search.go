package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"restante/internal/base/dns"
	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
	"restante/internal/trust/tlspolicy"
)

// search walks over the addresses of a way until one of them can be spoken to.
type search struct {
	r       *Relay
	a       *queue.Attempt
	sender  tlspolicy.Sender
	targets []target
	found   bool // targets are those of the way

	host, ip int  // the next one
	ready    bool // targets[host] has its addresses and its protection
	how      tlspolicy.Decision
	plain    bool // without TLS, though it is offered: it has failed
	left     int  // addresses that may still be tried

	evidence []string // what was tried, and why it failed
	failed   failure  // the most telling of them
}

// failure is why nobody could be spoken to.
type failure struct {
	host string
	err  error
	hard bool
}

// next returns a session with the next host that can be spoken to, nil when there is none; then s.failed says why.
func (s *search) next(ctx context.Context) *session {
	if !s.found {
		if err := s.find(ctx); err != nil {
			s.fail("", err)
			return nil
		}
		s.found = true
	}
	for s.left > 0 && s.host < len(s.targets) && ctx.Err() == nil {
		t := &s.targets[s.host]
		if !s.ready && !s.prepare(ctx, t) || s.ip >= len(t.ips) {
			s.host, s.ip, s.ready, s.plain = s.host+1, 0, false, false
			continue
		}
		conn, ip, err := s.connect(ctx, t)
		if err != nil {
			s.fail("", err)
			continue
		}
		ses, err := s.r.open(ctx, conn, t, ip, &s.how, s.plain, s.quiet())
		if err == nil {
			s.r.count.opened.Inc()
			ses.key = poolKey{s.a.Way, s.sender}
			ses.evidence = append(s.evidence, ses.evidence...)
			s.plain = false
			return ses
		}
		s.r.count.refused.Inc()
		s.fail(hostLabel(t.name, ip), err)
		if s.inTheClear(err) {
			s.ip, s.plain, s.left = s.ip-1, true, s.left+1
			t.ips[s.ip] = ip // of two it was perhaps the other
			continue
		}
		s.plain = false
	}
	if err := ctx.Err(); err != nil {
		s.fail("", err)
	}
	return nil
}

// inTheClear says that a handshake has failed where TLS is only better than nothing: the same address is tried without, once (RFC 7435 3).
func (s *search) inTheClear(err error) bool {
	var t *tlsError
	return errors.As(err, &t) && !t.injected && !s.plain && s.how.Level <= tlspolicy.Opportunistic && !s.targets[s.host].implicit()
}

func (t *target) implicit() bool { return t.host != nil && t.host.Implicit }

// quiet says that nobody reports on this session: it carries the server's own word, of which reports are one kind (RFC 8460 3).
func (s *search) quiet() bool { return s.a.Message != nil && s.a.Message.Kind == store.QueueReport }

// again goes back to the host that was found last.
func (s *search) again() { s.ip, s.left = s.ip-1, s.left+1 }

// find makes targets of the way.
func (s *search) find(ctx context.Context) (err error) {
	if s.a.Way.Carrier == Smart {
		s.targets, err = s.r.smartHost(s.a.Way.Next)
		return err
	}
	s.targets, err = s.r.exchangers(ctx, s.a.Way.Next)
	return err
}

// prepare finds a host's addresses and how it may be used; false passes it over.
func (s *search) prepare(ctx context.Context, t *target) bool {
	s.r.resolve(ctx, t)
	if t.err != nil {
		s.fail(t.name, t.err)
		return false
	}
	d, err := s.decide(ctx, t)
	if err == nil && d.Refused != nil {
		if !s.quiet() {
			s.r.tell(&d, nil, nil, d.Refused)
		}
		err = d.Refused
	}
	if err != nil {
		s.fail(t.name, err)
		return false
	}
	s.how, s.ready, s.ip = d, true, 0
	return true
}

// connect opens a connection to the next address of a host, or to the one after it when that is of the other kind and quicker.
func (s *search) connect(ctx context.Context, t *target) (net.Conn, netip.Addr, error) {
	ips := t.ips[s.ip:]
	if len(ips) > 1 && ips[0].Is4() != ips[1].Is4() && s.left > 1 && !s.plain {
		ips = ips[:2]
	} else {
		ips = ips[:1]
	}
	conn, ip, tried, errs := s.r.race(ctx, ips, t.port)
	s.ip, s.left = s.ip+tried, s.left-tried
	for i, err := range errs {
		if err != nil && conn != nil {
			s.note(hostLabel(t.name, ips[i]), err)
		}
	}
	if conn == nil {
		for i, err := range errs[:len(errs)-1] {
			s.fail(hostLabel(t.name, ips[i]), err)
		}
		return nil, ip, &hostError{hostLabel(t.name, ips[len(errs)-1]), errs[len(errs)-1]}
	}
	return conn, ip, nil
}

// hostError says whom an error comes from.
type hostError struct {
	host string
	err  error
}

func (e *hostError) Error() string { return e.host + ": " + e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

// race connects to the first of at most two addresses that answers; the second one is tried when the first has failed, or beside it when it is
// slow. tried is how many were.
func (r *Relay) race(ctx context.Context, ips []netip.Addr, port uint16) (conn net.Conn, ip netip.Addr, tried int, errs []error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	type result struct {
		i    int
		conn net.Conn
		err  error
	}
	results := make(chan result, len(ips))
	start := func() {
		i := tried
		tried++
		errs = append(errs, nil)
		wg.Go(func() {
			c, err := r.dial(ctx, netip.AddrPortFrom(ips[i], port))
			results <- result{i, c, err}
		})
	}
	start()
	slow := time.NewTimer(r.opts.Stagger)
	defer slow.Stop()
	for running := 1; running > 0; {
		select {
		case <-slow.C:
			if tried < len(ips) {
				start()
				running++
			}
		case got := <-results:
			running--
			if got.err == nil {
				cancel()
				for ; running > 0; running-- {
					if other := <-results; other.conn != nil {
						other.conn.Close()
					}
				}
				return got.conn, ips[got.i], tried, errs
			}
			errs[got.i] = got.err
			if tried < len(ips) && ctx.Err() == nil {
				start()
				running++
			}
		}
	}
	return nil, netip.Addr{}, tried, errs
}

// dial connects, from the address that is configured.
func (r *Relay) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Times.Connect)
	defer cancel()
	d := r.opts.Dial
	if d == nil {
		from := r.opts.Local4
		if to.Addr().Is6() {
			from = r.opts.Local6
		}
		nd := new(net.Dialer)
		if from.IsValid() {
			nd.LocalAddr = &net.TCPAddr{IP: from.AsSlice()}
		}
		d = nd
	}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		return nil, fmt.Errorf("no connection within %v", r.opts.Times.Connect)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // the address is told elsewhere
	}
	return conn, err
}

// note keeps what was tried.
func (s *search) note(host string, err error) {
	line := strings.ReplaceAll(plainly(err).Error(), "\n", " / ")
	if host != "" {
		line = host + ": " + line
	}
	s.evidence = append(s.evidence, line)
}

// fail notes a failure. One that may pass is more telling than one that does not: then the message waits.
func (s *search) fail(host string, err error) {
	var he *hostError
	if errors.As(err, &he) {
		host, err = he.host, he.err
	}
	s.note(host, err)
	f := failure{host, plainly(err), hard(err)}
	if s.failed.err == nil || s.failed.hard || !f.hard {
		s.failed = f
	}
}

// hard says that an error with a host will not pass. A host that greets with 5yz is full or unwilling for now, as far as is known (Postfix
// thinks so, too), unless it says that it never takes mail (RFC 7504 3).
func hard(err error) bool {
	var p *queue.PermanentError
	var t *tlspolicy.Error
	var r smtpwire.Reply
	return errors.As(err, &p) || errors.As(err, &t) && t.Permanent || errors.As(err, &r) && r.Code == 521
}

// broke says that a host is there, or may be, and does not keep what its domain, the operator or the sender demands of the way. That is no reason to leave it alone: a message
// for which nothing of the kind is demanded (RFC 8689 3) must still go, above all one that tells of the trouble. Who falls silent in a handshake is silent.
func broke(err error) bool {
	var handshake *tlsError
	var policy *tlspolicy.Error
	return (errors.As(err, &handshake) || errors.As(err, &policy)) && !errors.Is(err, os.ErrDeadlineExceeded)
}

// plainly is an error in the words of the log, the trace and reports.
func plainly(err error) error {
	text := ""
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		text = "the host has closed the connection"
	case errors.Is(err, os.ErrDeadlineExceeded):
		text = "the host has not answered in time"
	case errors.Is(err, context.Canceled):
		text = "this server is stopping"
	default:
		return err
	}
	return &plainError{text, err}
}

type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

// status is the status code of a failure to speak to anybody that says none itself (RFC 3463 3.5, 3.8).
func status(err error) smtpwire.Enhanced {
	var p *queue.PermanentError
	var t *tlspolicy.Error
	s := smtpwire.Enhanced{Class: 4, Subject: 4, Detail: 1}
	switch {
	case errors.As(err, &p):
		return p.Status
	case errors.As(err, &t):
		if t.Permanent {
			s.Class = 5
		}
		_, _ = fmt.Sscanf(t.Status, "%d.%d", &s.Subject, &s.Detail) // "7.5"; otherwise it stays
	case errors.Is(err, dns.ErrTemporary):
		s.Detail = 3
	}
	return s
}
