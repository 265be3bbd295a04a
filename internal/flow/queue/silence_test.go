package queue

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// A way is left alone after nobody has answered there, and after nothing else: what is wrong with some messages keeps no other from going.
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails Outcome
		rests bool
	}{
		{"nobody answers", Outcome{Err: errors.New("no answer"), Silent: true}, true},
		{"a policy is not kept", Outcome{Err: errors.New("wrong certificate")}, false},
		{"a mailbox is full", Outcome{Err: errors.New("over quota")}, false},
		{"a host says later", Outcome{Reply: smtpwire.Reply{Code: 451}}, false},
		{"a host says no", Outcome{State: store.QueueFailed, Reply: smtpwire.Reply{Code: 550}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				w.answer = func(to addr.Address, try int) Outcome {
					if to.Local == "good" {
						return relayed(to, try)
					}
					return tt.fails
				}
				for i := range 2 * silentLimit {
					w.send("a@here.test", Outgoing{}, fmt.Sprintf("bad%d@there.test", i))
					w.run(time.Second)
				}
				w.send("a@here.test", Outgoing{}, "good@there.test")
				w.run(10 * time.Second)
				if got := len(w.tries["good@there.test"]) == 0; got != tt.rests {
					t.Errorf("it rests: %v", got)
				}
			})
		})
	}
}

// What is only wrong with a message neither begins a rest nor ends one.
func TestHeard(t *testing.T) {
	now := time.Now()
	silent, own := Outcome{Silent: true}, Outcome{Err: errors.New("mine")}
	var l lane
	for _, step := range []struct {
		out  []Outcome
		want int
	}{
		{[]Outcome{silent}, 1}, {[]Outcome{own}, 1}, {[]Outcome{own, silent}, 2}, {nil, 2}, {[]Outcome{silent}, 3}, {[]Outcome{own}, 3},
		{[]Outcome{silent, {Reply: smtpwire.Reply{Code: 421}}}, 0}, {[]Outcome{silent}, 1}, {[]Outcome{{State: store.QueueFailed}}, 0},
	} {
		l.heard(step.out, now, false)
		if l.silent != step.want || (l.silent >= silentLimit) != l.rest.After(now) {
			t.Errorf("%+v: %d, %v; want %d", step.out, l.silent, l.rest.After(now), step.want)
		}
	}
}
