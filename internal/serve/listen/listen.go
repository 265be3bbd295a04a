// Package listen owns everything about a connection that is not a protocol:
// accept, PROXY headers, TLS at once or later, compression, deadlines, limits, buffers, transcripts,
// panics, counters, and the end of it all. A protocol package gets a *Conn and
// translates.
//
// # Model
//
// A [Server] runs its Handler once for each connection, in a goroutine that
// Serve waits for. A [Conn] belongs to that goroutine: only Interrupt, Close
// and the counters may be used from others.
//
//	for {
//		event, err := c.WaitInput(30 * time.Minute) // flushes, then parks
//		...
//		line, err := c.Reader().ReadSlice('\n')
//		...
//		fmt.Fprintf(c.Writer(), "+OK\r\n")
//	}
//
// Replies are corked: they leave when the session would wait for input, or
// when 16 KB have gathered, so that a client that pipelines costs one write
// for many replies. No code needs to remember to flush.
//
// # Memory
//
// Buffers come from a pool when first asked for, and go back while a
// connection waits in WaitInput: at once when ReleaseBuffers was called before,
// else after two seconds of silence. A parked connection holds its Conn, its
// goroutine's stack, and TLS's own record state, but no buffer; it waits in a
// read of one byte. A handler that does its work in Aside and waits in
// WaitReadable keeps that stack at 4 KiB: then a connection that waits takes
// about 6 KB in the clear, and TLS adds 12 KB.
//
// # Ends
//
// When the context of Serve ends, the listener closes, and each connection
// that waits in WaitInput gets Draining, which its handler answers with its
// protocol's farewell. The others may go on for the grace time. Then the
// handlers' context ends and their connections are cut.
//
// After a read error every later read fails with the same error. A protocol
// cannot mistake what comes after a time-out in the middle of a message for
// commands.
//
// It does not parse, and it does not know who logged in.
package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"restante/internal/base/metrics"
)

// Options of a Server. Only Handler is needed.
type Options struct {
	// Name tells this listener from the others in logs and metrics: "imaps".
	Name string
	// Handler speaks the protocol. When it returns the connection is flushed
	// and closed. ctx ends when the connection is to be cut.
	Handler func(ctx context.Context, c *Conn)

	// TLS is the configuration for implicit TLS and StartTLS; nil means that
	// there is none. Certificates come from its GetCertificate (or else its
	// Certificates), asked at each handshake, so that new ones need no
	// restart. Versions below 1.2 are refused. Each Server has its own
	// session ticket keys: a ticket of one protocol opens no other.
	TLS *tls.Config
	// Implicit starts TLS before the first byte.
	Implicit bool

	// Proxies are the networks of proxies that are trusted to say whose a
	// connection is. One from there must begin with a header of the PROXY
	// protocol, before TLS; limits and logs see the client that it names.
	Proxies []netip.Prefix

	// Limits may be shared by Servers; nil means none.
	Limits *Limits
	// Refusal is sent to a connection over the limits before it is closed:
	// a whole line, with CRLF. Not used with Implicit.
	Refusal string

	ReadTimeout      time.Duration // for one read; default 5 min
	WriteTimeout     time.Duration // for one write of at most 64 KB; default 5 min
	HandshakeTimeout time.Duration // for a TLS handshake; default 30 s
	Grace            time.Duration // see package doc; default 10 s
	ReadBuffer       int           // default 16 KB: a TLS record
	WriteBuffer      int           // default 16 KB

	Logger  *slog.Logger      // default: discards
	Metrics *metrics.Registry // default: counts nothing
}

// Server serves one protocol on any number of listeners. Make it with New. It
// is safe for concurrent use.
type Server struct {
	opts        Options
	tls         *tls.Config
	readers     sync.Pool // of *bufio.Reader
	writers     sync.Pool // of *bufio.Writer
	compressors compressors
	count       counters
}

type counters struct {
	accepted, refused, tlsFailed, panics *metrics.Counter
	noHeader                             *metrics.Counter
	octetsIn, octetsOut                  *metrics.Counter
	open                                 *metrics.Gauge
}

// New returns a Server. It panics without a Handler.
func New(o Options) *Server {
	if o.Handler == nil {
		panic("listen: no Handler")
	}
	orDefault(&o.ReadTimeout, 5*time.Minute)
	orDefault(&o.WriteTimeout, 5*time.Minute)
	orDefault(&o.HandshakeTimeout, 30*time.Second)
	orDefault(&o.Grace, 10*time.Second)
	orDefault(&o.ReadBuffer, 16<<10)
	orDefault(&o.WriteBuffer, 16<<10)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: o, tls: serverConfig(o.TLS)}
	s.readers.New = func() any { return bufio.NewReaderSize(nil, o.ReadBuffer) }
	s.writers.New = func() any { return bufio.NewWriterSize(nil, o.WriteBuffer) }

	name := metrics.Label{Name: "listener", Value: o.Name}
	octets := func(dir string) *metrics.Counter {
		return o.Metrics.Counter("restante_octets_total", "Octets on the wire, TLS included, of closed connections.",
			name, metrics.Label{Name: "direction", Value: dir})
	}
	s.count = counters{
		accepted:  o.Metrics.Counter("restante_connections_total", "Connections accepted.", name),
		refused:   o.Metrics.Counter("restante_connections_refused_total", "Connections refused by a limit.", name),
		tlsFailed: o.Metrics.Counter("restante_tls_failures_total", "TLS handshakes that failed.", name),
		panics:    o.Metrics.Counter("restante_panics_total", "Connections that ended by a bug.", name),
		noHeader:  o.Metrics.Counter("restante_proxy_failures_total", "Connections from trusted proxies without a good PROXY header.", name),
		octetsIn:  octets("in"),
		octetsOut: octets("out"),
		open:      o.Metrics.Gauge("restante_connections_open", "Connections open now.", name),
	}
	return s
}

func orDefault[T time.Duration | int](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Listen opens a TCP listener whose connections are probed after five silent
// minutes rather than Go's fifteen seconds: a telephone in IDLE should sleep.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Minute, Interval: 30 * time.Second, Count: 4,
	}}
	return lc.Listen(ctx, "tcp", address)
}

// Errors of this package.
var (
	// ErrNoTLS means that TLS is not configured.
	ErrNoTLS = errors.New("listen: TLS is not configured")
	// ErrTLSActive means that the connection is in TLS already.
	ErrTLSActive = errors.New("listen: TLS is active")
	// ErrPipelined means that the client sent something after its STARTTLS
	// command and before the handshake: an attempt at injection.
	ErrPipelined = errors.New("listen: input before the TLS handshake")
	// ErrNoBinding means that the connection has no channel binding of the
	// type asked for.
	ErrNoBinding = errors.New("listen: no such channel binding")
)
