package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"restante/internal/base/dns"
	"restante/internal/trust/tlspolicy"
)

// Getter fetches the policy files of other domains, from addresses that the DNS may lead to. It is safe for concurrent use.
type Getter struct {
	relay  *Relay
	client *http.Client
}

var _ tlspolicy.Getter = (*Getter)(nil)

// NewGetter returns a Getter that connects as a Relay with these options does.
func NewGetter(o Options) *Getter {
	g := &Getter{relay: &Relay{opts: o.withDefaults()}}
	g.client = &http.Client{
		Transport: &http.Transport{
			DialContext:            g.dial,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			DisableKeepAlives:      true, // one file each
			MaxResponseHeaderBytes: 64 << 10,
			TLSHandshakeTimeout:    g.relay.opts.Times.Connect,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // RFC 8461 3.3
	}
	return g
}

// Get implements tlspolicy.Getter.
func (g *Getter) Get(ctx context.Context, url string, limit int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := g.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return nil, fmt.Errorf("%s is %q, and not text/plain", url, res.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	if err == nil && len(body) > limit {
		err = fmt.Errorf("%s has more than %d octets", url, limit)
	}
	return body, err
}

// dial connects to a host by the rules for mail hosts.
func (g *Getter) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	a, err := dns.Addrs(ctx, g.relay.opts.Resolver, strings.TrimSuffix(host, "."))
	if err != nil {
		return nil, err
	}
	err = errNobody
	for _, ip := range a.IPs[:min(len(a.IPs), g.relay.opts.Addresses)] {
		if !g.relay.reachable(ip) {
			err = errors.Join(err, fmt.Errorf("%s is no public address", ip))
			continue
		}
		conn, derr := g.relay.dial(ctx, netip.AddrPortFrom(ip, uint16(n)))
		if derr == nil {
			return conn, nil
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", ip, derr))
	}
	return nil, err
}
