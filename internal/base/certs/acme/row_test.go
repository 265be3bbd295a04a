package acme

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"
)

// chain is a certificate in PEM for names, with its key.
func chain(tb testing.TB, names ...string) (certificate, key []byte) {
	tb.Helper()
	signer, err := newKey()
	if err != nil {
		tb.Fatal(err)
	}
	return issued(tb, signer, names...), marshal(tb, signer)
}

func issued(tb testing.TB, key crypto.Signer, names ...string) []byte {
	tb.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func marshal(tb testing.TB, key crypto.Signer) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// What an authority sends is used only if it is what was asked for.
func TestParse(t *testing.T) {
	good, key := chain(t, "mail.example.org")
	_, other := chain(t, "mail.example.org")
	foreign, foreignKey := chain(t, "mail.example.com")
	for _, test := range []struct {
		name       string
		chain, key []byte
		ok         bool
	}{
		{"good", good, key, true},
		{"with others behind it", bytes.Repeat(good, maxChain), key, true},
		{"with too many", bytes.Repeat(good, maxChain+1), key, false},
		{"another key", good, other, false},
		{"another name", foreign, foreignKey, false},
		{"nothing", nil, key, false},
		{"no certificate", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), key, false},
		{"no PEM", []byte("<html>"), key, false},
	} {
		c, err := parse("mail.example.org", test.chain, test.key)
		if (err == nil) != test.ok || !test.ok && !errors.Is(err, ErrWrong) || test.ok && (c.Leaf == nil || c.PrivateKey == nil) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	good, key := chain(f, "mail.example.org")
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, chain []byte) {
		c, err := parse("mail.example.org", chain, key)
		if err != nil {
			return
		}
		if c.Leaf.VerifyHostname("mail.example.org") != nil || len(c.Certificate) > maxChain || !bytes.Equal(c.Leaf.Raw, c.Certificate[0]) {
			t.Errorf("%q is taken", chain)
		}
	})
}

func TestTimes(t *testing.T) {
	const day = 24 * time.Hour
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct{ life, renew, soon time.Duration }{
		{90 * day, 60 * day, 70 * day}, {45 * day, 30 * day, 35 * day}, {6 * day, 3 * day, 6*day - 6*day*2/9}, {365 * day, 365 * day * 2 / 3, 345 * day},
	} {
		c := &x509.Certificate{NotBefore: from, NotAfter: from.Add(test.life)}
		if got := renewAt(c).Sub(from); got.Round(time.Minute) != test.renew.Round(time.Minute) {
			t.Errorf("%v: renewed after %v, want %v", test.life, got, test.renew)
		}
		if EndsSoon(c, from.Add(test.soon-time.Minute)) || !EndsSoon(c, from.Add(test.soon+time.Minute)) {
			t.Errorf("%v: not warned of after %v", test.life, test.soon)
		}
		if !renewAt(c).Before(from.Add(test.soon)) {
			t.Errorf("%v: warned of before it is renewed", test.life)
		}
	}
}

// What the authority says of the time of renewal is held to sense: a choice within a window is made once, and it is asked now and then.
func TestWindow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &x509.Certificate{NotBefore: now, NotAfter: now.Add(90 * 24 * time.Hour)}
	var r row
	at := func(days int) time.Time { return now.Add(time.Duration(days) * 24 * time.Hour) }
	r.adopt(renewal{from: at(50), to: at(60), at: at(53), again: at(0)}, c, now)
	if !r.Renew.Equal(at(53)) || !r.Ask.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v", r)
	}
	r.adopt(renewal{from: at(50), to: at(60), at: at(58), again: at(30)}, c, now)
	if !r.Renew.Equal(at(53)) || !r.Ask.Equal(at(1)) {
		t.Errorf("chosen again: %+v", r)
	}
	r.adopt(renewal{from: at(0), to: at(1), at: at(0)}, c, now)
	if !r.Renew.Equal(at(0)) {
		t.Errorf("not at once: %+v", r)
	}
	r.adopt(renewal{from: at(91), to: at(99), at: at(95)}, c, now)
	if !r.Renew.Equal(at(60)) {
		t.Errorf("after its end: %+v", r)
	}
}
