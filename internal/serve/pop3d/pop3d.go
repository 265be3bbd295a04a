// Package pop3d speaks POP3 for maildrops: RFC 1939 with CAPA, RESP-CODES and
// PIPELINING (RFC 2449), AUTH-RESP-CODE (RFC 3206), STLS (RFC 2595), AUTH (RFC
// 5034), UTF8 and LANG (RFC 6856).
//
// # Model
//
// A maildrop is the INBOX as it was at the login: a view of the store, which
// never changes. Numbers, sizes, unique-ids and texts hold until the session
// ends, whatever IMAP does to the mailbox meanwhile; the account is pinned, so
// that even an expunged message can still be retrieved. The view is shared with
// all who look at the mailbox: a session adds to it one bit for each message, and
// that only once it deletes.
//
// DELE marks in the session. QUIT writes the marks to the store, all or as many
// as can be, and answers +OK after the sync. Any other end of the session (a
// dropped connection, the autologout, the server going down) forgets them.
//
// A device of an account has one session at a time. A second one waits for a
// moment, since the first may be a connection that has just been dropped, and is
// then told [IN-USE].
//
// # Order
//
// Commands are answered in their order, one after the other; replies are corked
// while the client's next command is there already (see package listen). A message
// that cannot be read to its end ends the connection without the final dot: a
// client must never take a part for the whole.
package pop3d

import (
	"context"
	"crypto/rand"
	"net/netip"
	"time"

	"restante/internal/base/metrics"
	"restante/internal/directory"
	"restante/internal/proto/pop3wire"
	"restante/internal/proto/sasl"
	"restante/internal/serve/listen"
	"restante/internal/store"
)

// Directory is what pop3d asks of *directory.Directory.
type Directory interface {
	Authenticate(ctx context.Context, login, password string, peer netip.Addr) (directory.Identity, error)
	APOP(ctx context.Context, login, timestamp string, digest []byte, peer netip.Addr) (directory.Identity, error)
	Exchange(ctx context.Context, peer netip.Addr) *directory.Exchange
	Offer() sasl.Offer
	Valid(ctx context.Context, id directory.Identity) error
	// LoginDelay is the longest time between two logins that any device has to wait.
	LoginDelay(ctx context.Context) (time.Duration, error)
	Watch(id directory.Identity, wake, cut func()) *directory.Watch
}

var _ Directory = (*directory.Directory)(nil)

// Options of a Server. Store and Directory are needed.
type Options struct {
	Store     *store.Store
	Directory Directory

	// Plaintext allows passwords in the clear without TLS.
	Plaintext bool
	// Autologout ends a silent session; default 10 minutes, the least that RFC
	// 1939 3 allows.
	Autologout time.Duration
	// Patience is how long a login waits for the device's other session to
	// end; default 1 s.
	Patience time.Duration
	// MaxFailures ends the connection after so many failed logins; default 10.
	MaxFailures int

	// Nonce, if set, takes the place of randomness in APOP's timestamp. For tests.
	Nonce func() string

	Metrics *metrics.Registry // default: counts nothing
}

// Server serves any number of connections. Make it with New; its ServeConn is
// the Handler of a listen.Server. It is safe for concurrent use.
type Server struct {
	opts     Options
	locks    *locks
	commands []command // by verb
}

// Limits of a session.
const (
	restOfLine  = time.Minute // for a command that has begun to come
	maxMistakes = 100         // in a row: who sends that many speaks something else
)

// New returns a Server.
func New(o Options) *Server {
	orDefault(&o.Autologout, 10*time.Minute)
	orDefault(&o.Patience, time.Second)
	orDefault(&o.MaxFailures, 10)
	if o.Nonce == nil {
		o.Nonce = rand.Text
	}
	s := &Server{opts: o, locks: newLocks(), commands: commandTable()}
	for _, v := range pop3wire.Verbs() {
		s.commands[v].count = o.Metrics.Counter("restante_pop3_commands_total", "POP3 commands by verb.",
			metrics.Label{Name: "verb", Value: v.String()})
	}
	return s
}

func orDefault[T time.Duration | int](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// ServeConn speaks POP3 on one connection until it ends.
func (s *Server) ServeConn(ctx context.Context, c *listen.Conn) {
	c.SetTimeouts(restOfLine, 0)
	session := &session{srv: s, conn: c}
	defer session.close()
	session.run(ctx)
}
