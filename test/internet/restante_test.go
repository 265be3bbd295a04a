package internet

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/test/client"
)

// password is everybody's.
const password = "correct-horse"

// node is a Restante with a domain: "a.test", whose host is mx.a.test. Its people are anna and bert.
type node struct {
	w      *internet
	domain string
	ip     netip.Addr
	config string
	log    string
	cmd    *exec.Cmd

	submission, pop string // addresses
	read            map[string][][]byte
}

// restante sets a server up and runs it. more is added to its configuration.
func (w *internet) restante(t *testing.T, domain, more string) *node {
	t.Helper()
	return w.configured(t, domain, "", more)
}

// configured is restante with more for the section of listeners, too.
func (w *internet) configured(t *testing.T, domain, listen, more string) *node {
	t.Helper()
	n := &node{w: w, domain: domain, ip: w.address(), read: map[string][][]byte{}}
	dir := filepath.Join(w.dir, domain)
	n.config, n.log = filepath.Join(dir, "restante.toml"), filepath.Join(dir, "log")
	doors := hold(t, n.ip, w.port, 0, 0)
	n.submission, n.pop = doors[1], doors[2]
	cert, key, _ := w.ca.files(t, dir, "mx."+domain)
	writeFile(t, n.config, fmt.Sprintf(`host = "mx.%[1]s"
data = "data"
[listen]
%[11]ssmtp = [%[2]q]
submission = [%[3]q]
pop3 = [%[4]q]
submissions = []
pop3s = []
imap = []
imaps = []
[login]
cleartext = true
[[tls]]
cert = %[5]q
key = %[6]q
[dns]
servers = [%[7]q]
[send]
port = %[8]d
networks = ["%[10]s"]
connect_timeout = "5s"
command_timeout = "5s"
message_timeout = "10s"
%[9]s
`, domain, w.at(n.ip), n.submission, n.pop, cert, key, w.ask, w.port, more, netip.PrefixFrom(n.ip, 24).Masked(), listen))
	w.exchanger(t, domain, n.ip)
	n.run(t, "", "domain", "add", domain)
	for _, who := range []string{"anna", "bert"} {
		n.run(t, password, "account", "add", who+"@"+domain)
	}
	n.start(t)
	t.Cleanup(func() {
		n.end(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s:\n%s", domain, n.story())
		}
	})
	return n
}

// start runs the server.
func (n *node) start(t *testing.T) {
	t.Helper()
	before := strings.Count(n.logged(), "msg=serving ")
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd = exec.Command(n.w.bin, "serve", "--config", n.config)
	n.cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+n.w.ca.file, "SSL_CERT_DIR="+n.w.dir)
	n.cmd.Stderr = log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	within(t, func() string { // its sockets are open before it can be asked anything
		if strings.Count(n.logged(), "msg=serving ") > before {
			return ""
		}
		return n.domain + " does not serve"
	})
}

// freeze keeps the server from doing anything more, until it ends.
func (n *node) freeze() { n.cmd.Process.Signal(syscall.SIGSTOP) }

// end sends a signal and waits.
func (n *node) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if n.cmd.ProcessState != nil {
		return
	}
	n.cmd.Process.Signal(signal)
	late := time.AfterFunc(15*time.Second, func() { n.cmd.Process.Kill() })
	err := n.cmd.Wait()
	if !late.Stop() || err != nil && signal != syscall.SIGKILL {
		t.Errorf("%s has not ended well: %v", n.domain, err)
	}
}

// run runs a verb of the command line.
func (n *node) run(t *testing.T, in string, verb ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.w.bin, append(verb, "--config", n.config)...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("restante %s: %v\n%s", strings.Join(verb, " "), err, out)
	}
	return string(out)
}

// logged is its log so far.
func (n *node) logged() string {
	text, _ := os.ReadFile(n.log)
	return string(text)
}

// story is its log for people: without the test's own looking.
func (n *node) story() string {
	var b strings.Builder
	for l := range strings.Lines(n.logged()) {
		if !strings.Contains(l, "listener=pop3") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// tries waits for the line of the log about an attempt for a recipient that ended in a state: relayed, failed, waits.
func (n *node) tries(t *testing.T, to, state string) (line string) {
	t.Helper()
	within(t, func() string {
		for l := range strings.Lines(n.logged()) {
			switch {
			case !strings.Contains(l, "msg=sending") || !strings.Contains(l, " to="+to+" "):
			case strings.Contains(l, " state="+state+" "):
				line = l
				return ""
			case !strings.Contains(l, " state=waits "):
				t.Fatalf("not %s: %s", state, l)
			}
		}
		return fmt.Sprintf("%s logs no attempt for %s that ends with %s", n.domain, to, state)
	})
	return line
}

// login is a session of anna's on the door for those who send.
func (n *node) login() (*client.Mailer, error) {
	m, err := client.DialSMTP(n.submission)
	if err != nil {
		return nil, err
	}
	if err := n.auth(m); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (n *node) auth(m *client.Mailer) error {
	secret := base64.StdEncoding.EncodeToString([]byte("\x00anna@" + n.domain + "\x00" + password))
	if r, err := m.Command("AUTH PLAIN " + secret); err != nil || !r.OK() {
		return fmt.Errorf("AUTH: %v %w", r, err)
	}
	return nil
}

// secretly is login in TLS.
func (n *node) secretly() (*client.Mailer, error) {
	m, err := client.DialSMTP(n.submission)
	if err != nil {
		return nil, err
	}
	err = m.StartTLS(&tls.Config{RootCAs: n.w.ca.pool, ServerName: "mx." + n.domain})
	if err == nil {
		err = n.auth(m)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// send has anna send a message; all its recipients must be taken.
func (n *node) send(t *testing.T, e client.Envelope, message []byte) {
	t.Helper()
	if e.From == "" {
		e.From = "anna@" + n.domain
	}
	m, err := n.login()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	mustTransact(t, m, e, message)
}

// mustTransact sends a message, which must be taken.
func mustTransact(t *testing.T, m *client.Mailer, e client.Envelope, message []byte) {
	t.Helper()
	replies, err := m.Transact(e, message)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range replies {
		if !r.OK() {
			t.Fatalf("%s is refused: %v", e.To[i], r)
		}
	}
}

// inbox is somebody's; what has been read once is not read again.
func (n *node) inbox(t *testing.T, who string) mailbox {
	t.Helper()
	return func() [][]byte {
		p, err := client.DialPOP3(n.pop, who+"@"+n.domain, password)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		count, _, err := p.Stat()
		if err != nil {
			t.Fatal(err)
		}
		for i := len(n.read[who]); i < count; i++ {
			text, err := p.Retr(i + 1)
			if err != nil {
				t.Fatal(err)
			}
			n.read[who] = append(n.read[who], text)
		}
		return n.read[who]
	}
}

// waiting is a message in the queue.
type waiting struct {
	ID         string
	Recipients []struct{ To, State, Why string }
}

// queue is what waits.
func (n *node) queue(t *testing.T) (list []waiting) {
	t.Helper()
	text := n.run(t, "", "queue", "list", "--json")
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("queue list: %v\n%s", err, text)
	}
	return list
}

// drained waits until nothing is queued any more.
func (n *node) drained(t *testing.T) {
	t.Helper()
	within(t, func() string {
		if list := n.queue(t); len(list) > 0 {
			return fmt.Sprintf("in the queue of %s there waits %+v", n.domain, list)
		}
		return ""
	})
}
