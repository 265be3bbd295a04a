package admind

import (
	"context"
	"iter"
	"net/http"
	"net/netip"
	"time"

	"restante/internal/directory"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// DeviceBackend is what an operator can do with the devices of accounts, and with what they have removed.
type DeviceBackend interface {
	// AddDevice makes a device; its password is in the answer, and nowhere else.
	AddDevice(ctx context.Context, n NewDevice) (AddedDevice, error)
	Devices(ctx context.Context, address string) iter.Seq2[DeviceDetail, error]
	RevokeDevice(ctx context.Context, address, device string) error
	// SetPolicy sets the rule for POP3 of a device, or of an account's devices that have none of their own.
	SetPolicy(ctx context.Context, p PolicyChange) error
	// Releases yields what would leave mailboxes, when and why, if the rule were so: a dry run.
	Releases(ctx context.Context, p PolicyChange) iter.Seq2[Release, error]

	// Removed yields an account's recently removed messages.
	Removed(ctx context.Context, f RemovedFilter) iter.Seq2[Removed, error]
	// Restore puts messages back where they were, or into another mailbox, and returns what came back and where.
	Restore(ctx context.Context, r RestoreRequest) (PutBack, error)
	// EraseRemoved erases messages for good and returns how many.
	EraseRemoved(ctx context.Context, f RemovedFilter) (int, error)
}

// NewDevice is a device to be made.
type NewDevice struct {
	Address   string            `json:"address"`
	Name      string            `json:"name"`
	Scopes    []directory.Scope `json:"scopes,omitempty"` // empty: all
	Networks  []netip.Prefix    `json:"networks,omitempty"`
	Expires   time.Time         `json:"expires,omitzero"`
	Rule      retention.Rule    `json:"pop,omitzero"`
	Mailboxes []string          `json:"mailboxes,omitempty"` // paths, for the scope "chosen"
}

// AddedDevice is a device with how to log in.
type AddedDevice struct {
	directory.Device
	Login    string `json:"login"`
	Password string `json:"password"`
}

// DeviceDetail is a device with what it has done and the rule that holds for it.
type DeviceDetail struct {
	directory.Device
	Rule retention.Rule `json:"rule"` // for POP3: every word of it
	// Said is who has said each word of the rule: "device", "account", "domain", "server"; "" for the program's own default.
	Said retention.Rule `json:"said"`
	// Does is what the device does, in a sentence.
	Does      string    `json:"does"`
	FirstUse  time.Time `json:"first_use,omitzero"`
	LastUse   time.Time `json:"last_use,omitzero"`
	LastPOP   time.Time `json:"last_pop,omitzero"`
	Protocol  string    `json:"protocol,omitempty"` // of the last use
	Client    string    `json:"client,omitempty"`
	From      string    `json:"from,omitempty"`
	TLS       string    `json:"tls,omitempty"`
	Logins    uint64    `json:"logins"`
	Taken     uint64    `json:"taken"` // messages, over POP3
	Mailboxes []string  `json:"mailbox_names,omitempty"`
}

// PolicyChange is a rule to be set, or to be tried: for POP3, and of a domain also for how long Junk and Trash keep messages.
type PolicyChange struct {
	// Address is an account, or "@example.org" for a domain; "@" is the server, whose rule can only be tried.
	Address   string         `json:"address"`
	Device    string         `json:"device,omitempty"` // "" for the account
	Rule      retention.Rule `json:"rule"`             // what it leaves open stays as it is
	Mailboxes []string       `json:"mailboxes,omitempty"`
	// Junk and Trash are how long messages stay there: "14d", "forever", or "default" for what the server says; "" leaves it as it is.
	Junk  string `json:"junk,omitempty"`
	Trash string `json:"trash,omitempty"`
	// Reset forgets first what was said before.
	Reset bool `json:"reset,omitempty"`
	// Now tries the rules as they are, and Rule is not looked at.
	Now bool `json:"now,omitempty"`
}

// Release says what becomes of a message that some device has taken, or that lies in a mailbox with a retention.
type Release struct {
	Account string    `json:"account,omitempty"` // where many are asked about
	Mailbox string    `json:"mailbox"`
	UIDL    string    `json:"uidl"`
	Size    uint64    `json:"size"`
	Subject string    `json:"subject"`
	At      time.Time `json:"at,omitzero"` // when it leaves; zero: it stays
	Then    string    `json:"then,omitempty"`
	Why     string    `json:"why"` // in words
}

// RemovedFilter chooses among an account's recently removed messages.
type RemovedFilter struct {
	Address string    `json:"address"`
	Since   time.Time `json:"since,omitzero"`
	Device  string    `json:"device,omitempty"`
	Mailbox string    `json:"mailbox,omitempty"`
	ID      string    `json:"id,omitempty"` // as Removed has it
	// MessageID is of the header, with or without angle brackets.
	MessageID string `json:"message_id,omitempty"`
}

// RestoreRequest says what to put back, and where: "" is where it was.
type RestoreRequest struct {
	RemovedFilter
	Into string `json:"into,omitempty"`
	// TakenBy is a device: what it has taken over POP3 since Since is offered to it again, and what rules have let go of that comes back. Of the
	// filter nothing else is looked at, nor Into.
	TakenBy string `json:"taken_by,omitempty"`
}

// PutBack is what has been put back.
type PutBack struct {
	Messages int         `json:"messages"`
	Into     []PutBackTo `json:"into,omitempty"`
	// Offered is how many messages a device is offered again (RestoreRequest.TakenBy).
	Offered int `json:"offered,omitempty"`
}

// PutBackTo is a mailbox with how many messages have come back there.
type PutBackTo struct {
	Mailbox  string `json:"mailbox"`
	Messages int    `json:"messages"`
}

// Removed is a message that can be put back.
type Removed struct {
	ID      string    `json:"id"`   // IMAP's EMAILID
	UIDL    string    `json:"uidl"` // the same, for those who know it by this name
	Removed time.Time `json:"removed"`
	Until   time.Time `json:"until"`
	Mailbox string    `json:"mailbox"`
	Size    uint64    `json:"size"`
	By      string    `json:"by"` // device and protocol, in words
	Subject string    `json:"subject"`
}

// ProtocolName is a protocol in words.
func ProtocolName(p store.Protocol) string {
	names := [...]string{"server", "SMTP", "LMTP", "IMAP", "POP3", "JMAP", "import"}
	if int(p) < len(names) {
		return names[p]
	}
	return "?"
}

type (
	deviceRequest struct {
		Address string `json:"address"`
		Device  string `json:"device"`
	}
	count struct {
		Count int `json:"count"`
	}
)

func deviceRoutes(mux *http.ServeMux, b DeviceBackend) {
	handle(mux, "device-add", b.AddDevice)
	stream(mux, "device-list", func(ctx context.Context, r addressRequest) iter.Seq2[DeviceDetail, error] {
		return b.Devices(ctx, r.Address)
	})
	act(mux, "device-revoke", func(ctx context.Context, r deviceRequest) error {
		return b.RevokeDevice(ctx, r.Address, r.Device)
	})
	act(mux, "device-policy", b.SetPolicy)
	stream(mux, "device-releases", b.Releases)
	stream(mux, "removed-list", b.Removed)
	handle(mux, "removed-restore", b.Restore)
	handle(mux, "removed-erase", func(ctx context.Context, f RemovedFilter) (count, error) {
		n, err := b.EraseRemoved(ctx, f)
		return count{n}, err
	})
}

// AddDevice implements Backend.
func (c *Client) AddDevice(ctx context.Context, n NewDevice) (AddedDevice, error) {
	return call[AddedDevice](ctx, c, "device-add", n)
}

// Devices implements Backend.
func (c *Client) Devices(ctx context.Context, address string) iter.Seq2[DeviceDetail, error] {
	return list[DeviceDetail](ctx, c, "device-list", addressRequest{address})
}

// RevokeDevice implements Backend.
func (c *Client) RevokeDevice(ctx context.Context, address, device string) error {
	return c.do(ctx, "device-revoke", deviceRequest{address, device})
}

// SetPolicy implements Backend.
func (c *Client) SetPolicy(ctx context.Context, p PolicyChange) error {
	return c.do(ctx, "device-policy", p)
}

// Releases implements Backend.
func (c *Client) Releases(ctx context.Context, p PolicyChange) iter.Seq2[Release, error] {
	return list[Release](ctx, c, "device-releases", p)
}

// Removed implements Backend.
func (c *Client) Removed(ctx context.Context, f RemovedFilter) iter.Seq2[Removed, error] {
	return list[Removed](ctx, c, "removed-list", f)
}

// Restore implements Backend.
func (c *Client) Restore(ctx context.Context, r RestoreRequest) (PutBack, error) {
	return call[PutBack](ctx, c, "removed-restore", r)
}

// EraseRemoved implements Backend.
func (c *Client) EraseRemoved(ctx context.Context, f RemovedFilter) (int, error) {
	n, err := call[count](ctx, c, "removed-erase", f)
	return n.Count, err
}
