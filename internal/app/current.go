package app

import (
	"context"
	"iter"
	"net/netip"
	"sync/atomic"
	"time"

	"restante/internal/directory"
	"restante/internal/flow/domainquota"
	"restante/internal/flow/feedback"
	"restante/internal/flow/forward"
	"restante/internal/flow/inbound"
	"restante/internal/flow/relay"
	"restante/internal/proto/addr"
	"restante/internal/proto/sasl"
	"restante/internal/serve/imapd"
	"restante/internal/serve/pop3d"
	"restante/internal/store"
)

// current is the directory as it is configured now: a reload puts another in
// its place, and the next command sees it.
type current struct {
	atomic.Pointer[directory.Directory]
}

var (
	_ inbound.Directory     = (*current)(nil)
	_ domainquota.Directory = (*current)(nil)
	_ pop3d.Directory       = (*current)(nil)
	_ imapd.Authenticator   = (*current)(nil)
	_ relay.Directory       = (*current)(nil)
	_ forward.Domains       = (*current)(nil)
	_ feedback.Directory    = (*current)(nil)
)

// Lookup implements inbound.Directory.
func (c *current) Lookup(ctx context.Context, a addr.Address) (directory.Target, error) {
	return c.Load().Lookup(ctx, a)
}

// Mailboxes implements inbound.Directory.
func (c *current) Mailboxes(ctx context.Context, a addr.Address) (directory.Target, error) {
	return c.Load().Mailboxes(ctx, a)
}

// Hosts implements relay.Directory.
func (c *current) Hosts(ctx context.Context, d addr.Domain) (bool, error) {
	return c.Load().Hosts(ctx, d)
}

// Named implements feedback.Directory.
func (c *current) Named(ctx context.Context, a addr.Address) (bool, error) {
	return c.Load().Named(ctx, a)
}

// Authenticate implements pop3d.Directory and imapd.Authenticator.
func (c *current) Authenticate(ctx context.Context, login, password string, peer netip.Addr) (directory.Identity, error) {
	return c.Load().Authenticate(ctx, login, password, peer)
}

// APOP implements pop3d.Directory.
func (c *current) APOP(ctx context.Context, login, timestamp string, digest []byte, peer netip.Addr) (directory.Identity, error) {
	return c.Load().APOP(ctx, login, timestamp, digest, peer)
}

// Exchange implements pop3d.Directory and imapd.Authenticator.
func (c *current) Exchange(ctx context.Context, peer netip.Addr) *directory.Exchange {
	return c.Load().Exchange(ctx, peer)
}

// Identify implements imapd.Authenticator.
func (c *current) Identify(ctx context.Context, login string) (directory.Identity, error) {
	return c.Load().Identify(ctx, login)
}

// LoginOf implements imapd.Authenticator.
func (c *current) LoginOf(ctx context.Context, id store.AccountID) (string, error) {
	return c.Load().LoginOf(ctx, id)
}

// POPDevices is what the store asks for; before there is a directory nothing is taken or released.
func (c *current) POPDevices(ctx context.Context, id store.AccountID) ([]store.POPDevice, error) {
	return c.Load().POPDevices(ctx, id)
}

// Domains implements domainquota.Directory.
func (c *current) Domains(ctx context.Context) iter.Seq2[directory.Domain, error] {
	return c.Load().Domains(ctx)
}

// NoteDomain implements domainquota.Directory.
func (c *current) NoteDomain(ctx context.Context, name addr.Domain, change func(*directory.DomainState)) error {
	return c.Load().NoteDomain(ctx, name, change)
}

// LoginDelay implements pop3d.Directory.
func (c *current) LoginDelay(ctx context.Context) (time.Duration, error) {
	return c.Load().LoginDelay(ctx)
}

// Offer implements pop3d.Directory and imapd.Authenticator.
func (c *current) Offer() sasl.Offer { return c.Load().Offer() }

// Valid implements pop3d.Directory and imapd.Authenticator.
func (c *current) Valid(ctx context.Context, id directory.Identity) error {
	return c.Load().Valid(ctx, id)
}

// Watch implements pop3d.Directory and imapd.Authenticator. Its hints are those of every directory that takes this one's place.
func (c *current) Watch(id directory.Identity, wake, cut func()) *directory.Watch {
	return c.Load().Watch(id, wake, cut)
}
