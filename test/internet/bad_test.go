package internet

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/test/client"
)

// wrong is a host, or a DNS, that misbehaves, and what is made of it.
type wrong struct {
	name    string            // its domain is name.test, its host mx.name.test
	answers map[string]string // of a host; nil: there is none
	dns     string            // instead of MX and A records; @ is the domain
	state   string
	why     string // what a person is told: a regular expression
}

func wrongs() []wrong {
	const slow = "has not answered in time|the host has closed the connection"
	return []wrong{
		// Hosts that do not come to the point.
		{name: "greets-without-end", answers: map[string]string{"CONNECT": "endless"}, state: "waits", why: "."},
		{name: "greets-in-one-line", answers: map[string]string{"CONNECT": "long"}, state: "waits", why: "."},
		{name: "greets-drop-by-drop", answers: map[string]string{"CONNECT": "drip"}, state: "waits", why: slow},
		{name: "says-nothing", answers: map[string]string{"CONNECT": "hang"}, state: "waits", why: slow},
		{name: "hangs-up", answers: map[string]string{"CONNECT": "drop"}, state: "waits", why: slow},
		{name: "hello-without-end", answers: map[string]string{"EHLO": "endless"}, state: "waits", why: "."},
		{name: "hello-drop-by-drop", answers: map[string]string{"EHLO": "drip"}, state: "waits", why: slow},
		{name: "mail-without-end", answers: map[string]string{"MAIL": "endless"}, state: "waits", why: "."},
		{name: "rcpt-hangs", answers: map[string]string{"RCPT": "hang"}, state: "waits", why: slow},
		{name: "rcpt-in-one-line", answers: map[string]string{"RCPT": "long"}, state: "waits", why: "."},
		{name: "data-drops", answers: map[string]string{"DATA": "drop"}, state: "waits", why: slow},
		{name: "text-drops", answers: map[string]string{"TEXT": "drop"}, state: "waits", why: slow},
		{name: "end-drops", answers: map[string]string{".": "drop"}, state: "waits", why: "the message was sent, and no answer came"},
		{name: "end-hangs", answers: map[string]string{".": "hang"}, state: "waits", why: "the message was sent, and no answer came"},
		{name: "end-without-end", answers: map[string]string{".": "endless"}, state: "waits", why: "the message was sent, and no answer came"},
		// What they say makes no sense.
		{name: "nonsense", answers: map[string]string{"CONNECT": "HTTP/1.1 400 Bad Request"}, state: "waits", why: "."},
		{name: "data-is-fine", answers: map[string]string{"DATA": "250 ok"}, state: "waits", why: "makes no sense"},
		{name: "end-goes-on", answers: map[string]string{".": "354 more"}, state: "waits", why: "makes no sense"},
		// They refuse, now or for good.
		{name: "refuses-mail", answers: map[string]string{"MAIL": "550 5.7.1 not you"}, state: "failed", why: "550 5.7.1 not you"},
		{name: "refuses-rcpt", answers: map[string]string{"RCPT": "550 5.1.1 nobody"}, state: "failed", why: "550 5.1.1 nobody"},
		{name: "refuses-data", answers: map[string]string{"DATA": "554 5.7.1 not now"}, state: "failed", why: "554 5.7.1 not now"},
		{name: "refuses-text", answers: map[string]string{".": "554 5.7.1 not that"}, state: "failed", why: "554 5.7.1 not that"},
		{name: "defers-mail", answers: map[string]string{"MAIL": "451 4.7.1 later"}, state: "waits", why: "451 4.7.1 later"},
		{name: "defers-rcpt", answers: map[string]string{"RCPT": "451 4.7.1 greylisted"}, state: "waits", why: "451 4.7.1 greylisted"},
		{name: "defers-text", answers: map[string]string{".": "452 4.3.1 full"}, state: "waits", why: "452 4.3.1 full"},
		{name: "goes-away", answers: map[string]string{"RCPT": "421 4.3.2 shutting down"}, state: "waits", why: "421 4.3.2 shutting down"},
		{name: "takes-no-mail", answers: map[string]string{"CONNECT": "521 no mail here"}, state: "failed", why: "521 .*no mail here"},
		// The DNS.
		{name: "null", dns: "@ MX .", state: "failed", why: `5\.1\.10 null.test takes no mail`},
		{name: "none", state: "failed", why: `5\.1\.2 there is no domain none.test`},
		{name: "empty", dns: "@ NONE", state: "failed", why: `5\.4\.4 .*no address`},
		{name: "localhost", dns: "@ MX 10 localhost", state: "failed", why: `5\.4\.4 localhost is at .*, which is no public address`},
		{name: "inside", dns: "@ MX 10 mx.@\nmx.@ A 10.11.12.13", state: "failed", why: `5\.4\.4 .*10\.11\.12\.13, which is no public address`},
		{name: "number", dns: "@ MX 10 192.0.2.1", state: "failed", why: `5\.4\.4`},
		{name: "circle", dns: "@ CNAME a.@\na.@ CNAME @", state: "waits", why: `4\.4\.3`},
		{name: "mx-circle", dns: "@ MX 10 mx.@\nmx.@ CNAME a.@\na.@ CNAME mx.@", state: "waits", why: `4\.4\.3`},
		{name: "servfail", dns: "@ MX SERVFAIL", state: "waits", why: `4\.4\.3`},
		{name: "bogus", dns: "@ MX SERVFAIL\n@ A 192.0.2.1", state: "waits", why: `4\.4\.3`},
		{name: "silent", dns: "@ MX TIMEOUT", state: "waits", why: `4\.4\.3`},
		{name: "truncated", dns: "@ MX CLOSE", state: "waits", why: `4\.4\.3`},
		{name: "stalls", dns: "@ MX STALL", state: "waits", why: `4\.4\.3`},
		{name: "other", dns: "@ MX OTHER", state: "waits", why: `4\.4\.3`},
		{name: "garbage", dns: "@ MX GARBAGE", state: "waits", why: `4\.4\.3`},
		{name: "refused", dns: "@ MX 10 mx.@\nmx.@ A REFUSED", state: "waits", why: `connection refused`},
	}
}

// TestWrongHosts writes to hosts that misbehave, all at once: each attempt ends in bounded time, waits or fails as the RFCs say, and says why in
// the queue or in the report to its sender. Who is well behaved is not held up by them.
func TestWrongHosts(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	good := &stranger{}
	w.stranger(t, "good.test", good)
	w.stranger(t, "slow.test", &stranger{at: func(string) { <-time.After(300 * time.Millisecond) }})
	list := wrongs()
	var to []string
	for _, c := range list {
		domain := c.name + ".test"
		switch {
		case c.dns != "":
			w.know(t, "%s", strings.NewReplacer("@", domain, "REFUSED", w.address().String()).Replace(c.dns))
		case c.answers != nil:
			w.stranger(t, domain, &stranger{answers: c.answers})
		}
		to = append(to, "someone@"+domain)
	}
	to = append(to, "someone@good.test", "someone@slow.test")
	begin := time.Now()
	a.send(t, client.Envelope{To: to}, letter("anna@a.test", to[0], "to all", "Hello.\r\n"))
	a.tries(t, "someone@good.test", "relayed")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("who is well behaved has waited for %v", took)
	}
	a.tries(t, "someone@slow.test", "relayed")
	var failed []string
	for _, c := range list {
		a.tries(t, "someone@"+c.name+".test", c.state)
	}
	t.Logf("all attempts ended after %v", time.Since(begin).Round(time.Millisecond))
	show := a.run(t, "", "queue", "show", a.queue(t)[0].ID)
	for _, c := range list {
		who := "someone@" + c.name + ".test"
		text := paragraph(show, who)
		if ok, err := regexp.MatchString(c.why, text); err != nil || !ok {
			t.Errorf("%s: want %q, got %s", who, c.why, text)
		}
		if c.state == "failed" {
			failed = append(failed, who)
		}
	}
	inbox := a.inbox(t, "anna")
	within(t, func() string {
		reports := ""
		for _, m := range inbox() {
			reports += string(m)
		}
		for _, who := range failed {
			if !strings.Contains(reports, "Final-Recipient: rfc822; "+who) {
				return "no report about " + who
			}
		}
		return ""
	})
}

// paragraph is what "queue show" says of a recipient.
func paragraph(show, who string) string {
	_, rest, _ := strings.Cut(show, "\n"+who+": ")
	text, _, _ := strings.Cut(rest, "\n\n")
	return fmt.Sprintf("%s: %s", who, text)
}
