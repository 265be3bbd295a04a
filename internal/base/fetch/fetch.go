// Package fetch gets small texts from web servers of strangers: the MTA-STS policies of other domains (RFC 8461 3.3).
//
// It follows no redirects, keeps no connections, cookies or copies, asks for no compression, and uses no proxy. Certificates are checked, and there is
// nothing but HTTPS. Unless it is told otherwise it connects to public addresses alone, so that a stranger's name cannot lead it to a
// machine behind the firewall.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"restante/internal/base/dns"
)

// Options are what a Client is made with. Resolver must be set.
type Options struct {
	Resolver dns.Resolver
	// Roots are the authorities to trust; nil: the system's.
	Roots *x509.CertPool
	// Private allows addresses that are not public, Allow only those of these networks.
	Private bool
	Allow   []netip.Prefix
	// Dial connects; nil is net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds a fetch; 0 is 30 s.
	Timeout time.Duration
}

// Client gets texts. It is safe for concurrent use and needs no closing.
type Client struct {
	opts Options
	http *http.Client
}

// ErrRefused means that a web server's answer is not the text that was asked for.
var ErrRefused = errors.New("fetch: not what was asked for")

// New returns a Client.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	c := &Client{opts: o}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:            c.dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       o.Timeout,
	}
	return c
}

// Get returns the text at a URL, of at most limit octets. A wrong certificate is a *tls.CertificateVerificationError; another status than 200, another type
// than text/plain, and what is longer are ErrRefused.
func (c *Client) Get(ctx context.Context, url string, limit int) ([]byte, error) {
	if !strings.HasPrefix(url, "https://") {
		return nil, fmt.Errorf("%w: %q is not https", ErrRefused, url)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	req.Header.Set("User-Agent", "Restante")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers with status %d", ErrRefused, url, resp.StatusCode)
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != "text/plain" {
		return nil, fmt.Errorf("%w: %s is not of type text/plain", ErrRefused, url)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch: %s: %w", url, err)
	case len(text) > limit:
		return nil, fmt.Errorf("%w: %s is longer than %d octets", ErrRefused, url, limit)
	}
	return text, nil
}

// maxTries is how many addresses of a host are tried.
const maxTries = 4

// dial connects to one of the addresses that the resolver says.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := dns.Addrs(ctx, c.opts.Resolver, host)
	if err != nil {
		return nil, err
	}
	last := fmt.Errorf("%s has no public address", host)
	tries := 0
	for _, ip := range addrs.IPs {
		if !c.reachable(ip) {
			continue
		}
		if tries++; tries > maxTries {
			break
		}
		conn, err := c.opts.Dial(ctx, network, net.JoinHostPort(ip.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// reachable says whether the DNS may lead us to an address.
func (c *Client) reachable(ip netip.Addr) bool {
	in := func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) }
	return c.opts.Private || dns.Public(ip) || slices.ContainsFunc(c.opts.Allow, in)
}
