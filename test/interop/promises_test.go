package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"restante/test/demo"
)

// What the pages for users promise.

const u1 = "u1@" + demo.Domain

// What nobody has collected stays, however long and whatever the rules, and so does what lies in folders.
func TestUncollectedMailStays(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "old PC", "--pop")
	verb(t, s, "device", "policy", u1, "--keep", "none", "--then", "delete", "--wait-for", "any")
	deliver(t, s, "u1", letters(20)...)
	imap := login(t, s, "u1")
	do(t, imap, "CREATE Projects")
	for _, mailbox := range []string{"INBOX", "Archive", "Projects", "Sent", "Drafts", "Trash", "Junk"} {
		if err := imap.AppendDated(mailbox, `\Seen`, "22-Nov-2021 10:00:00 +0000", letter(99)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Later("400d"); err != nil {
		t.Fatal(err)
	}
	imap = login(t, s, "u1")
	within(t, "Trash and Junk empty themselves", func() bool {
		return count(t, imap, "Trash", "MESSAGES")+count(t, imap, "Junk", "MESSAGES") == 0
	})
	for _, mailbox := range []string{"Archive", "Projects", "Sent", "Drafts"} {
		if n := count(t, imap, mailbox, "MESSAGES"); n != 1 {
			t.Errorf("%s has %d messages", mailbox, n)
		}
	}
	if n := d.offered(t, s); n != 21 {
		t.Errorf("the old PC is offered %d messages", n)
	}
}

// A device keeps its copy for as long as its rule says, though its program always deletes, and though it never comes again.
func TestKeptForSixtyDays(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	c := newComputer(t, "mpop", addDevice(t, s, "u1", "Office PC", "--pop", "--keep", "60d"))
	deliver(t, s, "u1", letters(10)...)
	c.collect(t, pop3(s), c.takeAll()...)
	if text := verb(t, s, "device", "show", u1, "Office PC"); !strings.Contains(text, "60d") {
		t.Error(text)
	}
	for _, then := range []struct {
		later string
		want  int64
	}{{"59d", 10}, {"61d", 0}} {
		later, want := then.later, then.want
		if err := s.Later(later); err != nil {
			t.Fatal(err)
		}
		within(t, fmt.Sprintf("%d messages after %s", want, later), func() bool {
			return count(t, login(t, s, "u1"), "INBOX", "MESSAGES") == want
		})
		if n := count(t, login(t, s, "u1"), "Trash", "MESSAGES"); n != 10-want {
			t.Errorf("after %s Trash has %d", later, n)
		}
	}
}

// What is flagged, answered, moved or kept stays after all have taken it.
func TestKeptByHand(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	d := addDevice(t, s, "u1", "only", "--pop")
	deliver(t, s, "u1", letters(10)...)
	d.takeAll(t, s)
	imap := login(t, s, "u1")
	do(t, imap, "SELECT INBOX")
	do(t, imap, `STORE 1 +FLAGS (\Flagged)`)
	do(t, imap, `STORE 2 +FLAGS (\Answered)`)
	do(t, imap, `STORE 3 +FLAGS ($Keep)`)
	do(t, imap, `COPY 4 Archive`)
	do(t, imap, `MOVE 5 Archive`)
	if err := s.Later("31d"); err != nil {
		t.Fatal(err)
	}
	within(t, "the others leave", func() bool { return count(t, login(t, s, "u1"), "INBOX", "MESSAGES") == 3 })
	if n := count(t, login(t, s, "u1"), "Archive", "MESSAGES"); n != 2 {
		t.Errorf("Archive has %d", n)
	}
	// With a rule that keeps nothing, too.
	verb(t, s, "device", "policy", u1, "only", "--keep", "none", "--then", "delete")
	imap = login(t, s, "u1")
	deliver(t, s, "u1", letter(11), letter(12))
	do(t, imap, "SELECT INBOX")
	do(t, imap, `STORE 4 +FLAGS ($Keep)`)
	d.takeAll(t, s)
	if got := serverState(t, imap, "INBOX"); len(got) != 4 || got[11] == "" {
		t.Errorf("INBOX has %v", got)
	}
}

// A letter put into Trash is not offered to anybody as new, nor when it comes back to those who have it.
func TestTrashIsShared(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	had, hadNot := addDevice(t, s, "u1", "had it", "--pop"), addDevice(t, s, "u1", "had it not", "--pop")
	all := addDevice(t, s, "u1", "all folders", "--pop", "--scope", "all")
	deliver(t, s, "u1", letters(5)...)
	had.takeAll(t, s)
	phone := login(t, s, "u1")
	do(t, phone, "SELECT INBOX")
	do(t, phone, "MOVE 1:5 Trash")
	for name, d := range map[string]device{"had it": had, "had it not": hadNot, "all folders": all} {
		if n := d.offered(t, s); n != 0 {
			t.Errorf("%s is offered %d out of Trash", name, n)
		}
	}
	do(t, phone, "SELECT Trash")
	do(t, phone, "MOVE 1:5 INBOX")
	if a, b, c := had.offered(t, s), hadNot.offered(t, s), all.offered(t, s); a != 0 || b != 5 || c != 5 {
		t.Errorf("back in INBOX they are offered %d, %d and %d", a, b, c)
	}
}

// The mark by which POP3 programs know a letter never changes: not by a restart, a move away and back, a removal that was undone, a new
// index.
func TestUIDLStays(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	deliver(t, s, "u1", letters(20)...)
	uidl := func() []string {
		t.Helper()
		p := maildrop(t, s, "u1")
		list, err := p.UIDL()
		if err == nil {
			err = p.Quit()
		}
		if err != nil || len(list) != 20 {
			t.Fatal(list, err)
		}
		return list
	}
	before := uidl()
	slices.Sort(before)
	same := func(when string) {
		t.Helper()
		after := uidl()
		slices.Sort(after)
		if !slices.Equal(before, after) {
			t.Errorf("%s: the marks were %v, now %v", when, before, after)
		}
	}
	imap := login(t, s, "u1")
	do(t, imap, "SELECT INBOX")
	do(t, imap, "MOVE 1:5 Archive")
	do(t, imap, "SELECT Archive")
	do(t, imap, "MOVE 1:5 INBOX")
	same("moved away and back")
	do(t, imap, "SELECT INBOX")
	do(t, imap, `STORE 3:7 +FLAGS.SILENT (\Deleted)`)
	do(t, imap, "EXPUNGE")
	verb(t, s, "removed", "restore", u1)
	same("removed and put back")
	verb(t, s, "reindex", u1)
	same("with a new index")
	s.Kill()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	same("after a kill")
}

// What was removed comes back with folder, flags and dates; by whatever it was removed.
func TestRemovedComesBack(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	imap := login(t, s, "u1")
	do(t, imap, "CREATE Projects/Old")
	for n := range 5 {
		if err := imap.AppendDated("Projects/Old", fmt.Sprintf(`\Answered \Flagged word%d`, n), fmt.Sprintf("0%d-Feb-2003 04:05:06 +0100", n+1), letter(n)); err != nil {
			t.Fatal(err)
		}
	}
	look := func() (lines []string) {
		t.Helper()
		do(t, imap, `EXAMINE "Projects/Old"`)
		for _, r := range do(t, imap, "FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE EMAILID)") {
			if _, text, ok := strings.Cut(r.Text, " FETCH "); ok {
				lines = append(lines, text)
			}
		}
		do(t, imap, "UNSELECT")
		return lines
	}
	before := look()
	if len(before) != 5 {
		t.Fatal(before)
	}
	do(t, imap, `DELETE "Projects/Old"`)
	if text := verb(t, s, "removed", "list", u1); strings.Count(text, "Projects/Old") != 5 {
		t.Errorf("the list:\n%s", text)
	}
	verb(t, s, "removed", "restore", u1, "--mailbox", "Projects/Old")
	if after := look(); !slices.Equal(before, after) {
		t.Errorf("they were\n%s\nand came back as\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if text := verb(t, s, "removed", "list", u1); strings.Contains(text, "Projects/Old") {
		t.Errorf("the list still has:\n%s", text)
	}
}

// What POP3 does is told at once to who waits in IDLE.
func TestPOPIsPushed(t *testing.T) {
	t.Parallel()
	s := demo.Start(t, 1)
	keeps, none := addDevice(t, s, "u1", "keeps", "--pop"), addDevice(t, s, "u1", "none", "--pop")
	deliver(t, s, "u1", letter(1))
	imap := login(t, s, "u1")
	do(t, imap, "SELECT INBOX")
	if err := imap.Idle(); err != nil {
		t.Fatal(err)
	}
	told := func(what string) {
		t.Helper()
		for {
			r, err := imap.Next()
			if err != nil {
				t.Fatalf("waiting for %s: %v", what, err)
			}
			if strings.Contains(r.Text, what) {
				return
			}
		}
	}
	keeps.takeAll(t, s)
	told(`FLAGS (\Seen`)
	for _, name := range []string{"keeps", "none"} {
		verb(t, s, "device", "policy", u1, name, "--keep", "none", "--then", "delete")
	}
	none.takeAll(t, s)
	told("1 EXPUNGE")
	deliver(t, s, "u1", letter(2))
	told("1 EXISTS")
}
