package relay

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"restante/internal/flow/queue"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// TestRandomHosts has hosts answer anything at any moment, and holds the relay to what it may say of it: nobody is reported as relayed whom no host has
// taken, and nobody gets the message twice in one attempt.
func TestRandomHosts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		scripts := []string{drawScript(rt), drawScript(rt)}
		n := rapid.IntRange(1, 7).Draw(rt, "recipients")
		again := rapid.IntRange(1, 3).Draw(rt, "messages")
		var problem string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Options{Recipients: 3, Messages: 3})
			defer w.close()
			if err := w.zone.Set("there.test MX 10 mx1.test\nthere.test MX 20 mx2.test\nmx1.test A 192.0.2.1\nmx2.test A 192.0.2.2"); err != nil {
				t.Fatal(err)
			}
			for i, s := range scripts {
				w.hosts[netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:25", i+1))] = parseHost(s)
			}
			for m := range again {
				var to []smtpwire.Rcpt
				for i := range n {
					to = append(to, smtpwire.Rcpt{To: address(t, fmt.Sprintf("r%d.%d@there.test", m, i))})
				}
				a := w.attempt(smtpwire.Mail{From: address(t, "a@here.test")}, queue.Way{Carrier: MX, Next: "there.test"}, "Subject: x\r\n\r\n.x\r\n", to...)
				out := w.relay.Carry(t.Context(), a)
				synctest.Wait()
				if p := w.judge(&a, out); p != "" {
					problem = p + "\n" + tell(&a, out) + w.transcript()
					return
				}
			}
		})
		if problem != "" {
			rt.Fatalf("%s\n%s", problem, strings.Join(scripts, "\n--\n"))
		}
	})
}

// judge holds outcomes against what the hosts know.
func (w *world) judge(a *queue.Attempt, out []queue.Outcome) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(out) != len(a.To) {
		return "outcomes are missing"
	}
	for i, o := range out {
		to := a.Message.Recipients[a.To[i]].To.String()
		took := w.took[to]
		switch {
		case took > 1:
			return to + " has it twice"
		case o.State == store.QueueRelayed && took == 0:
			return to + " has it not"
		case o.State == store.QueueFailed && took > 0:
			return to + " has it, and has failed"
		case o.State == store.QueueFailed && o.Reply.Code/100 != 5 && o.Status.Class != 5:
			return to + " has failed without a reason"
		case o.State == store.QueueWaiting && o.Err == nil && o.Reply.Code == 0:
			return to + " waits without a reason"
		case o.State == store.QueueWaiting && took > 0 && !strings.Contains(o.Err.Error(), "the message was sent"):
			return to + " has it, and that is not even thought of"
		}
	}
	return ""
}

// drawScript is a host that is good in most and anything in some.
func drawScript(rt *rapid.T) string {
	odd := []string{
		"250 ok", "250-ok | 250 ok", "354 go on", "450 4.7.1 later", "452 4.5.3 too many", "552 too many", "550 5.1.1 no", "421 4.3.2 closing", "+421 4.3.2 closing",
		"drop", "hang", "nonsense", "250", "+250 ok", "220 hello", "599 what", "250-ok | 354 not",
	}
	hellos := []string{
		"250 mx", "250-mx | 250 PIPELINING", "250-mx | 250-PIPELINING | 250 CHUNKING", "250-mx | 250 CHUNKING",
		"250-mx | 250-PIPELINING | 250 LIMITS RCPTMAX=2 MAILMAX=2", "502 what", "250-mx | 250 SIZE 5",
	}
	var b strings.Builder
	fmt.Fprintf(&b, "EHLO => %s\n", rapid.SampledFrom(hellos).Draw(rt, "EHLO"))
	for _, verb := range []string{"GREETING", "EHLO", "HELO", "MAIL", "RCPT", "RCPT TO:<r0.1", "RCPT TO:<r1", "DATA", ".", "BDAT", "RSET", "QUIT"} {
		for range rapid.IntRange(0, 2).Draw(rt, "answers to "+verb) {
			answer := rapid.SampledFrom(odd).Draw(rt, verb)
			if rapid.Bool().Draw(rt, "good") {
				answer = map[string]string{"GREETING": "220 mx", "DATA": "354 go on"}[verb]
				if answer == "" {
					answer = "250 ok"
				}
			}
			fmt.Fprintf(&b, "%s => %s\n", verb, answer)
		}
	}
	return b.String()
}
