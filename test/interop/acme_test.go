package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/base/certs/acme/acmetest"
	"restante/internal/base/dns/dnstest"
	"restante/test/demo"
)

// certified is a real server that has its certificates from an authority.
type certified struct {
	t      *testing.T
	dir    string
	config string
	ca     *acmetest.Authority
	ports  map[string]int
	cmd    *exec.Cmd
}

const certifiedZone = `
example.org SOA ns.example.org
mail.example.org A 127.0.0.1
imap.example.org CNAME mail.example.org
smtp.example.org A 192.0.2.9
mail.example.net CNAME mail.example.org
`

// newCertified sets a server up. extra is added to its configuration.
func newCertified(t *testing.T, extra func(*certified, *dnstest.Server) string) *certified {
	t.Helper()
	c := &certified{t: t, dir: t.TempDir(), ports: make(map[string]int)}
	demo.Bin(t)
	for _, name := range []string{"http", "https", "imaps", "pop3s", "submissions"} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		c.ports[name] = int(netip.MustParseAddrPort(ln.Addr().String()).Port())
	}
	names := dnstest.Serve(t, certifiedZone)
	c.ca = acmetest.Start(t, acmetest.Options{HTTP: c.ports["http"], TLS: c.ports["https"], DNS: names.Addr()})
	write(t, filepath.Join(c.dir, "roots.pem"), string(c.ca.WebRoot()))
	listen := "smtp = []\nsubmission = []\npop3 = []\nimap = []\n"
	for name, port := range c.ports {
		listen += fmt.Sprintf("%s = [\"127.0.0.1:%d\"]\n", name, port)
	}
	c.config = write(t, filepath.Join(c.dir, "restante.toml"), fmt.Sprintf(`host = "mail.example.org"
data = "data"
[dns]
servers = [%q]
[acme]
enabled = true
terms_agreed = true
directory = %q
roots = "roots.pem"
%s
[listen]
%s`, names.Addr(), c.ca.Directory(), extra(c, names), listen))
	return c
}

func (c *certified) start() {
	c.t.Helper()
	c.cmd = exec.Command(demo.Bin(c.t), "serve", "--config", c.config)
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	c.cmd.Stderr = log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	within(c.t, "the server answers", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.ports["imaps"]))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	c.t.Cleanup(func() {
		c.stop(syscall.SIGTERM)
		if text, err := os.ReadFile(log.Name()); err == nil && c.t.Failed() {
			c.t.Logf("the server's log:\n%s", text)
		}
	})
}

func (c *certified) stop(signal syscall.Signal) {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Signal(signal)
		_ = c.cmd.Wait()
	}
}

// verb runs a verb, which may fail.
func (c *certified) verb(words ...string) (string, error) {
	out, err := exec.CommandContext(c.t.Context(), demo.Bin(c.t), append(words, "--config", c.config)...).CombinedOutput()
	return string(out), err
}

// states are the names of "tls list" and their states.
func (c *certified) states() map[string]string {
	text, err := c.verb("tls", "list", "--json")
	var list []struct{ Name, State string }
	if err != nil || json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	states := make(map[string]string)
	for _, e := range list {
		states[e.Name] = e.State
	}
	return states
}

// certifies waits until names have certificates.
func (c *certified) certifies(names ...string) {
	c.t.Helper()
	within(c.t, "certificates for "+strings.Join(names, ", "), func() bool {
		states := c.states()
		for _, n := range names {
			if states[n] != "ok" {
				return false
			}
		}
		return true
	})
}

// dial shakes hands with the server under a name, and verifies its certificate.
func (c *certified) dial(port, sni, name string) *tls.Conn {
	c.t.Helper()
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.ports[port]), &tls.Config{ServerName: sni, InsecureSkipVerify: sni != name, RootCAs: acmetest.Roots(c.t, c.ca.Root())})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := conn.ConnectionState().PeerCertificates[0].VerifyHostname(name); err != nil {
		c.t.Errorf("asked for %q: %v", sni, err)
	}
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

func serial(conn *tls.Conn) string {
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// A server gets certificates for its names and those of its domains that lead to it, renews without cutting anybody off, and starts again with what it has.
func TestCertificatesByACME(t *testing.T) {
	c := newCertified(t, func(*certified, *dnstest.Server) string { return "" })
	if text, err := c.verb("domain", "add", "example.org"); err != nil {
		t.Fatal(text)
	}
	c.start()
	c.certifies("mail.example.org", "imap.example.org")
	if states := c.states(); len(states) != 3 || states["smtp.example.org"] != "elsewhere" {
		t.Errorf("%v", states)
	}
	if n := c.ca.Orders(); n != 2 {
		t.Errorf("%d orders", n)
	}
	c.dial("imaps", "imap.example.org", "imap.example.org")
	c.dial("pop3s", "nobody.example.com", "mail.example.org")
	connected := c.dial("imaps", "mail.example.org", "mail.example.org")
	lines := bufio.NewReader(connected)
	if text, err := lines.ReadString('\n'); !strings.HasPrefix(text, "* OK") {
		t.Fatalf("%q, %v", text, err)
	}

	t.Log("renewed: who is connected stays so, who comes sees the new one")
	if text, err := c.verb("tls", "renew", "mail.example.org"); err != nil || !strings.Contains(text, "certificate from Pebble") {
		t.Errorf("%s, %v", text, err)
	}
	renewed := serial(c.dial("imaps", "mail.example.org", "mail.example.org"))
	if renewed == serial(connected) {
		t.Error("the old certificate is shown")
	}
	fmt.Fprintf(connected, "a NOOP\r\n")
	if text, err := lines.ReadString('\n'); !strings.HasPrefix(text, "a OK") {
		t.Errorf("the old connection: %q, %v", text, err)
	}
	if text, err := c.verb("tls", "renew", "smtp.example.org"); err == nil || !strings.Contains(text, "it leads to 192.0.2.9") {
		t.Errorf("%s, %v", text, err)
	}

	t.Log("a domain that is added gets its certificates")
	if text, err := c.verb("domain", "add", "example.net"); err != nil {
		t.Fatal(text)
	}
	c.certifies("mail.example.net")
	c.dial("submissions", "mail.example.net", "mail.example.net")
	if text, err := c.verb("tls", "check"); err != nil {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := c.verb("status"); err != nil || !strings.Contains(text, "certificates: 3 names") {
		t.Errorf("%s, %v", text, err)
	}

	t.Log("kill -9, and again")
	c.ca.Orders()
	c.stop(syscall.SIGKILL)
	c.start()
	c.certifies("mail.example.org", "imap.example.org", "mail.example.net")
	if again := serial(c.dial("imaps", "mail.example.org", "mail.example.org")); again != renewed || c.ca.Orders() != 0 {
		t.Error("it began anew")
	}
	c.profile()
	if text, err := c.verb("verify"); err != nil {
		t.Errorf("%s, %v", text, err)
	}
}

// profile fetches a profile, which is signed by the server's certificate.
func (c *certified) profile() {
	t := c.t
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", c.ports["https"]))
		},
		TLSClientConfig: &tls.Config{RootCAs: acmetest.Roots(t, c.ca.Root())}, DisableKeepAlives: true,
	}}
	answer, err := client.Get("https://mail.example.org/apple.mobileconfig?email=anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	signed, err := io.ReadAll(answer.Body)
	if err != nil || answer.Header.Get("Content-Type") != "application/x-apple-aspen-config" {
		t.Fatalf("%v, %v", answer.Header, err)
	}
	root, file := write(t, filepath.Join(c.dir, "root.pem"), string(c.ca.Root())), write(t, filepath.Join(c.dir, "mail.mobileconfig"), string(signed))
	out, err := exec.CommandContext(t.Context(), "openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-in", file, "-CAfile", root).Output()
	if err != nil || !bytes.Contains(out, []byte("<string>anna@example.org</string>")) {
		t.Errorf("%s, %v", out, err)
	}
}

// Where nobody can look at the server from outside, its names are proved in the DNS.
func TestCertificatesByZone(t *testing.T) {
	c := newCertified(t, func(c *certified, names *dnstest.Server) string {
		k := dnstest.UpdateKey()
		write(t, filepath.Join(c.dir, "acme.key"), fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", k.Name, k.Algorithm, k.Secret))
		return fmt.Sprintf("dns_server = %q\ndns_key = \"acme.key\"\ndns_wait = \"0s\"\n", names.Addr())
	})
	c.ports["http"], c.ports["https"] = 0, 0
	c.start()
	c.certifies("mail.example.org")
	c.dial("imaps", "mail.example.org", "mail.example.org")
}
