package internet

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"restante/test/client"
)

// gate stops a session with a stranger at one step, once.
type gate struct {
	step    string
	once    sync.Once
	passed  sync.Once
	reached chan struct{} // closed at the step
	open    chan struct{} // the session goes on when it is closed
}

func newGate(step string) *gate {
	return &gate{step: step, reached: make(chan struct{}), open: make(chan struct{})}
}

// await waits until the session is at the step.
func (g *gate) await(t *testing.T) {
	t.Helper()
	select {
	case <-g.reached:
	case <-time.After(patience):
		t.Fatalf("no session comes to %s", g.step)
	}
}

// pass lets the session go on. It may be called again.
func (g *gate) pass() { g.passed.Do(func() { close(g.open) }) }

func (g *gate) at(step string) {
	if step != g.step {
		return
	}
	g.once.Do(func() {
		close(g.reached)
		<-g.open
	})
}

// TestKilledWhileSending kills the server at each step of a session with another host, while a second recipient of the same message has
// been served before. Nothing is lost. The host gets the message twice only where SMTP itself cannot know (RFC 5321 4.5.4.1): when it
// has answered 250, and we were gone before we could write that down.
func TestKilledWhileSending(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	for i, step := range []string{"CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "TEXT", ".", "written down"} {
		t.Run(step, func(t *testing.T) {
			first, second := fmt.Sprintf("first%d.test", i), fmt.Sprintf("second%d.test", i)
			g := newGate(step)
			served, killed := &stranger{}, &stranger{at: g.at}
			w.stranger(t, first, served)
			w.stranger(t, second, killed)
			t.Cleanup(g.pass)
			a.send(t, client.Envelope{To: []string{"x@" + first}}, letter("anna@a.test", "x@"+first, "before "+step, "Hello.\r\n"))
			a.tries(t, "x@"+first, "relayed")
			body := "Hello.\r\n"
			if step == "TEXT" { // it must not be out before the other host has begun to read
				body = strings.Repeat(body, 4_000_000)
			}
			a.send(t, client.Envelope{To: []string{"x@" + first, "y@" + second}}, letter("anna@a.test", "x@"+first, "both "+step, body))
			if step == "written down" {
				a.tries(t, "y@"+second, "relayed")
			} else {
				g.await(t)
			}
			within(t, func() string { // the first one is written down
				for _, m := range a.queue(t) {
					for _, r := range m.Recipients {
						if strings.HasPrefix(r.To, "x@first") && r.State == "waiting" {
							return fmt.Sprintf("%+v", m)
						}
					}
				}
				return ""
			})
			want := 1
			if step == "." {
				want = 2 // it is taken, and will be taken again
			}
			a.freeze() // so that nothing that is answered now is heard
			g.pass()
			a.end(t, syscall.SIGKILL)
			a.start(t)
			a.drained(t)
			if n := served.taken("both " + step); n != 1 {
				t.Errorf("who was served before has it %d times", n)
			}
			if n := killed.taken("both " + step); n != want {
				t.Errorf("the host has it %d times, want %d", n, want)
			}
		})
	}
	a.end(t, syscall.SIGTERM)
	a.run(t, "", "verify")
	a.start(t)
	if n := len(a.inbox(t, "anna")()); n != 0 {
		t.Errorf("anna has %d reports about what has arrived", n)
	}
}

// TestKilledWhileFailing kills the server when a host has refused a message for good: its sender hears of it once.
func TestKilledWhileFailing(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	g := newGate(".")
	w.stranger(t, "no.test", &stranger{at: g.at, answers: map[string]string{".": "550 5.7.1 not that"}})
	t.Cleanup(g.pass)
	a.send(t, client.Envelope{To: []string{"x@no.test"}}, letter("anna@a.test", "x@no.test", "refused", "Hello.\r\n"))
	g.await(t)
	a.freeze()
	g.pass()
	a.end(t, syscall.SIGKILL)
	a.start(t)
	a.tries(t, "x@no.test", "failed")
	a.drained(t)
	a.end(t, syscall.SIGKILL)
	a.start(t)
	a.drained(t)
	if n := len(a.inbox(t, "anna")()); n != 1 {
		t.Errorf("anna has %d reports, want 1", n)
	}
}

// TestKilledWhileTaking kills the server at each step of a session with anna, and with somebody who writes to an alias that leads
// elsewhere. What was answered with 250 goes out, once; what was not does not, here, because the server never got the end of it.
func TestKilledWhileTaking(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	there := &stranger{}
	w.stranger(t, "there.test", there)
	a.run(t, "", "alias", "add", "on@a.test", "x@there.test")
	doors := []struct {
		name, from, to string
		dial           func() (*client.Mailer, error)
	}{
		{"submission", "anna@a.test", "x@there.test", a.login},
		{"alias", "someone@else.test", "on@a.test", func() (*client.Mailer, error) { return client.DialSMTP(w.at(a.ip)) }},
	}
	for i := range 12 {
		door, step := doors[i%2], []string{"MAIL", "RCPT", "DATA", "TEXT", ".", "250"}[i/2]
		t.Run(door.name+" "+step, func(t *testing.T) {
			m, err := door.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			subject := "taken by " + door.name + " " + step
			message := string(letter(door.from, door.to, subject, strings.Repeat("Hello.\r\n", 300_000)))
			half := len(message) / 2
			for _, s := range []struct{ name, say string }{
				{"MAIL", "MAIL FROM:<" + door.from + ">"}, {"RCPT", "RCPT TO:<" + door.to + ">"}, {"DATA", "DATA"},
				{"TEXT", message[:half]}, {".", strings.TrimSuffix(message[half:], "\r\n")}, {"250", "."},
			} {
				if s.name == "TEXT" || s.name == "." {
					err = m.Say(s.say)
				} else {
					var r client.Reply
					if r, err = m.Command(s.say); err == nil && r.Code >= 400 {
						t.Fatalf("%s: %v", s.name, r)
					}
				}
				if err != nil {
					t.Fatalf("%s: %v", s.name, err)
				}
				if s.name == step {
					break
				}
			}
			a.end(t, syscall.SIGKILL)
			a.start(t)
			a.drained(t)
			want := 0
			if step == "250" {
				want = 1
			}
			if n := there.taken(subject); n != want {
				t.Errorf("it went out %d times, want %d", n, want)
			}
		})
	}
	a.end(t, syscall.SIGTERM)
	a.run(t, "", "verify")
	a.start(t)
}
