// Package admind is the server's own door for its operator: control over a
// socket file in the data folder, and metrics and health for machines.
//
// # Control
//
// HTTP with JSON over a Unix socket that only the server's user can open; whoever
// can open it can also read the store's files, so it asks for no password.
// Each operation of [Backend] is one route, POST /v1/<operation>, with one object
// as its request and one as its response; lists are streams of objects, one a
// line. Errors that callers tell apart have codes (errors.go) and are the same
// errors again on the client's side, so that [Client] is a Backend too and a verb
// need not know whether a server runs.
//
// # Monitoring
//
// GET /metrics and GET /healthz on addresses of their own, without a password:
// loopback only, which package config sees to.
//
// It decides nothing; the Backend does.
package admind

import (
	"context"
	"iter"
	"time"

	"restante/internal/directory"
)

// Backend is what an operator can do. It is safe for concurrent use. Names and
// addresses are as people type them; errors are those of package directory, or
// others, whose text is then all that reaches the client.
type Backend interface {
	Status(ctx context.Context) (Status, error)

	AddDomain(ctx context.Context, name string) error
	RemoveDomain(ctx context.Context, name string) error
	Domains(ctx context.Context) iter.Seq2[directory.Domain, error]

	AddAccount(ctx context.Context, a NewAccount) (directory.Account, error)
	Account(ctx context.Context, address string) (AccountDetail, error)
	// Accounts yields the accounts of a domain, of all when it is empty.
	Accounts(ctx context.Context, domain string) iter.Seq2[directory.Account, error]
	SetPassword(ctx context.Context, address, password string) error
	// SetHash is SetPassword for a password that another server has hashed.
	SetHash(ctx context.Context, address, hash string) error
	SetAccess(ctx context.Context, address string, access directory.Access) error
	SetQuota(ctx context.Context, address string, q Quota) error
	RemoveAccount(ctx context.Context, address string) error

	// AddAlias makes an address, or "@domain", stand for others.
	AddAlias(ctx context.Context, address string, n NewAlias) (directory.Alias, error)
	RemoveAlias(ctx context.Context, address string) error
	Aliases(ctx context.Context, domain string) iter.Seq2[directory.Alias, error]

	DeviceBackend
	RulesBackend
	StorageBackend
	BackupBackend
	TransferBackend
	QueueBackend
	SigningBackend
	SuppressionBackend
	ForwardBackend
	TraceBackend
	ReportsBackend
	CertificateBackend

	// Verify checks the store. Without bodies it is quick and misses damage to
	// them.
	Verify(ctx context.Context, bodies bool) (Verified, error)
	// Reindex makes the text index of an account anew, of all when the address is
	// empty, and yields how far it is.
	Reindex(ctx context.Context, address string) iter.Seq2[Reindexed, error]
	// Reload makes a running server read its configuration and certificates again.
	Reload(ctx context.Context) error
}

// Status is what a server says of itself.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Data    string    `json:"data"` // its folder
	// Listeners are the addresses that are served, by protocol.
	Listeners []Listener `json:"listeners"`
	// Backup is nil when the server has made none and is not to make any.
	Backup *BackupStatus `json:"backup,omitempty"`
	Queue  QueueStatus   `json:"queue"`

	Signing      SigningStatus     `json:"signing"`
	Certificates CertificateStatus `json:"certificates"`
}

// Listener is one address that is served.
type Listener struct {
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
}

// NewAccount is an account to be made.
type NewAccount struct {
	Address string `json:"address"`
	// Password may be empty: then nobody can log in until one is set.
	Password string `json:"password,omitempty"`
	Quota
}

// Quota is how much an account may hold; 0 is no limit.
type Quota struct {
	Octets    uint64 `json:"quota,omitempty"`
	Messages  uint64 `json:"max_messages,omitempty"`
	Mailboxes uint64 `json:"max_mailboxes,omitempty"`
}

// AccountDetail is an account with what it holds.
type AccountDetail struct {
	directory.Account
	Messages uint64 `json:"messages"`
	Used     uint64 `json:"used"` // octets
	Quota
	Forward   *directory.Forward `json:"forward,omitempty"` // where its mail goes on to; nil: it does not
	Mailboxes []MailboxDetail    `json:"mailboxes"`
}

// MailboxDetail is a mailbox with what it holds.
type MailboxDetail struct {
	Path     string `json:"path"`
	Messages int    `json:"messages"`
	Unseen   int    `json:"unseen"`
	Used     uint64 `json:"used"` // octets
	Role     string `json:"role,omitempty"`
	// Retention is how long messages stay: "forever", "14d", "14d flagged"; OwnRetention says that it was set for this mailbox.
	Retention    string `json:"retention"`
	OwnRetention bool   `json:"own_retention,omitempty"`
}

// Verified is what a check of the store found.
type Verified struct {
	Accounts  int    `json:"accounts"`
	Mailboxes int    `json:"mailboxes"`
	Messages  int    `json:"messages"`
	Bodies    int    `json:"bodies"`
	Octets    uint64 `json:"octets"` // of bodies that were read
	// Total is how many differences there are; Findings has the first of them.
	Total    int       `json:"total"`
	Findings []Finding `json:"findings"`
}

// Reindexed says how far the text index of an account is.
type Reindexed struct {
	Account string `json:"account"`
	Done    uint64 `json:"done"` // messages looked at
	Total   uint64 `json:"total"`
}

// Finding is one difference between what is stored and what should be.
type Finding struct {
	Account uint32 `json:"account,omitempty"` // 0: not an account's
	Where   string `json:"where"`
	What    string `json:"what"`
}
