package listen_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/serve/listen"
)

const headerV1 = "PROXY TCP4 203.0.113.9 198.51.100.1 40000 143\r\n"

// headerTLS is of version 2, and says that the client speaks TLS 1.3.
const headerTLS = "\r\n\r\n\x00\r\nQUIT\n" + "\x21\x11\x00\x1e" + "\xcb\x00\x71\x09\xc6\x33\x64\x01\x9c\x40\x00\x8f" +
	"\x20\x00\x0f" + "\x01\x00\x00\x00\x01" + "\x21\x00\x07" + "TLSv1.3"

// who tells what the handler sees of its client.
func who(_ context.Context, c *listen.Conn) {
	fmt.Fprintf(c.Writer(), "%v %v %v %v %q\n", c.RemoteIP(), c.RemoteAddr(), c.Proxied(), c.Secret(), c.TLSVersion())
}

func proxies(s ...string) (out []netip.Prefix) {
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// What a header says is whom limits, logs and protocols see; only trusted proxies are asked for one.
func TestProxyHeader(t *testing.T) {
	for _, tt := range []struct{ name, from, send, want string }{
		{"version 1", "10.0.0.1:5000", headerV1, "203.0.113.9 203.0.113.9:40000 true false \"\"\n"},
		{"version 2 with TLS", "10.0.0.1:5000", headerTLS, "203.0.113.9 203.0.113.9:40000 true true \"TLS 1.3\"\n"},
		{"the proxy itself", "10.0.0.1:5000", "PROXY UNKNOWN\r\n", "10.0.0.1 10.0.0.1:5000 false false \"\"\n"},
		{"somebody else", "192.0.2.1:5000", "", "192.0.2.1 192.0.2.1:5000 false false \"\"\n"},
		{"somebody else, with a header", "192.0.2.1:5000", headerV1, "192.0.2.1 192.0.2.1:5000 false false \"\"\n"},
		{"no header", "10.0.0.1:5000", "EHLO there.example\r\n", ""},
		{"half a header", "10.0.0.1:5000", headerV1[:20], ""},
		{"a client that hangs up", "10.0.0.1:5000", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				ln, stop := start(t, listen.Options{
					Handler: who, Proxies: proxies("10.0.0.0/8"),
					Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				})
				c := dial(t, ln, tt.from)
				began := time.Now()
				send(t, c, tt.send)
				got, _ := io.ReadAll(c)
				if string(got) != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if d := time.Since(began); d > 5*time.Second {
					t.Errorf("it took %v", d)
				}
				stop()
				if strings.HasPrefix(tt.want, "203") && !strings.Contains(log.String(), "remote=203.0.113.9 proxy=10.0.0.1") {
					t.Errorf("in the log:\n%s", &log)
				}
			})
		})
	}
}

// The client behind a proxy is who the limits count.
func TestProxiedLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := listen.NewLimits(listen.LimitOptions{PerAddress: 1})
		ln, stop := start(t, listen.Options{
			Handler: echo(time.Minute), Proxies: proxies("10.0.0.0/8"), Limits: limits, Refusal: "too many\n",
		})
		first := dial(t, ln, "10.0.0.1:5000")
		send(t, first, headerV1+"hello\n")
		expect(t, first, "> hello\n")
		second := dial(t, ln, "10.0.0.1:5001")
		send(t, second, headerV1)
		expect(t, second, "too many\n")
		other := dial(t, ln, "10.0.0.1:5002")
		send(t, other, strings.Replace(headerV1, ".9 ", ".10 ", 1)+"hello\n")
		expect(t, other, "> hello\n")
		first.Close()
		synctest.Wait()
		again := dial(t, ln, "10.0.0.1:5003")
		send(t, again, headerV1+"hello\n")
		expect(t, again, "> hello\n")
		for _, c := range []net.Conn{second, other, again} {
			c.Close()
		}
		stop()
	})
}

// A proxy can bring another client; the limits move with it, and are given back once.
func TestSetClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := listen.NewLimits(listen.LimitOptions{PerAddress: 1})
		ln, stop := start(t, listen.Options{Limits: limits, Refusal: "too many\n", Handler: func(ctx context.Context, c *listen.Conn) {
			line, _ := c.Reader().ReadString('\n')
			reason := c.SetClient(netip.MustParseAddrPort(strings.TrimSpace(line)))
			fmt.Fprintf(c.Writer(), "%v %q\n", c.RemoteIP(), reason)
			c.Reader().ReadString('\n')
		}})
		first, second := dial(t, ln, "10.0.0.1:1"), net.Conn(nil)
		send(t, first, "[::ffff:203.0.113.9]:1\n")
		expect(t, first, "203.0.113.9 \"\"\n")
		second = dial(t, ln, "10.0.0.1:2") // the proxy counts no more
		send(t, second, "203.0.113.9:2\n")
		expect(t, second, "203.0.113.9 \"too many connections from this address\"\n")
		first.Close()
		second.Close()
		synctest.Wait()
		for range 2 {
			c := dial(t, ln, "10.0.0.1:3")
			send(t, c, "203.0.113.9:3\n")
			expect(t, c, "203.0.113.9 \"\"\n")
			c.Close()
			synctest.Wait()
		}
		stop()
	})
}

// Who waits for a header does not hold up the end of the server.
func TestNoHeaderAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, stop := start(t, listen.Options{Handler: who, Proxies: proxies("10.0.0.0/8")})
		c := dial(t, ln, "10.0.0.1:5000")
		send(t, c, "PROXY")
		synctest.Wait()
		began := time.Now()
		stop()
		if d := time.Since(began); d > 0 {
			t.Errorf("it took %v", d)
		}
		expectEOF(t, c)
	})
}

// TLS begins behind the header, be it the client's own or the proxy's once more; over a real socket, whose every octet counts.
func TestHeaderBeforeTLS(t *testing.T) {
	for _, tt := range []struct{ header, want string }{
		{headerV1, "203.0.113.9 203.0.113.9:40000 true true \"TLS 1.3\"\n"},
		{headerTLS, "203.0.113.9 203.0.113.9:40000 true true \"TLS 1.3\"\n"},
	} {
		config, client := selfSigned(t)
		address, stop := overTCP(t, listen.Options{Handler: who, Proxies: proxies("127.0.0.0/8"), TLS: config, Implicit: true})
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		send(t, nc, tt.header)
		c := tls.Client(nc, client)
		expect(t, c, tt.want)
		c.Close()
		stop()
	}
}
