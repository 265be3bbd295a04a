package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"restante/test/client"
	"restante/test/demo"
)

// Scenes of POP3 and IMAP on one mailbox, with the real server. Time is moved by its clock.

// device is a credential of its own.
type device struct{ login, password string }

// addDevice makes a device of an account by the command line.
func addDevice(t *testing.T, s *demo.Server, user, name string, options ...string) device {
	t.Helper()
	text := verb(t, s, append([]string{"device", "add", user + "@" + demo.Domain, name, "--json"}, options...)...)
	var d struct{ Login, Password string }
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return device{d.Login, d.Password}
}

func verb(t *testing.T, s *demo.Server, words ...string) string {
	t.Helper()
	text, err := s.Run(t.Context(), words...)
	if err != nil {
		t.Fatalf("restante %s: %v\n%s", strings.Join(words, " "), err, text)
	}
	return text
}

func (d device) maildrop(t *testing.T, s *demo.Server) *client.POP3 {
	t.Helper()
	p, err := client.DialPOP3(s.Addr(demo.POP3), d.login, d.password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// takeAll downloads and deletes everything that a device is offered, and returns how many messages.
func (d device) takeAll(t *testing.T, s *demo.Server) int {
	t.Helper()
	p := d.maildrop(t, s)
	n, _, err := p.Stat()
	for i := 1; i <= n && err == nil; i++ {
		if _, err = p.Retr(i); err == nil {
			_, err = p.Command(fmt.Sprintf("DELE %d", i))
		}
	}
	if err == nil {
		err = p.Quit()
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// within waits for what the server does by itself soon after it has started.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(until) {
			t.Fatalf("not within 20 s: %s", what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// B: two computers that delete what they download get all the mail, both; IMAP has it for a month, and what is flagged for good.
func TestSceneB(t *testing.T) {
	const messages = 200
	s := demo.Start(t, 1)
	office, home := addDevice(t, s, "u1", "Office PC", "--pop"), addDevice(t, s, "u1", "Home PC", "--pop")
	deliver(t, s, "u1", letters(messages)...)
	if a, b := office.takeAll(t, s), home.takeAll(t, s); a != messages || b != messages {
		t.Fatalf("the office got %d, home %d", a, b)
	}
	if n := office.takeAll(t, s); n != 0 {
		t.Errorf("the office is offered %d again", n)
	}
	imap := login(t, s, "u1")
	if n := count(t, imap, "INBOX", "MESSAGES"); n != messages {
		t.Errorf("IMAP has %d", n)
	}
	do(t, imap, "SELECT INBOX")
	do(t, imap, `STORE 7,77 +FLAGS (\Flagged)`)
	imap.Close()
	if text := verb(t, s, "device", "policy", "u1@"+demo.Domain, "--dry-run"); strings.Count(text, `leaves by the rule of`) != messages-2 {
		t.Errorf("the dry run:\n%.500s", text)
	}
	if err := s.Later("31d"); err != nil {
		t.Fatal(err)
	}
	within(t, "all but the flagged have left INBOX", func() bool { return count(t, login(t, s, "u1"), "INBOX", "MESSAGES") == 2 })
	if n := count(t, login(t, s, "u1"), "Trash", "MESSAGES"); n != messages-2 {
		t.Errorf("Trash has %d", n)
	}
	if text := verb(t, s, "verify"); !strings.Contains(text, "as it should be") {
		t.Error(text)
	}
}

// C: one computer that leaves nothing: after QUIT the messages are gone for everybody, but can be put back.
func TestSceneC(t *testing.T) {
	const messages = 20
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "only", "--pop", "--keep", "none", "--then", "delete")
	deliver(t, s, "u1", letters(messages)...)
	if n := d.takeAll(t, s); n != messages {
		t.Fatalf("it got %d", n)
	}
	if n := count(t, login(t, s, "u1"), "INBOX", "MESSAGES"); n != 0 {
		t.Errorf("IMAP has %d", n)
	}
	var account struct{ Used, Messages uint64 }
	if err := json.Unmarshal([]byte(verb(t, s, "account", "show", "u1@"+demo.Domain, "--json")), &account); err != nil || account.Used != 0 {
		t.Errorf("%+v is charged, %v", account, err)
	}
	if text := verb(t, s, "removed", "restore", "u1@"+demo.Domain, "--device", "only", "--since", "1h"); !strings.Contains(text, "20 messages put back") {
		t.Error(text)
	}
	if n := count(t, login(t, s, "u1"), "INBOX", "MESSAGES"); n != messages {
		t.Errorf("IMAP has %d after they were put back", n)
	}
	// It is the same message as before, and the device has it.
	if n, _, err := d.maildrop(t, s).Stat(); n != 0 || err != nil {
		t.Errorf("the device is offered %d again, %v", n, err)
	}
}

// D: IMAP expunges while a POP session is open: the session still has every message.
func TestSceneD(t *testing.T) {
	const messages = 100
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letters(messages)...)
	p := maildrop(t, s, "u1")
	if n, _, err := p.Stat(); n != messages || err != nil {
		t.Fatal(n, err)
	}
	imap := login(t, s, "u1")
	do(t, imap, "SELECT INBOX")
	do(t, imap, `STORE 1:* +FLAGS.SILENT (\Deleted)`)
	do(t, imap, "EXPUNGE")
	for i := 1; i <= messages; i++ {
		if _, err := p.Retr(i); err != nil {
			t.Fatalf("RETR %d: %v", i, err)
		}
	}
	if err := p.Quit(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := maildrop(t, s, "u1").Stat(); n != 0 || err != nil {
		t.Errorf("there are %d left, %v", n, err)
	}
}

// E: kill -9 between DELE and QUIT: nothing is taken. After QUIT's +OK: all is.
func TestSceneE(t *testing.T) {
	const messages = 30
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "only", "--pop")
	deliver(t, s, "u1", letters(messages)...)
	p := d.maildrop(t, s)
	for i := 1; i <= messages; i++ {
		if _, err := p.Command(fmt.Sprintf("DELE %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	again := func() {
		t.Helper()
		s.Kill()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	again()
	if n := d.takeAll(t, s); n != messages {
		t.Fatalf("after a kill before QUIT there are %d", n)
	}
	again()
	if n, _, err := d.maildrop(t, s).Stat(); n != 0 || err != nil {
		t.Errorf("after a kill behind QUIT there are %d, %v", n, err)
	}
	if n := count(t, login(t, s, "u1"), "INBOX", "MESSAGES"); n != messages {
		t.Errorf("IMAP has %d", n)
	}
}

// G: an account a byte short of its quota: mail is deferred, its owner warned, and after the grace period the sender is told. A release makes room.
func TestSceneG(t *testing.T) {
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "only", "--pop", "--keep", "none", "--then", "delete")
	message := letter(1)
	deliver(t, s, "u1", message, letter(2))
	var account struct{ Used uint64 }
	if err := json.Unmarshal([]byte(verb(t, s, "account", "show", "u1@"+demo.Domain, "--json")), &account); err != nil {
		t.Fatal(err)
	}
	verb(t, s, "account", "quota", "u1@"+demo.Domain, "--quota", fmt.Sprintf("%dB", account.Used+account.Used/2-1))
	send := func() client.Reply {
		t.Helper()
		m, err := client.DialSMTP(s.Addr(demo.SMTP))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		replies, err := m.Send("sender@example.org", []string{"u1@" + demo.Domain}, message)
		if err != nil {
			t.Fatal(err)
		}
		return replies[len(replies)-1]
	}
	if r := send(); r.Code != 452 {
		t.Errorf("at first: %+v", r)
	}
	if err := s.Later("3d"); err != nil {
		t.Fatal(err)
	}
	if r := send(); r.Code != 552 {
		t.Errorf("after three days: %+v", r)
	}
	d.takeAll(t, s)
	if r := send(); !r.OK() {
		t.Errorf("after a release: %+v", r)
	}
}

// A revoked device's sessions end within five seconds.
func TestRevokedDeviceIsOut(t *testing.T) {
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "lost phone", "--imap")
	imap, err := client.DialIMAP(s.Addr(demo.IMAP), d.login, d.password)
	if err != nil {
		t.Fatal(err)
	}
	defer imap.Close()
	if err := imap.Idle(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DialPOP3(s.Addr(demo.POP3), d.login, d.password); err == nil {
		t.Error("a device for IMAP logs in to POP3")
	}
	begin := time.Now()
	verb(t, s, "device", "revoke", "u1@"+demo.Domain, "lost phone")
	for err == nil {
		_, err = imap.Next()
	}
	if net.ErrClosed == err || time.Since(begin) > 5*time.Second {
		t.Errorf("out after %v: %v", time.Since(begin), err)
	}
	if _, err := client.DialIMAP(s.Addr(demo.IMAP), d.login, d.password); err == nil {
		t.Error("it logs in again")
	}
}
