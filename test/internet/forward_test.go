package internet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"restante/test/client"
)

// TestSentOn has mail go through a server to a Postfix and back: signatures of the author's hold, reports about it find their way, and
// circles end.
func TestSentOn(t *testing.T) {
	w := newInternet(t)
	a := w.configured(t, "a.test", proxied, "")
	b := w.restante(t, "b.test", "")
	route := func(n *node) string { return fmt.Sprintf("%s smtp:[%s]:%d\n", n.domain, n.ip, w.port) }
	p := w.postfix(t, "p.test", route(a)+route(b))
	w.publish(t, b)
	a.run(t, "", "alias", "add", "friend@a.test", "friend@p.test")
	a.run(t, "", "alias", "add", "lost@a.test", "someone@nobody.p.test")
	a.run(t, "", "alias", "add", "ring@a.test", "ring@b.test")
	b.run(t, "", "alias", "add", "ring@b.test", "ring@a.test")
	a.run(t, "", "alias", "add", "circle@a.test", "circle@p.test")

	t.Run("signatures hold", func(t *testing.T) {
		b.send(t, client.Envelope{To: []string{"friend@a.test"}, With: "BODY=8BITMIME"}, letter("anna@b.test", "friend@a.test", "signed", umlauts))
		text := awaitLetter(t, p.mail, "signed")
		if !bytes.Contains(text, []byte("Return-Path: <SRS0=")) {
			t.Errorf("the return path is not of a.test: %.300s", text)
		}
		var said []string
		if err := json.Unmarshal(w.opinions(t, question{"verify", []any{text}})[0], &said); err != nil || len(said) != 2 || strings.Contains(strings.Join(said, " "), "fail") {
			t.Errorf("python3-dkim says %v of it (%v)", said, err)
		}
	})
	t.Run("signatures are made for hosts without 8BITMIME", func(t *testing.T) {
		b.send(t, client.Envelope{To: []string{"someone@ascii.p.test"}, With: "BODY=8BITMIME"}, letter("anna@b.test", "someone@ascii.p.test", "converted", umlauts))
		var said []string
		if err := json.Unmarshal(w.opinions(t, question{"verify", []any{awaitLetter(t, p.mail, "converted")}})[0], &said); err != nil || len(said) != 2 || strings.Contains(strings.Join(said, " "), "fail") {
			t.Errorf("python3-dkim says %v of it (%v)", said, err)
		}
	})
	t.Run("reports come back", func(t *testing.T) {
		m, err := client.DialSMTP(w.at(p.in))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		mustTransact(t, m, client.Envelope{From: "writer@p.test", To: []string{"lost@a.test"}}, letter("writer@p.test", "lost@a.test", "going astray", "Hello.\r\n"))
		within(t, func() string {
			for _, m := range p.mail() {
				if bytes.Contains(m, []byte("multipart/report")) && bytes.Contains(m, []byte("there is nobody")) && bytes.Contains(m, []byte("Subject: going astray")) {
					return ""
				}
			}
			return "no report comes to who wrote"
		})
	})
	for _, circle := range []string{"ring@a.test", "circle@a.test", "circle@p.test"} {
		t.Run("circle of "+circle, func(t *testing.T) {
			m, err := client.DialSMTP(w.at(p.in))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			subject := "in circles by " + circle
			mustTransact(t, m, client.Envelope{From: "writer@p.test", To: []string{circle}}, letter("writer@p.test", circle, subject, "Hello.\r\n"))
			within(t, func() string {
				for _, m := range p.mail() {
					if bytes.Contains(m, []byte("report")) && bytes.Contains(m, []byte("Subject: "+subject)) {
						return ""
					}
				}
				return "its writer does not hear of it"
			})
			a.drained(t)
			b.drained(t)
		})
	}
}
