package smtpd_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/flow"
	"restante/internal/proto/smtpwire"
	"restante/internal/serve/listen"
	"restante/internal/serve/listen/listentest"
	"restante/internal/serve/smtpd"
)

// Who looks on is told, once, of each transaction that has brought nothing and in which the client was told no; of many refusals the first.
func TestRefused(t *testing.T) {
	var seen []string
	client, server := listentest.Pipe("")
	var wg sync.WaitGroup
	wg.Go(func() {
		o := smtpd.Options{Hostname: "mx.demo.test", Backend: new(house), MaxErrors: 100, Refused: func(e *flow.Envelope, id string) {
			line := fmt.Sprintf("%s %q", e.Mail.From.Path(), id)
			for _, r := range e.Refused[:min(len(e.Refused), 3)] {
				line += fmt.Sprintf(" %s %s %d", r.Stage, r.To.Local, r.Reply.Code)
			}
			seen = append(seen, fmt.Sprintf("%s of %d", line, len(e.Refused)))
		}}
		listen.New(listen.Options{Handler: smtpd.New(o).Handle}).ServeConn(context.Background(), server)
	})
	br := bufio.NewReader(client)
	if _, err := io.WriteString(client, "EHLO client.example\r\n"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // greeting, EHLO
		if _, err := smtpwire.ReadReply(br); err != nil {
			t.Fatal(err)
		}
	}
	wg.Go(func() { _, _ = io.Copy(io.Discard, br) })
	rcpt := func(who string) string { return "RCPT TO:<" + who + "@demo.test>\r\n" }
	for _, group := range []string{
		"MAIL FROM:<a@b.example>\r\n" + rcpt("unknown") + "RSET\r\n",                          // nobody
		"MAIL FROM:<a@b.example>\r\n" + rcpt("unknown") + rcpt("full") + "RSET\r\n",           // for two reasons
		"MAIL FROM:<a@b.example>\r\n" + rcpt("unknown") + rcpt("u") + "BDAT 4 LAST\r\nHi\r\n", // somebody has it
		"MAIL FROM:<a@b.example>\r\n" + rcpt("u") + "RSET\r\n",                                // nothing was refused
		"MAIL FROM:<commit@b.example>\r\n" + rcpt("u") + "BDAT 4 LAST\r\nHi\r\n",              // the message
		"MAIL FROM:<begin@b.example>\r\n" + rcpt("u") + "BDAT 4 LAST\r\nHi\r\n",               // before it came
		"MAIL FROM:<a@b.example>\r\n" + strings.Repeat(rcpt("unknown"), 30) + "QUIT\r\n",      // many, and the end
	} {
		if _, err := io.WriteString(client, group); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	want := []string{
		`<a@b.example> "" RCPT unknown 550 of 1`,
		`<a@b.example> "" RCPT unknown 550 RCPT full 452 of 2`,
		`<commit@b.example> "Q2" DATA  451 of 1`,
		`<begin@b.example> "" DATA  451 of 1`,
		`<a@b.example> "" RCPT unknown 550 RCPT unknown 550 RCPT unknown 550 of 20`,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}
