package listen_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/serve/listen"
)

func selfSigned(t *testing.T) (*tls.Config, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"mail.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{RootCAs: pool, ServerName: "mail.test"}
}

// bindings is a handler that says which channel bindings it sees.
func bindings(_ context.Context, c *listen.Conn) {
	for {
		line, err := c.Reader().ReadString('\n')
		if err != nil {
			return
		}
		if line == "starttls\n" {
			fmt.Fprint(c.Writer(), "go on\n")
			if err := c.StartTLS(context.Background()); err != nil {
				fmt.Fprintf(c.Writer(), "refused: %v\n", err)
			}
			continue
		}
		data, err := c.ChannelBinding(line[:len(line)-1])
		if errors.Is(err, listen.ErrNoBinding) {
			fmt.Fprint(c.Writer(), "none\n")
			continue
		}
		fmt.Fprintf(c.Writer(), "%x\n", data)
	}
}

func TestChannelBindings(t *testing.T) {
	serverConf, clientConf := selfSigned(t)
	endPoint := sha256.Sum256(serverConf.Certificates[0].Certificate[0])
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		synctest.Test(t, func(t *testing.T) {
			clientConf := clientConf.Clone()
			clientConf.MinVersion, clientConf.MaxVersion = version, version
			clientConf.Time = func() time.Time { return serverTime(serverConf) }
			clientConf.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			ln, stop := start(t, listen.Options{Handler: bindings, TLS: serverConf, Implicit: true})
			defer stop()
			for _, resumed := range []bool{false, true} {
				c := tls.Client(dial(t, ln, ""), clientConf)
				if err := c.Handshake(); err != nil {
					t.Fatal(err)
				}
				state := c.ConnectionState()
				if state.DidResume != resumed {
					t.Errorf("%s: resumed %v, want %v", tls.VersionName(version), state.DidResume, resumed)
				}
				exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
				if err != nil {
					t.Fatal(err)
				}
				send(t, c, "tls-exporter\n")
				expect(t, c, fmt.Sprintf("%x\n", exporter))
				send(t, c, "tls-server-end-point\n")
				expect(t, c, fmt.Sprintf("%x\n", endPoint))
				send(t, c, "tls-unique\n")
				if version == tls.VersionTLS12 {
					expect(t, c, fmt.Sprintf("%x\n", state.TLSUnique))
				} else {
					expect(t, c, "none\n")
				}
				c.Close()
			}
		})
	}
}

// serverTime is a time at which the certificate holds: synctest's clock starts
// in the year 2000.
func serverTime(conf *tls.Config) time.Time {
	leaf, _ := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
	return leaf.NotBefore.Add(time.Minute)
}

func TestStartTLS(t *testing.T) {
	serverConf, clientConf := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		clientConf.Time = func() time.Time { return serverTime(serverConf) }
		ln, stop := start(t, listen.Options{Handler: bindings, TLS: serverConf})
		defer stop()
		plain := dial(t, ln, "")
		send(t, plain, "tls-exporter\n")
		expect(t, plain, "none\n")
		send(t, plain, "starttls\n")
		expect(t, plain, "go on\n")
		c := tls.Client(plain, clientConf)
		send(t, c, "starttls\n")
		expect(t, c, "go on\nrefused: listen: TLS is active\n")
		c.Close()
	})
}

func TestStartTLSInjection(t *testing.T) {
	serverConf, _ := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: bindings, TLS: serverConf})
		defer stop()
		c := dial(t, ln, "")
		send(t, c, "starttls\ntls-exporter\n")
		expect(t, c, "go on\nrefused: "+listen.ErrPipelined.Error()+"\n")
		c.Close()
	})
}

func TestStartTLSUnconfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: bindings})
		defer stop()
		c := dial(t, ln, "")
		send(t, c, "starttls\n")
		expect(t, c, "go on\nrefused: "+listen.ErrNoTLS.Error()+"\n")
	})
}

func TestHandshakeTimeout(t *testing.T) {
	serverConf, _ := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: bindings, TLS: serverConf, Implicit: true, HandshakeTimeout: 20 * time.Second})
		defer stop()
		c := dial(t, ln, "")
		began := time.Now()
		expectEOF(t, c)
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("a silent handshake was waited for %v", took)
		}
	})
}

func TestParkingUnderTLS(t *testing.T) {
	serverConf, clientConf := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		clientConf.Time = func() time.Time { return serverTime(serverConf) }
		conns := make(chan *listen.Conn, 1)
		ln, stop := start(t, listen.Options{TLS: serverConf, Implicit: true,
			Handler: func(ctx context.Context, c *listen.Conn) {
				conns <- c
				echo(time.Hour)(ctx, c)
			}})
		c := tls.Client(dial(t, ln, ""), clientConf)
		for range 3 {
			send(t, c, "a line\n")
			expect(t, c, "> a line\n")
			<-time.After(time.Minute)
			send(t, c, "from parked\nand another\n") // one record, woken by its first octet
			expect(t, c, "> from parked\n> and another\n")
		}
		sc := <-conns
		for range 3 { // a wait that is cut short does not hurt TLS
			<-time.After(time.Minute)
			sc.Interrupt()
			expect(t, c, "interrupted\n")
		}
		send(t, c, "a line\n")
		expect(t, c, "> a line\n")
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		expect(t, c, "draining\n")
		expectEOF(t, c)
		<-stopped
	})
}
