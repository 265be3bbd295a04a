package admind

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// StorageBackend says what an account's mail takes, and what happened to a message of it.
type StorageBackend interface {
	Storage(ctx context.Context, r StorageRequest) (Storage, error)
	// History yields what happened to a message; to each, when several have the Message-ID.
	History(ctx context.Context, r HistoryRequest) iter.Seq2[History, error]
}

// StorageRequest says whose storage report, and how many messages and senders it names: 0 is 10.
type StorageRequest struct {
	Address string `json:"address"`
	Top     int    `json:"top,omitempty"`
}

// Sum is some messages and their octets.
type Sum struct {
	Messages int    `json:"messages"`
	Octets   uint64 `json:"octets"`
}

// Storage is a storage report.
type Storage struct {
	Messages  uint64           `json:"messages"`
	Used      uint64           `json:"used"` // octets
	Quota     Quota            `json:"limits"`
	Helps     []StorageHelp    `json:"helps"` // the most first
	Mailboxes []StorageMailbox `json:"mailboxes"`
	Largest   []StorageMessage `json:"largest"`
	Senders   []StorageSender  `json:"senders"`
	AllFrom   int              `json:"sender_count"` // of all senders
	Removed   StorageRemoved   `json:"removed"`
	Releases  []StorageRelease `json:"releases"`
	// RuleEnds says that some POP device's rule lets go of messages after a period.
	RuleEnds bool `json:"rule_ends"`
}

// StorageHelp is a way to make room. Ways overlap.
type StorageHelp struct {
	Kind string `json:"kind"` // empty, largest, sender
	Name string `json:"name,omitempty"`
	Sum
}

// StorageMailbox is what a mailbox takes, and what its retention removes in the next 7 and 30 days.
type StorageMailbox struct {
	Path string `json:"path"`
	Sum
	Keeps     string `json:"keeps,omitempty"` // a period such as 30d; empty: for ever
	Leaving7  Sum    `json:"leaving_7"`
	Leaving30 Sum    `json:"leaving_30"`
}

// StorageMessage is one of the largest messages.
type StorageMessage struct {
	UIDL    string    `json:"uidl"`
	Size    uint64    `json:"size"`
	Mailbox string    `json:"mailbox"`
	UID     uint32    `json:"uid"`
	Date    time.Time `json:"date"`
	From    string    `json:"from"`
	Subject string    `json:"subject"`
}

// StorageSender is what mail from one address takes.
type StorageSender struct {
	Address string `json:"address"`
	Sum
}

// StorageRemoved is what can be put back, and when the first and the last of it are erased.
type StorageRemoved struct {
	Sum
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// StorageRelease is what leaves on one day because POP devices have taken it.
type StorageRelease struct {
	Day  string `json:"day"`  // 2026-06-02
	Then string `json:"then"` // trash, archive or delete
	Sum
}

// HistoryRequest says which message: by its id (EMAILID, and UIDL), its Message-ID, or its place.
type HistoryRequest struct {
	Address   string `json:"address"`
	ID        string `json:"id,omitempty"`
	MessageID string `json:"message_id,omitempty"`
	Mailbox   string `json:"mailbox,omitempty"`
	UID       uint32 `json:"uid,omitempty"`
}

// History is what happened to a message, and what will.
type History struct {
	ID      string         `json:"id"`
	Subject string         `json:"subject,omitempty"`
	From    string         `json:"from,omitempty"`
	Events  []HistoryEvent `json:"events"` // the oldest first
	// Since is where the log began, when the message's arrival is not in it.
	Since time.Time `json:"since,omitzero"`
	// Outlook says in words where it is and what will become of it.
	Outlook []string `json:"outlook"`
}

// HistoryEvent is one thing that happened to a message.
type HistoryEvent struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"` // arrived, back, copied, moved, flags, taken, removed
	Device   string    `json:"device,omitempty"`
	Protocol string    `json:"protocol"`
	Queue    string    `json:"queue_id,omitempty"`
	Mailbox  string    `json:"mailbox,omitempty"`
	From     string    `json:"from,omitempty"`
	Text     string    `json:"text"` // in words
}

func storageRoutes(mux *http.ServeMux, b StorageBackend) {
	handle(mux, "storage", b.Storage)
	stream(mux, "history", b.History)
}

// Storage implements Backend.
func (c *Client) Storage(ctx context.Context, r StorageRequest) (Storage, error) {
	return call[Storage](ctx, c, "storage", r)
}

// History implements Backend.
func (c *Client) History(ctx context.Context, r HistoryRequest) iter.Seq2[History, error] {
	return list[History](ctx, c, "history", r)
}
