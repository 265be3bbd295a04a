package app

import (
	"net"
	"os"
)

// notifySystemd tells the service manager about a change of state, where there is
// one that wants to know (sd_notify(3)).
func notifySystemd(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", socket) // "@name" is an abstract one, to Go too
	if err != nil {
		return // it will find out without
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}
