// Package acme has certificates from an authority by ACME (RFC 8555): it gets one for each host name, keeps them, and has them renewed.
//
// # Model
//
// A [Keeper] asks once an hour which names want a certificate (Options.Names), and which of them lead here. Each has a certificate of its own, so that
// one name that is in disorder holds up no other. All that is known of a name is one row of a [Storage]: certificate, key, when it is renewed, and what
// went wrong last. Handshakes read a map that is swapped whole, so a renewal needs no restart and cuts no connection.
//
// The authority looks by HTTP (http-01), in a TLS handshake (tls-alpn-01, RFC 8737), or in the DNS (dns-01), whichever of them can be answered.
//
// # Invariants
//
//   - The authority is asked for no name that is not wanted, that does not lead here, or that CAA records (RFC 8659) forbid it. A handshake never
//     asks for anything.
//   - What fails is tried again later and later; when, and why, is in the row before the next attempt, so that a restart does not begin anew.
//   - One order is under way at a time, and no more than ordersPerHour begin in an hour.
//   - A certificate is in use only if it is for the name and for our key.
//   - Private keys are in the Storage alone, and in no log.
//
// # What it does not do
//
// It revokes nothing, asks for no wildcards, and does not arbitrate between several servers: one Keeper works on a Storage.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/base/dns"
	"restante/internal/base/metrics"
)

// Storage keeps rows by name. Whoever reads it has the private keys.
type Storage interface {
	// Rows calls fn for every row whose name begins with prefix. value is good only during fn.
	Rows(ctx context.Context, prefix string, fn func(name string, value []byte) error) error
	// Put sets a row, durably.
	Put(ctx context.Context, name string, value []byte) error
	// Delete removes a row; it need not be there.
	Delete(ctx context.Context, name string) error
}

// Way says whether a name leads to this server.
type Way string

// The ways.
const (
	Here      Way = "here"
	Elsewhere Way = "elsewhere"
	Unknown   Way = "unknown" // nobody could tell now: what was known last counts
)

// Name is a host name that a certificate is wanted for.
type Name struct {
	Name string // A-labels in lower case
	Way  Way
	Why  string // where it leads, if not here
}

// Account is who asks the authority.
type Account struct {
	// Directory is the URL that the authority is at.
	Directory string
	// Email is told to it; may be empty.
	Email string
	// KeyID and MACKey (base64url) bind to an account that the authority knows already (RFC 8555 7.3.4); empty: there is none.
	KeyID, MACKey string
}

// Options are what a Keeper works with. Storage, Names and Account.Directory are required, and one way to answer.
type Options struct {
	Storage Storage
	Account Account
	// Names are those that want a certificate now, in the order of their weight.
	Names func(ctx context.Context) ([]Name, error)
	// Resolver is asked for CAA records, and for zones.
	Resolver dns.Resolver
	// Roots are those who vouch for the authority's own server; nil are the machine's.
	Roots *x509.CertPool
	// HTTP and TLS say that Keeper.Token and Keeper.Challenge are asked by who listens at ports 80 and 443.
	HTTP, TLS bool
	// Zones changes the DNS; if it is there, names are proved by that alone. Settle is how long a change takes to reach all name servers.
	Zones  *dns.Updater
	Settle time.Duration
	// KeepKeys renews certificates with the keys that they have, for names whose keys are published (DANE).
	KeepKeys bool
	// Warn, if set, is told of a certificate that ends soon and cannot be renewed, once a week.
	Warn func(ctx context.Context, s Status)

	UserAgent string
	Clock     func() time.Time // nil is time.Now
	Log       *slog.Logger     // nil drops it
	Metrics   *metrics.Registry
}

// Status is how it stands with a name.
type Status struct {
	Name   string
	Way    Way
	Why    string    // where it leads, if not here
	Until  time.Time // when the certificate ends; zero: there is none
	Issuer string    // who has signed it
	Renew  time.Time // when it is to be renewed
	Tried  time.Time // the last attempt
	Next   time.Time // before that it is not tried again
	Failed int       // attempts since the last good one
	Error  string    // what went wrong then, in words
	Advice string    // what to do about it
	Soon   bool      // it ends soon, and is not renewed
}

// Keeper keeps certificates. Make it with Open. It is safe for concurrent use.
type Keeper struct {
	opts Options
	ca   *authority

	answers answers
	served  atomic.Pointer[map[string]*tls.Certificate]
	kick    chan struct{}

	// work is held while the authority is spoken to.
	work sync.Mutex
	mu   struct {
		sync.Mutex
		entries map[string]*entry
		pause   pause       // of the authority, for all names
		begun   []time.Time // orders of the last hour
		looked  time.Time   // when the names were looked at last
	}

	issued, failed *metrics.Counter
}

// entry is a name and what is known of it. Its row is in the Storage.
type entry struct {
	Name
	row
	rank int              // among the names: less goes first
	cert *tls.Certificate // nil: none
	gone bool             // nobody wants it any more
}

// ErrNoAnswer says that no way is configured by which the authority could look.
var ErrNoAnswer = errors.New("acme: the authority has no way to look: serve listen.http or listen.https, or name a zone server (acme.dns_server)")

// Open reads what there is. The certificates are served at once; Run keeps them good.
func Open(ctx context.Context, o Options) (*Keeper, error) {
	if !o.HTTP && !o.TLS && o.Zones == nil {
		return nil, ErrNoAnswer
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	count := func(result string) *metrics.Counter {
		return o.Metrics.Counter("restante_acme_orders_total", "Certificates asked for by ACME.", metrics.Label{Name: "result", Value: result})
	}
	k := &Keeper{opts: o, kick: make(chan struct{}, 1), issued: count("issued"), failed: count("failed")}
	k.mu.entries = make(map[string]*entry)
	k.ca = newAuthority(&k.opts, &k.answers)
	if err := k.load(ctx); err != nil {
		return nil, err
	}
	k.publish()
	return k, nil
}

// Find returns the certificate for a name in lower case, nil where there is none.
func (k *Keeper) Find(name string) *tls.Certificate { return (*k.served.Load())[name] }

// publish puts what there is before those who shake hands.
func (k *Keeper) publish() {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string]*tls.Certificate, len(k.mu.entries))
	for name, e := range k.mu.entries {
		if e.cert != nil {
			next[name] = e.cert
		}
	}
	k.served.Store(&next)
}

// Look has the names looked at soon: there are others, or they lead elsewhere.
func (k *Keeper) Look() {
	k.mu.Lock()
	k.mu.looked = time.Time{}
	k.mu.Unlock()
	k.wake()
}

func (k *Keeper) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// Directory is the URL that the authority is at.
func (k *Keeper) Directory() string { return k.opts.Account.Directory }
