package admind

import (
	"context"
	"iter"
	"net/http"
	"time"

	"restante/internal/flow/trace"
)

// TraceBackend tells what has become of messages.
type TraceBackend interface {
	// Trace yields the messages that are asked for, the newest first: their whole lives where it is one, or Full.
	Trace(ctx context.Context, r TraceRequest) iter.Seq2[Trace, error]
}

// TraceRequest chooses messages: those that everything fits which is said.
type TraceRequest struct {
	// Query is a queue id, a Message-ID, an address or a domain; empty is any.
	Query string `json:"query,omitempty"`
	// From and To are addresses or domains.
	From  string    `json:"from,omitempty"`
	To    string    `json:"to,omitempty"`
	Since time.Time `json:"since,omitzero"` // when it came
	Until time.Time `json:"until,omitzero"`
	// Failed is only those that somebody has not got, or not at once.
	Failed bool `json:"failed,omitempty"`
	// Limit is how many; 0 is 50.
	Limit int `json:"limit,omitempty"`
	// Full tells the whole life of each.
	Full bool `json:"full,omitempty"`
}

// Trace is a message's life.
type Trace struct {
	ID        string    `json:"queue_id"`
	Came      time.Time `json:"came"`
	From      string    `json:"from"` // the reverse-path; empty is the null one
	To        []string  `json:"to"`   // of very many the first
	More      int       `json:"more,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Size      int64     `json:"size,omitempty"`
	State     string    `json:"state"` // delivered, junk, dropped, relayed, waiting, failed or refused: the worst of its recipients
	// Lines tell the life in words, and Events what they were made of. Neither is there in a list.
	Lines  []TraceLine   `json:"lines,omitempty"`
	Events []trace.Event `json:"events,omitempty"`
}

// TraceLine is a step.
type TraceLine struct {
	At   time.Time `json:"at,omitzero"` // zero: now
	Text string    `json:"text"`
}

func traceRoutes(mux *http.ServeMux, b TraceBackend) { stream(mux, "trace", b.Trace) }

// Trace implements Backend.
func (c *Client) Trace(ctx context.Context, r TraceRequest) iter.Seq2[Trace, error] {
	return list[Trace](ctx, c, "trace", r)
}
