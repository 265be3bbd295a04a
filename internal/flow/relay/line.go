package relay

import (
	"context"
	"net"
	"sync"
	"time"

	"restante/internal/proto/smtpwire"
)

// Timeouts are how long the other side may take; zero fields are those of RFC 5321 4.5.3.2.
type Timeouts struct {
	Connect  time.Duration // for a TCP connection; 30 s
	TLS      time.Duration // for a handshake; 1 min
	Greeting time.Duration // 5 min
	Command  time.Duration // MAIL, RCPT and all others; 5 min
	Data     time.Duration // 2 min
	Block    time.Duration // to take 64 KiB of text; 3 min
	End      time.Duration // to answer a whole message; 10 min
	// Session bounds everything from the connection on, beside 4 KiB of text a second; 1 h.
	Session time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&t.Connect, 30 * time.Second}, {&t.TLS, time.Minute}, {&t.Greeting, 5 * time.Minute}, {&t.Command, 5 * time.Minute},
		{&t.Data, 2 * time.Minute}, {&t.Block, 3 * time.Minute}, {&t.End, 10 * time.Minute}, {&t.Session, time.Hour},
	} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	return t
}

// of is the time for one step.
func (t *Timeouts) of(s smtpwire.Step) time.Duration {
	switch s {
	case smtpwire.StepGreeting:
		return t.Greeting
	case smtpwire.StepData:
		return t.Data
	case smtpwire.StepText:
		return t.Block
	case smtpwire.StepEnd:
		return t.End
	}
	return t.Command
}

// lastWord is how long a host may still take to answer a whole message when the program ends.
const lastWord = 10 * time.Second

// line is a connection whose deadlines follow what is done on it. A host that drips octets gains nothing: the time is for a whole answer.
type line struct {
	net.Conn
	times *Timeouts

	mu struct {
		sync.Mutex
		step  smtpwire.Step
		last  time.Time // nothing after this; zero: no bound
		ended bool      // the program ends
	}
}

// until bounds everything that follows.
func (l *line) until(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mu.ended {
		l.mu.last = t
	}
}

// on is the hook of smtpwire.Client.
func (l *line) on(s smtpwire.Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.step = s
	l.armLocked(l.times.of(s))
}

// handshake gives TLS its time.
func (l *line) handshake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.step = smtpwire.StepCommand
	l.armLocked(l.times.TLS)
}

func (l *line) armLocked(d time.Duration) {
	t := time.Now().Add(d)
	if !l.mu.last.IsZero() && l.mu.last.Before(t) {
		t = l.mu.last
	}
	_ = l.Conn.SetDeadline(t) // of a closed connection: the next use says so
}

// at is what was done last.
func (l *line) at() smtpwire.Step {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.step
}

// Write gives each block of text its time.
func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	if l.mu.step == smtpwire.StepText {
		l.armLocked(l.times.Block)
	}
	l.mu.Unlock()
	return l.Conn.Write(p)
}

// watch ends what is under way when ctx does: at once, or, where only the answer to a message is missing, soon. The caller calls stop; it says
// whether the connection can be used further.
func (l *line) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.mu.last, l.mu.ended = time.Now(), true
		if l.mu.step == smtpwire.StepEnd {
			l.mu.last = l.mu.last.Add(lastWord)
		}
		l.armLocked(lastWord)
	})
}
