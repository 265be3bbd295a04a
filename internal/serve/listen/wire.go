package listen

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// writeChunk is how much one write deadline covers: a client that takes
// 64 KB in five minutes is slow, one that takes 50 MB in ten is not.
const writeChunk = 64 << 10

// wire is the accepted connection below TLS: it counts octets and gives every
// read and write a new deadline. Apart from the counters it belongs to the
// connection's goroutine.
type wire struct {
	net.Conn
	in, out      atomic.Int64
	readTimeout  time.Duration
	writeTimeout time.Duration
	limit        time.Time       // no deadline is later; zero means none
	parked       bool            // WaitInput owns the read deadline
	dry          bool            // there is nothing to be read
	raw          syscall.RawConn // nil when it is no socket
	cert         *tls.Certificate
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	if w.dry {
		return 0, os.ErrDeadlineExceeded
	}
	if !w.parked {
		if err := w.Conn.SetReadDeadline(w.cap(time.Now().Add(w.readTimeout))); err != nil {
			return 0, err
		}
	}
	n, err := w.Conn.Read(p)
	w.in.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (written int, err error) {
	for {
		if err := w.Conn.SetWriteDeadline(w.cap(time.Now().Add(w.writeTimeout))); err != nil {
			return written, err
		}
		n, err := w.Conn.Write(p[:min(len(p), writeChunk)])
		w.out.Add(int64(n))
		written += n
		p = p[n:]
		if err != nil || len(p) == 0 {
			return written, err
		}
	}
}

func (w *wire) cap(t time.Time) time.Time {
	if !w.limit.IsZero() && w.limit.Before(t) {
		return w.limit
	}
	return t
}

// remoteIP is the client's address without zone or IPv4-in-IPv6, the invalid
// Addr when the connection has none (a pipe, a socket file).
func remoteIP(nc net.Conn) netip.Addr { return ipOf(nc.RemoteAddr()) }

func ipOf(addr net.Addr) netip.Addr {
	if addr == nil {
		return netip.Addr{}
	}
	if t, ok := addr.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
