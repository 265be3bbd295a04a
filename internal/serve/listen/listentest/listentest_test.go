package listentest_test

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"restante/internal/serve/listen/listentest"
)

// TestConn holds the pipe to what the network's own connections keep.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, c2 = listentest.Pipe("192.0.2.1:25")
		return c1, c2, func() { c1.Close(); c2.Close() }, nil
	})
}
