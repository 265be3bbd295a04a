package admind

import (
	"context"
	"net/http"
	"time"
)

// ReportsBackend says what other mail servers have reported.
type ReportsBackend interface {
	// DMARCReports sums up who has sent mail that says to be from a domain, and whether it was.
	DMARCReports(ctx context.Context, r ReportsRequest) (DMARCReports, error)
	// TLSReports sums up who could not reach a domain's hosts by TLS, and why.
	TLSReports(ctx context.Context, r ReportsRequest) (TLSReports, error)
}

// ReportsRequest says about which domain ("" is all), and since when.
type ReportsRequest struct {
	Domain string    `json:"domain,omitempty"`
	Since  time.Time `json:"since"`
	// Names asks the DNS for the names of sources.
	Names bool `json:"names,omitempty"`
}

// ReportsSpan is what a summary is made of.
type ReportsSpan struct {
	First      string   `json:"first,omitempty"` // a day: 2026-11-20
	Last       string   `json:"last,omitempty"`
	Reports    int      `json:"reports"`
	Reporters  []string `json:"reporters"`
	Unverified int      `json:"unverified,omitempty"` // reports that nobody known has signed
}

// DMARCReports is about mail that says to be from a domain.
type DMARCReports struct {
	ReportsSpan
	Messages int64         `json:"messages"`
	Passed   int64         `json:"passed"`
	Sources  []DMARCSource `json:"sources"` // the most messages first
	Others   int64         `json:"others,omitempty"`
}

// DMARCSource is the mail of one host.
type DMARCSource struct {
	IP       string   `json:"ip"`
	Name     string   `json:"name,omitempty"`
	Messages int64    `json:"messages"`
	Passed   int64    `json:"passed"`
	SPF      int64    `json:"spf"`
	DKIM     int64    `json:"dkim"`
	Refused  int64    `json:"refused,omitempty"`
	Junk     int64    `json:"junk,omitempty"`
	Here     bool     `json:"here,omitempty"` // it is this server
	For      []string `json:"for,omitempty"`  // domains that stood for what was not from the domain
	Whose    string   `json:"whose"`          // in words
}

// TLSReports is about TLS with the hosts of a domain.
type TLSReports struct {
	ReportsSpan
	Successes int64        `json:"successes"`
	Failures  int64        `json:"failures"`
	Failed    []TLSFailure `json:"failed"` // the most sessions first
}

// TLSFailure is one way in which sessions of one sender have failed.
type TLSFailure struct {
	Reporter string `json:"reporter"`
	Last     string `json:"last"` // a day
	Policy   string `json:"policy"`
	Type     string `json:"type"`
	Host     string `json:"host,omitempty"`
	Sessions int64  `json:"sessions"`
	Reason   string `json:"reason,omitempty"` // the reporter's words
	Why      string `json:"why"`              // ours
}

func reportsRoutes(mux *http.ServeMux, b ReportsBackend) {
	handle(mux, "reports-dmarc", b.DMARCReports)
	handle(mux, "reports-tls", b.TLSReports)
}

// DMARCReports implements Backend.
func (c *Client) DMARCReports(ctx context.Context, r ReportsRequest) (DMARCReports, error) {
	return call[DMARCReports](ctx, c, "reports-dmarc", r)
}

// TLSReports implements Backend.
func (c *Client) TLSReports(ctx context.Context, r ReportsRequest) (TLSReports, error) {
	return call[TLSReports](ctx, c, "reports-tls", r)
}
