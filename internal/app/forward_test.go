package app

import (
	"fmt"
	"io"
	"net"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	"restante/internal/directory"
	"restante/internal/serve/admind"
)

// mail brings a message to a server as another host would, and returns its answer to RCPT or to the end of the message.
func (h *house) mail(t *testing.T, from, to, text string) error {
	t.Helper()
	c, err := smtp.Dial(h.address("smtp"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return submit(c, from, text, to)
}

// gate is an address that is known before the server behind it is.
type gate struct {
	net.Listener
	to   chan string
	done sync.WaitGroup
}

func newGate(t *testing.T) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Listener: ln, to: make(chan string, 1)}
	g.done.Go(g.serve)
	t.Cleanup(func() {
		ln.Close()
		g.done.Wait()
	})
	return g
}

func (g *gate) serve() {
	for {
		in, err := g.Accept()
		if err != nil {
			return
		}
		to := <-g.to
		g.to <- to
		out, err := net.Dial("tcp", to)
		if err != nil {
			in.Close()
			continue
		}
		pipe := func(a, b net.Conn) {
			_, _ = io.Copy(a, b)
			a.Close()
			b.Close()
		}
		g.done.Go(func() { pipe(in, out) })
		g.done.Go(func() { pipe(out, in) })
	}
}

// twoHouses are two servers that find each other: example.org with anna, other.test with bert.
func twoHouses(t *testing.T) (a, b *house) {
	t.Helper()
	toA, toB := newGate(t), newGate(t)
	config := func(host, domain string, at *gate) string {
		return edited(t, host, fmt.Sprintf("[[send.transport]]\ndomains = [%q]\nhost = %q\n", domain, at.Addr()))
	}
	b = startWith(t, config("mail.other.test", "example.org", toA))
	toB.to <- b.address("smtp")
	a = startWith(t, config("mail.example.org", "other.test", toB)).furnished(t)
	toA.to <- a.address("smtp")
	if err := b.AddDomain(t.Context(), "other.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddAccount(t.Context(), admind.NewAccount{Address: "bert@other.test", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func (h *house) alias(t *testing.T, address string, to ...string) {
	t.Helper()
	if _, err := h.AddAlias(t.Context(), address, admind.NewAlias{Targets: to}); err != nil {
		t.Fatal(err)
	}
}

const letter = "From: carl@source.test\r\nSubject: on its way\r\n\r\nHello.\r\n"

// What comes for an alias goes to accounts here and on to addresses of other hosts, from an address of ours.
func TestForward(t *testing.T) {
	a, b := twoHouses(t)
	a.alias(t, "sales@example.org", "anna@example.org", "bert@other.test")
	if err := a.mail(t, "carl@source.test", "Sales@example.org", letter); err != nil {
		t.Fatal(err)
	}
	if got := a.received(t, "anna@example.org", 1)[0]; !strings.HasPrefix(got, "Return-Path: <carl@source.test>\r\nDelivered-To: anna@example.org\r\n") {
		t.Errorf("%s", got)
	}
	got := b.received(t, "bert@other.test", 1)[0]
	if !strings.Contains(got, "Return-Path: <SRS0=") || !strings.Contains(got, "=source.test=carl@example.org>\r\n") || !strings.Contains(got, "\r\nDelivered-To: sales@example.org\r\n") {
		t.Errorf("%s", got)
	}
}

// A report about what was sent on finds back to who wrote it, through both hosts, and tells him of the address that he wrote to.
func TestForwardFails(t *testing.T) {
	a, b := twoHouses(t)
	a.alias(t, "broken@example.org", "secret@other.test")
	if err := a.mail(t, "bert@other.test", "broken@example.org", letter); err != nil {
		t.Fatal(err)
	}
	got := b.received(t, "bert@other.test", 1)[0]
	if !strings.Contains(got, "Final-Recipient: rfc822; broken@example.org") || !strings.Contains(got, "Return-Path: <>") || strings.Contains(got, "secret@") {
		t.Errorf("%s", got)
	}
}

// Two aliases that lead to each other end with a report.
func TestForwardLoop(t *testing.T) {
	a, b := twoHouses(t)
	a.alias(t, "loop@example.org", "loop@other.test")
	b.alias(t, "loop@other.test", "loop@example.org")
	if err := a.mail(t, "bert@other.test", "loop@example.org", letter); err != nil {
		t.Fatal(err)
	}
	got := b.received(t, "bert@other.test", 1)[0]
	if !strings.Contains(got, "Action: failed") || strings.Count(got, "Delivered-To: loop@") != 2 {
		t.Errorf("%s", got)
	}
}

// A group that only its members may write to takes nothing from elsewhere, whoever that claims to be.
func TestMembersOnly(t *testing.T) {
	a, b := twoHouses(t)
	if _, err := a.AddAlias(t.Context(), "board@example.org", admind.NewAlias{Targets: []string{"anna@example.org", "bert@other.test"}, Senders: directory.Members}); err != nil {
		t.Fatal(err)
	}
	if err := a.mail(t, "anna@example.org", "board@example.org", letter); err == nil || !strings.HasPrefix(err.Error(), `550 "5.7.2`) {
		t.Errorf("from outside: %v", err)
	}
	if err := submit(a.submitter(t, "submissions"), "anna@example.org", strings.Replace(letter, "carl@source.test", "anna@example.org", 1), "board@example.org"); err != nil {
		t.Fatal(err)
	}
	if got := b.received(t, "bert@other.test", 1)[0]; !strings.Contains(got, "Subject: on its way") {
		t.Errorf("%s", got)
	}
}

// An account's own mail goes on too, also what people here write to it, and nobody gets it twice.
func TestAccountForward(t *testing.T) {
	a, b := twoHouses(t)
	if err := a.SetForward(t.Context(), "anna@example.org", []string{"bert@other.test"}, false); err != nil {
		t.Fatal(err)
	}
	a.enqueue(t, "anna@example.org")
	got := b.received(t, "bert@other.test", 1)[0]
	if !strings.Contains(got, "Return-Path: <anna@example.org>\r\n") || !strings.Contains(got, "Delivered-To: anna@example.org\r\n") {
		t.Errorf("%s", got)
	}
	if got := a.received(t, "anna@example.org", 1); len(got) != 1 {
		t.Errorf("%d copies", len(got))
	}
	if err := a.mail(t, "carl@source.test", "SRS0=AAAAAA=AA=source.test=carl@example.org", letter); err == nil || !strings.HasPrefix(err.Error(), `550 "5.1.1`) {
		t.Errorf("a forged address: %v", err)
	}
}
