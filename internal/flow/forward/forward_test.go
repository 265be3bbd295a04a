package forward

import (
	"context"
	"errors"
	"testing"
	"time"

	"restante/internal/flow"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/proto/srs"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// ours is a directory with one domain.
type ours string

func (o ours) Hosts(_ context.Context, domain addr.Domain) (bool, error) {
	return string(domain) == string(o), nil
}

type office struct {
	*testing.T
	now time.Time
	s   *store.Store
	*Forwarder
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	var err error
	if o.s, err = store.Open(t.Context(), memkv.New(), store.Options{Clock: o.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.s.Close() })
	o.reopen()
	return o
}

func (o *office) clock() time.Time { return o.now }

func (o *office) reopen() {
	o.Forwarder = New(Options{Store: o.s, Front: &queue.Front{Store: o.s, Clock: o.clock}, Domains: ours("example.org"), Clock: o.clock})
}

func (o *office) there(from string) addr.Address {
	o.Helper()
	a, err := addr.Parse(from)
	if err != nil {
		o.Fatal(err)
	}
	out, err := o.path(o.Context(), a, "example.org")
	if err != nil {
		o.Fatal(err)
	}
	return out
}

func TestPath(t *testing.T) {
	o := newOffice(t)
	if got := o.there("anna@example.org").String(); got != "anna@example.org" {
		t.Errorf("one of ours became %s", got)
	}
	if got, err := o.path(t.Context(), addr.Address{}, "example.org"); err != nil || !got.IsZero() {
		t.Errorf("nobody became %s, %v", got, err)
	}
}

// What a sender has asked for goes with what goes to one address alone, but for what would tell him of that address (RFC 3461 5.2.7).
func TestReportsThatAreAskedFor(t *testing.T) {
	o := newOffice(t)
	w, err := o.s.NewBody(t.Context(), store.BodyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := w.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sales := addr.Address{Local: "sales", Domain: "example.org"}
	for _, row := range []struct {
		notify smtpwire.Notify
		alone  bool
		quiet  bool
		want   smtpwire.Notify
		envid  string
	}{
		{0, true, false, 0, "id"},
		{smtpwire.NotifyNever, true, false, smtpwire.NotifyNever, "id"},
		{smtpwire.NotifySuccess, true, false, smtpwire.NotifyNever, "id"},
		{smtpwire.NotifySuccess | smtpwire.NotifyFailure, true, false, smtpwire.NotifyFailure, "id"},
		{smtpwire.NotifySuccess | smtpwire.NotifyFailure, false, false, 0, ""},
		{smtpwire.NotifyNever, false, false, smtpwire.NotifyNever, ""},
		{0, false, true, smtpwire.NotifyNever, ""}, // its owner has it
	} {
		r := &flow.Received{Body: body, Time: o.now}
		r.Mail.EnvID = "id"
		r.Recipients = []flow.Recipient{{Rcpt: smtpwire.Rcpt{To: sales, Notify: row.notify, ORcptType: "rfc822", ORcpt: "boss@example.org"}, Name: sales}}
		e, err := o.Entry(t.Context(), r, &flow.Forward{To: []addr.Address{{Local: "x", Domain: "far.example"}}, Alone: row.alone, Quiet: row.quiet}, 0, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		to := &e.Message.Recipients[0]
		if to.Notify != row.want || e.Message.Mail.EnvID != row.envid || to.Source != "sales@example.org" || (to.ORcpt != "") != row.alone {
			t.Errorf("%+v: %+v", row, e.Message)
		}
	}
}

// Secrets change, and what the one before has written is read until reports about it are too late.
func TestSecrets(t *testing.T) {
	o := newOffice(t)
	first := o.there("u@source.example")
	other := New(o.opts) // another process's, or of another connection
	if back, err := other.Back(t.Context(), first); err != nil || back.String() != "u@source.example" {
		t.Fatal(back, err)
	}
	o.now = o.now.Add(secretAge - time.Hour)
	late := o.there("u@source.example")
	o.now = o.now.Add(2 * time.Hour)
	fresh := o.there("u@source.example")
	if fresh == late {
		t.Error("the secret is the same")
	}
	if keys, err := o.keys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	o.now = o.now.Add((srs.Days - 1) * 24 * time.Hour)
	for _, f := range []*Forwarder{o.Forwarder, other} {
		for _, path := range []addr.Address{late, fresh} {
			if back, err := f.Back(t.Context(), path); err != nil || back.String() != "u@source.example" {
				t.Error(back, err)
			}
		}
	}
	if _, err := o.Back(t.Context(), first); !errors.Is(err, srs.ErrExpired) {
		t.Error(err)
	}
	o.now = o.now.Add(secretAge)
	o.reopen()
	if keys, err := o.keys(t.Context()); err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	if _, err := o.Back(t.Context(), late); err == nil {
		t.Error("it is read for ever")
	}
}
