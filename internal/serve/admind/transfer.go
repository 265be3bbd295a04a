package admind

import (
	"context"
	"iter"
	"net/http"
)

// TransferBackend is how mail comes in from other stores, and goes out to them. Paths are those of the machine that
// the server runs on, absolute, and must be open to its user.
type TransferBackend interface {
	// Import brings mail into an account and yields how far it is, and each problem. The last one has Over.
	Import(ctx context.Context, r ImportRequest) iter.Seq2[Transferred, error]
	// Export writes an account's mail into a new folder, and yields as Import does.
	Export(ctx context.Context, r ExportRequest) iter.Seq2[Transferred, error]
}

// ImportRequest says what to bring in.
type ImportRequest struct {
	Address     string `json:"address"`
	Path        string `json:"path"`             // or the URL of a server, see transfer.Options
	Format      string `json:"format,omitempty"` // maildir, mbox, eml; "" finds out
	Into        string `json:"into,omitempty"`   // the mailbox above all that comes
	UIDL        string `json:"uidl,omitempty"`
	Quoting     string `json:"quoting,omitempty"` // of an mbox: rd, o, none
	NewestFirst bool   `json:"newest_first,omitempty"`
	NewUIDs     bool   `json:"new_uids,omitempty"`
	// Map says for folders of the source which mailbox each goes into; "" leaves it out.
	Map    map[string]string `json:"map,omitempty"`
	DryRun bool              `json:"dry_run,omitempty"`

	// For a server:
	Password string `json:"password,omitempty"`
	Insecure bool   `json:"insecure,omitempty"`  // any certificate, and no TLS where there is none
	UIDLFrom string `json:"uidl_from,omitempty"` // the URL of its POP3 door
}

// ExportRequest says what to write out.
type ExportRequest struct {
	Address string `json:"address"`
	Path    string `json:"path"`
	Format  string `json:"format,omitempty"`  // maildir, mbox, eml; "" is maildir
	Mailbox string `json:"mailbox,omitempty"` // "" is all
}

// Transferred says how far an import or an export is.
type Transferred struct {
	Mailbox  string `json:"mailbox"`
	Done     uint64 `json:"done"` // messages, or octets of an mbox
	Total    uint64 `json:"total"`
	Messages uint64 `json:"messages"` // added, or written
	Octets   uint64 `json:"octets"`   // of these
	Before   uint64 `json:"before"`   // that had been added before
	Problems uint64 `json:"problems"`
	NoUIDL   uint64 `json:"no_uidl,omitempty"` // came without their UIDL, which another message has
	Problem  string `json:"problem,omitempty"` // that has just been met
	Note     string `json:"note,omitempty"`    // what people should know, and is no problem
	Over     bool   `json:"over,omitempty"`

	// Of a dry run, with Over:
	Plan []Planned `json:"plan,omitempty"`
	// TooMuch means that the quota would not suffice; Room is how many octets it has left, 0 also where it has no limit.
	TooMuch bool   `json:"too_much,omitempty"`
	Room    uint64 `json:"room,omitempty"`
}

// Planned is what an import would make of a folder.
type Planned struct {
	Folder   string `json:"folder"`
	Mailbox  string `json:"mailbox"` // "" is left out
	Messages uint64 `json:"messages"`
	Octets   uint64 `json:"octets"`
	Before   uint64 `json:"before"`
}

func transferRoutes(mux *http.ServeMux, b TransferBackend) {
	stream(mux, "import", b.Import)
	stream(mux, "export", b.Export)
}

// Import implements Backend.
func (c *Client) Import(ctx context.Context, r ImportRequest) iter.Seq2[Transferred, error] {
	return list[Transferred](ctx, c, "import", r)
}

// Export implements Backend.
func (c *Client) Export(ctx context.Context, r ExportRequest) iter.Seq2[Transferred, error] {
	return list[Transferred](ctx, c, "export", r)
}
