package interop

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// offered is how many messages a device would be offered now.
func (d device) offered(t *testing.T, s *demo.Server) int {
	t.Helper()
	p := d.maildrop(t, s)
	n, _, err := p.Stat()
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

// A: fetchmail leaves all on the server, mbsync keeps a laptop alike, and a third changes things as webmail does; all at once.
func TestSceneA(t *testing.T) {
	const messages = 200
	s := demo.Start(t, 1)
	desktop := newComputer(t, "fetchmail", addDevice(t, s, "u1", "desktop", "--pop"))
	laptop := newLaptop(t, s, addDevice(t, s, "u1", "laptop", "--imap"))
	web := login(t, s, "u1")
	desktopCollects := func(t *testing.T) { desktop.collect(t, pop3(s), desktop.leaveAll()...) }
	deliver(t, s, "u1", letters(messages)...)
	both(t, desktopCollects, laptop.sync)
	desktop.wantAll(t, "at first", messages)
	laptop.alike(t, web, "INBOX", messages)

	// Each changes something, and before any has told the others, all go to work.
	files := laptop.files(t, "INBOX")
	for _, name := range files[50:80] {
		laptop.flag(t, name, "S")
	}
	for _, name := range files[80:90] {
		laptop.flag(t, name, "FR")
	}
	laptop.folder(t, "From-the-laptop")
	for i, name := range files[90:100] {
		moveFile(t, name, filepath.Join(laptop.dir, "From-the-laptop/cur", fmt.Sprintf("%d.moved:2,S", i)))
	}
	for _, name := range files[100:110] {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	both(t, desktopCollects, laptop.sync, func(t *testing.T) {
		for n := range 10 {
			deliver(t, s, "u1", letter(messages+1+n))
		}
	}, func(t *testing.T) {
		do(t, web, "CREATE From-the-web")
		do(t, web, "SELECT INBOX")
		do(t, web, `UID STORE 1:20 +FLAGS (\Flagged)`)
		do(t, web, `UID STORE 60:70 +FLAGS (\Answered)`)
		do(t, web, "UID MOVE 31:50 From-the-web")
		do(t, web, "UID MOVE 151:160 Trash")
	})
	desktopCollects(t)
	laptop.sync(t) // what came from the web while it worked
	laptop.sync(t)

	desktop.wantAll(t, "in the end", messages+10)
	laptop.alike(t, web, "INBOX", messages+10-10-10-20-10)
	laptop.alike(t, web, "From-the-laptop", 10)
	laptop.alike(t, web, "From-the-web", 20)
	laptop.alike(t, web, "Trash", 10)
	times := map[int]int{}
	for _, mailbox := range []string{"INBOX", "From-the-laptop", "From-the-web", "Trash"} {
		for n, flags := range serverState(t, web, mailbox) {
			times[n] += strings.Count(flags, "|")
		}
	}
	for n := 1; n <= messages+10; n++ {
		want := 1
		if n > 100 && n <= 110 { // what the laptop has deleted
			want = 0
		}
		if times[n] != want {
			t.Errorf("letter %d is on the server %d times", n, times[n])
		}
	}
	flags := serverState(t, web, "INBOX")
	for n, want := range map[int]string{1: "|F", 20: "|F", 21: "|", 51: "|S", 60: "|RS", 70: "|RS", 71: "|S", 81: "|FR", 200: "|"} {
		if flags[n] != want {
			t.Errorf("letter %d has the flags %q, want %q", n, flags[n], want)
		}
	}
	before := standing(t, web)
	both(t, desktopCollects, laptop.sync)
	if after := standing(t, web); after != before {
		t.Errorf("a round with nothing to do changed the server: %s, then %s", before, after)
	}
	desktop.wantAll(t, "after that", messages+10)
}

// B: computers that delete what they download all get all the mail, at the same time; IMAP has it for a month, and what is flagged for good.
func TestSceneB(t *testing.T) {
	const messages = 200
	s := demo.Start(t, 1)
	var computers []*computer
	for _, program := range []string{"fetchmail", "mpop", "getmail"} {
		computers = append(computers, newComputer(t, program, addDevice(t, s, "u1", program, "--pop")))
	}
	allCollect := func() {
		t.Helper()
		var each []func(*testing.T)
		for _, c := range computers {
			each = append(each, func(t *testing.T) { c.collect(t, pop3(s), c.takeAll()...) })
		}
		both(t, each...)
	}
	deliver(t, s, "u1", letters(messages)...)
	allCollect()
	for _, c := range computers {
		c.wantAll(t, "at first", messages)
		if n := c.offered(t, s); n != 0 {
			t.Errorf("%s is offered %d again", c.program, n)
		}
	}
	imap := login(t, s, "u1")
	if n := count(t, imap, "INBOX", "MESSAGES"); n != messages {
		t.Errorf("IMAP has %d", n)
	}
	do(t, imap, "SELECT INBOX")
	do(t, imap, `STORE 7,77 +FLAGS (\Flagged)`)
	imap.Close()
	if text := verb(t, s, "device", "policy", "u1@"+demo.Domain, "--dry-run", "--rows", "500"); strings.Count(text, `leaves by the rule of`) != messages-2 {
		t.Errorf("the dry run:\n%.500s", text)
	}
	if err := s.Later("29d"); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, "u1", letter(messages+1))
	allCollect()
	if n := count(t, login(t, s, "u1"), "INBOX", "MESSAGES"); n != messages+1 {
		t.Errorf("after 29 days IMAP has %d", n)
	}
	if err := s.Later("31d"); err != nil {
		t.Fatal(err)
	}
	within(t, "all but the flagged and the new one have left INBOX", func() bool { return count(t, login(t, s, "u1"), "INBOX", "MESSAGES") == 3 })
	if n := count(t, login(t, s, "u1"), "Trash", "MESSAGES"); n != messages-2 {
		t.Errorf("Trash has %d", n)
	}
	allCollect()
	for _, c := range computers {
		c.wantAll(t, "after a month", messages+1)
	}
	if text := verb(t, s, "verify"); !strings.Contains(text, "as it should be") {
		t.Error(text)
	}
}

// C: one computer that leaves nothing: after QUIT the messages are gone for everybody, but can be put back.
func TestSceneC(t *testing.T) {
	const messages = 20
	s := demo.Start(t, 1)
	only := newComputer(t, "mpop", addDevice(t, s, "u1", "only", "--pop", "--keep", "none", "--then", "delete"))
	deliver(t, s, "u1", letters(messages)...)
	only.collect(t, pop3(s), only.takeAll()...)
	only.wantAll(t, "at first", messages)
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
	if n := only.offered(t, s); n != 0 {
		t.Errorf("the device is offered %d again", n)
	}
}

// D: IMAP expunges all in the middle of fetchmail's session: it still gets every message.
func TestSceneD(t *testing.T) {
	const messages = 100
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letters(messages)...)
	desktop := newComputer(t, "fetchmail", addDevice(t, s, "u1", "desktop", "--pop"))
	imap := login(t, s, "u1")
	do(t, imap, "SELECT INBOX")
	expunge := sync.OnceFunc(func() {
		do(t, imap, `STORE 1:* +FLAGS.SILENT (\Deleted)`)
		do(t, imap, "EXPUNGE")
	})
	wire := tap(t, pop3(s), func(fromServer bool, line string) {
		if !fromServer && line == "RETR 10" {
			expunge()
		}
	})
	desktop.collect(t, wire, desktop.takeAll()...)
	desktop.wantAll(t, "while all was expunged", messages)
	if n := count(t, imap, "INBOX", "MESSAGES"); n != 0 {
		t.Errorf("IMAP has %d", n)
	}
	if n := desktop.offered(t, s); n != 0 {
		t.Errorf("there are %d left", n)
	}
}

// E: the server is killed when it is about to read QUIT: nothing is taken, and the program, which remembers, gets nothing twice. It
// is killed behind its answer to QUIT: all is taken.
func TestSceneE(t *testing.T) {
	const messages = 30
	for _, program := range []string{"fetchmail", "mpop"} {
		t.Run(program, func(t *testing.T) {
			s := demo.Start(t, 1)
			only := newComputer(t, program, addDevice(t, s, "u1", "only", "--pop"))
			options := only.takeAll()
			if program == "fetchmail" { // it remembers only with uidl, and deletes what it remembers only with flush
				options = []string{"uidl", "nokeep", "flush"}
			}
			deliver(t, s, "u1", letters(messages)...)
			killed, quitting := make(chan string, 2), false
			deadly := true
			wire := tap(t, pop3(s), func(fromServer bool, line string) {
				switch {
				case deadly && !fromServer && line == "QUIT":
					s.Kill()
					killed <- "before QUIT"
				case !fromServer && line == "QUIT":
					quitting = true
				case fromServer && quitting && strings.HasPrefix(line, "+OK goodbye"):
					s.Kill()
					killed <- "after QUIT"
				}
			})
			die := func(when string) {
				t.Helper()
				text := only.try(t, wire, options...)
				select {
				case got := <-killed:
					if got != when {
						t.Fatalf("killed %s, not %s", got, when)
					}
				default:
					t.Fatalf("%s did not come to QUIT:\n%s", program, text)
				}
				if err := s.Restart(); err != nil {
					t.Fatal(err)
				}
			}
			die("before QUIT")
			only.wantAll(t, "after the first run", messages)
			if n := only.offered(t, s); n != messages {
				t.Fatalf("after a kill before QUIT there are %d", n)
			}
			deadly = false
			deliver(t, s, "u1", letter(messages+1))
			die("after QUIT")
			only.wantAll(t, "after the second run", messages+1)
			if n := only.offered(t, s); n != 0 {
				t.Errorf("after a kill behind QUIT there are %d", n)
			}
			if n := count(t, login(t, s, "u1"), "INBOX", "MESSAGES"); n != messages+1 {
				t.Errorf("IMAP has %d", n)
			}
		})
	}
}

// G: an account a byte short of its quota: Exim must wait with a letter and its owner is warned. A POP3 release makes room, and the next
// try brings it. With another letter it waits until the grace period is over, and then tells its sender.
func TestSceneG(t *testing.T) {
	s := demo.Start(t, 2)
	only := newComputer(t, "mpop", addDevice(t, s, "u1", "only", "--pop", "--keep", "none", "--then", "delete"))
	mta := newSender(t, s)
	const from, to = "u2@" + demo.Domain, "u1@" + demo.Domain
	verb(t, s, "account", "quota", to, "--quota", "100KiB")
	fill := func() {
		t.Helper()
		padding := strings.Repeat("This takes room.\r\n", 100<<10/18)
		for n := 1; ; n++ { // as much as there is room for
			r := sendTo(t, s, to, append(letter(n), padding...))
			if r.Code == 452 && len(padding) == 0 {
				return
			}
			if !r.OK() {
				padding = padding[:len(padding)/36*18]
			}
		}
	}
	fill()
	imap := login(t, s, "u1")
	do(t, imap, "SELECT INBOX")
	within(t, "the owner is warned", func() bool {
		return do(t, imap, `SEARCH FROM postmaster SUBJECT "%% full"`)[0].Text != "* SEARCH"
	})
	mta.queue(t, from, to, letter(1001))
	if waiting := mta.try(t); !strings.Contains(waiting, to) {
		t.Errorf("it does not wait:\n%s\n%s", waiting, mta.log())
	}
	if found := do(t, imap, `SEARCH SUBJECT "letter 1001"`)[0].Text; found != "* SEARCH" {
		t.Errorf("there was room after all: %s", found)
	}
	only.collect(t, pop3(s), only.takeAll()...)
	if waiting := mta.try(t); strings.Contains(waiting, "<") {
		t.Errorf("after a release it still waits:\n%s\n%s", waiting, mta.log())
	}
	if n := count(t, imap, "INBOX", "MESSAGES"); n != 1 {
		t.Errorf("INBOX has %d messages, not the one that waited", n)
	}

	fill()
	mta.queue(t, from, to, letter(1002))
	mta.try(t)
	if err := s.Later("3d"); err != nil {
		t.Fatal(err)
	}
	mta.try(t)                                                 // which makes the report
	if waiting := mta.try(t); strings.Contains(waiting, "<") { // which sends it
		t.Errorf("after three days it waits:\n%s\n%s", waiting, mta.log())
	}
	p := maildrop(t, s, "u2")
	report, err := p.Retr(1)
	if err != nil || !strings.Contains(string(report), "552 5.2.2") || !strings.Contains(string(report), "Subject: letter 1002") {
		t.Errorf("the sender got %q, %v", report, err)
	}
}

// sendTo sends a message by SMTP and returns the answer to it.
func sendTo(t *testing.T, s *demo.Server, to string, message []byte) client.Reply {
	t.Helper()
	m, err := client.DialSMTP(s.Addr(demo.SMTP))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	replies, err := m.Send("sender@example.org", []string{to}, message)
	if err != nil {
		t.Fatal(err)
	}
	return replies[len(replies)-1]
}

// What a full mailbox answers: wait at first, no after three days.
func TestFullMailbox(t *testing.T) {
	s := demo.Start(t, 1)
	const to = "u1@" + demo.Domain
	d := addDevice(t, s, "u1", "only", "--pop", "--keep", "none", "--then", "delete")
	deliver(t, s, "u1", letter(1), letter(2))
	var account struct{ Used uint64 }
	if err := json.Unmarshal([]byte(verb(t, s, "account", "show", to, "--json")), &account); err != nil {
		t.Fatal(err)
	}
	verb(t, s, "account", "quota", to, "--quota", fmt.Sprintf("%dB", account.Used+account.Used/2-1))
	if r := sendTo(t, s, to, letter(1)); r.Code != 452 || !strings.HasPrefix(r.Text, "4.2.2") {
		t.Errorf("at first: %+v", r)
	}
	if err := s.Later("3d"); err != nil {
		t.Fatal(err)
	}
	if r := sendTo(t, s, to, letter(1)); r.Code != 552 || !strings.HasPrefix(r.Text, "5.2.2") {
		t.Errorf("after three days: %+v", r)
	}
	d.takeAll(t, s)
	if r := sendTo(t, s, to, letter(1)); !r.OK() {
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
