package smtpd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/guard"
	"restante/internal/flow/inbound"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/smtpd"
	"restante/internal/store"
)

// house is a backend that goes by names: the local part of a recipient or sender
// says what happens.
type house struct {
	mu    sync.Mutex
	log   strings.Builder // what happened since take
	n     int             // messages begun
	texts []string        // of all that were committed
	guard *guard.Guard
}

var _ smtpd.Backend = (*house)(nil)

func (h *house) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(&h.log, format+"\n", args...)
}

// take returns what happened since the last take.
func (h *house) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.log.String()
	h.log.Reset()
	return s
}

var errDisk = errors.New("disk on fire")

func outcome(local string) error {
	switch local {
	case "unknown":
		return directory.ErrUnknownUser
	case "closed":
		return directory.ErrClosed
	case "circle":
		return directory.ErrAliasLoop
	case "full":
		return fmt.Errorf("account 7: %w", store.ErrOverQuota)
	case "crowd":
		return inbound.ErrTooManyAccounts
	case "loop":
		return fmt.Errorf("%w: 50 hops", inbound.ErrLoop)
	case "broken":
		return errDisk
	case "panic":
		panic("a bug")
	}
	return nil
}

func (h *house) Sender(ctx context.Context, e *flow.Envelope) error { return h.guard.Sender(ctx, e) }

func (h *house) Recipient(_ context.Context, e *flow.Envelope, r smtpwire.Rcpt) (flow.Recipient, error) {
	to := flow.Recipient{Rcpt: r}
	if err := h.guard.Recipient(e); err != nil {
		return to, err
	}
	if r.To.Local == "unknown" {
		h.guard.Unknown(e)
	}
	if r.To.Domain != "demo.test" && r.To.Domain != "" && r.To.Domain != "xn--bcher-kva.example" {
		return to, directory.ErrNotLocal
	}
	return to, outcome(r.To.Local)
}

func (h *house) Begin(_ context.Context, e flow.Envelope) (smtpd.Message, error) {
	if e.Mail.From.Local == "begin" {
		return nil, errDisk
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	return &letter{h: h, e: e, id: fmt.Sprintf("Q%d", h.n)}, nil
}

// letter is a message of a house.
type letter struct {
	h    *house
	e    flow.Envelope
	id   string
	text bytes.Buffer
	over bool
}

func (l *letter) ID() string { return l.id }

func (l *letter) Write(p []byte) (int, error) {
	if l.over {
		panic("written after its end")
	}
	if l.e.Mail.From.Local == "write" && l.text.Len()+len(p) > 50 {
		return 0, errDisk
	}
	return l.text.Write(p)
}

func (l *letter) Abort() {
	l.end()
	l.h.note("%s dropped", l.id)
}

func (l *letter) end() {
	if l.over {
		panic("ended twice")
	}
	l.over = true
}

func (l *letter) Commit(context.Context) (flow.Receipt, error) {
	l.end()
	from := l.e.Mail.From
	switch from.Local {
	case "slow":
		<-time.After(5 * time.Second)
	case "commit":
		l.h.note("%s failed", l.id)
		return flow.Receipt{}, errDisk
	case "looping":
		l.h.note("%s failed", l.id)
		return flow.Receipt{}, outcome("loop")
	}
	r := flow.Receipt{Errs: make([]error, len(l.e.Recipients))}
	var to []string
	for i, rcpt := range l.e.Recipients {
		to = append(to, rcpt.To.Path())
		if late, ok := strings.CutPrefix(rcpt.To.Local, "late-"); ok {
			r.Errs[i] = outcome(late)
		}
	}
	s := l.e.Session
	text := l.text.String()
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.h.texts = append(l.h.texts, text)
	shown := fmt.Sprintf("%q", text)
	if len(text) > 300 {
		shown = fmt.Sprintf("%d octets", len(text))
	}
	who := s.Hello
	if peer := s.Peer.String(); peer != "192.0.2.1" && s.Peer.IsValid() || s.Name != "" {
		who += fmt.Sprintf(" (%s [%s])", s.Name, peer)
	}
	fmt.Fprintf(&l.h.log, "%s from %s to %s with %s hello %s\n%s\n", l.id, from.Path(), strings.Join(to, " "),
		s.Protocol(l.e.Mail.SMTPUTF8), who, shown)
	return r, nil
}

// sink takes everything and keeps nothing.
type sink struct{}

func (sink) Sender(context.Context, *flow.Envelope) error { return nil }
func (sink) Recipient(_ context.Context, _ *flow.Envelope, r smtpwire.Rcpt) (flow.Recipient, error) {
	return flow.Recipient{Rcpt: r}, nil
}
func (sink) Begin(context.Context, flow.Envelope) (smtpd.Message, error) { return sink{}, nil }
func (sink) ID() string                                                  { return "Q" }
func (sink) Write(p []byte) (int, error)                                 { return len(p), nil }
func (sink) Commit(context.Context) (flow.Receipt, error)                { return flow.Receipt{}, nil }
func (sink) Abort()                                                      {}
