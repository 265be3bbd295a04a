package imapd_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/store"
)

// allocated is how many octets are allocated in f.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestLiteralBombs: the size of a literal is a claim. A synchronising one is refused at once, and the session goes on; one that comes
// in any case ends it. Neither takes memory.
func TestLiteralBombs(t *testing.T) {
	h := newHouse(t, plain())
	other := h.login("u1")
	defer other.close()
	commands := []string{"LOGIN %s", "SELECT %s", "SEARCH SUBJECT %s", "SEARCH CHARSET %s", "APPEND %s", "APPEND INBOX %s", "APPEND INBOX ~%s",
		"LIST \"\" %s", "CREATE %s", "RENAME a %s", "ID (%s", "NOTIFY SET (MAILBOXES %s", "LANGUAGE %s", "FETCH 1 BODY[HEADER.FIELDS (%s", "%s", "FROB %s"}
	for _, size := range []string{"4294967295", "99999999999999999999999", "9223372036854775807"} {
		for _, command := range commands {
			for _, loggedIn := range []bool{false, true} {
				grown := allocated(func() {
					c := h.client()
					if loggedIn {
						c.ok("LOGIN u1 pass")
						c.ok("SELECT INBOX")
					}
					c.send("b "+command+"\r\n", "{"+size+"}")
					if res := c.read(); res.Tag == "+" || res.Name != "NO" && res.Name != "BAD" {
						t.Errorf(command+": %s", "{"+size+"}", res.Raw)
					}
					c.ok("NOOP")
					c.send("b "+command+"\r\n", "{"+size+"+}")
					rest, err := io.ReadAll(c.r)
					if err != nil || !strings.Contains(string(rest), "* BYE ") {
						t.Errorf(command+": %q, %v", "{"+size+"+}", rest, err)
					}
					c.close()
				})
				if grown > 4<<20 {
					t.Errorf(command+": %d octets", "{"+size+"}", grown)
				}
			}
		}
	}
	other.ok("NOOP")
}

// TestNesting: a hundred thousand parentheses are refused, wherever they stand, and the session goes on.
func TestNesting(t *testing.T) {
	h := newHouse(t, plain())
	c := h.login("u1")
	defer c.close()
	c.ok("SELECT INBOX")
	for _, n := range []int{300, 10_000, 60_000, 100_000} {
		for _, command := range []string{"SEARCH %s", "SEARCH OR %s", "SEARCH RETURN %s", "FETCH 1 %s", "FETCH 1 BODY[HEADER.FIELDS %s", "STORE 1 FLAGS %s",
			"LIST %s", "LIST \"\" %s", "STATUS INBOX %s", "ID %s", "SELECT INBOX %s", "APPEND INBOX %s", "CREATE x %s", "NOTIFY SET %s",
			"NOTIFY SET (MAILBOXES %s", "NOTIFY SET (SELECTED (MessageNew %s", "LANGUAGE %s", "SORT %s", "ENABLE %s", "%s"} {
			all := c.do(command, strings.Repeat("(", n))
			if last := all[len(all)-1]; last.Name != "BAD" && last.Name != "NO" {
				t.Errorf(command+" with %d: %s", "((", n, last.Raw)
			}
			if command != "NOTIFY SET %s" {
				continue
			}
			c.ok("NOOP") // it counts as a command that makes sense, so the others are not too many
		}
		c.ok("NOOP")
	}
}

// TestEndlessLine: a line without an end is given up.
func TestEndlessLine(t *testing.T) {
	h := newHouse(t, plain())
	for _, head := range []string{"", "a", "a ", "a NOOP ", "a SEARCH ", "a LOGIN \"", "a NOTIFY SET (", "\x00"} {
		for _, loggedIn := range []bool{false, true} {
			c := h.client()
			if loggedIn {
				c.ok("LOGIN u1 pass")
			}
			sent := make(chan int64)
			go func() {
				n, _ := io.WriteString(c.conn, head)
				total := int64(n)
				block := strings.Repeat("x", 1<<16)
				for err := error(nil); err == nil && total < 1<<30; {
					n, err = io.WriteString(c.conn, block)
					total += int64(n)
				}
				sent <- total
			}()
			rest, err := io.ReadAll(c.r)
			if err != nil || !strings.Contains(string(rest), "* BYE ") {
				t.Errorf("%q: %q, %v", head, rest, err)
			}
			c.close()
			if n := <-sent; n > 20<<20 {
				t.Errorf("%q: %d octets were taken", head, n)
			}
		}
	}
}

// TestHalfOpen: whoever goes away in the middle of something leaves nothing behind; that no goroutine stays, TestMain looks.
func TestHalfOpen(t *testing.T) {
	h := newHouse(t, plain())
	for _, text := range []string{"", "a", "a LOGIN u1 pa", "a LOGIN {4}\r\nu", "a LOGIN u1 pass\r\nb APPEND INBOX {100+}\r\nSubject: ",
		"a LOGIN u1 pass\r\nb IDLE\r\n", "a LOGIN u1 pass\r\nb IDLE\r\nDO", "a AUTHENTICATE PLAIN\r\n", "a AUTHENTICATE SCRAM-SHA-256\r\nbiws",
		"a LOGIN u1 pass\r\nb COMPRESS DEFLATE\r\n", "a LOGIN u1 pass\r\nb NOTIFY SET (PERSONAL (MailboxName))\r\n",
		"a LOGIN u1 pass\r\nb SELECT INBOX\r\nc IDLE\r\n"} {
		c := h.client()
		c.send("%s", text)
		c.close()
	}
	h.login("u1").close()
	h.stop()
}

// TestTooMuchNotify: what a session holds for NOTIFY is bounded.
func TestTooMuchNotify(t *testing.T) {
	h := newHouse(t, plain())
	c := h.login("u1")
	defer c.close()
	all := c.do("NOTIFY SET (MAILBOXES (%s) (MailboxName))", strings.TrimSuffix(strings.Repeat("x ", 1001), " "))
	if got := raw(all); !strings.Contains(got, "NO [NOTIFICATIONOVERFLOW]") {
		t.Error(got)
	}
	all = c.do("NOTIFY SET %s", strings.TrimSuffix(strings.Repeat("(PERSONAL NONE) ", 5000), " "))
	if got := raw(all); !strings.Contains(got, "BAD") && !strings.Contains(got, "NO ") {
		t.Error(got)
	}
	c.ok("NOTIFY SET (PERSONAL (MailboxName))")
}

// TestDeafListener: a client that has asked for everything by NOTIFY and does not read is in nobody's way, takes no memory for what it
// has not read, and is cut off in the end.
func TestDeafListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		defer h.stop()
		deaf, other := h.login("u1"), h.login("u1")
		deaf.ok("SELECT INBOX")
		deaf.ok("NOTIFY SET (SELECTED (MessageNew (UID BODY.PEEK[]) MessageExpunge FlagChange)) (PERSONAL (MailboxName SubscriptionChange MessageNew MessageExpunge FlagChange))")
		big := "Subject: big\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 30_000)
		for i := range 30 {
			h.put("u1", "INBOX", big, store.AddOptions{})
			other.ok("CREATE box%d", i)
			synctest.Wait() // the first of them fills what there is between the two
		}
		other.ok("SELECT INBOX")
		for range 100 {
			other.ok("STORE 1:* +FLAGS (\\Seen)")
			other.ok("STORE 1:* -FLAGS (\\Seen)")
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		n, err := io.Copy(io.Discard, deaf.r)
		if err != nil || n > int64(2*len(big)) {
			t.Errorf("%d octets, %v", n, err)
		}
		other.ok("NOOP")
		deaf.close()
		other.close()
	})
}

// TestManyChangesOneAnswer: what happens while a session is not looking is told once.
func TestManyChangesOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		defer h.stop()
		c, other := h.login("u1"), h.login("u1")
		c.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
		other.ok("SELECT INBOX")
		var texts []string
		for i := range 200 {
			texts = append(texts, fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))
		}
		h.putMany("u1", "INBOX", store.AddOptions{}, texts...)
		synctest.Wait()
		if res := c.read(); res.Raw != "* STATUS INBOX (MESSAGES 200 UIDNEXT 201)" {
			t.Error(res.Raw)
		}
		if all := c.ok("NOOP"); len(all) != 1 {
			t.Error(raw(all))
		}
		c.close()
		other.close()
	})
}
