// Package internet puts the real server between other mail hosts: Debian's Postfix and Exim, further Restantes, and hosts that
// misbehave as they are told. All of them are on this machine, each at a loopback address of its own and at one port that the kernel has
// chosen, which stands in for port 25; a DNS of the test's own leads them to each other.
//
// The tests need the built binary: make internet. Those that need root (Postfix changes users, and web servers for MTA-STS want port 443)
// are skipped without.
package internet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	insecure "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/test/demo"
)

// internet is a small one. Its methods are for the test's goroutine alone.
type internet struct {
	bin  string
	dir  string // for all users to read, unlike a test's own
	port uint16
	dns  *dnstest.Server
	text string         // all that it knows
	ask  netip.AddrPort // where the hosts ask the DNS
	ca   *authority
	net  [4]byte // addresses given so far
}

// newInternet makes one without hosts.
func newInternet(t *testing.T) *internet {
	t.Helper()
	bin := demo.Bin(t)
	dir, err := os.MkdirTemp("", "restante-internet-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// A network of its own, so that tests beside this one have others.
	w := &internet{bin: bin, dir: dir, net: [4]byte{127, byte(1 + insecure.IntN(250)), byte(insecure.IntN(250)), 1}}
	w.dns = dnstest.Serve(t, "test NONE")
	w.ask = w.dns.Addr()
	w.ca = newAuthority(t, filepath.Join(dir, "authority.pem"))
	at := netip.MustParseAddrPort(hold(t, w.address(), 0)[0])
	w.port = at.Port()
	return w
}

// address is one that no other host has.
func (w *internet) address() netip.Addr {
	w.net[3]++
	return netip.AddrFrom4(w.net)
}

// hold returns places at an address that nobody uses: of these ports, where 0 is any that is not among the others.
func hold(t *testing.T, ip netip.Addr, ports ...uint16) (places []string) {
	t.Helper()
	for _, port := range ports {
		l, err := net.Listen("tcp", netip.AddrPortFrom(ip, port).String())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // at the end, so that all are different
		places = append(places, l.Addr().String())
	}
	return places
}

// know adds records to the DNS. Names are only ever added: answers are remembered for some seconds.
func (w *internet) know(t *testing.T, format string, args ...any) {
	t.Helper()
	w.text += fmt.Sprintf(format, args...) + "\n"
	if err := w.dns.Zone.Set(w.text); err != nil {
		t.Fatal(err)
	}
}

// at is where a host takes mail.
func (w *internet) at(ip netip.Addr) string {
	return netip.AddrPortFrom(ip, w.port).String()
}

// exchanger makes a host's address the one that a domain's mail goes to; its name is "mx." and the domain.
func (w *internet) exchanger(t *testing.T, domain string, ip netip.Addr) {
	t.Helper()
	w.know(t, "%s MX 10 mx.%[1]s\nmx.%[1]s A %s", domain, ip)
}

// authority issues certificates that the hosts trust.
type authority struct {
	file string // its own certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T, file string) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{file: file, key: key, pool: x509.NewCertPool()}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	writeFile(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

// issue makes a certificate for names; change may spoil it.
func (a *authority) issue(t *testing.T, change func(*x509.Certificate), names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(insecure.Int64()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// files writes a certificate and its key, and both in one file, which Postfix wants.
func (a *authority) files(t *testing.T, dir string, names ...string) (cert, key, chain string) {
	t.Helper()
	c := a.issue(t, nil, names...)
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	keyPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	cert, key, chain = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "chain.pem")
	writeFile(t, cert, certPEM)
	writeFile(t, key, keyPEM)
	writeFile(t, chain, keyPEM+certPEM)
	return cert, key, chain
}

// writeFile makes a file that all can read: the hosts have users of their own.
func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// needRoot skips tests of programs that change users.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("this test must be run as root")
	}
}

// patience is how long anything may take that ends by itself.
const patience = 30 * time.Second

// within waits until something is so; it says what is not.
func within(t *testing.T, what func() string) {
	t.Helper()
	for until := time.Now().Add(patience); ; <-time.After(30 * time.Millisecond) {
		missing := what()
		if missing == "" {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("not within %v: %s", patience, missing)
		}
	}
}

// listens waits until a host takes connections.
func listens(t *testing.T, addr string) {
	t.Helper()
	within(t, func() string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err.Error()
		}
		c.Close()
		return ""
	})
}

// daemon runs a program until the test's end; its output is shown when that has failed.
func daemon(t *testing.T, log string, cmd *exec.Cmd, end os.Signal) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(end)
		late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("%s: %s\n%s", cmd.Path, out.Bytes(), text)
		}
	})
}

// letter is a message with a subject, by which it is found again.
func letter(from, to, subject, body string) []byte {
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: Tue, 3 Nov 2026 09:15:00 +0100\r\nMessage-ID: <%s.%s>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s",
		from, to, subject, strconv.FormatUint(insecure.Uint64(), 36), from, body)
}

// about says whether a message has a subject.
func about(message []byte, subject string) bool {
	header, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	return bytes.Contains(append([]byte("\r\n"), append(header, "\r\n"...)...), []byte("\r\nSubject: "+subject+"\r\n"))
}

// bodyOf is what comes after the header.
func bodyOf(message []byte) string {
	_, body, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	return string(body)
}

// mailbox is where a host keeps what has come: all messages so far, with CRLF.
type mailbox func() [][]byte

// awaitLetter waits for a message with a subject.
func awaitLetter(t *testing.T, box mailbox, subject string) (found []byte) {
	t.Helper()
	within(t, func() string {
		for _, m := range box() {
			if about(m, subject) {
				found = m
				return ""
			}
		}
		return "no message comes with the subject " + subject
	})
	return found
}

// maildir is a mailbox in a folder.
func maildir(dir string) mailbox {
	return func() (all [][]byte) {
		names, _ := filepath.Glob(filepath.Join(dir, "new", "*"))
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil {
				all = append(all, bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
			}
		}
		return all
	}
}
