package imapd

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"restante/internal/base/metrics"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
	"restante/internal/serve/listen"
	"restante/internal/store"
	"restante/internal/store/columns"
	"restante/internal/store/search"
)

// Authenticator is what imapd asks of *directory.Directory.
type Authenticator interface {
	Authenticate(ctx context.Context, login, password string, peer netip.Addr) (directory.Identity, error)
	Exchange(ctx context.Context, peer netip.Addr) *directory.Exchange
	// Identify finds the account that a login means, LoginOf the login of an account.
	// Where there is none they say directory.ErrUnknownUser.
	Identify(ctx context.Context, login string) (directory.Identity, error)
	LoginOf(ctx context.Context, id store.AccountID) (string, error)
	Offer() sasl.Offer
	Valid(ctx context.Context, id directory.Identity) error
	Watch(id directory.Identity, wake, cut func()) *directory.Watch
}

var _ Authenticator = (*directory.Directory)(nil)

// Options of a Server. Store and Auth are needed.
type Options struct {
	Store *store.Store
	Auth  Authenticator

	// ServerName stands in the greeting: the host's name.
	ServerName string
	// Version is told to clients that ask with ID, after they have logged in.
	Version string
	// AllowPlainLogin lets passwords come over connections without TLS.
	AllowPlainLogin bool
	// MaxAppend is the largest message that APPEND takes, in octets; zero, or more than the store takes, is the store's limit.
	MaxAppend int64

	// MessageLimit is how many messages one command deals with at most, SaveLimit how many COPY and APPEND (RFC 9738, which wants no less
	// than 1000); 0 is so many that nobody meets them.
	MessageLimit, SaveLimit int

	// Metadata are the shared annotations of the server, by entry in lower case (RFC 5464 3.2.1.1, RFC 5466 3.2): /shared/comment, /shared/admin,
	// /shared/filters/values/NAME. CheckMetadata says whether they can be had.
	Metadata map[string]string
	// Administrators are logins that may set anybody's quota.
	Administrators []string
	// Submitters are logins of submission servers: they may use URLs that are authorized for submission (RFC 4467 3, "submit+").
	Submitters []string

	// SortCache bounds what is kept in memory of messages that have been sorted or threaded, in octets of all accounts together; default
	// columns.DefaultLimit.
	SortCache int64

	LoginTimeout time.Duration // from the greeting to the end of LOGIN; default 3 min
	Autologout   time.Duration // without any input; default 30 min, the least that RFC 9051 5.4 allows
	Relook       time.Duration // how often an idle session looks without a hint; default 5 min
	StillHere    time.Duration // how often a client in IDLE is told so, for routers that forget silent connections; default never

	// Index is asked where texts are; nil: every message is looked into.
	Index TextIndex

	Metrics *metrics.Registry // default: counts nothing
}

// TextIndex is what imapd asks of *search.Index. What a search finds is the same with it and without, but for the time that it takes. A
// nil Hits is allowed: then the index knows nothing.
type TextIndex interface {
	Search(ctx context.Context, account *store.Account, keys []search.Key) (*search.Hits, error)
}

var _ TextIndex = (*search.Index)(nil)

// Server serves IMAP. It is safe for concurrent use.
type Server struct {
	opts     Options
	commands map[string]command

	capabilities []capability
	languages    map[string]map[string]string // what texts are in each language
	columns      *columns.Cache
	switches     atomic.Pointer[Switches]

	count counters
}

type counters struct {
	logins, refused *metrics.Counter
	idle            *metrics.Gauge
}

// New makes a Server. Its ServeConn is the Handler of a listen.Server.
func New(o Options) *Server {
	if o.Store == nil || o.Auth == nil {
		panic("imapd: no Store or no Auth")
	}
	if o.MaxAppend <= 0 || o.MaxAppend > o.Store.MaxMessage() {
		o.MaxAppend = o.Store.MaxMessage()
	}
	if o.MessageLimit <= 0 {
		o.MessageLimit = defaultMessageLimit
	}
	if o.SaveLimit <= 0 {
		o.SaveLimit = defaultSaveLimit
	}
	for _, d := range []struct {
		v  *time.Duration
		to time.Duration
	}{{&o.LoginTimeout, 3 * time.Minute}, {&o.Autologout, 30 * time.Minute}, {&o.Relook, 5 * time.Minute}} {
		if *d.v <= 0 {
			*d.v = d.to
		}
	}
	commands := commandTable()
	for name, c := range commands {
		c.count = o.Metrics.Counter("restante_imap_commands_total", "IMAP commands by name.", metrics.Label{Name: "command", Value: name})
		_, c.numbered = commands["UID "+name]
		c.numbered = c.numbered && name != "EXPUNGE" // which has no set
		commands[name] = c
	}
	srv := &Server{opts: o, commands: commands, capabilities: capabilityTable(), languages: languages(), columns: columns.New(o.SortCache), count: counters{
		logins:  o.Metrics.Counter("restante_imap_logins_total", "IMAP logins that succeeded."),
		refused: o.Metrics.Counter("restante_imap_refused_total", "IMAP commands answered with NO or BAD."),
		idle:    o.Metrics.Gauge("restante_imap_idle", "IMAP sessions in IDLE now."),
	}}
	srv.SetSwitches(Switches{})
	return srv
}

// ServeConn speaks IMAP on one connection until it ends. ctx ends when the connection is to be cut.
func (srv *Server) ServeConn(ctx context.Context, c *listen.Conn) {
	s := &session{srv: srv, conn: c, state: stateNotAuthenticated}
	defer s.close()
	s.chooseSwitches(nil)
	if err := s.serve(ctx); err != nil && c.Tracing() {
		c.Log().Debug("session ended", slog.Any("error", err))
	}
}
