package tlspolicy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/base/dns"
)

func noon() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// issuer is an authority, or what it has certified.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate; of an authority if there are no names. by is nil for one that signs itself.
func issue(t *testing.T, by *issuer, cn string, change func(*x509.Certificate), names ...string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: cn}, DNSNames: names,
		NotBefore: noon().AddDate(0, -1, 0), NotAfter: noon().AddDate(0, 1, 0),
		BasicConstraintsValid: true, IsCA: len(names) == 0, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if change != nil {
		change(c)
	}
	if by == nil {
		by = &issuer{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, key}
}

func tlsa(usage, selector, matching uint8, c *x509.Certificate) dns.Record {
	data := c.Raw
	if selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	if matching == 1 {
		sum := sha256.Sum256(data)
		data = sum[:]
	} else if matching == 2 {
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return dns.Record{Usage: usage, Selector: selector, Matching: matching, Data: data}
}

func shows(list ...*issuer) tls.ConnectionState {
	var cs tls.ConnectionState
	for _, c := range list {
		cs.PeerCertificates = append(cs.PeerCertificates, c.cert)
	}
	return cs
}

func failure(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return string(e.Failure)
	}
	return fmt.Sprint(err)
}

func TestVerifyTLSA(t *testing.T) {
	root := issue(t, nil, "root", nil)
	middle := issue(t, root, "middle", nil)
	leaf := issue(t, middle, "x", nil, "mx.example.org", "*.wild.example")
	named := issue(t, middle, "mx.example.org", func(c *x509.Certificate) { c.IsCA = false })
	expired := issue(t, middle, "x", func(c *x509.Certificate) { c.NotAfter = noon().Add(-time.Hour) }, "mx.example.org")
	own := issue(t, nil, "own", func(c *x509.Certificate) { c.NotAfter = noon().Add(-time.Hour) }, "other.example")
	other := issue(t, nil, "other", nil)
	chain := shows(leaf, middle, root)
	for _, c := range []struct {
		what    string
		cs      tls.ConnectionState
		records []dns.Record
		names   string
		want    string
	}{
		{"3 0 0", chain, []dns.Record{tlsa(3, 0, 0, leaf.cert)}, "-", "<nil>"},
		{"3 0 1", chain, []dns.Record{tlsa(3, 0, 1, leaf.cert)}, "-", "<nil>"},
		{"3 0 2", chain, []dns.Record{tlsa(3, 0, 2, leaf.cert)}, "-", "<nil>"},
		{"3 1 0", chain, []dns.Record{tlsa(3, 1, 0, leaf.cert)}, "-", "<nil>"},
		{"3 1 1", chain, []dns.Record{tlsa(3, 1, 1, leaf.cert)}, "-", "<nil>"},
		{"3 1 2", chain, []dns.Record{tlsa(3, 1, 2, leaf.cert)}, "-", "<nil>"},
		{"3 names and dates do not matter", shows(own), []dns.Record{tlsa(3, 1, 1, own.cert)}, "-", "<nil>"},
		{"3 of the issuer", chain, []dns.Record{tlsa(3, 1, 1, middle.cert)}, "mx.example.org", "tlsa-invalid"},
		{"3 of another", chain, []dns.Record{tlsa(3, 1, 1, other.cert)}, "mx.example.org", "tlsa-invalid"},
		{"one of several", chain, []dns.Record{tlsa(3, 1, 1, other.cert), tlsa(0, 1, 1, leaf.cert), tlsa(3, 1, 1, leaf.cert)}, "-", "<nil>"},
		{"1 is not usable", chain, []dns.Record{tlsa(1, 1, 1, leaf.cert), tlsa(3, 1, 1, other.cert)}, "-", "tlsa-invalid"},
		{"2 0 1 root", chain, []dns.Record{tlsa(2, 0, 1, root.cert)}, "mx.example.org", "<nil>"},
		{"2 1 1 middle", chain, []dns.Record{tlsa(2, 1, 1, middle.cert)}, "mx.example.org", "<nil>"},
		{"2 0 0 root that is not shown", shows(leaf, middle), []dns.Record{tlsa(2, 0, 0, root.cert)}, "mx.example.org", "<nil>"},
		{"2 0 1 root that is not shown", shows(leaf, middle), []dns.Record{tlsa(2, 0, 1, root.cert)}, "mx.example.org", "tlsa-invalid"},
		{"2 wildcard", chain, []dns.Record{tlsa(2, 0, 1, root.cert)}, "a.wild.example", "<nil>"},
		{"2 wildcard is one label", chain, []dns.Record{tlsa(2, 0, 1, root.cert)}, "a.b.wild.example", "certificate-host-mismatch"},
		{"2 other name", chain, []dns.Record{tlsa(2, 0, 1, root.cert)}, "mx2.example.org", "certificate-host-mismatch"},
		{"2 common name", shows(named, middle, root), []dns.Record{tlsa(2, 0, 1, root.cert)}, "mx.example.org", "<nil>"},
		{"2 expired", shows(expired, middle, root), []dns.Record{tlsa(2, 0, 1, root.cert)}, "mx.example.org", "certificate-expired"},
		{"2 shown beside the chain", shows(leaf, other), []dns.Record{tlsa(2, 0, 1, other.cert)}, "mx.example.org", "certificate-not-trusted"},
		{"no certificate", shows(), []dns.Record{tlsa(3, 1, 1, leaf.cert)}, "-", "tlsa-invalid"},
		{"2 not a certificate", chain, []dns.Record{{Usage: 2, Data: []byte("x")}}, "-", "tlsa-invalid"},
	} {
		if got := failure(VerifyTLSA(c.cs, c.records, []string{c.names}, noon())); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestHandshake runs whole connections: what Config makes of good and wrong hosts, and what reports say of them.
func TestHandshake(t *testing.T) {
	root := issue(t, nil, "root", nil)
	good := issue(t, root, "x", nil, "mx.example.org")
	wrong := issue(t, root, "x", nil, "other.example.org")
	stale := issue(t, root, "x", func(c *x509.Certificate) { c.NotAfter = noon().Add(-time.Hour) }, "mx.example.org")
	own := issue(t, nil, "x", nil, "mx.example.org")
	numbered := issue(t, root, "x", func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)} }, "y.example")
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	dane := DANE{Base: "mx.example.org", Records: []dns.Record{tlsa(3, 1, 1, good.cert)}}
	for _, c := range []struct {
		what    string
		hop     string
		dane    DANE
		host    *issuer
		want    string
		results []Result
	}{
		{"nothing promised", "", DANE{}, own, "<nil>", []Result{{Policy: PolicyNone}}},
		{"policy kept", "sts enforce mx.example.org", DANE{}, good, "<nil>", []Result{{Policy: PolicySTS}}},
		{"own certificate", "sts enforce mx.example.org", DANE{}, own, "certificate-not-trusted", []Result{{Policy: PolicySTS, Failure: FailureNotTrusted}}},
		{"other name", "sts enforce mx.example.org", DANE{}, wrong, "certificate-host-mismatch", []Result{{Policy: PolicySTS, Failure: FailureHostMismatch}}},
		{"expired", "sts enforce mx.example.org", DANE{}, stale, "certificate-expired", []Result{{Policy: PolicySTS, Failure: FailureExpired}}},
		{"tested", "sts testing mx.example.org", DANE{}, own, "<nil>", []Result{{Policy: PolicySTS, Failure: FailureNotTrusted}}},
		{"foreign, tested", "sts testing a.example.org", DANE{}, good, "<nil>", []Result{{Policy: PolicySTS, Failure: FailureValidation}}},
		{"policy that could not be fetched", "stsfailed sts-policy-fetch-error", DANE{}, good, "<nil>", []Result{{Policy: PolicySTS, Failure: FailureSTSFetch}}},
		{"DANE", "mx authentic", dane, good, "<nil>", []Result{{Policy: PolicyTLSA}}},
		{"DANE of another", "mx authentic", dane, wrong, "tlsa-invalid", []Result{{Policy: PolicyTLSA, Failure: FailureTLSA}}},
		{"both", "mx authentic\nsts enforce mx.example.org", dane, good, "<nil>", []Result{{Policy: PolicyTLSA}, {Policy: PolicySTS}}},
		{"both, wrong", "mx authentic\nsts enforce mx.example.org", dane, stale, "tlsa-invalid",
			[]Result{{Policy: PolicyTLSA, Failure: FailureTLSA}, {Policy: PolicySTS, Failure: FailureExpired}}},
		{"rule for other names", "rule authenticated *.example.org", DANE{}, wrong, "<nil>", []Result{{Policy: PolicyNone}}},
		{"rule for a relay by address", "mx named\nrule authenticated 192.0.2.1", DANE{}, numbered, "<nil>", []Result{{Policy: PolicyNone}}},
		{"rule for another address", "mx named\nrule authenticated 192.0.2.2", DANE{}, numbered, "certificate-host-mismatch", []Result{{Policy: PolicyNone}}},
		{"rule for a name", "rule authenticated mail.example.org", DANE{}, good, "certificate-host-mismatch", []Result{{Policy: PolicyNone}}},
		{"the sender waives", "sender waives\nsts enforce mx.example.org", DANE{}, own, "<nil>", []Result{{Policy: PolicySTS, Failure: FailureNotTrusted}}},
	} {
		h := hop(t, c.hop)
		h.DANE = c.dane
		d := Decide(h)
		state, err := handshake(t, d.Config(roots, noon), c.host)
		if got := failure(err); got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.what, got, err, c.want)
		}
		compare(t, c.what, d.Results(state, err, roots, noon()), c.results)
	}
}

// compare looks at what matters of results.
func compare(t *testing.T, what string, got, want []Result) {
	t.Helper()
	for i, r := range got {
		if (r.Reason == "") != (r.Failure == "") || r.Host != "mx.example.org" || r.Domain == "" {
			t.Errorf("%s: %+v", what, r)
		}
		got[i] = Result{Policy: r.Policy, Failure: r.Failure}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func handshake(t *testing.T, config *tls.Config, host *issuer) (*tls.ConnectionState, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		far, err := l.Accept()
		if err != nil {
			return
		}
		srv := tls.Server(far, &tls.Config{Time: noon, Certificates: []tls.Certificate{{Certificate: [][]byte{host.cert.Raw}, PrivateKey: host.key}}})
		_ = srv.Handshake()
		far.Close()
	}()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := tls.Client(near, config)
	err = client.Handshake()
	near.Close()
	<-done
	state := client.ConnectionState()
	return &state, err
}

// TestResultsWithoutTLS is about attempts that did not get as far as a certificate.
func TestResultsWithoutTLS(t *testing.T) {
	none := errors.New("502 no")
	for _, c := range []struct {
		what string
		hop  string
		err  func(Decision) error
		want []Result
	}{
		{"in the clear", "", func(Decision) error { return nil }, []Result{{Policy: PolicyNone, Failure: FailureStartTLS}}},
		{"no STARTTLS", "sts enforce mx.example.org", func(d Decision) error { return d.Fail(FailureStartTLS, none) }, []Result{{Policy: PolicySTS, Failure: FailureStartTLS}}},
		{"no answer", "sts enforce mx.example.org", func(Decision) error { return none }, nil},
		{"refused", "sts enforce a.example.org", func(d Decision) error { return d.Refused }, []Result{{Policy: PolicySTS, Failure: FailureValidation}}},
		{"refused by DANE", "tlsa failed\nsts enforce mx.example.org", func(d Decision) error { return d.Refused }, []Result{{Policy: PolicyTLSA, Failure: FailureDNSSEC}}},
		{"no REQUIRETLS", "sender requires\nmx authentic", func(d Decision) error { return d.FailRequireTLS() }, nil},
		{"the operator wants none", "rule none", func(Decision) error { return nil }, nil},
	} {
		d := Decide(hop(t, c.hop))
		compare(t, c.what, d.Results(nil, c.err(d), nil, noon()), c.want)
	}
}
