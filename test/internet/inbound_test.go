package internet

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"restante/test/client"
)

// arrival is a message that somebody on another host sends to anna.
type arrival struct {
	name string
	to   string // local part; another host sends "anna+tls" and the like its own way
	env  client.Envelope
	body string

	trace  []string // what the Received field says of the way
	report string   // what a report to the sender says, without which there is none
}

// arrivals are those from hosts of any kind.
func arrivals() []arrival {
	return []arrival{
		{name: "plain", to: "anna", body: umlauts, trace: []string{"with ESMTP "}},
		{name: "starttls", to: "anna+tls", body: umlauts, trace: []string{"with ESMTPS "}},
		{name: "large", to: "anna", body: large()},
		{name: "utf8", to: "anna", env: client.Envelope{From: "jürgen", With: "SMTPUTF8 BODY=8BITMIME"}, body: umlauts, trace: []string{"with UTF8SMTP "}},
		{name: "old", to: "anna+old", body: "Hello.\r\n..\r\n"},
		{name: "nobody", to: "nobody", body: "Hello.\r\n", report: "550 5.1.1"},
		{name: "success", to: "anna", env: client.Envelope{Each: "NOTIFY=SUCCESS"}, body: "Hello.\r\n", report: "relayed"},
	}
}

// send has another host send to a, and looks at what comes of it; domain is of the sender.
func (v *arrival) send(t *testing.T, w *internet, in netip.Addr, a *node, domain string, box mailbox) {
	t.Helper()
	m, err := client.DialSMTP(w.at(in))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	subject := "arrival " + v.name + " from " + domain
	env := v.env
	if env.From == "" {
		env.From = "someone"
	}
	env.From += "@" + domain
	env.To = []string{v.to + "@" + a.domain}
	if env.With == "" && v.env.Each == "" {
		env.With = "BODY=8BITMIME"
	}
	mustTransact(t, m, env, letter(env.From, env.To[0], subject, v.body))
	if v.report != "" {
		v.reported(t, box)
	}
	if v.to == "nobody" {
		return
	}
	got := awaitLetter(t, a.inbox(t, "anna"), subject)
	if bodyOf(got) != v.body {
		t.Errorf("the body came as %.200q (%d octets), want %.200q (%d octets)", bodyOf(got), len(bodyOf(got)), v.body, len(v.body))
	}
	for _, want := range v.trace {
		if first, _, _ := bytes.Cut(got, []byte("\r\nFrom: ")); !bytes.Contains(first, []byte(want)) {
			t.Errorf("the trace does not say %q: %s", want, first)
		}
	}
}

// reported waits for a report in the mailbox of the other host.
func (v *arrival) reported(t *testing.T, box mailbox) {
	t.Helper()
	within(t, func() string {
		for _, m := range box() {
			if bytes.Contains(m, []byte("delivery-status")) && strings.Contains(string(m), v.report) {
				return ""
			}
		}
		return "no report says " + v.report
	})
}

func TestFromPostfix(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	route := func(transport string) string { return fmt.Sprintf("%s:[%s]:%d", transport, a.ip, w.port) }
	p := w.postfix(t, "p.test", fmt.Sprintf("anna+tls@a.test %s\nanna+old@a.test %s\na.test %s\n", route("smtptls"), route("smtpold"), route("smtp")))
	for _, v := range arrivals() {
		t.Run(v.name, func(t *testing.T) { v.send(t, w, p.in, a, "p.test", p.mail) })
	}
}

func TestFromExim(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	x := w.exim(t, "x.test", a.ip)
	for _, v := range arrivals() {
		t.Run(v.name, func(t *testing.T) { v.send(t, w, x.in, a, "x.test", x.mail) })
	}
}
