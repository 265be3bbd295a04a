package app

import "restante/internal/flow/forward"

// forwarder sends on what goes to other hosts.
func (c *Core) forwarder() *forward.Forwarder {
	return forward.New(forward.Options{Store: c.store, Front: c.front(), Domains: &c.directory, Keys: c.signing, Host: c.config.Host, Clock: c.opts.Clock})
}
