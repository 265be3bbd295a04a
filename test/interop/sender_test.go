package interop

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"restante/test/demo"
)

// exim is where Debian has it, which is not in everybody's PATH.
const exim = "/usr/sbin/exim4"

// sender is a mail server of others: Exim with a queue of its own, which tries when it is told to and writes to those whose mail
// it cannot deliver. It sends everything to one server.
type sender struct{ config, spool string }

// newSender skips the test where another mail server keeps Exim from being installed.
func newSender(t *testing.T, s *demo.Server) *sender {
	t.Helper()
	if _, err := os.Stat(exim); err != nil {
		if _, err := os.Stat("/usr/sbin/sendmail"); err == nil {
			t.Skip("this machine has a mail server that is not Exim")
		}
		t.Fatal("exim4 is not installed: run make deps")
	}
	spool, err := os.MkdirTemp("", "restante-exim-") // the folders of a test are for its user alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(spool) })
	asWhom := "" // as root: as the user that its package made
	if uid := os.Getuid(); uid != 0 {
		asWhom = fmt.Sprintf("exim_user = %d\nexim_group = %d", uid, os.Getgid())
	}
	e := &sender{filepath.Join(spool, "exim.conf"), spool}
	write(t, e.config, fmt.Sprintf(`%[3]s
primary_hostname = mail.sender.example
spool_directory = %[1]s
log_file_path = %[1]s/%%slog
keep_environment =
untrusted_set_sender = *
prod_requires_admin = false
queue_list_requires_admin = false
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = %[2]s
  hosts_avoid_tls = *
begin retry
* * F,4d,15m
`, e.spool, s.Port(demo.SMTP), asWhom))
	if os.Getuid() == 0 {
		e.give(t)
	}
	return e
}

// give makes its user the owner of its folder, and lets it read the configuration.
func (e *sender) give(t *testing.T) {
	t.Helper()
	u, err := user.Lookup("Debian-exim")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err == nil {
		err = errors.Join(os.Chown(e.spool, uid, -1), os.Chmod(e.spool, 0o755), os.Chmod(e.config, 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// queue takes a message over, from a sender to a recipient.
func (e *sender) queue(t *testing.T, from, to string, message []byte) {
	t.Helper()
	e.exim(t, string(message), "-odq", "-i", "-f", from, to)
}

// try runs the queue once, whenever its next try would be, and returns what waits on.
func (e *sender) try(t *testing.T) string {
	t.Helper()
	e.exim(t, "", "-qff")
	return e.exim(t, "", "-bp")
}

func (e *sender) exim(t *testing.T, in string, args ...string) string {
	t.Helper()
	return run(t, program{name: exim, args: append([]string{"-C", e.config}, args...), in: strings.ReplaceAll(in, "\r\n", "\n")})
}

// log is what it has noted, if it could.
func (e *sender) log() string {
	text, _ := os.ReadFile(filepath.Join(e.spool, "mainlog"))
	return string(text)
}
