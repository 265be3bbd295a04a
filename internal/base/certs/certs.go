// Package certs is where TLS certificates come from: files, an authority that is
// asked for them (package acme), and, for who has none yet, one that the server
// signs for itself.
//
// A [Source] picks by the name that the client asks for (SNI): a file's that has
// it, or else the authority's; clients that ask for something else get that of the
// host. Files are read
// again when they change, without a restart: at Reload, and when a handshake
// finds, at most every ten seconds, that their times or sizes differ. Files
// that cannot be read then (half-written, gone) leave what is in use in use.
package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Pair is one certificate: a file with the chain, the server's own first, and
// one with its private key, both PEM. They may be the same file.
type Pair struct{ Cert, Key string }

// Options of a Source.
type Options struct {
	// Pairs are the configured certificates. The first answers names that
	// none has, and clients that ask for no name, if there is none for the first of Hosts.
	Pairs []Pair
	// Managed, if set, finds certificates that come from elsewhere, for names in lower case; nil if there is none.
	Managed func(name string) *tls.Certificate
	// SelfSigned is the file of the self-signed certificate and its key,
	// made when there are no Pairs, made anew before it expires.
	SelfSigned string
	// Hosts are the names in the self-signed certificate; localhost and the
	// loopback addresses are added.
	Hosts []string

	Logger *slog.Logger     // default: discards
	Now    func() time.Time // default: time.Now
}

// Source gives out certificates. It is safe for concurrent use.
type Source struct {
	opts    Options
	current atomic.Pointer[set]
	checked atomic.Int64 // Unix seconds of the last look at the files
	mu      sync.Mutex   // held while loading
}

// set is what was loaded at one time.
type set struct {
	held   []Held
	first  *tls.Certificate
	byName map[string]*tls.Certificate // lower case; "*.example.org" for a wildcard
	stamps []stamp
	until  time.Time // the first expiry
}

// stamp is a file's identity at a time.
type stamp struct {
	name string
	time time.Time
	size int64
}

// checkEvery is how often, at most, the files are looked at.
const checkEvery = 10 // seconds

// New loads the certificates, or makes a self-signed one.
func New(o Options) (*Source, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Source{opts: o}
	return s, s.Reload()
}

// TLSConfig is a configuration that asks the Source at each handshake: TLS 1.2
// and up (RFC 8996), Go's curves, session tickets.
func (s *Source) TLSConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.GetCertificate}
}

// Reload reads all files again. With an error nothing changes.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked.Store(s.opts.Now().Unix())
	next, err := s.load()
	if err != nil {
		return fmt.Errorf("certs: %w", err)
	}
	s.current.Store(next)
	return nil
}

// Expires is when the first of the certificates does.
func (s *Source) Expires() time.Time { return s.current.Load().until }

// GetCertificate implements tls.Config.GetCertificate.
func (s *Source) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.lookAgain()
	return s.Find(hello.ServerName), nil
}

// Find returns the certificate that clients are shown who ask for a name.
func (s *Source) Find(name string) *tls.Certificate {
	now := s.current.Load()
	managed := s.opts.Managed
	if managed == nil {
		managed = func(string) *tls.Certificate { return nil }
	}
	names := []string{name}
	if len(s.opts.Hosts) > 0 {
		names = append(names, s.opts.Hosts[0])
	}
	for _, n := range names {
		n = strings.ToLower(strings.TrimSuffix(n, "."))
		if c := now.find(n); c != nil && len(s.opts.Pairs) > 0 {
			return c
		}
		if c := managed(n); c != nil {
			return c
		}
	}
	return now.first
}

// Covers says whether one of the configured files has a name.
func (s *Source) Covers(name string) bool {
	return len(s.opts.Pairs) > 0 && s.current.Load().find(strings.ToLower(name)) != nil
}

// Held is a certificate from a file.
type Held struct {
	File       string
	SelfSigned bool // by this server
	Leaf       *x509.Certificate
}

// Held are the certificates from files, in their order.
func (s *Source) Held() []Held { return s.current.Load().held }

// lookAgain reloads when the files have changed. One handshake does it, the
// others go on with what there is.
func (s *Source) lookAgain() {
	now := s.opts.Now()
	last := s.checked.Load()
	if now.Unix()-last < checkEvery || !s.checked.CompareAndSwap(last, now.Unix()) {
		return
	}
	old := s.current.Load()
	if !old.stale() && (len(s.opts.Pairs) > 0 || !expiresSoon(old.until, now)) {
		return
	}
	if err := s.Reload(); err != nil {
		s.opts.Logger.Error("certificates not reloaded, the old ones stay", "error", err)
		return
	}
	s.opts.Logger.Info("certificates reloaded", "expires", s.Expires())
}

func (s *Source) load() (*set, error) {
	pairs := s.opts.Pairs
	if len(pairs) == 0 {
		if s.opts.SelfSigned == "" {
			return nil, errors.New("no certificate is configured")
		}
		if err := s.ensureSelfSigned(); err != nil {
			return nil, fmt.Errorf("self-signed certificate: %w", err)
		}
		pairs = []Pair{{s.opts.SelfSigned, s.opts.SelfSigned}}
	}
	next := &set{byName: make(map[string]*tls.Certificate)}
	for _, p := range pairs {
		if err := next.add(p); err != nil {
			return nil, err
		}
	}
	if len(s.opts.Pairs) == 0 {
		next.held[0].SelfSigned = true
	}
	return next, nil
}

func (t *set) add(p Pair) error {
	for _, name := range []string{p.Cert, p.Key} {
		st, err := stampOf(name) // before reading: a later change will differ
		if err != nil {
			return err
		}
		t.stamps = append(t.stamps, st)
	}
	cert, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", p.Cert, p.Key, err)
	}
	t.held = append(t.held, Held{File: p.Cert, Leaf: cert.Leaf})
	if t.first == nil {
		t.first = &cert
	}
	if leaf := cert.Leaf; t.until.IsZero() || leaf.NotAfter.Before(t.until) {
		t.until = leaf.NotAfter
	}
	for _, name := range names(cert.Leaf) {
		if t.byName[name] == nil { // the first that has it
			t.byName[name] = &cert
		}
	}
	return nil
}

// names are a certificate's host names. RFC 9525 6.3: the common name is not
// one, unless there is nothing else to go by.
func names(leaf *x509.Certificate) []string {
	list := leaf.DNSNames
	if len(list) == 0 && leaf.Subject.CommonName != "" {
		list = []string{leaf.Subject.CommonName}
	}
	lower := make([]string, len(list))
	for i, n := range list {
		lower[i] = strings.ToLower(n)
	}
	return lower
}

// find returns the certificate for a name in lower case: exact, then wildcard; nil if no file has it.
func (t *set) find(name string) *tls.Certificate {
	if c := t.byName[name]; c != nil {
		return c
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		return t.byName["*."+parent]
	}
	return nil
}

// stale reports whether a file is another than the one loaded. A missing file
// is not: it may be in the middle of being replaced.
func (t *set) stale() bool {
	for _, st := range t.stamps {
		now, err := stampOf(st.name)
		if err == nil && (now.size != st.size || !now.time.Equal(st.time)) {
			return true
		}
	}
	return false
}

func stampOf(name string) (stamp, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return stamp{}, err
	}
	return stamp{name, fi.ModTime(), fi.Size()}, nil
}
