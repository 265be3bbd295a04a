package imapd_test

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"restante/internal/store"
)

// conversation is a message of a thread of five.
func conversation(i int) string {
	first := i / 5 * 5
	var refs strings.Builder
	for k := first; k < i; k++ {
		fmt.Fprintf(&refs, " <message.%d@example.org>", k)
	}
	re := ""
	if i > first {
		re = "Re: "
	}
	text := typical(i)
	text = strings.Replace(text, "<message.1@example.org> <message.2@example.org>", strings.TrimSpace(refs.String()), 1)
	text = strings.Replace(text, "A typical message, number "+fmt.Sprint(i), re+"A typical talk, number "+fmt.Sprint(first*7919%1000003), 1)
	return strings.Replace(text, "3 Mar 2020 10:00:00", fmt.Sprintf("%d Mar 20%02d %02d:%02d:%02d", i%28+1, i%13+10, i%24, i*7%60, i*11%60), 2)
}

// BenchmarkSort is SORT and THREAD of many messages, the first time with nothing in memory.
func BenchmarkSort(b *testing.B) {
	h := benchHouse(b, plain(), benchMessages, conversation)
	c := &benchClient{client: h.login("u1")}
	c.r = bufio.NewReaderSize(c.conn, 256<<10)
	c.run("SELECT INBOX")
	for _, command := range []string{"SORT (ARRIVAL) UTF-8 ALL", "SORT (SUBJECT) UTF-8 ALL", "SORT (DATE) UTF-8 ALL", "SORT (SIZE) UTF-8 ALL",
		"UID SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "SORT (FROM) UTF-8 ALL", "SORT RETURN (PARTIAL 1:50) (REVERSE DATE) UTF-8 ALL",
		"SORT (SUBJECT) UTF-8 UNSEEN", "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD REFS UTF-8 ALL",
		"SEARCH ALL", "SEARCH RETURN (COUNT) ALL", "UID SEARCH RETURN (PARTIAL -1:-50) ALL"} {
		b.Run("first/"+command, func(b *testing.B) {
			if b.N == 1 {
				measure(b, benchMessages, func() { c.run(command) })
			}
		})
		b.Run(command, func(b *testing.B) { measure(b, benchMessages, func() { c.run(command) }) })
	}
	b.Run("after one more", func(b *testing.B) {
		n := benchMessages
		measure(b, 0, func() {
			n++
			h.put("u1", "INBOX", conversation(n), store.AddOptions{})
			c.run("UID SORT (SUBJECT) UTF-8 ALL")
		})
	})
	c.close()
}
