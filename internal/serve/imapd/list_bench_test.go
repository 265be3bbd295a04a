package imapd_test

import (
	"bufio"
	"context"
	"fmt"
	"testing"

	"restante/internal/store"
)

// BenchmarkList lists mailboxes, a few of them or very many.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{100, store.MaxMailboxes - 10} {
		h := newHouse(b, plain())
		a := h.open("u1")
		defer a.Close()
		for first := 0; first < n; first += 500 { // what one change-log row has room for
			_, err := a.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
				for i := first; i < min(first+500, n); i++ {
					path := fmt.Sprintf("box %d", i)
					if i%10 > 0 {
						path = fmt.Sprintf("box %d/below %d", i/10*10, i)
					}
					if _, err := tx.CreateMailbox(path, store.RoleNone); err != nil {
						return err
					}
				}
				return nil
			})
			h.must(err)
		}
		c := &benchClient{client: h.login("u1")}
		c.r = bufio.NewReaderSize(c.conn, 256<<10)
		for _, command := range []string{
			`LIST "" *`, `LIST "" %`, `LIST "" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY))`, `LIST (SUBSCRIBED RECURSIVEMATCH) "" %`, "STATUS INBOX (MESSAGES)",
		} {
			b.Run(fmt.Sprintf("%d/%s", n, command), func(b *testing.B) { measure(b, 0, func() { c.run(command) }) })
		}
		c.close()
	}
}
