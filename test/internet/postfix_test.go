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

// postfix is one of Debian's, unpacked by tools/install-test-deps.sh and not installed, because Debian has one mail server at a time.
type postfix struct {
	w    *internet
	dir  string
	log  string
	in   netip.Addr // where its own people hand mail in: it relays for whoever is on this machine
	mail mailbox
}

// faces are the hosts that it is, each with what its smtpd is told: the domain plain.p.test goes to an address of its own.
func faces() map[string][]string {
	refuse := func(stage string) []string { return []string{"smtpd_" + stage + "_restrictions=reject"} }
	return map[string][]string{
		"":           {"smtpd_tls_security_level=may"},
		"plain.":     {"smtpd_tls_security_level=none"},
		"data.":      {"smtpd_tls_security_level=may", "smtpd_discard_ehlo_keywords=chunking"},
		"ascii.":     {"smtpd_discard_ehlo_keywords=8bitmime,smtputf8,chunking"},
		"busy.":      {"smtpd_client_connection_count_limit=2", "smtpd_client_event_limit_exceptions="},
		"few.":       {"smtpd_recipient_limit=10"},
		"small.":     {"message_size_limit=50000"},
		"old.":       {"smtpd_discard_ehlo_keywords=pipelining,size,vrfy,etrn,starttls,auth,8bitmime,dsn,enhancedstatuscodes,smtputf8,chunking"},
		"noclient.":  {"smtpd_client_restrictions=reject", "smtpd_delay_reject=no"},
		"nohelo.":    {"smtpd_helo_restrictions=reject", "smtpd_delay_reject=no"},
		"nosender.":  append(refuse("sender"), "smtpd_delay_reject=no"),
		"norcpt.":    refuse("recipient"),
		"nodata.":    refuse("data"),
		"noend.":     refuse("end_of_data"),
		"nobody.":    {"smtpd_recipient_restrictions=check_recipient_access,texthash:$config_directory/access"},
		"unwilling.": {"smtpd_recipient_restrictions=defer"},
	}
}

// postfix starts one for a domain. routes says where its own mail goes: lines of a transport table. circle@ its domain is an alias for circle@a.test.
func (w *internet) postfix(t *testing.T, domain, routes string) *postfix {
	t.Helper()
	needRoot(t)
	root, err := filepath.Abs("../../.cache/postfix")
	if err != nil {
		t.Fatal(err)
	}
	programs, library := filepath.Join(root, "usr/lib/postfix/sbin"), filepath.Join(root, "usr/lib/postfix")
	if _, err := os.Stat(filepath.Join(programs, "master")); err != nil {
		t.Fatal("postfix is not there: run make deps")
	}
	p := &postfix{w: w, dir: filepath.Join(w.dir, "postfix"), in: w.address()}
	p.log, p.mail = filepath.Join(p.dir, "log"), maildir(filepath.Join(p.dir, "mail/all"))
	p.folders(t)
	_, _, chain := w.ca.files(t, p.dir, "mx."+domain)
	conf := filepath.Join(p.dir, "etc")
	writeFile(t, filepath.Join(conf, "routes"), routes)
	writeFile(t, filepath.Join(conf, "aliases"), "circle@"+domain+" circle@a.test\n")
	writeFile(t, filepath.Join(conf, "access"), "nobody."+domain+" FILTER error:5.1.1 there is nobody\n")
	var master strings.Builder
	var domains []string
	for face, options := range faces() {
		ip := w.address()
		w.exchanger(t, face+domain, ip)
		domains = append(domains, face+domain)
		fmt.Fprintf(&master, "%s inet n - n - - smtpd\n", w.at(ip))
		for _, o := range options {
			fmt.Fprintf(&master, "  -o %s\n", strings.ReplaceAll(o, "$config_directory", conf))
		}
	}
	fmt.Fprintf(&master, "%s inet n - n - - smtpd\n%s", w.at(p.in), masterCF)
	writeFile(t, filepath.Join(conf, "master.cf"), master.String())
	writeFile(t, filepath.Join(conf, "main.cf"), strings.NewReplacer("DIR", p.dir, "ROOT", root, "DOMAIN", domain, "FACES", strings.Join(domains, " "),
		"CHAIN", chain, "CAFILE", w.ca.file).Replace(mainCF))
	cmd := exec.Command(filepath.Join(programs, "master"), "-s", "-c", conf)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+library, "MAIL_CONFIG="+conf)
	daemon(t, p.log, cmd, syscall.SIGTERM)
	listens(t, w.at(p.in))
	return p
}

const mainCF = `compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
daemon_directory = ROOT/usr/lib/postfix/sbin
command_directory = ROOT/usr/sbin
shlib_directory = ROOT/usr/lib/postfix
meta_directory = ROOT/etc/postfix
import_environment = LD_LIBRARY_PATH=ROOT/usr/lib/postfix MAIL_CONFIG=DIR/etc
mail_owner = daemon
setgid_group = mail
default_privs = nobody
maillog_file = DIR/log
maillog_file_prefixes = DIR
inet_interfaces = all
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.DOMAIN
mydestination =
alias_maps =
alias_database =
virtual_alias_maps = texthash:DIR/etc/aliases
virtual_mailbox_domains = FACES
transport_maps = texthash:DIR/etc/routes
virtual_mailbox_maps = static:all/
virtual_mailbox_base = DIR/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
mailbox_size_limit = 0
message_size_limit = 100000000
smtputf8_enable = yes
notify_classes =
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_dns_support_level = disabled
smtpd_tls_chain_files = CHAIN
smtp_tls_CAfile = CAFILE
smtp_tls_loglevel = 1
tls_random_source = dev:/dev/urandom
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
`

const masterCF = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
smtptls unix - - n - - smtp
  -o smtp_tls_security_level=secure
  -o smtp_tls_secure_cert_match=mx.a.test
smtpold unix - - n - - smtp
  -o smtp_discard_ehlo_keywords=pipelining,chunking,8bitmime,dsn,size
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// folders are what its installation would have made, for users that every Debian has.
func (p *postfix) folders(t *testing.T) {
	t.Helper()
	id := func(name string) int {
		u, err := user.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(u.Uid)
		return n
	}
	owner, nobody := id("daemon"), id("nobody")
	for _, d := range strings.Fields("active bounce corrupt defer deferred flush hold incoming private saved trace") {
		p.folder(t, "queue/"+d, owner, 0o700)
	}
	p.folder(t, "queue/public", owner, 0o710)
	p.folder(t, "queue/maildrop", owner, 0o730)
	p.folder(t, "queue/pid", 0, 0o755)
	p.folder(t, "data", owner, 0o700)
	p.folder(t, "mail", nobody, 0o755)
}

func (p *postfix) folder(t *testing.T, name string, owner int, mode os.FileMode) {
	t.Helper()
	name = filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(name, 0o755), os.Chmod(name, mode), os.Chown(name, owner, -1)); err != nil {
		t.Fatal(err)
	}
}

// logged is its log so far.
func (p *postfix) logged() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}
