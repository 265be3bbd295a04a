package smtpd

import (
	"context"
	"net/netip"
	"time"

	"restante/internal/base/metrics"
	"restante/internal/flow"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
)

// Options of a Server. Hostname and Backend are needed; zero limits get their
// defaults.
type Options struct {
	// Hostname is this host's name, in the greeting and in the answer to EHLO.
	Hostname string
	Backend  Backend
	// LMTP makes it an LMTP server (RFC 2033). It must not be on port 25.
	LMTP bool

	// Login makes it a submission server (RFC 6409): nothing is taken before a login. Nil: nobody logs in.
	Login Login
	// Cleartext allows passwords without TLS.
	Cleartext bool
	// MaxHold is how far in the future a message may be released (RFC 4865); submission only; 0: FUTURERELEASE is not offered.
	MaxHold time.Duration

	// Guard is asked about clients before they may speak; nil: all may.
	Guard Guard

	// Proxies are the networks of those who may use XCLIENT to say whose connection theirs is.
	Proxies []netip.Prefix

	MaxSize     int64 // octets of a message; 50 MiB
	MaxRcpts    int   // recipients of a message; 100, the least that RFC 5321 4.5.3.1.8 allows
	MaxMessages int   // transactions of a session; no limit
	MaxErrors   int   // refused commands and recipients since the last message; 20, LMTP 1000
	MaxCommands int   // commands since the last message; 10,000

	IdleTimeout time.Duration // silence before a command; 5 min (RFC 5321 4.5.3.2.7)
	DataTimeout time.Duration // for one message, or one chunk; 1 h
	// DataRate is how many octets a second a message must bring, once IdleTimeout
	// has passed; 500.
	DataRate int64
	// GreetDelay is how long the greeting waits for clients that talk before it;
	// they are refused. Zero waits as long as Guard says. Not used in TLS.
	GreetDelay time.Duration

	// Refused is called at the end of each mail transaction that has brought no message and in which the client was told no: see Envelope.Refused. id is the
	// queue id that the message had, if it came as far as that. It must not block, nor keep what it is given. Nil: nobody looks.
	Refused func(e *flow.Envelope, id string)

	Metrics *metrics.Registry // default: counts nothing
}

// Server speaks SMTP or LMTP. It is safe for concurrent use.
type Server struct {
	opts  Options
	count counters
}

type counters struct{ accepted, deferred, refused *metrics.Counter }

// New returns a Server. It panics without a hostname or a backend.
func New(o Options) *Server {
	if o.Hostname == "" || o.Backend == nil {
		panic("smtpd: Hostname and Backend are needed")
	}
	maxErrors := 20
	protocol := "smtp"
	if o.LMTP {
		maxErrors = 1000 // a peer on this host, and whole queues of other people's mistakes
		protocol = "lmtp"
	}
	if o.Login != nil {
		protocol = "submission"
	}
	orDefault(&o.MaxSize, 50<<20)
	orDefault(&o.MaxRcpts, 100)
	orDefault(&o.MaxErrors, maxErrors)
	orDefault(&o.MaxCommands, 10_000)
	orDefault(&o.IdleTimeout, 5*time.Minute)
	orDefault(&o.DataTimeout, time.Hour)
	orDefault(&o.DataRate, 500)
	counter := func(result string) *metrics.Counter {
		return o.Metrics.Counter("smtpd_messages_total", "Messages that were offered, by protocol and result.",
			metrics.Label{Name: "protocol", Value: protocol}, metrics.Label{Name: "result", Value: result})
	}
	return &Server{opts: o, count: counters{counter("accepted"), counter("deferred"), counter("refused")}}
}

func orDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Handle runs one connection: it is the Handler of a listen.Server. ctx ends when
// the connection is to be cut.
func (s *Server) Handle(ctx context.Context, c *listen.Conn) {
	x := &session{srv: s, opts: &s.opts, c: c}
	x.trusted = x.mayXClient()
	defer func() {
		x.reset()
		x.watch.Close()
	}()
	x.run(ctx)
}

// capabilities is what a client is offered in answer to EHLO or LHLO.
func (x *session) capabilities() smtpwire.Capabilities {
	s := x.srv
	c := smtpwire.Capabilities{
		Extensions: smtpwire.Pipelining | smtpwire.Size | smtpwire.EightBitMIME | smtpwire.SMTPUTF8 |
			smtpwire.Chunking | smtpwire.EnhancedCodes | smtpwire.LimitsExt | smtpwire.Help,
		MaxSize: s.opts.MaxSize,
		RcptMax: int64(s.opts.MaxRcpts),
		MailMax: int64(s.opts.MaxMessages),
	}
	if s.opts.LMTP {
		// An MX that took it would have to convert it for hosts that cannot (RFC 3030 3).
		c.Extensions |= smtpwire.BinaryMIME
	}
	if x.c.HasTLS() {
		c.Extensions |= smtpwire.StartTLS
	}
	if x.c.Secret() && !s.opts.LMTP {
		c.Extensions |= smtpwire.RequireTLS // RFC 8689 2: only in TLS; what is sent on from here stays marked
	}
	if x.trusted {
		c.Extensions |= smtpwire.XClientExt
	}
	if s.opts.Login != nil {
		x.submissionCapabilities(&c)
	}
	return c
}

// minBy is the shortest time of DELIVERBY with return (RFC 2852 2): less is no time for a second attempt.
const minBy = 5 * time.Minute

// submissionCapabilities adds what only makes sense for those who send.
func (x *session) submissionCapabilities(c *smtpwire.Capabilities) {
	c.Extensions |= smtpwire.DSN | smtpwire.DeliverBy | smtpwire.MTPriority | smtpwire.BinaryMIME
	c.MinBy = minBy
	if x.opts.MaxHold > 0 {
		c.Extensions |= smtpwire.FutureRelease
		c.MaxHold, c.MaxHoldUntil = x.opts.MaxHold, time.Now().Add(x.opts.MaxHold).UTC().Format(time.RFC3339) // RFC 4865 3
	}
	if x.identity.Account == 0 {
		if c.Mechanisms = x.saslConfig().Mechanisms(); len(c.Mechanisms) > 0 {
			c.Extensions |= smtpwire.Auth
		}
	}
}
