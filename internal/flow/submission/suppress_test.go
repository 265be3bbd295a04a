package submission

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

const day = 24 * time.Hour

// suppressing is a fixture with Suppressions.
type suppressing struct {
	*fixture
	known *Suppressions
}

func newSuppressing(t *testing.T) *suppressing {
	f := newFixture(t, Limits{})
	s := &suppressing{f, NewSuppressions(f.s, 14*day, f.clock)}
	f.sub.opts.Suppress = s.known
	return s
}

func (s *suppressing) to(text string) addr.Address {
	s.Helper()
	a, err := addr.Parse(text)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// outcome has a message that was accepted some time ago come to an end.
func (s *suppressing) outcome(account store.AccountID, to string, ago time.Duration, state store.QueueState, reply string) {
	s.Helper()
	m := &store.Queued{Kind: store.QueueSubmitted, Account: account, Accepted: s.now.Add(-ago)}
	m.Recipients = []store.QueuedRecipient{{Rcpt: smtpwire.Rcpt{To: s.to(to)}}}
	o := queue.Outcome{State: state}
	if code, rest, ok := strings.Cut(reply, " "); ok {
		if _, err := fmt.Sscanf(code+" "+rest, "%d %d.%d.%d", &o.Reply.Code, &o.Reply.Enhanced.Class, &o.Reply.Enhanced.Subject, &o.Reply.Enhanced.Detail); err != nil {
			o.Reply.Enhanced = smtpwire.Enhanced{}
		}
		o.Reply.Text = rest
	}
	s.known.Observe(s.Context(), queue.Event{Message: m, Time: s.now, Outcome: &o})
}

// Only what says that there is no such address counts, and only from those who have been told before.
func TestSuppress(t *testing.T) {
	const gone = "550 5.1.1 nobody here"
	for _, tt := range []struct {
		name string
		do   func(s *suppressing)
		want bool
	}{
		{"once", func(s *suppressing) { s.outcome(1, "x@b.test", 0, store.QueueFailed, gone) }, false},
		{"twice", func(s *suppressing) {
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(day)
			s.outcome(1, "X@B.TEST", time.Hour, store.QueueFailed, "553 5.1.3 no such thing")
		}, true},
		{"two at once", func(s *suppressing) {
			s.outcome(1, "x@b.test", time.Minute, store.QueueFailed, gone)
			s.outcome(1, "x@b.test", time.Minute, store.QueueFailed, gone)
		}, false},
		{"another account", func(s *suppressing) {
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(day)
			s.outcome(2, "x@b.test", 0, store.QueueFailed, gone)
		}, false},
		{"other reasons", func(s *suppressing) {
			for _, r := range []string{"550 5.7.1 spam", "552 5.2.2 full", "550 no", "550 5.2.1 disabled", "", "450 4.1.1 greylisted", "550 5.1.8 bad sender"} {
				s.outcome(1, "x@b.test", 0, store.QueueFailed, r)
				s.now = s.now.Add(day)
			}
			s.outcome(1, "x@b.test", 0, store.QueueWaiting, "450 4.1.1 greylisted")
		}, false},
		{"success between", func(s *suppressing) {
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.outcome(1, "x@b.test", 0, store.QueueRelayed, "250 2.0.0 ok")
			s.now = s.now.Add(day)
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
		}, false},
		{"long ago", func(s *suppressing) {
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(31 * day)
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
		}, false},
		{"over", func(s *suppressing) {
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(day)
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(14 * day)
		}, false},
		{"tried again, and at once", func(s *suppressing) {
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(day)
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
			s.now = s.now.Add(15 * day)
			s.outcome(1, "x@b.test", 0, store.QueueFailed, gone)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSuppressing(t)
			tt.do(s)
			err := s.known.Check(t.Context(), 1, s.to("x@b.test"))
			if errors.Is(err, ErrSuppressed) != tt.want {
				t.Errorf("%v", err)
			}
			listed := 0
			if err := s.known.List(t.Context(), 1, func(g Suppressed) error { listed++; return nil }); err != nil || (listed == 1) != tt.want {
				t.Errorf("%d in the list, %v", listed, err)
			}
			if n, err := s.known.Forget(t.Context(), 0, s.to("x@b.test")); err != nil || (n > 0) != tt.want {
				t.Errorf("%d forgotten, %v", n, err)
			}
			if err := s.known.Check(t.Context(), 1, s.to("x@b.test")); err != nil {
				t.Error(err)
			}
		})
	}
}

// An address that does not exist is refused before anything is sent; old rows go by themselves.
func TestSuppressedRecipient(t *testing.T) {
	s := newSuppressing(t)
	for range 2 {
		s.outcome(s.id.Account, "x@b.test", 0, store.QueueFailed, "550 5.1.1 "+strings.Repeat("gone \r\n\x1b[2Jü", 100))
		s.now = s.now.Add(day)
	}
	err := s.send([][]byte{[]byte(letter)}, "x@b.test")
	var gone *SuppressedError
	if !errors.As(err, &gone) || len(gone.Said) > maxSaid || strings.ContainsAny(gone.Said, "\r\n\x1b") || gone.Times != 2 {
		t.Fatalf("%v", err)
	}
	if err := s.send([][]byte{[]byte(letter)}, "y@b.test"); err != nil {
		t.Error(err)
	}
	s.now = s.now.Add(40 * day)
	s.outcome(2, "y@b.test", 0, store.QueueFailed, "550 5.1.1 gone")
	n := 0
	err = s.s.Rows(t.Context(), store.SendingRows, "gone/", func(string, []byte) error { n++; return nil })
	if err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}
