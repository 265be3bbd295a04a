package internet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/test/client"
)

// shown are the certificates that a host can show for a name, by what is wrong with them.
func (w *internet) shown(t *testing.T, name string) map[string]*tls.Config {
	t.Helper()
	own := func() tls.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	of := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	old := of(w.ca.issue(t, nil, name))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	return map[string]*tls.Config{
		"right":   of(w.ca.issue(t, nil, name)),
		"expired": of(w.ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, name)),
		"early":   of(w.ca.issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }, name)),
		"other":   of(w.ca.issue(t, nil, "mx.elsewhere.test")),
		"client":  of(w.ca.issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, name)),
		"own":     of(own()),
		"old":     old,
		"none":    nil,
	}
}

// fingerprint is a TLSA record of a host's key: 3 1 1.
func fingerprint(t *testing.T, c *tls.Config) string {
	t.Helper()
	cert, err := x509.ParseCertificate(c.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("3 1 1 %x", sha256.Sum256(cert.RawSubjectPublicKeyInfo))
}

// policies serves MTA-STS policies for domains, at the port that it has to be.
func (w *internet) policies(t *testing.T, mode string, domains ...string) {
	t.Helper()
	ip := w.address()
	var names []string
	for _, d := range domains {
		names = append(names, "mta-sts."+d)
		w.know(t, "_mta-sts.%s TXT v=STSv1; id=1\nmta-sts.%[1]s A %s", d, ip)
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(ip, 443).String())
	if err != nil {
		t.Skipf("web servers of MTA-STS need port 443: %v", err)
	}
	s := &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			domain := strings.TrimPrefix(r.Host, "mta-sts.")
			rw.Header().Set("Content-Type", "text/plain")
			fmt.Fprintf(rw, "version: STSv1\r\nmode: %s\r\nmx: mx.%s\r\nmax_age: 86400\r\n", mode, domain)
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{w.ca.issue(t, nil, names...)}}, ReadTimeout: time.Minute,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() { s.Close(); <-done })
}

// expect writes to people, all at once, and looks at how the attempts end and why: a state, and a regular expression.
func expect(t *testing.T, a *node, subject string, want map[string][2]string) {
	t.Helper()
	var to []string
	for who := range want {
		to = append(to, who)
	}
	a.send(t, client.Envelope{To: to}, letter("anna@"+a.domain, to[0], subject, "Hello.\r\n"))
	for who, w := range want {
		line := a.tries(t, who, w[0])
		if ok, err := regexp.MatchString(w[1], line); err != nil || !ok {
			t.Errorf("%s: want %q, got %s", who, w[1], line)
		}
	}
}

// TestCertificates writes to hosts with certificates of every kind, where nobody has promised anything, where MTA-STS is enforced and where it is only
// tested, and where the operator asks for a certificate.
func TestCertificates(t *testing.T) {
	w := newInternet(t)
	const own = `[[send.transport]]
domains = [".verify.test"]
tls = "verify"
`
	wrong := map[string]string{
		"right": "", "expired": "expired", "early": "not yet valid|expired", "other": "mx.elsewhere.test", "client": "usage",
		"own": "unknown authority|not trusted|signed by", "old": "protocol version", "none": "does not offer STARTTLS",
	}
	var enforced, tested []string
	want := map[string][2]string{}
	hosts := map[string]*stranger{}
	for _, group := range []string{"may", "enforce", "testing", "verify"} {
		for kind, why := range wrong {
			domain := kind + "." + group + ".test"
			name := "mx." + domain
			if group == "verify" { // nobody vouches for what the MX record says
				name = domain
			}
			s := &stranger{config: w.shown(t, name)[kind]}
			hosts[domain] = s
			w.stranger(t, domain, s)
			strict := group == "enforce" || group == "verify"
			switch group {
			case "enforce":
				enforced = append(enforced, domain)
			case "testing":
				tested = append(tested, domain)
			}
			switch {
			case strict && kind == "right":
				want["x@"+domain] = [2]string{"relayed", "the host is authenticated"}
			case strict:
				want["x@"+domain] = [2]string{"waits", why}
			case kind == "none", kind == "old": // better than not at all (RFC 7435)
				want["x@"+domain] = [2]string{"relayed", "without TLS"}
			default:
				want["x@"+domain] = [2]string{"relayed", "TLS 1.3"}
			}
		}
	}
	w.policies(t, "enforce", enforced...)
	w.policies(t, "testing", tested...)
	a := w.restante(t, "a.test", own)
	expect(t, a, "certificates", want)
	for who, how := range want {
		_, domain, _ := strings.Cut(who, "@")
		if n := hosts[domain].taken("certificates"); n != map[string]int{"relayed": 1}[how[0]] {
			t.Errorf("%s has it %d times", domain, n)
		}
	}
}

// TestBrokenTLS has hosts that offer TLS and do not get it done: where it is only better than nothing, mail goes without (RFC 7435 3).
func TestBrokenTLS(t *testing.T) {
	w := newInternet(t)
	config := w.shown(t, "mx.any.test")["right"]
	want := map[string][2]string{}
	for name, answers := range map[string]map[string]string{
		"hang": {"HANDSHAKE": "hang"}, "drop": {"HANDSHAKE": "drop"}, "endless": {"HANDSHAKE": "endless"}, "drip": {"HANDSHAKE": "drip"},
		"refuse": {"STARTTLS": "454 4.7.0 not now"}, "inject": {"STARTTLS": "220 go on | 250 and take this"},
	} {
		for group, how := range map[string][2]string{"may": {"relayed", "without TLS"}, "encrypt": {"waits", `4\.7\.[45] |454 4\.7\.0`}} {
			domain := name + "." + group + ".test"
			w.stranger(t, domain, &stranger{config: config, answers: answers})
			if name == "inject" { // which is an attack, and no accident
				how = [2]string{"waits", "."}
			}
			want["x@"+domain] = how
		}
	}
	a := w.restante(t, "a.test", "[[send.transport]]\ndomains = [\".encrypt.test\"]\ntls = \"encrypt\"\n")
	expect(t, a, "handshakes", want)
}

// TestDANE has TLSA records in a signed zone, which a validating resolver has looked at.
func TestDANE(t *testing.T) {
	w := newInternet(t)
	w.dns = dnstest.Serve(t, "test NONE", "dane.test")
	w.ask = dnstest.Unbound(t, w.dns, "test")
	want := map[string][2]string{}
	for kind, how := range map[string][2]string{
		"right":   {"relayed", "the host is authenticated"},
		"own":     {"relayed", "the host is authenticated"}, // the key alone counts
		"expired": {"relayed", "the host is authenticated"},
		"other":   {"relayed", "the host is authenticated"},
		"false":   {"waits", "none of those that its TLSA records name"},
		"none":    {"waits", "does not offer STARTTLS"},
		"bogus":   {"waits", "4\\.7\\.5"},
		"odd":     {"relayed", "TLS 1.3"}, // records that nobody can use: TLS, with anybody (RFC 7672 2.2)
		"free":    {"relayed", "promises nothing"},
	} {
		domain := kind + ".dane.test"
		all := w.shown(t, "mx."+domain)
		config := all[kind]
		record := ""
		switch kind {
		case "false":
			config, record = all["right"], fingerprint(t, all["own"])
		case "none":
			record = fingerprint(t, all["right"])
		case "bogus":
			config, record = all["right"], fingerprint(t, all["right"])
			w.know(t, "_%d._tcp.mx.%s TLSA BOGUS", w.port, domain)
		case "odd":
			config, record = all["right"], "3 9 9 00"
		case "free":
			config = all["right"]
		default:
			record = fingerprint(t, config)
		}
		if record != "" {
			w.know(t, "_%d._tcp.mx.%s TLSA %s", w.port, domain, record)
		}
		w.stranger(t, domain, &stranger{config: config})
		want["x@"+domain] = how
	}
	a := w.restante(t, "a.test", "")
	expect(t, a, "dane", want)
}

// TestRequireTLS sends what must be protected all the way (RFC 8689): to a host that keeps it so, to hosts that promise nothing, and by an
// alias to one that does not either. Reports about such mail do not tell what was in it.
func TestRequireTLS(t *testing.T) {
	w := newInternet(t)
	w.policies(t, "enforce", "b.test", "weak.test")
	a := w.restante(t, "a.test", "")
	b := w.restante(t, "b.test", "")
	weak := w.shown(t, "mx.weak.test")["right"]
	w.stranger(t, "weak.test", &stranger{config: weak})
	w.stranger(t, "none.test", &stranger{config: weak})
	b.run(t, "", "alias", "add", "on@b.test", "x@weak.test")
	m, err := a.secretly()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	to := []string{"bert@b.test", "x@weak.test", "x@none.test", "on@b.test"}
	mustTransact(t, m, client.Envelope{From: "anna@a.test", With: "REQUIRETLS RET=FULL", To: to}, letter("anna@a.test", to[0], "secret", "Nobody else may read this.\r\n"))
	awaitLetter(t, b.inbox(t, "bert"), "secret")
	a.tries(t, "bert@b.test", "relayed")
	a.tries(t, "x@weak.test", "failed")
	a.tries(t, "x@none.test", "failed")
	a.tries(t, "on@b.test", "relayed")
	b.tries(t, "x@weak.test", "failed")
	inbox := a.inbox(t, "anna")
	for _, want := range []string{"x@weak.test .*5.7.30", "x@none.test .*5.7.10", "on@b.test .*5.7.30"} {
		within(t, func() string {
			for _, m := range inbox() {
				text := strings.Join(strings.Fields(string(m)), " ")
				if ok, _ := regexp.MatchString(want, text); ok {
					return ""
				}
			}
			return "no report says " + want
		})
	}
	for _, m := range inbox() {
		if strings.Contains(string(m), "Nobody else") {
			t.Errorf("a report tells: %s", m)
		}
	}
}
