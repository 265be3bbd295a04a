package config

import (
	"net"
	"path/filepath"
	"time"
)

// Milter is a filter that is asked about mail (rspamd, clamav-milter, opendkim) while it comes in. Each [[milter]] block is one; they are asked in this
// order, and take effect at the next start (docs/operators/strangers.md).
type Milter struct {
	// Where it listens: "unix:/run/rspamd/milter.sock", "127.0.0.1:11332", "filter.example.org:11332". What is said there is not encrypted.
	Socket string `toml:"socket"`
	// What it is asked about: "smtp", mail from other servers, which is also meant when it is empty, and "submission", what people here send.
	At []string `toml:"at"`
	// What happens when it cannot be asked: "later", which is also meant when it is empty, lets senders come again; "pass" takes their mail without it.
	Failure string `toml:"failure"`
	// How long it may take for each answer; 30s when it is 0s.
	Timeout Duration `toml:"timeout"`
	// How long it may take at the end of a message; 2m when it is 0s. Other servers wait for ten.
	MessageTimeout Duration `toml:"message_timeout"`
}

// Network returns the network and address for a net.Dialer.
func (m *Milter) Network() (network, address string) { return Address(m.Socket).Network() }

func (l *loader) checkMilters(list []Milter) {
	for i, m := range list {
		network, address := m.Network()
		if _, port, err := net.SplitHostPort(address); network == "tcp" && (err != nil || port == "" || address[0] == ':') || network == "unix" && !filepath.IsAbs(address) {
			l.fail("milter", `block %d: %q is no socket: write "unix:/run/rspamd/milter.sock", or "127.0.0.1:11332"`, i+1, m.Socket)
		}
		for _, at := range m.At {
			if at != "smtp" && at != "submission" {
				l.fail("milter", `block %d: at has %q, and there are "smtp" and "submission"`, i+1, at)
			}
		}
		if m.Failure != "" && m.Failure != "later" && m.Failure != "pass" {
			l.fail("milter", `block %d: failure is %q, and neither "later" nor "pass"`, i+1, m.Failure)
		}
		for _, d := range []Duration{m.Timeout, m.MessageTimeout} {
			if d != 0 && (d < Duration(time.Second) || d > Duration(9*time.Minute)) {
				l.fail("milter", "block %d: %v is not between 1s and 9m", i+1, d)
			}
		}
	}
}
