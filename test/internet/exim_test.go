package internet

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// exim is Debian's, as a host for domains of its own.
type exim struct {
	w    *internet
	dir  string
	in   netip.Addr // where its own people hand mail in
	mail mailbox
}

// exim starts one for a domain: "plain." before it is without TLS, "nobody." takes mail and finds then that there is nobody, "greylist."
// does not before the file greylist is there. to is where it sends all else: an address without its port.
func (w *internet) exim(t *testing.T, domain string, to netip.Addr) *exim {
	t.Helper()
	const program = "/usr/sbin/exim4"
	if _, err := os.Stat(program); err != nil {
		t.Skip("this machine has a mail server that is not Exim")
	}
	e := &exim{w: w, dir: filepath.Join(w.dir, "exim"), in: w.address()}
	e.mail = maildir(filepath.Join(e.dir, "mail"))
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cert, key, _ := w.ca.files(t, e.dir, "mx."+domain)
	plain, others := w.address(), w.address()
	for face, ip := range map[string]netip.Addr{"": others, "plain.": plain, "nobody.": others, "greylist.": others} {
		w.exchanger(t, face+domain, ip)
	}
	who := "Debian-exim" // as root: the user that its package made
	if os.Getuid() != 0 {
		who = strconv.Itoa(os.Getuid())
	}
	conf := filepath.Join(e.dir, "exim.conf")
	writeFile(t, conf, strings.NewReplacer("DIR", e.dir, "DOMAIN", domain, "USER", who, "PORT", strconv.Itoa(int(w.port)), "TO", to.String(),
		"LISTEN", fmt.Sprintf("%s : %s : %s", e.in, plain, others), "PLAIN", plain.String(), "CERT", cert, "KEY", key, "CAFILE", w.ca.file).Replace(eximConf))
	e.give(t, key)
	cmd := exec.Command(program, "-bdf", "-q1s", "-C", conf, "-oP", filepath.Join(e.dir, "pid"))
	daemon(t, filepath.Join(e.dir, "mainlog"), cmd, syscall.SIGTERM)
	listens(t, w.at(others))
	return e
}

const eximConf = `exim_user = USER
exim_group = USER
primary_hostname = mx.DOMAIN
spool_directory = DIR
log_file_path = DIR/%slog
log_selector = +all
keep_environment =
daemon_smtp_ports = PORT
local_interfaces = LISTEN
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
chunking_advertise_hosts = *
tls_advertise_hosts = ${if eq{$received_ip_address}{PLAIN}{}{*}}
tls_certificate = CERT
tls_privatekey = KEY
acl_smtp_rcpt = recipient
acl_smtp_data = all
message_size_limit = 100M
never_users =
queue_run_in_order = true
begin acl
all:
  accept
recipient:
  defer domains = greylist.DOMAIN
        condition = ${if exists{DIR/greylist}{no}{yes}}
        message = 4.7.1 come again
  accept
begin routers
nobody:
  driver = redirect
  domains = nobody.DOMAIN
  data = :fail: there is nobody
  allow_fail
here:
  driver = accept
  domains = DOMAIN : plain.DOMAIN : greylist.DOMAIN
  transport = keep
verified:
  driver = manualroute
  local_parts = anna+tls
  route_list = * TO
  self = send
  transport = tls
chunked:
  driver = manualroute
  local_parts = anna+old
  route_list = * TO
  self = send
  transport = old
others:
  driver = manualroute
  route_list = * TO
  self = send
  transport = plain
begin transports
keep:
  driver = appendfile
  directory = DIR/mail
  maildir_format
  user = USER
  create_directory
plain:
  driver = smtp
  port = PORT
  hosts_avoid_tls = *
tls:
  driver = smtp
  port = PORT
  hosts_require_tls = *
  tls_verify_certificates = CAFILE
  tls_verify_cert_hostnames =
  tls_sni = mx.a.test
  tls_verify_hosts = *
old:
  driver = smtp
  port = PORT
  hosts_avoid_tls = *
  hosts_avoid_esmtp = *
begin retry
* * F,1h,1s
`

// give makes its user the owner of its folder, and lets it read its key.
func (e *exim) give(t *testing.T, key string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	u, err := user.Lookup("Debian-exim")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err := errors.Join(err, os.Chown(e.dir, uid, -1), os.Chown(key, uid, -1)); err != nil {
		t.Fatal(err)
	}
}

// logged is its log so far.
func (e *exim) logged() string {
	text, _ := os.ReadFile(filepath.Join(e.dir, "mainlog"))
	return string(text)
}
