package internet

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"restante/test/client"
)

// errand is a message that anna sends to a host of others, and what comes of it.
type errand struct {
	name string
	face string // of the other domain: "plain."
	env  client.Envelope
	to   string // local part; "someone" if empty
	body string

	state  string   // how the first attempt ends; "relayed" if empty
	line   []string // what the log of the attempt says
	report []string // what the report to anna says; none: there is none
	astray bool     // it is taken, and does not arrive
}

// large is a text of more than 30 MB with lines that want their dots stuffed.
func large() string {
	line := ".." + strings.Repeat("abcdefg ", 9) + "\r\n"
	return strings.Repeat(line, 31_000_000/len(line))
}

const umlauts = "Grüße aus Köln.\r\n.\r\n..\r\n"

// common are errands to hosts of any kind.
func common() []errand {
	return []errand{
		{name: "starttls", body: umlauts, line: []string{"state=relayed", "TLS 1.3"}},
		{name: "plain", face: "plain.", body: umlauts, line: []string{"without TLS"}},
		{name: "utf8", to: "jürgen", env: client.Envelope{With: "SMTPUTF8 BODY=8BITMIME"}, body: umlauts},
		{name: "dsn", body: "Hello.\r\n", env: client.Envelope{With: "RET=HDRS ENVID=QQ314159", Each: "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;someone@else.test"},
			report: []string{"Action: delivered", "QQ314159", "someone@else.test"}},
		{name: "large", body: large()},
	}
}

// run does an errand and looks at what came of it.
func (e *errand) run(t *testing.T, a *node, domain string, box mailbox) {
	t.Helper()
	who := e.to
	if who == "" {
		who = "someone"
	}
	to := who + "@" + e.face + domain
	subject := "errand " + e.name + " " + e.face + domain
	env := e.env
	env.To = []string{to}
	if env.With == "" {
		env.With = "BODY=8BITMIME"
	}
	message := letter("anna@"+a.domain, to, subject, e.body)
	a.send(t, env, message)
	state := e.state
	if state == "" {
		state = "relayed"
	}
	line := a.tries(t, to, state)
	for _, want := range e.line {
		if !strings.Contains(line, want) {
			t.Errorf("the attempt does not speak of %q: %s", want, line)
		}
	}
	if state == "relayed" && !e.astray {
		if got := decoded(t, awaitLetter(t, box, subject)); got != e.body {
			t.Errorf("the body came as %.200q (%d octets), want %.200q (%d octets)", got, len(got), e.body, len(e.body))
		}
	}
	if len(e.report) > 0 {
		e.reported(t, a, to)
	}
	if state == "waits" {
		a.run(t, "", "queue", "drop", "--domain", e.face+domain)
	}
	a.drained(t)
}

// decoded is the body of a message of one part.
func decoded(t *testing.T, message []byte) string {
	t.Helper()
	header, body, _ := strings.Cut(string(message), "\r\n\r\n")
	var r io.Reader
	switch {
	case strings.Contains(header, "Content-Transfer-Encoding: base64"):
		r = base64.NewDecoder(base64.StdEncoding, strings.NewReader(body))
	case strings.Contains(header, "Content-Transfer-Encoding: quoted-printable"):
		r = quotedprintable.NewReader(strings.NewReader(body))
	default:
		return body
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("%v: %s", err, message)
	}
	return string(text)
}

// logs waits until a host has logged something: some do when a session ends, and ours rest for some seconds.
func logs(t *testing.T, logged func() string, want ...string) {
	t.Helper()
	within(t, func() string {
		text := logged()
		for _, part := range want {
			if ok, err := regexp.MatchString(part, text); err != nil || !ok {
				return fmt.Sprintf("the log does not have %q: %v", part, err)
			}
		}
		return ""
	})
}

// reported waits for the report about a recipient.
func (e *errand) reported(t *testing.T, a *node, to string) {
	t.Helper()
	inbox := a.inbox(t, "anna")
	within(t, func() string {
		missing := "a report about " + to
		for _, m := range inbox() {
			if !bytes.Contains(m, []byte("multipart/report")) || !bytes.Contains(m, []byte(to)) {
				continue
			}
			missing = ""
			for _, want := range e.report {
				if !bytes.Contains(m, []byte(want)) {
					missing = fmt.Sprintf("a report that says %q: %s", want, m)
				}
			}
			if missing == "" {
				return ""
			}
		}
		return missing
	})
}

func TestToPostfix(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	p := w.postfix(t, "p.test", fmt.Sprintf("a.test smtp:[%s]:%d\n", a.ip, w.port))
	refused := func(face string) errand {
		return errand{name: "refused", face: face, body: "Hello.\r\n", state: "failed", line: []string{"554 5.7.1"}, report: []string{"Action: failed", "someone@" + face + "p.test", "554 5.7.1"}}
	}
	errands := append(common(),
		errand{name: "data", face: "data.", body: umlauts},
		errand{name: "old", face: "old.", body: "Hello.\r\n.\r\n", line: []string{"without TLS"}},
		errand{name: "ascii", face: "ascii.", body: "Hello.\r\n"},
		errand{name: "8bit", face: "ascii.", body: umlauts},
		errand{name: "utf8 refused", face: "ascii.", to: "jürgen", env: client.Envelope{With: "SMTPUTF8 BODY=8BITMIME"}, body: "Hello.\r\n", state: "failed", report: []string{"Action: failed", "5.6.7"}},
		errand{name: "too large", face: "small.", body: large()[:1_000_000], state: "failed", report: []string{"Action: failed", "5.3.4", "text/rfc822-headers"}},
		refused("nosender."), refused("norcpt."), refused("nodata."), refused("noend."),
		// Who does not even want to speak to us may be overloaded: later, perhaps.
		errand{name: "unwilling", face: "noclient.", body: "Hello.\r\n", state: "waits", line: []string{"554 5.7.1"}},
		errand{name: "unwilling", face: "nohelo.", body: "Hello.\r\n", state: "waits", line: []string{"554 5.7.1"}},
		errand{name: "deferred", face: "unwilling.", body: "Hello.\r\n", state: "waits", line: []string{"450 4.3.2"}},
		errand{name: "bounced", face: "nobody.", body: "Hello.\r\n", astray: true, report: []string{"Action: failed", "5.1.1"}},
	)
	for _, e := range errands {
		t.Run(e.name+" "+e.face, func(t *testing.T) { e.run(t, a, "p.test", p.mail) })
	}
	t.Run("more recipients than it takes at once", func(t *testing.T) {
		var to []string
		for i := range 35 {
			to = append(to, fmt.Sprintf("r%d@few.p.test", i))
		}
		a.send(t, client.Envelope{To: to}, letter("anna@a.test", to[0], "to many", "Hello.\r\n"))
		a.drained(t)
		within(t, func() string {
			n := 0
			for _, m := range p.mail() {
				if about(m, "to many") {
					n++
				}
			}
			if n == len(to) {
				return ""
			}
			return fmt.Sprintf("%d of %d have it", n, len(to))
		})
	})
	t.Run("more connections than it bears", func(t *testing.T) {
		m, err := a.login()
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for i := range 60 {
			mustTransact(t, m, client.Envelope{From: "anna@a.test", To: []string{fmt.Sprintf("r%d@busy.p.test", i)}}, letter("anna@a.test", "r@busy.p.test", fmt.Sprintf("busy %d", i), "Hello.\r\n"))
		}
		within(t, func() string {
			list := a.queue(t)
			if len(list) == 0 {
				return ""
			}
			a.run(t, "", "queue", "retry", "--all")
			return fmt.Sprintf("%d messages wait", len(list))
		})
		if n := strings.Count(a.logged(), "421 4.7.0 mx.p.test Error: too many connections"); n > 2*30 { // each stands there twice
			t.Errorf("%d attempts were refused", n/2)
		}
	})
	logs(t, p.logged, "starttls=1 .*bdat=", "starttls=1 .*data=")
}

func TestToExim(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	x := w.exim(t, "x.test", a.ip)
	for _, e := range append(common(), errand{name: "bounced", face: "nobody.", body: "Hello.\r\n", astray: true, report: []string{"Action: failed", "there is nobody"}}) {
		t.Run(e.name+" "+e.face, func(t *testing.T) { e.run(t, a, "x.test", x.mail) })
	}
	logs(t, x.logged, " K ")
	t.Run("greylisting", func(t *testing.T) {
		a.send(t, client.Envelope{To: []string{"someone@greylist.x.test"}}, letter("anna@a.test", "someone@greylist.x.test", "come again", "Hello.\r\n"))
		line := a.tries(t, "someone@greylist.x.test", "waits")
		if !strings.Contains(line, "451 4.7.1") {
			t.Errorf("the attempt was %s", line)
		}
		if why := a.queue(t)[0].Recipients[0].Why; !strings.Contains(why, "come again") {
			t.Errorf("it waits because %q", why)
		}
		if err := os.WriteFile(filepath.Join(x.dir, "greylist"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		a.run(t, "", "queue", "retry", "--domain", "greylist.x.test")
		awaitLetter(t, x.mail, "come again")
		a.drained(t)
	})
}

func TestToRestante(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	b := w.restante(t, "b.test", "")
	for _, e := range common() {
		if e.face != "" || e.to != "" {
			continue // its host is one, and has no jürgen
		}
		e.to = "bert"
		if e.report != nil {
			e.report[0] = "Action: relayed" // strangers are not told what arrives here: DSN is not offered on this door
		}
		t.Run(e.name, func(t *testing.T) { e.run(t, a, "b.test", b.inbox(t, "bert")) })
	}
}
