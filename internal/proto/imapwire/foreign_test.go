package imapwire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"
	"restante/internal/proto/mime"
)

// script is a server that answers from a table and keeps what it was sent.
type script struct {
	enc  *Encoder
	dec  *Decoder
	tag  string
	seen []string
}

var capabilities = []string{"IMAP4rev1", "LITERAL+", "MULTIAPPEND", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "UIDPLUS", "MOVE", "NAMESPACE"}

// serve runs until the client logs out.
func (s *script) serve(conn net.Conn, answers map[string]func(e *Encoder, cmd Command)) {
	defer conn.Close()
	s.enc = NewEncoder(bufio.NewWriter(conn))
	s.dec = NewDecoder(bufio.NewReader(conn), Options{Continue: func() error {
		s.enc.Continue("OK")
		return s.enc.Flush()
	}})
	s.enc.Status("", OK, CodeCapability(capabilities), "hello")
	for s.enc.Flush() == nil {
		tag, name, err := s.dec.ReadTag()
		if err != nil {
			return
		}
		s.tag = tag
		cmd, err := s.dec.ParseArgs(name)
		if err != nil {
			s.seen = append(s.seen, name+": "+err.Error())
			s.enc.Status(tag, BAD, "", err.Error())
			continue
		}
		line := string(AppendCommand(nil, "", cmd, false))
		if app, ok := cmd.(*Append); ok {
			msgs, err := readMessages(app)
			line += strings.Join(msgs, "")
			if err != nil {
				line += err.Error()
			}
		}
		s.seen = append(s.seen, strings.TrimSpace(line))
		if f := answers[name]; f != nil {
			f(s.enc, cmd)
		}
		var code Code
		switch name {
		case "APPEND":
			code = CodeAppendUID(1, uids(4))
		case "LOGIN": // or the client asks for them when it likes
			code = CodeCapability(capabilities)
		}
		s.enc.Status(tag, OK, code, name+" completed")
		if name == "LOGOUT" {
			_ = s.enc.Flush()
			return
		}
	}
}

// TestForeignClient: a client that is not ours understands what is written, and is understood.
func TestForeignClient(t *testing.T) {
	text, err := os.ReadFile("testdata/structure/forwarded.txt")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	msg := mime.Parse(text)
	date := time.Date(2026, 11, 22, 3, 4, 5, 0, time.FixedZone("", 3600))
	var s script
	clientEnd, serverEnd := net.Pipe()
	var server sync.WaitGroup
	server.Go(func() {
		s.serve(serverEnd, map[string]func(*Encoder, Command){
			"SELECT": func(e *Encoder, _ Command) {
				e.Flags([]Flag{FlagSeen})
				e.Exists(3)
				e.Status("", OK, CodeUIDValidity(77), "valid")
				e.Status("", OK, CodeUIDNext(9), "next")
				e.Status("", OK, CodePermanentFlags([]Flag{FlagSeen, FlagAny}), "limited")
			},
			"LIST": func(e *Encoder, cmd Command) {
				e.List(&ListData{Attrs: []Flag{AttrHasChildren}, Delimiter: '/', Mailbox: "Entwürfe [1] (x)"})
				e.StatusData("Entwürfe [1] (x)", cmd.(*List).Status, &StatusData{Messages: 3, Unseen: 2})
			},
			"NAMESPACE": func(e *Encoder, _ Command) { e.Namespace([]Namespace{{"", '/'}}, nil, nil) },
			"UID SEARCH": func(e *Encoder, _ Command) {
				e.ESearch(&SearchData{Tag: s.tag, UID: true, Return: ReturnAll | ReturnCount, All: uids(4, 5, 9), Count: 3})
			},
			"UID FETCH": func(e *Encoder, cmd Command) {
				f := e.Fetch(3)
				f.UID(9)
				f.Flags([]Flag{FlagSeen, "work"})
				f.InternalDate(date)
				f.Size(msg.Size)
				f.Envelope(msg.Envelope())
				f.BodyStructure(&msg.Root)
				f.TextFrom(cmd.(*Fetch).Items[len(cmd.(*Fetch).Items)-1].Label(), msg.Size, bytes.NewReader(text))
				f.End()
			},
		})
	})
	c := imapclient.New(clientEnd, nil)
	defer func() {
		_ = c.Close()
		server.Wait()
	}()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.Login("fred", "p\"ä\r\n").Wait())
	box, err := c.Select("INBOX", nil).Wait()
	check(err)
	if box.NumMessages != 3 || box.UIDValidity != 77 || box.UIDNext != 9 {
		t.Errorf("SELECT gave %+v", box)
	}
	list, err := c.List("", "*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true, NumUnseen: true}}).Collect()
	check(err)
	if len(list) != 1 || list[0].Mailbox != "Entwürfe [1] (x)" || list[0].Delim != '/' || list[0].Status == nil || *list[0].Status.NumUnseen != 2 {
		t.Errorf("LIST gave %+v", list)
	}
	if _, err := c.Namespace().Wait(); err != nil {
		t.Error(err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{
		NotFlag: []imap.Flag{imap.FlagSeen}, Since: date, Larger: 5,
		Or:     [][2]imap.SearchCriteria{{{Text: []string{"ü"}}, {Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "x"}}}}},
		SeqNum: []imap.SeqSet{{{Start: 1, Stop: 0}}},
	}, &imap.SearchOptions{ReturnAll: true, ReturnCount: true}).Wait()
	check(err)
	if found.Count != 3 || found.All.String() != "4:5,9" {
		t.Errorf("SEARCH gave %+v", found)
	}
	msgs, err := c.Fetch(imap.UIDSet{{Start: 9, Stop: 0}}, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true, Envelope: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection:   []*imap.FetchItemBodySection{{Peek: true, Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"From", "Subject"}}},
	}).Collect()
	check(err)
	checkForeign(t, msgs, msg, date, text)
	w := c.Append("Entwürfe", 5, &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDraft}, Time: date})
	_, err = io.WriteString(w, "hello")
	check(err)
	check(w.Close())
	appended, err := w.Wait()
	check(err)
	if appended.UID != 4 || appended.UIDValidity != 1 {
		t.Errorf("APPEND gave %+v", appended)
	}
	check(c.Logout().Wait())
	server.Wait()
	want := []string{
		"LOGIN \"fred\" {6+}\r\np\"ä",
		"SELECT INBOX",
		`LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN))`,
		"NAMESPACE",
		"UID SEARCH RETURN (ALL COUNT) CHARSET UTF-8 1:* SINCE 22-Nov-2026 NOT SEEN LARGER 5 OR TEXT {2+}\r\nü SUBJECT \"x\"",
		"UID FETCH 9:* (UID INTERNALDATE RFC822.SIZE BODYSTRUCTURE ENVELOPE FLAGS BODY.PEEK[HEADER.FIELDS (From Subject)])",
		"APPEND Entw&APw-rfe" + `message " (\\Draft) \"22-Nov-2026 03:04:05 +0100\" {5+}\r\n"  "hello"`,
		"LOGOUT",
	}
	if diff := cmp.Diff(words(want), words(s.seen)); diff != "" {
		t.Error(diff)
	}
}

// words lets the client choose the order of what it asks for.
func words(lines []string) []string {
	var out []string
	for _, line := range lines {
		all := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ()", r) })
		slices.Sort(all)
		out = append(out, strings.Join(all, " "))
	}
	return out
}

func checkForeign(t *testing.T, msgs []*imapclient.FetchMessageBuffer, msg *mime.Message, date time.Time, text []byte) {
	t.Helper()
	if len(msgs) != 1 {
		t.Fatalf("FETCH gave %d messages", len(msgs))
	}
	m := msgs[0]
	if m.UID != 9 || m.SeqNum != 3 || m.RFC822Size != msg.Size || !m.InternalDate.Equal(date) || len(m.Flags) != 2 {
		t.Errorf("FETCH gave %+v", m)
	}
	if m.Envelope.Subject != "forwarded" || m.Envelope.From[0].Addr() != "a@example.org" {
		t.Errorf("envelope %+v", m.Envelope)
	}
	parts := 0
	m.BodyStructure.Walk(func(path []int, part imap.BodyStructure) bool {
		parts++
		return true
	})
	if parts != 5 {
		t.Errorf("%d parts: %+v", parts, m.BodyStructure)
	}
	if len(m.BodySection) != 1 || !bytes.Equal(m.BodySection[0].Bytes, text) {
		t.Error("the section differs")
	}
}
