package dnstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Unbound starts a validating resolver before the server, with the keys of its signed zones as trust anchors, and ends it with the test.
// others are zones of the server that are not signed. The test is skipped where there is no unbound.
func Unbound(tb testing.TB, s *Server, others ...string) netip.AddrPort {
	tb.Helper()
	program, err := exec.LookPath("unbound")
	if err != nil {
		if program = "/usr/sbin/unbound"; !exists(program) {
			tb.Skip("unbound is not installed (tools/install-test-deps.sh)")
		}
	}
	dir := tb.TempDir()
	tcp, udp, err := listen()
	if err != nil {
		tb.Fatal(err)
	}
	addr := netip.MustParseAddrPort(tcp.Addr().String())
	_ = errors.Join(tcp.Close(), udp.Close())
	conf := filepath.Join(dir, "unbound.conf")
	if err := os.WriteFile(conf, []byte(s.configuration(dir, addr, others)), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program, "-d", "-p", "-c", conf)
	out := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if tb.Failed() {
			tb.Logf("unbound: %s", out)
		}
	})
	awaitTCP(tb, addr)
	return addr
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// configuration is that of unbound.
func (s *Server) configuration(dir string, addr netip.AddrPort, others []string) string {
	var c strings.Builder
	fmt.Fprintf(&c, `server:
	directory: %q
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	verbosity: 1
	interface: %s@%d
	do-ip6: no
	do-not-query-localhost: no
	ede: yes
	module-config: "validator iterator"
	num-threads: 1
	cache-max-ttl: 1
	cache-max-negative-ttl: 1
	aggressive-nsec: no
`, dir, addr.Addr(), addr.Port())
	for _, a := range s.Anchors() {
		fmt.Fprintf(&c, "\ttrust-anchor: %q\n", a)
	}
	zones := others
	for _, o := range others {
		fmt.Fprintf(&c, "\tdomain-insecure: %q\n", o)
	}
	for _, z := range s.zones {
		zones = append(zones, z.apex)
	}
	for _, z := range zones {
		fmt.Fprintf(&c, "\tlocal-zone: %q transparent\n", z)
	}
	for _, z := range zones {
		fmt.Fprintf(&c, "stub-zone:\n\tname: %q\n\tstub-addr: %s@%d\n", z, s.addr.Addr(), s.addr.Port())
	}
	c.WriteString("remote-control:\n\tcontrol-enable: no\n")
	return c.String()
}

// awaitTCP waits until a server takes connections.
func awaitTCP(tb testing.TB, addr netip.AddrPort) {
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr.String()); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			tb.Fatal("unbound does not answer")
		case <-tick.C:
		}
	}
}
