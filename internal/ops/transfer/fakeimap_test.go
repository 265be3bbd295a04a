package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeIMAP is an IMAP server that knows what an import asks for, over pipes in memory. By its trick it does what it should not.
type fakeIMAP struct {
	t     *testing.T
	caps  string // in addition
	boxes []*fakeBox
	extra func(w io.Writer) // more of LIST
	// trick is asked before each answer to a command, and before each message of one ("MSG uid"). It says whether that is answered as it should be.
	trick func(conn int, command string, w net.Conn) bool

	mu struct {
		sync.Mutex
		conns    int
		commands []string
	}
	running sync.WaitGroup
}

type fakeBox struct {
	name, attrs string
	validity    uint32
	next        uint32
	messages    []fakeMessage
}

type fakeMessage struct {
	uid   uint32
	flags string
	text  string
}

// dial is ServerOptions.Dial.
func (f *fakeIMAP) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.conns++
	conn := f.mu.conns
	f.running.Go(func() { f.serve(conn, there) })
	return here, nil
}

func (f *fakeIMAP) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.commands
}

func (f *fakeIMAP) serve(conn int, c net.Conn) {
	defer c.Close()
	// The lines are read apart, for a pipe holds nothing.
	lines := make(chan string, 1000)
	f.running.Go(func() {
		defer close(lines)
		for s := bufio.NewScanner(c); s.Scan(); {
			lines <- s.Text()
		}
	})
	fmt.Fprint(c, "* OK ready\r\n")
	var box *fakeBox
	for line := range lines {
		tag, command, _ := strings.Cut(line, " ")
		f.mu.Lock()
		f.mu.commands = append(f.mu.commands, command)
		f.mu.Unlock()
		if f.trick != nil && !f.trick(conn, command, c) {
			continue
		}
		word, rest, _ := strings.Cut(command, " ")
		switch word {
		case "CAPABILITY":
			fmt.Fprintf(c, "* CAPABILITY IMAP4rev1 AUTH=PLAIN %s\r\n", f.caps)
		case "AUTHENTICATE":
			fmt.Fprint(c, "+ \r\n")
			if got := <-lines; got != "AGFubmEAc2VjcmV0" { // \0anna\0secret
				fmt.Fprintf(c, "%s NO wrong\r\n", tag)
				continue
			}
		case "NAMESPACE":
			fmt.Fprint(c, `* NAMESPACE (("INBOX." ".")) (("user." ".")) NIL`+"\r\n")
		case "LIST":
			for _, b := range f.boxes {
				fmt.Fprintf(c, "* LIST (%s) \".\" %q\r\n", b.attrs, b.name)
			}
			if f.extra != nil {
				f.extra(c)
			}
		case "STATUS":
			b := f.box(rest[:strings.LastIndex(rest, " (")])
			fmt.Fprintf(c, "* STATUS %q (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)\r\n", b.name, len(b.messages), b.next, b.validity)
		case "EXAMINE":
			box = f.box(rest)
			fmt.Fprintf(c, "* %d EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n", len(box.messages), box.validity)
		case "UID":
			f.fetch(conn, box, rest, c)
		}
		fmt.Fprintf(c, "%s OK done\r\n", tag)
	}
}

func (f *fakeIMAP) box(quoted string) *fakeBox {
	for _, b := range f.boxes {
		if strconv.Quote(b.name) == quoted {
			return b
		}
	}
	return &fakeBox{name: "?"}
}

func (f *fakeIMAP) fetch(conn int, box *fakeBox, command string, c net.Conn) {
	words := strings.SplitN(command, " ", 3) // FETCH set items
	for i, m := range box.messages {
		if !inSet(words[1], m.uid) {
			continue
		}
		head := fmt.Sprintf("* %d FETCH (UID %d ", i+1, m.uid)
		switch {
		case strings.Contains(words[2], "X-GM-MSGID"):
			fmt.Fprintf(c, "%sRFC822.SIZE %d X-GM-MSGID %d)\r\n", head, len(m.text), 1278455344230334865+uint64(m.uid))
		case strings.Contains(words[2], "RFC822.SIZE"):
			fmt.Fprintf(c, "%sRFC822.SIZE %d)\r\n", head, len(m.text)+i) // sizes may be wrong
		case strings.Contains(words[2], "HEADER"):
			text, _, _ := strings.Cut(m.text, "\r\n\r\n")
			fmt.Fprintf(c, "%sBODY[HEADER] {%d}\r\n%s\r\n\r\n)\r\n", head, len(text)+4, text)
		case strings.Contains(words[2], "BODY"):
			if f.trick != nil && !f.trick(conn, fmt.Sprintf("MSG %d", m.uid), c) {
				continue
			}
			fmt.Fprintf(c, "%sFLAGS (%s) INTERNALDATE \" 4-May-2020 05:02:0%d +0200\" BODY[] {%d}\r\n%s)\r\n", head, m.flags, i%10, len(m.text), m.text)
		default:
			fmt.Fprintf(c, "%s)\r\n", head[:len(head)-1])
		}
	}
}

func inSet(set string, uid uint32) bool {
	for r := range strings.SplitSeq(set, ",") {
		lo, hi, ranged := strings.Cut(r, ":")
		if !ranged {
			hi = lo
		}
		a, _ := strconv.ParseUint(lo, 10, 32)
		b, _ := strconv.ParseUint(hi, 10, 32)
		if hi == "*" {
			b = 1<<32 - 1
		}
		if uint64(uid) >= a && uint64(uid) <= b {
			return true
		}
	}
	return false
}

// letters makes n small messages with gaps between their UIDs.
func fakeLetters(n int) (list []fakeMessage) {
	for i := range n {
		list = append(list, fakeMessage{uid: uint32(2*i + 1), text: fmt.Sprintf("Subject: %d\r\n\r\ntext %d\r\n", i, i)})
	}
	return list
}

// fakeInbox is a server with an inbox of n messages.
func fakeInbox(t *testing.T, n int) *fakeIMAP {
	return &fakeIMAP{t: t, boxes: []*fakeBox{{name: "INBOX", validity: 99, next: uint32(2*n + 1), messages: fakeLetters(n)}}}
}

// options are those of an import from a fake server.
func (h *house) options(url string, dial func(context.Context, string, string) (net.Conn, error)) Options {
	h.problems, h.notes = nil, nil
	return Options{
		Store: h.Store, Account: h.h, Path: url,
		Server: ServerOptions{Password: "secret", Insecure: true, Dial: dial, Patience: 10 * time.Second},
		Progress: func(p Progress) error {
			if p.Done > p.Total {
				h.t.Errorf("%d of %d are done", p.Done, p.Total)
			}
			if p.Problem != nil {
				h.problems = append(h.problems, p.Problem.Error())
			}
			if p.Note != "" {
				h.notes = append(h.notes, p.Note)
			}
			return nil
		},
	}
}

// from imports from a fake IMAP server.
func (h *house) from(f *fakeIMAP, change func(*Options)) (Counts, error) {
	h.t.Helper()
	o := h.options("imap://anna@old.example.org", f.dial)
	if change != nil {
		change(&o)
	}
	counts, err := Import(h.t.Context(), o)
	f.running.Wait()
	return counts, err
}

// uids are UIDVALIDITY, UIDNEXT and the UIDs of a mailbox.
func (h *house) uids(path string) string {
	h.t.Helper()
	m, err := h.h.View().Lookup(path)
	if err != nil {
		return err.Error()
	}
	must(h.t, m.Load(context.Background()))
	out := fmt.Sprintf("%d %d:", m.UIDValidity(), m.UIDNext())
	for e := range m.All() {
		out += fmt.Sprintf(" %d", e.UID)
	}
	return out
}
