package admind

import (
	"context"
	"iter"
	"net/http"
	"time"
)

// QueueBackend is what an operator can do with messages that wait to be sent, and with who may send as whom.
type QueueBackend interface {
	// Queue yields the messages that wait, the oldest first.
	Queue(ctx context.Context, s QueueSelection) iter.Seq2[QueuedMessage, error]
	// ChangeQueue does something with the messages that are chosen, and returns how many.
	ChangeQueue(ctx context.Context, c QueueChange) (int, error)

	// SendAs returns the addresses that an account has been granted to send as.
	SendAs(ctx context.Context, address string) ([]string, error)
	// SetSendAs grants an account to send as these addresses, and no others but its own; "@domain" is all of a domain.
	SetSendAs(ctx context.Context, address string, as []string) error
	// SetSentCopy says whether what a device sends is saved in Sent.
	SetSentCopy(ctx context.Context, address, device string, saved bool) error
}

// QueueSelection chooses messages of the queue: those that everything fits which is said. The zero value is all.
type QueueSelection struct {
	ID      string `json:"queue_id,omitempty"`
	Domain  string `json:"domain,omitempty"`  // of a recipient who waits
	Account string `json:"account,omitempty"` // who has sent it
	Held    bool   `json:"held,omitempty"`
}

// QueueChange says what to do, and with which messages.
type QueueChange struct {
	QueueSelection
	// Do is "retry" (at once, those that are not held), "hold", "release" or "drop".
	Do string `json:"do"`
	// Note says why they are held, for people.
	Note string `json:"note,omitempty"`
	// Report tells the senders of what is dropped that it has not been sent.
	Report bool `json:"report,omitempty"`
}

// QueuedMessage is a message that waits.
type QueuedMessage struct {
	ID        string    `json:"queue_id"`
	Kind      string    `json:"kind"`              // submitted, forwarded, report
	Account   string    `json:"account,omitempty"` // who has sent it; empty: the server itself
	From      string    `json:"from"`              // the reverse-path; empty is the null one
	MessageID string    `json:"message_id,omitempty"`
	Size      int64     `json:"size"`
	Class     string    `json:"class"` // urgent, normal, bulk
	Accepted  time.Time `json:"accepted"`
	Expires   time.Time `json:"expires"`
	Next      time.Time `json:"next,omitzero"` // the next attempt; zero: it is held
	Held      bool      `json:"held,omitempty"`
	Note      string    `json:"note,omitempty"`
	Why       string    `json:"why"` // why it waits, in words

	Recipients []QueuedRecipient `json:"recipients"`
}

// QueuedRecipient is where a message is to go, and how far it has come.
type QueuedRecipient struct {
	To       string    `json:"to"`
	Source   string    `json:"source,omitempty"` // the local address that it was forwarded by
	State    string    `json:"state"`            // waiting, delivered, relayed, failed
	Attempts int       `json:"attempts"`
	Last     time.Time `json:"last,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	Host     string    `json:"host,omitempty"`
	Reply    string    `json:"reply,omitempty"`
	Why      string    `json:"why"` // in words
}

// QueueStatus says how it stands with the queue.
type QueueStatus struct {
	Messages int       `json:"messages"`
	Held     int       `json:"held,omitempty"`
	Oldest   time.Time `json:"oldest,omitzero"`
}

type (
	sendAsRequest struct {
		Address string   `json:"address"`
		As      []string `json:"as"`
	}
	sentCopyRequest struct {
		Address string `json:"address"`
		Device  string `json:"device"`
		Saved   bool   `json:"saved"`
	}
)

func queueRoutes(mux *http.ServeMux, b QueueBackend) {
	stream(mux, "queue-list", b.Queue)
	handle(mux, "queue-change", func(ctx context.Context, c QueueChange) (count, error) {
		n, err := b.ChangeQueue(ctx, c)
		return count{n}, err
	})
	handle(mux, "account-send-as", func(ctx context.Context, r addressRequest) (sendAsRequest, error) {
		as, err := b.SendAs(ctx, r.Address)
		return sendAsRequest{r.Address, as}, err
	})
	act(mux, "account-set-send-as", func(ctx context.Context, r sendAsRequest) error {
		return b.SetSendAs(ctx, r.Address, r.As)
	})
	act(mux, "device-sent-copy", func(ctx context.Context, r sentCopyRequest) error {
		return b.SetSentCopy(ctx, r.Address, r.Device, r.Saved)
	})
}

// Queue implements Backend.
func (c *Client) Queue(ctx context.Context, s QueueSelection) iter.Seq2[QueuedMessage, error] {
	return list[QueuedMessage](ctx, c, "queue-list", s)
}

// ChangeQueue implements Backend.
func (c *Client) ChangeQueue(ctx context.Context, q QueueChange) (int, error) {
	n, err := call[count](ctx, c, "queue-change", q)
	return n.Count, err
}

// SendAs implements Backend.
func (c *Client) SendAs(ctx context.Context, address string) ([]string, error) {
	r, err := call[sendAsRequest](ctx, c, "account-send-as", addressRequest{address})
	return r.As, err
}

// SetSendAs implements Backend.
func (c *Client) SetSendAs(ctx context.Context, address string, as []string) error {
	return c.do(ctx, "account-set-send-as", sendAsRequest{address, as})
}

// SetSentCopy implements Backend.
func (c *Client) SetSentCopy(ctx context.Context, address, device string, saved bool) error {
	return c.do(ctx, "device-sent-copy", sentCopyRequest{address, device, saved})
}
