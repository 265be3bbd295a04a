package fetch

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Post brings a body to a web server, in TLS with a certificate that holds. An answer with another status than 2xx is ErrRefused; its text is not read.
func (c *Client) Post(ctx context.Context, url, contentType string, body []byte) error {
	if !strings.HasPrefix(url, "https://") {
		return fmt.Errorf("%w: %q is not https", ErrRefused, url)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	req.Header.Set("User-Agent", "Restante")
	req.Header.Set("Content-Type", contentType)
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%w: %s answers with status %d", ErrRefused, url, resp.StatusCode)
	}
	return nil
}
