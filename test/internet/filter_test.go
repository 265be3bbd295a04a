package internet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"restante/test/client"
)

// TestOpenDKIM has OpenDKIM look at mail as a filter beside a server.
func TestOpenDKIM(t *testing.T) {
	w := newInternet(t)
	key := w.rsaKey(t, "r._domainkey.s.test")
	answer, err := w.dns.Zone.Query(t.Context(), "r._domainkey.s.test", 16)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "opendkim")
	keys, conf, socket := filepath.Join(dir, "keys"), filepath.Join(dir, "conf"), filepath.Join(dir, "socket")
	writeFile(t, keys, "r._domainkey.s.test "+answer.Records[0].Text+"\n")
	writeFile(t, conf, fmt.Sprintf("Mode v\nAuthservID filter.test\nKeepAuthResults yes\nTestPublicKeys %s\nSyslog no\nOn-BadSignature reject\nRequireSafeKeys no\n", keys))
	daemon(t, "", exec.Command("/usr/sbin/opendkim", "-f", "-x", conf, "-p", "local:"+socket, "-P", filepath.Join(dir, "pid")), syscall.SIGKILL) // its own end takes seconds
	within(t, func() string {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return err.Error()
		}
		c.Close()
		return ""
	})
	b := w.configured(t, "b.test", proxied, fmt.Sprintf("[[milter]]\nsocket = %q\n", "unix:"+socket))
	m := b.from(t, "192.0.2.25", "mx.s.test")
	env := client.Envelope{From: "someone@s.test", With: "BODY=8BITMIME", To: []string{"bert@b.test"}}
	for _, body := range []string{umlauts, large()[:76*40_000], ""} {
		subject := fmt.Sprintf("filtered %d", len(body))
		text := letter(env.From, env.To[0], subject, body)
		var field []byte
		if err := json.Unmarshal(w.opinions(t, question{"sign", []any{text, "r", "s.test", key, "rsa-sha256", "relaxed/simple"}})[0], &field); err != nil {
			t.Fatal(err)
		}
		mustTransact(t, m, env, slices.Concat(field, text))
		got := awaitLetter(t, b.inbox(t, "bert"), subject)
		if head, _, _ := bytes.Cut(got, []byte("\r\nSubject: ")); !strings.Contains(strings.Join(strings.Fields(string(head)), " "), "Authentication-Results: filter.test; dkim=pass") {
			t.Errorf("OpenDKIM has not spoken: %s", head)
		}
		if bodyOf(got) != body {
			t.Errorf("the body came as %.200q", bodyOf(got))
		}
		broken := append(slices.Concat(field, text), "And more.\r\n"...)
		if replies, err := m.Transact(env, broken); err != nil || replies[0].OK() {
			t.Errorf("a broken signature: %v %v", replies, err)
		}
	}
}
