package admind

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"path/filepath"
	"syscall"

	"restante/internal/directory"
)

// Client is a running server, as a Backend.
type Client struct{ http *http.Client }

var _ Backend = (*Client)(nil)

// Dial connects to the server that runs on the data folder. ErrNotRunning when
// there is none.
func Dial(ctx context.Context, data string) (*Client, error) {
	path := filepath.Join(data, socketName)
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	conn, err := dial(ctx)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	conn.Close()
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}}, nil
}

// Close lets go of the connection.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// post sends a request and returns a good response, whose body the caller closes.
func (c *Client) post(ctx context.Context, operation string, request any) (*http.Response, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control/v1/"+operation, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking the server: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRequest)).Decode(&f); err != nil || f.Text == "" {
		return nil, fmt.Errorf("asking the server: %s: its version may be another than this program's", resp.Status)
	}
	return nil, f.err()
}

func call[Response any](ctx context.Context, c *Client, operation string, request any) (Response, error) {
	var response Response
	resp, err := c.post(ctx, operation, request)
	if err != nil {
		return response, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&response); err != nil {
		return response, fmt.Errorf("asking the server: %w", err)
	}
	return response, nil
}

// do is call without a response.
func (c *Client) do(ctx context.Context, operation string, request any) error {
	_, err := call[nothing](ctx, c, operation, request)
	return err
}

func list[T any](ctx context.Context, c *Client, operation string, request any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		resp, err := c.post(ctx, operation, request)
		if err != nil {
			yield(none, err)
			return
		}
		defer resp.Body.Close()
		for dec := json.NewDecoder(resp.Body); ; {
			var line item[T]
			err := dec.Decode(&line)
			switch {
			case err != nil: // also io.EOF: the last line is missing
				yield(none, fmt.Errorf("asking the server: %w", err))
				return
			case line.Error != nil:
				yield(none, line.Error.err())
				return
			case line.End || line.Item == nil:
				return
			case !yield(*line.Item, nil):
				return
			}
		}
	}
}

// Status implements Backend.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, "status", nothing{})
}

// AddDomain implements Backend.
func (c *Client) AddDomain(ctx context.Context, name string) error {
	return c.do(ctx, "domain-add", domainRequest{name})
}

// RemoveDomain implements Backend.
func (c *Client) RemoveDomain(ctx context.Context, name string) error {
	return c.do(ctx, "domain-remove", domainRequest{name})
}

// Domains implements Backend.
func (c *Client) Domains(ctx context.Context) iter.Seq2[directory.Domain, error] {
	return list[directory.Domain](ctx, c, "domain-list", nothing{})
}

// AddAccount implements Backend.
func (c *Client) AddAccount(ctx context.Context, a NewAccount) (directory.Account, error) {
	return call[directory.Account](ctx, c, "account-add", a)
}

// Account implements Backend.
func (c *Client) Account(ctx context.Context, address string) (AccountDetail, error) {
	return call[AccountDetail](ctx, c, "account-show", addressRequest{address})
}

// Accounts implements Backend.
func (c *Client) Accounts(ctx context.Context, domain string) iter.Seq2[directory.Account, error] {
	return list[directory.Account](ctx, c, "account-list", domainRequest{domain})
}

// SetHash implements Backend.
func (c *Client) SetHash(ctx context.Context, address, hash string) error {
	return c.do(ctx, "account-hash", passwordRequest{address, hash})
}

// SetPassword implements Backend.
func (c *Client) SetPassword(ctx context.Context, address, password string) error {
	return c.do(ctx, "account-password", passwordRequest{address, password})
}

// SetAccess implements Backend.
func (c *Client) SetAccess(ctx context.Context, address string, access directory.Access) error {
	return c.do(ctx, "account-access", accessRequest{address, access})
}

// SetQuota implements Backend.
func (c *Client) SetQuota(ctx context.Context, address string, q Quota) error {
	return c.do(ctx, "account-quota", quotaRequest{address, q})
}

// RemoveAccount implements Backend.
func (c *Client) RemoveAccount(ctx context.Context, address string) error {
	return c.do(ctx, "account-remove", addressRequest{address})
}

// AddAlias implements Backend.
func (c *Client) AddAlias(ctx context.Context, address string, n NewAlias) (directory.Alias, error) {
	return call[directory.Alias](ctx, c, "alias-add", aliasRequest{address, n})
}

// RemoveAlias implements Backend.
func (c *Client) RemoveAlias(ctx context.Context, address string) error {
	return c.do(ctx, "alias-remove", addressRequest{address})
}

// Aliases implements Backend.
func (c *Client) Aliases(ctx context.Context, domain string) iter.Seq2[directory.Alias, error] {
	return list[directory.Alias](ctx, c, "alias-list", domainRequest{domain})
}

// Verify implements Backend.
func (c *Client) Verify(ctx context.Context, bodies bool) (Verified, error) {
	return call[Verified](ctx, c, "verify", verifyRequest{bodies})
}

// Reindex implements Backend.
func (c *Client) Reindex(ctx context.Context, address string) iter.Seq2[Reindexed, error] {
	return list[Reindexed](ctx, c, "reindex", addressRequest{address})
}

// Reload implements Backend.
func (c *Client) Reload(ctx context.Context) error {
	return c.do(ctx, "reload", nothing{})
}
