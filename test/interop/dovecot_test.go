package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"restante/test/demo"
)

// dovecot is Debian's Dovecot with Maildirs, on loopback, the server that people move from.
type dovecot struct {
	t     *testing.T
	dir   string
	ports map[string]string // imap, imaps, pop3, pop3s
}

// startDovecot runs one for the length of a test. Any name can log in with demo.Password.
func startDovecot(t *testing.T) *dovecot {
	t.Helper()
	if _, err := exec.LookPath("dovecot"); err != nil {
		t.Fatal("dovecot is not installed: run make deps")
	}
	dir := must(os.MkdirTemp("", "dovecot"))(t) // short, for its sockets, and open to its users
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &dovecot{t: t, dir: dir, ports: freePorts(t, "imap", "imaps", "pop3", "pop3s")}
	mail := filepath.Join(dir, "mail")
	for path, mode := range map[string]os.FileMode{dir: 0o755, mail: 0o700} {
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	run(t, program{name: "openssl", args: strings.Fields("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost " +
		"-keyout " + dir + "/tls.key -out " + dir + "/tls.pem")})
	// Mail belongs to nobody, or to who runs the tests: Dovecot does not give mail to root.
	me := must(user.Current())(t)
	owner, more := "nobody", ""
	if me.Uid == "0" {
		nobody := must(user.Lookup(owner))(t)
		uid, gid := must(strconv.Atoi(nobody.Uid))(t), must(strconv.Atoi(nobody.Gid))(t)
		if err := os.Chown(mail, uid, gid); err != nil {
			t.Fatal(err)
		}
	} else {
		owner = me.Username
		more = "default_login_user = " + owner + "\ndefault_internal_user = " + owner + "\ndefault_internal_group = " + must(user.LookupGroupId(me.Gid))(t).Name +
			"\nservice imap-login {\n  chroot =\n}\nservice pop3-login {\n  chroot =\n}\nservice anvil {\n  chroot =\n}\nservice stats {\n  chroot =\n}\n"
	}
	group := must(user.LookupGroupId(must(user.Lookup(owner))(t).Gid))(t).Name
	conf := strings.NewReplacer("DIR", dir, "OWNER", owner, "GROUP", group, "PASSWORD", demo.Password, "MORE", more,
		"PORT-imaps", d.ports["imaps"], "PORT-imap", d.ports["imap"], "PORT-pop3s", d.ports["pop3s"], "PORT-pop3", d.ports["pop3"]).Replace(dovecotConf)
	cmd := exec.Command("dovecot", "-F", "-c", write(t, filepath.Join(dir, "dovecot.conf"), conf))
	out := must(os.Create(filepath.Join(dir, "out")))(t)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			for _, name := range []string{"out", "log"} {
				text, _ := os.ReadFile(filepath.Join(dir, name))
				t.Logf("Dovecot's %s:\n%s", name, text)
			}
		}
	})
	d.await()
	return d
}

// await waits until Dovecot answers.
func (d *dovecot) await() {
	d.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(50 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		c, err := net.Dial("tcp", "127.0.0.1:"+d.ports["imap"])
		if err == nil {
			c.Close()
			return
		}
	}
	d.t.Fatal("Dovecot did not start")
}

const dovecotConf = `base_dir = DIR/run
state_dir = DIR/state
log_path = DIR/log
listen = 127.0.0.1
protocols = imap pop3
mail_location = maildir:DIR/mail/%n
first_valid_uid = 1
mail_uid = OWNER
mail_gid = GROUP
disable_plaintext_auth = no
auth_mechanisms = plain
ssl = yes
ssl_cert = <DIR/tls.pem
ssl_key = <DIR/tls.key
mail_max_userip_connections = 100
passdb {
  driver = static
  args = password=PASSWORD
}
userdb {
  driver = static
  args = uid=OWNER gid=GROUP home=DIR/mail/%n allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = .
  mailbox Gesendetes {
    auto = create
    special_use = \Sent
  }
  mailbox "Deleted Items" {
    auto = create
  }
}
service imap-login {
  inet_listener imap {
    port = PORT-imap
  }
  inet_listener imaps {
    port = PORT-imaps
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = PORT-pop3
  }
  inet_listener pop3s {
    port = PORT-pop3s
    ssl = yes
  }
}
MORE
`

// freePorts asks the kernel for ports that are free now.
func freePorts(t *testing.T, names ...string) map[string]string {
	t.Helper()
	ports := make(map[string]string)
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, ports[name], _ = net.SplitHostPort(l.Addr().String())
	}
	return ports
}

// url is the address of a user for restante import.
func (d *dovecot) url(protocol, user string) string {
	return fmt.Sprintf("%s://%s@127.0.0.1:%s", protocol, user, d.ports[protocol])
}

// login logs in with a client that is not ours.
func (d *dovecot) login(user string) *imapclient.Client {
	d.t.Helper()
	return foreignLogin(d.t, "127.0.0.1:"+d.ports["imap"], user)
}

func foreignLogin(t *testing.T, address, user string) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(user, demo.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// fill gives a user mail as years leave it: UIDs with gaps, flags, keywords, dates, folders below folders and with names that are not ASCII.
func (d *dovecot) fill(user string, inbox int) {
	t := d.t
	c := d.login(user)
	for _, name := range []string{"Projects", "Projects.Äpfel Öl", "Gesendetes", "Deleted Items"} {
		if err := c.Create(name, nil).Wait(); err != nil && !strings.Contains(err.Error(), "exists") {
			t.Fatal(err)
		}
	}
	date := time.Date(2019, 3, 1, 8, 0, 0, 0, time.FixedZone("", 3600))
	flags := [][]imap.Flag{{}, {imap.FlagSeen}, {imap.FlagSeen, imap.FlagAnswered}, {imap.FlagFlagged, "$Label1"}, {imap.FlagSeen, imap.FlagForwarded, "Private"}}
	add := func(mailbox string, n int, text []byte) {
		t.Helper()
		w := c.Append(mailbox, int64(len(text)), &imap.AppendOptions{Flags: flags[n%len(flags)], Time: date.Add(time.Duration(n) * 13 * time.Hour)})
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for n := range inbox {
		add("INBOX", n, letter(n))
	}
	for n, mailbox := range []string{"Projects", "Projects.Äpfel Öl", "Gesendetes", "Deleted Items"} {
		for i := range 3 {
			add(mailbox, n+i, letter(1000+10*n+i))
		}
	}
	// Some go again, the last one too.
	must(c.Select("INBOX", nil).Wait())(t)
	gone := imap.SeqSetNum(3, 7, uint32(inbox))
	must(c.Store(gone, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Collect())(t)
	must(c.Expunge().Collect())(t)
	if err := c.Logout().Wait(); err != nil {
		t.Fatal(err)
	}
}
