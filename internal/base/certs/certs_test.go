package certs_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/base/certs"
)

// pairFor makes a certificate for host, by way of a self-signed Source.
func pairFor(t *testing.T, file string, hosts ...string) certs.Pair {
	t.Helper()
	os.Remove(file)
	if _, err := certs.New(certs.Options{SelfSigned: file, Hosts: hosts}); err != nil {
		t.Fatal(err)
	}
	return certs.Pair{Cert: file, Key: file}
}

// name is the first name of the certificate that the source gives for sni.
func name(t *testing.T, s *certs.Source, sni string) string {
	t.Helper()
	c, err := s.GetCertificate(&tls.ClientHelloInfo{ServerName: sni})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.DNSNames[0]
}

func TestSelection(t *testing.T) {
	dir := t.TempDir()
	s, err := certs.New(certs.Options{Pairs: []certs.Pair{
		pairFor(t, filepath.Join(dir, "a"), "mail.example.org"),
		pairFor(t, filepath.Join(dir, "b"), "*.example.net", "example.net"),
		pairFor(t, filepath.Join(dir, "c"), "imap.example.net"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for sni, want := range map[string]string{
		"":                  "mail.example.org",
		"nobody.test":       "mail.example.org",
		"MAIL.Example.ORG.": "mail.example.org",
		"pop.example.net":   "*.example.net",
		"example.net":       "*.example.net",
		"a.b.example.net":   "mail.example.org", // a wildcard is one label
		"imap.example.net":  "imap.example.net",
		"localhost":         "mail.example.org",
	} {
		if got := name(t, s, sni); got != want {
			t.Errorf("%q: got the certificate of %s, want %s", sni, got, want)
		}
	}
}

func TestSelfSigned(t *testing.T) {
	now := time.Now()
	file := filepath.Join(t.TempDir(), "tls", "self-signed.pem")
	opts := certs.Options{SelfSigned: file, Hosts: []string{"Mail.example.org"}, Now: func() time.Time { return now }}
	open := func() (*certs.Source, string) {
		t.Helper()
		s, err := certs.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return s, string(content)
	}
	s, first := open()
	fi, err := os.Stat(file)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	leaf, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"mail.example.org", "localhost", "127.0.0.1", "::1"} {
		if err := leaf.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if _, again := open(); again != first {
		t.Error("a restart made another certificate")
	}
	opts.Hosts = append(opts.Hosts, "pop.example.org")
	_, more := open()
	if more == first {
		t.Error("a new host is not in the certificate")
	}
	s, _ = open()
	now = s.Expires().Add(-29 * 24 * time.Hour)
	if _, err := s.GetCertificate(&tls.ClientHelloInfo{}); err != nil { // renews while running
		t.Fatal(err)
	}
	if s.Expires().Sub(now) < 100*24*time.Hour {
		t.Errorf("not renewed: expires %v", s.Expires())
	}
}

func TestForeignFileIsNotOverwritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.New(certs.Options{SelfSigned: file}); err == nil {
		t.Error("no error")
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Error("overwritten")
	}
}

func TestReload(t *testing.T) {
	now := time.Now()
	file := filepath.Join(t.TempDir(), "cert")
	var log bytes.Buffer
	s, err := certs.New(certs.Options{
		Pairs: []certs.Pair{pairFor(t, file, "old.test")}, Now: func() time.Time { return now },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	replace := func(host string) {
		t.Helper()
		pairFor(t, file, host)
		if err := os.Chtimes(file, now, now); err != nil { // a time of its own, however fast the test
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := name(t, s, ""); got != want {
			t.Errorf("%s is in use, want %s", got, want)
		}
	}
	now = now.Add(5 * time.Second)
	replace("new.test")
	expect("old.test") // looked at less than ten seconds ago
	now = now.Add(10 * time.Second)
	expect("new.test")

	if err := os.WriteFile(file, []byte("half a certif"), 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(11 * time.Second)
	expect("new.test")
	if !strings.Contains(log.String(), "the old ones stay") {
		t.Errorf("the log does not tell: %s", log.String())
	}
	if err := s.Reload(); err == nil {
		t.Error("Reload of a broken file has no error")
	}
	os.Remove(file)
	now = now.Add(11 * time.Second)
	expect("new.test")
	replace("newest.test")
	if err := s.Reload(); err != nil { // SIGHUP does not wait
		t.Error(err)
	}
	expect("newest.test")
}

func TestNoCertificate(t *testing.T) {
	for _, o := range []certs.Options{{}, {Pairs: []certs.Pair{{Cert: "/does/not", Key: "/exist"}}}} {
		if _, err := certs.New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestHandshakesWhileReloading(t *testing.T) {
	s, err := certs.New(certs.Options{SelfSigned: filepath.Join(t.TempDir(), "f")})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", s.TLSConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				c, err := ln.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				c.Read(make([]byte, 1)) // handshake, then the client's end
				c.Close()
			}
		})
		wg.Go(func() {
			for range 5 {
				c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
				if err := s.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Files come before the authority's certificates, and the self-signed one behind them.
func TestManaged(t *testing.T) {
	dir := t.TempDir()
	managed := make(map[string]*tls.Certificate)
	for i, host := range []string{"mail.example.org", "imap.example.org"} {
		p := pairFor(t, filepath.Join(dir, string(rune('p'+i))), host)
		c, err := tls.LoadX509KeyPair(p.Cert, p.Key)
		if err != nil {
			t.Fatal(err)
		}
		managed[host] = &c
	}
	file := pairFor(t, filepath.Join(dir, "file"), "files.example.org", "mail.example.org")
	for _, test := range []struct {
		pairs []certs.Pair
		sni   string
		want  string // the first name of the certificate
	}{
		{nil, "mail.example.org", "mail.example.org"},
		{nil, "IMAP.example.org.", "imap.example.org"},
		{nil, "", "mail.example.org"},
		{nil, "nobody.test", "mail.example.org"},
		{[]certs.Pair{file}, "mail.example.org", "files.example.org"},
		{[]certs.Pair{file}, "imap.example.org", "imap.example.org"},
		{[]certs.Pair{file}, "nobody.test", "files.example.org"}, // the host's, which is in the file
	} {
		s, err := certs.New(certs.Options{
			Pairs: test.pairs, SelfSigned: filepath.Join(dir, "self"), Hosts: []string{"Mail.example.org"},
			Managed: func(name string) *tls.Certificate { return managed[name] },
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := name(t, s, test.sni); got != test.want {
			t.Errorf("%d files, %q: got %s, want %s", len(test.pairs), test.sni, got, test.want)
		}
		c := s.Find("mail.example.org")
		if test.pairs == nil && c != managed["mail.example.org"] {
			t.Error("the self-signed certificate comes before that of the authority")
		}
	}
	delete(managed, "mail.example.org")
	s, err := certs.New(certs.Options{SelfSigned: filepath.Join(dir, "self"), Hosts: []string{"mail.example.org"}, Managed: func(n string) *tls.Certificate { return managed[n] }})
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Find("mail.example.org"); c == nil || !s.Held()[0].SelfSigned || !c.Leaf.Equal(s.Held()[0].Leaf) {
		t.Error("without one of the authority's: not the self-signed certificate")
	}
}
