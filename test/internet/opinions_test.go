package internet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"restante/test/client"
)

// question is one to python3-dkim or python3-spf; see testdata/opinions.py.
type question struct {
	Ask string `json:"ask"`
	Of  []any  `json:"of"`
}

// opinions asks others.
func (w *internet) opinions(t *testing.T, list ...question) []json.RawMessage {
	t.Helper()
	var in bytes.Buffer
	for _, q := range list {
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "testdata/opinions.py", strconv.Itoa(int(w.ask.Port())))
	cmd.Stdin = &in
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("opinions.py: %v (is all installed? make deps)\n%s", err, failed.Bytes())
	}
	var answers []json.RawMessage
	for line := range bytes.Lines(out) {
		answers = append(answers, bytes.TrimSpace(line))
	}
	if len(answers) != len(list) {
		t.Fatalf("opinions.py gave %d answers to %d questions", len(answers), len(list))
	}
	return answers
}

// proxied lets the test say by XCLIENT where its mail comes from: what comes from this machine is not checked.
const proxied = "proxies = [\"127.0.0.0/8\"]\nproxy_protocol = []\n"

// from is a session with a node's MX of a client at an address.
func (n *node) from(t *testing.T, ip, hello string) *client.Mailer {
	t.Helper()
	m, err := client.DialSMTP(n.w.at(n.ip))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if strings.Contains(ip, ":") {
		ip = "IPV6:" + ip
	}
	for _, line := range []string{"XCLIENT NAME=[UNAVAILABLE] ADDR=" + ip, "EHLO " + hello} {
		if r, err := m.Command(line); err != nil || r.Code >= 400 {
			t.Fatalf("%s: %v %v", line, r, err)
		}
	}
	return m
}

// TestSignaturesOfOurs has python3-dkim and OpenDKIM verify what a server signs that has made its keys itself.
func TestSignaturesOfOurs(t *testing.T) {
	w := newInternet(t)
	a := w.restante(t, "a.test", "")
	b := w.configured(t, "b.test", proxied, "")
	keys := w.publish(t, a)
	var questions []question
	messages := map[string]string{
		"plain": "Hello.\r\n", "empty": "", "umlauts": umlauts, "spaces": "  a  b \t c \r\n\r\n\r\n   \r\n\r\n", "long": strings.Repeat("word ", 190) + "\r\n", "large": large()[:3_000_000],
	}
	for subject, body := range messages {
		a.send(t, client.Envelope{To: []string{"bert@b.test"}, With: "BODY=8BITMIME"}, letter("anna@a.test", "bert@b.test", subject, body))
		text := awaitLetter(t, b.inbox(t, "bert"), subject)
		text = text[bytes.Index(text, []byte("\r\nReceived: "))+2:] // without what is said to bert alone
		questions = append(questions, question{"verify", []any{text}})
		w.openDKIM(t, text, keys)
	}
	for i, answer := range w.opinions(t, questions...) {
		if string(answer) != `["rsa-sha256 pass", "ed25519-sha256 pass"]` && string(answer) != `["ed25519-sha256 pass", "rsa-sha256 pass"]` {
			t.Errorf("python3-dkim says of message %d: %s", i, answer)
		}
	}
}

// publish puts a node's keys into the DNS, and has it sign with them. It returns their records.
func (w *internet) publish(t *testing.T, n *node) (records []string) {
	t.Helper()
	var keys []struct{ Name, Text string }
	text := n.run(t, "", "dkim", "list", n.domain, "--json")
	if err := json.Unmarshal([]byte(text), &keys); err != nil || len(keys) != 2 {
		t.Fatalf("%v: %s", err, text)
	}
	for _, k := range keys {
		w.know(t, "%s TXT %s", k.Name, k.Text)
		records = append(records, k.Name+" "+k.Text)
	}
	n.run(t, "", "dkim", "use", n.domain, "--force") // the server may have asked before, and remember that there was nothing
	return records
}

// openDKIM has OpenDKIM verify a message. It knows RSA alone.
func (w *internet) openDKIM(t *testing.T, message []byte, keys []string) {
	t.Helper()
	const program = "/usr/sbin/opendkim"
	if _, err := os.Stat(program); err != nil {
		t.Fatal("opendkim is not installed: run make deps")
	}
	dir := t.TempDir()
	list, conf, file := filepath.Join(dir, "keys"), filepath.Join(dir, "conf"), filepath.Join(dir, "message")
	writeFile(t, list, strings.Join(keys, "\n")+"\n")
	writeFile(t, conf, "Mode v\nTestPublicKeys "+list+"\n")
	writeFile(t, file, string(message))
	out, err := exec.CommandContext(t.Context(), program, "-x", conf, "-vvv", "-t", file).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("verification (s=r")) || !bytes.Contains(out, []byte("succeeded")) {
		t.Errorf("opendkim: %v\n%s", err, out)
	}
}

// TestSignaturesOfOthers has messages that python3-dkim has signed verified by a server.
func TestSignaturesOfOthers(t *testing.T) {
	w := newInternet(t)
	b := w.configured(t, "b.test", proxied, "")
	rsaKey := w.rsaKey(t, "r._domainkey.s.test")
	ed, seed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.know(t, "e._domainkey.s.test TXT v=DKIM1; k=ed25519; p=%s", base64.StdEncoding.EncodeToString(ed))
	w.know(t, "s.test MX 10 mx.s.test")
	edKey := base64.StdEncoding.EncodeToString(seed.Seed())
	var questions []question
	var texts [][]byte
	for _, canon := range []string{"simple/simple", "relaxed/simple", "simple/relaxed", "relaxed/relaxed"} {
		for selector, key := range map[string][2]string{"r": {rsaKey, "rsa-sha256"}, "e": {edKey, "ed25519-sha256"}} {
			for i, body := range []string{umlauts, "  a  b \t c \r\n\r\n   \r\n\r\n", ""} {
				text := letter("someone@s.test", "bert@b.test", fmt.Sprintf("%s %s %d", canon, selector, i), body)
				texts = append(texts, text)
				questions = append(questions, question{"sign", []any{text, selector, "s.test", key[0], key[1], canon}})
			}
		}
	}
	m := b.from(t, "192.0.2.25", "mx.s.test")
	for i, answer := range w.opinions(t, questions...) {
		var field []byte
		if err := json.Unmarshal(answer, &field); err != nil {
			t.Fatal(err)
		}
		mustTransact(t, m, client.Envelope{From: "someone@s.test", With: "BODY=8BITMIME", To: []string{"bert@b.test"}}, slices.Concat(field, texts[i]))
		_, subject, _ := strings.Cut(string(texts[i]), "Subject: ")
		subject, _, _ = strings.Cut(subject, "\r\n")
		got := awaitLetter(t, b.inbox(t, "bert"), subject)
		if said := results(got); !strings.Contains(said, "dkim=pass") {
			t.Errorf("%s: %s", subject, said)
		}
	}
}

// rsaKey makes a key as python3-dkim reads it, and publishes it.
func (w *internet) rsaKey(t *testing.T, name string) string {
	t.Helper()
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(pair.Public())
	if err != nil {
		t.Fatal(err)
	}
	w.know(t, "%s TXT v=DKIM1; k=rsa; p=%s", name, base64.StdEncoding.EncodeToString(public))
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(pair)}))
}

// TestSeals has a message sealed by python3-dkim, sent on and sealed by one server, and checked by python3-dkim and by another server.
func TestSeals(t *testing.T) {
	w := newInternet(t)
	a := w.configured(t, "a.test", proxied, "")
	b := w.configured(t, "b.test", proxied, "")
	w.publish(t, a)
	a.run(t, "", "alias", "add", "friend@a.test", "bert@b.test")
	key := w.rsaKey(t, "r._domainkey.s.test")
	text := append([]byte("Authentication-Results: mx.s.test; spf=pass smtp.mailfrom=list@s.test\r\n"), letter("list@s.test", "friend@a.test", "sealed", umlauts)...)
	var fields []byte
	if err := json.Unmarshal(w.opinions(t, question{"seal", []any{text, "r", "s.test", key, "mx.s.test"}})[0], &fields); err != nil {
		t.Fatal(err)
	}
	m := a.from(t, "192.0.2.25", "mx.s.test")
	mustTransact(t, m, client.Envelope{From: "list@s.test", With: "BODY=8BITMIME", To: []string{"friend@a.test"}}, slices.Concat(fields, text))
	got := awaitLetter(t, b.inbox(t, "bert"), "sealed")
	if said := string(w.opinions(t, question{"chain", []any{got}})[0]); said != `"pass 2"` {
		t.Errorf("python3-dkim says of the chain: %s\n%s", said, got)
	}
	got = bytes.Replace(got, []byte("Subject: sealed"), []byte("Subject: sealed "), 1) // which relaxed canonicalization does not see
	mustTransact(t, b.from(t, "192.0.2.26", "mx.a.test"), client.Envelope{From: "x@a.test", With: "BODY=8BITMIME", To: []string{"anna@b.test"}}, got)
	if said := results(awaitLetter(t, b.inbox(t, "anna"), "sealed ")); !strings.Contains(said, "arc=pass") {
		t.Errorf("we say of the chain: %s", said)
	}
}

// results is the first Authentication-Results field of a message, in one line.
func results(message []byte) string {
	field := regexp.MustCompile(`(?m)^Authentication-Results: (?:.*\r\n)(?:[ \t].*\r\n)*`).Find(message)
	return strings.Join(strings.Fields(string(field)), " ")
}

// TestPolicies asks python3-spf and a server who may send for whom, and wants them to agree.
func TestPolicies(t *testing.T) {
	w := newInternet(t)
	b := w.configured(t, "b.test", proxied, "")
	w.know(t, "%s", `all.test TXT v=spf1 -all
soft.test TXT v=spf1 ~all
neutral.test TXT v=spf1 ?all
four.test TXT v=spf1 ip4:192.0.2.0/24 -all
six.test TXT v=spf1 ip6:2001:db8::/32 -all
a.four.test A 192.0.2.25
byname.test TXT v=spf1 a:a.four.test -all
bymx.test TXT v=spf1 mx -all
bymx.test MX 10 a.four.test
including.test TXT v=spf1 include:four.test -all
lost.test TXT v=spf1 include:nothing.test -all
redirected.test TXT v=spf1 redirect=four.test
macro.test TXT v=spf1 exists:%{ir}.%{l}.macro.test -all
25.2.0.192.someone.macro.test A 127.0.0.2
two.test TXT v=spf1 -all
two.test TXT v=spf1 +all
wrong.test TXT v=spf1 ip4:192.0.2.0/33 -all
unknown.test TXT v=spf1 foo:bar -all
circle.test TXT v=spf1 include:circle.test -all
many.test TXT v=spf1 include:m1.test include:m2.test include:m3.test include:m4.test include:m5.test include:m6.test include:m7.test include:m8.test include:m9.test include:m10.test include:m11.test -all
m1.test TXT v=spf1 ?all
m2.test TXT v=spf1 ?all
m3.test TXT v=spf1 ?all
m4.test TXT v=spf1 ?all
m5.test TXT v=spf1 ?all
m6.test TXT v=spf1 ?all
m7.test TXT v=spf1 ?all
m8.test TXT v=spf1 ?all
m9.test TXT v=spf1 ?all
m10.test TXT v=spf1 ?all
m11.test TXT v=spf1 ?all
void.test TXT v=spf1 a:v1.test a:v2.test a:v3.test ip4:192.0.2.25 -all
failing.test TXT SERVFAIL
none.test A 192.0.2.1
cased.test TXT V=sPf1 IP4:192.0.2.25 -ALL
hello.test TXT v=spf1 ip4:192.0.2.25 -all`)
	domains := strings.Fields("all soft neutral four six byname bymx including lost redirected macro two wrong unknown circle many void failing none cased")
	type check struct{ ip, hello, from string }
	var checks []check
	var questions []question
	for _, ip := range []string{"192.0.2.25", "198.51.100.7", "2001:db8::25"} {
		for _, d := range domains {
			checks = append(checks, check{ip, "mx.hello.test", "someone@" + d + ".test"})
		}
		checks = append(checks, check{ip, "hello.test", ""})
	}
	for _, c := range checks {
		questions = append(questions, question{"policy", []any{c.ip, c.hello, c.from}})
	}
	answers := w.opinions(t, questions...)
	for i, c := range checks {
		m := b.from(t, c.ip, c.hello)
		subject := fmt.Sprintf("policy %d", i)
		// A domain that wants others to refuse its mail is not asked here: SPF alone refuses nothing.
		mustTransact(t, m, client.Envelope{From: c.from, To: []string{"bert@b.test"}}, letter("other@author.test", "bert@b.test", subject, "Hello.\r\n"))
		m.Close()
		said := regexp.MustCompile(` spf=(\w+)`).FindStringSubmatch(results(awaitLetter(t, b.inbox(t, "bert"), subject)))
		var theirs string
		if err := json.Unmarshal(answers[i], &theirs); err != nil || said == nil {
			t.Fatalf("%v %v: %s", err, said, answers[i])
		}
		if said[1] != theirs {
			t.Errorf("%+v: %s, and python3-spf says %s", c, said[1], theirs)
		}
	}
}
