package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/store"
)

// TestIMAP brings folders with flags, dates and UIDs, and nothing twice.
func TestIMAP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		one := []fakeMessage{{uid: 5, flags: `\seen $Label1 \Recent bad]word`, text: "Subject: x\r\n\r\nx\r\n"}}
		f := &fakeIMAP{t: t, caps: "NAMESPACE", boxes: []*fakeBox{
			{name: "INBOX", validity: 99, next: 30, messages: fakeLetters(3)},
			{name: "INBOX.Gesendet", attrs: `\Sent \HasNoChildren`, validity: 7, next: 9, messages: one},
			{name: "INBOX.Papierkorb", validity: 8, next: 6, messages: one},
			{name: "INBOX.Work.&AMQ-/b", validity: 9, next: 6, messages: one},
			{name: "INBOX.Left", validity: 9, next: 6, messages: one},
			{name: "INBOX.Above", attrs: `\Noselect`},
			{name: "INBOX.Starred", attrs: `\Flagged`, validity: 9, next: 6, messages: one},
			{name: "user.bert", validity: 9, next: 6, messages: one},
		}}
		without := func(o *Options) { o.Map = map[string]string{"Left": ""} }
		dry, err := h.from(f, func(o *Options) { without(o); o.DryRun = true })
		if err != nil || dry.Messages != 6 || h.list() != "" {
			t.Fatalf("dry run: %+v, %v, %s\n%q", dry, err, h.list(), f.commands())
		}
		counts, err := h.from(f, without)
		if err != nil || counts.Messages != 6 || len(h.problems) > 0 {
			t.Fatalf("%+v, %v, %q", counts, err, h.problems)
		}
		h.same(
			`INBOX 2020-05-04T03:02:00Z [] []  "Subject: 0\r\n\r\ntext 0\r\n"`,
			`INBOX 2020-05-04T03:02:01Z [] []  "Subject: 1\r\n\r\ntext 1\r\n"`,
			`INBOX 2020-05-04T03:02:02Z [] []  "Subject: 2\r\n\r\ntext 2\r\n"`,
			`Sent 2020-05-04T03:02:00Z [\Seen] [$Label1]  "Subject: x\r\n\r\nx\r\n"`,
			`Trash 2020-05-04T03:02:00Z [\Seen] [$Label1]  "Subject: x\r\n\r\nx\r\n"`,
			`Work/Ä_b 2020-05-04T03:02:00Z [\Seen] [$Label1]  "Subject: x\r\n\r\nx\r\n"`,
		)
		for path, want := range map[string]string{"INBOX": "99 30: 1 3 5", "Sent": "7 9: 5", "Trash": "8 6: 5"} {
			if got := h.uids(path); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
		again, err := h.from(f, without)
		if err != nil || again.Messages != 0 || again.Before != 6 {
			t.Errorf("again: %+v, %v", again, err)
		}
		for _, c := range f.commands() {
			for _, bad := range []string{"SELECT", "STORE", "EXPUNGE", "LOGIN", "secret"} {
				if strings.HasPrefix(c, bad) || strings.Contains(c, "BODY[") {
					t.Errorf("it says %q", c)
				}
			}
		}
	})
}

// TestIMAPTricks brings what can be had from servers that hang, lie and break off, names the rest, and leaves nothing half done.
func TestIMAPTricks(t *testing.T) {
	always := func(command string, do func(w net.Conn)) func(int, string, net.Conn) bool {
		return func(_ int, c string, w net.Conn) bool {
			if strings.HasPrefix(c, command) {
				do(w)
				return false
			}
			return true
		}
	}
	once := func(command string, do func(w net.Conn)) func(int, string, net.Conn) bool {
		all := always(command, do)
		return func(conn int, c string, w net.Conn) bool { return conn > 1 || all(conn, c, w) }
	}
	say := func(format string, args ...any) func(net.Conn) {
		return func(w net.Conn) { fmt.Fprintf(w, format, args...) }
	}
	hang := func(w net.Conn) { _, _ = io.Copy(io.Discard, io.LimitReader(w, 0)); <-time.After(time.Hour) }
	cut := func(w net.Conn) { fmt.Fprint(w, "* 2 FETCH (UID 3 FLAGS () BODY[] {900}\r\nSubject: "); w.Close() }
	for name, c := range map[string]struct {
		trick    func(int, string, net.Conn) bool
		messages uint64
		problem  string // a piece of it; "" for none
		fails    bool
	}{
		"hangs once at a message":         {once("MSG 3", hang), 5, "", false},
		"hangs at a message":              {always("MSG 3", hang), 4, "INBOX, UID 3", false},
		"hangs at all messages":           {always("MSG", hang), 0, "INBOX, UID 1", false},
		"hangs at the list":               {always("LIST", hang), 0, "", true},
		"cuts once within a message":      {once("MSG 3", cut), 5, "", false},
		"cuts within a message":           {always("MSG 3", cut), 4, "INBOX, UID 3", false},
		"a literal that is longer":        {always("MSG 3", say("* 2 FETCH (UID 3 BODY[] {20}\r\nshort)\r\n")), 4, "INBOX, UID 3", false},
		"a literal that is shorter":       {always("MSG 3", say("* 2 FETCH (UID 3 BODY[] {3}\r\nlonger than that)\r\n")), 4, "INBOX, UID 3", false},
		"a literal of 4 GB":               {always("MSG 3", func(w net.Conn) { fmt.Fprint(w, "* 2 FETCH (UID 3 BODY[] {4294967295}\r\nx"); w.Close() }), 4, "INBOX, UID 3", false},
		"a literal beyond all":            {always("MSG 3", say("* 2 FETCH (UID 3 BODY[] {99999999999999999999}\r\nx)\r\n")), 4, "INBOX, UID 3", false},
		"an empty message":                {always("MSG 3", say("* 2 FETCH (UID 3 BODY[] {0}\r\n)\r\n")), 4, "INBOX, UID 3: the message is empty", false},
		"NIL for a message":               {always("MSG 3", say("* 2 FETCH (UID 3 BODY[] NIL)\r\n")), 4, "INBOX, UID 3: the server has the message", false},
		"nothing for a message":           {always("MSG 3", func(net.Conn) {}), 4, "INBOX, UID 3: the server has the message", false},
		"a quoted string":                 {always("MSG 3", say("* 2 FETCH (BODY[] \"short\" UID 3)\r\n")), 5, "", false},
		"what is known comes last":        {always("MSG 3", say("* 2 FETCH (BODY[] {1}\r\nx UID 3 FLAGS (\\Seen))\r\n")), 5, "", false},
		"a message that nobody asked for": {always("MSG 3", say("* 2 FETCH (UID 4 BODY[] {1}\r\nx)\r\n")), 4, "INBOX, UID 3", false},
		"an endless line":                 {always("MSG 3", func(w net.Conn) { endless(w, "x") }), 4, "INBOX, UID 3", false},
		"endless responses":               {always("MSG 3", func(w net.Conn) { endless(w, "* OK still here\r\n") }), 4, "INBOX, UID 3", false},
		"an endless greeting of names":    {always("LIST", func(w net.Conn) { endless(w, "* LIST () \"/\" a\r\n") }), 0, "", true},
		"more messages than there are":    {always("UID FETCH 1:*", func(w net.Conn) { endless(w, "* 1 FETCH (UID 9 RFC822.SIZE 1)\r\n") }), 0, "", true},
		"BYE":                             {always("MSG 3", func(w net.Conn) { fmt.Fprint(w, "* BYE enough\r\n"); w.Close() }), 4, "INBOX, UID 3", false},
		"no mailbox any more":             {always("EXAMINE", say("A5 NO gone\r\nA6 NO gone\r\n")), 0, "INBOX: the server said", false},
		"what is no IMAP":                 {always("CAPABILITY", say("HTTP/1.0 400 Bad Request\r\n\r\n")), 0, "", true},
		"a UID of nothing, and none":      {once("MSG 3", say("* 2 FETCH (UID 0 BODY[] {1}\r\nx)\r\n* 2 FETCH (FLAGS ())\r\n* 7 EXISTS\r\n")), 5, "", false},
		"the password is wrong":           {always("AUTHENTICATE", say("A2 NO [AUTHENTICATIONFAILED] no\r\n")), 0, "", true},
		"lists in lists":                  {always("MSG 3", say("* 2 FETCH (UID 3 FLAGS %s)\r\n", strings.Repeat("(", 5000))), 4, "INBOX, UID 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, f := newHouse(t), fakeInbox(t, 5)
				f.trick = c.trick
				begun := time.Now()
				counts, err := h.from(f, nil)
				if (err != nil) != c.fails || counts.Messages != c.messages {
					t.Errorf("%+v, %v", counts, err)
				}
				if c.problem == "" && len(h.problems) > 0 || c.problem != "" && (len(h.problems) == 0 || !strings.Contains(h.problems[0], c.problem)) {
					t.Errorf("problems: %q", h.problems)
				}
				if counts.Problems != uint64(len(h.problems)) {
					t.Errorf("%d problems, %d were told", counts.Problems, len(h.problems))
				}
				if took := time.Since(begun); took > 10*time.Hour { // an hour at most for each hang, by the fake's clock
					t.Errorf("it took %v", took)
				}
				if n := strings.Count(h.list(), "\n"); n != int(counts.Messages) {
					t.Errorf("there are %d messages", n)
				}
				if strings.Contains(fmt.Sprint(err, h.problems), "secret") {
					t.Error("the password is told")
				}
				// When the server is mended, the rest comes.
				f.trick = nil
				if counts, err = h.from(f, nil); err != nil || counts.Messages != 5-c.messages || counts.Before != c.messages {
					t.Errorf("mended: %+v, %v, %q", counts, err, h.problems)
				}
			})
		})
	}
}

// endless writes until nobody reads.
func endless(w io.Writer, s string) {
	b := []byte(strings.Repeat(s, 1+1000/len(s)))
	for {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

// TestIMAPNames meets names that are too many, too long, and not to be asked for.
func TestIMAPNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, f := newHouse(t), fakeInbox(t, 2)
		f.extra = func(w io.Writer) {
			fmt.Fprintf(w, "* LIST () \"/\" \"%s\"\r\n* LIST () \"/\" {4}\r\na\r\nb\r\n", strings.Repeat("long", 25_000))
		}
		counts, err := h.from(f, nil)
		if err != nil || counts.Messages != 2 || counts.Problems != 2 || len(h.problems[0]) > 1000 {
			t.Errorf("%+v, %v", counts, err)
		}
		f.extra = func(w io.Writer) {
			for i := range 1_000_000 {
				if _, err := fmt.Fprintf(w, "* LIST () \"/\" %d\r\n", i); err != nil {
					return
				}
			}
		}
		if _, err := h.from(f, nil); err == nil || !strings.Contains(err.Error(), "more than 10000 mailboxes") {
			t.Errorf("a million mailboxes: %v", err)
		}
	})
}

// TestIMAPCutShort ends a run between messages and goes on in the next with the same UIDs.
func TestIMAPCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 1000
		h, f := newHouse(t), fakeInbox(t, messages)
		for run := range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			o := h.options("imap://anna@old.example.org", f.dial)
			o.Progress = func(p Progress) error {
				if p.Messages >= 256 {
					cancel()
				}
				return nil
			}
			_, err := Import(ctx, o)
			cancel()
			f.running.Wait()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) || run == 9 {
				t.Fatal(err)
			}
		}
		var want strings.Builder
		fmt.Fprintf(&want, "99 %d:", 2*messages+1)
		for _, m := range f.boxes[0].messages {
			fmt.Fprintf(&want, " %d", m.uid)
		}
		if got := h.uids("INBOX"); got != want.String() {
			t.Errorf("UIDs %s", got)
		}
	})
}

// TestKeptUIDs follows a mailbox over several runs.
func TestKeptUIDs(t *testing.T) {
	deliver := func(h *house) {
		w, err := h.NewBody(h.t.Context(), store.BodyOptions{})
		must(h.t, err)
		_, err = w.Write([]byte("Subject: delivered here\r\n\r\n"))
		must(h.t, err)
		body, err := w.Finish(h.t.Context())
		must(h.t, err)
		m, err := h.h.View().Lookup("INBOX")
		must(h.t, err)
		_, err = h.h.Update(h.t.Context(), store.Origin{}, func(tx *store.Tx) error { _, err := tx.AddMessage(m.ID(), body, store.AddOptions{}); return err })
		must(h.t, err)
	}
	more := func(f *fakeIMAP, uids ...uint32) {
		b := f.boxes[0]
		for _, uid := range uids {
			b.messages = append(b.messages, fakeMessage{uid: uid, text: fmt.Sprintf("Subject: more %d\r\n\r\n", uid)})
			b.next = max(b.next, uid+1)
		}
	}
	for name, c := range map[string]struct {
		before func(*house)
		change func(*Options)
		then   func(*house, *fakeIMAP)
		kept   bool
		want   string // behind UIDVALIDITY
		note   bool
	}{
		"new mail":                {nil, nil, func(_ *house, f *fakeIMAP) { more(f, 10, 20) }, true, "21: 1 3 5 10 20", false},
		"new mail, and mail here": {nil, nil, func(h *house, f *fakeIMAP) { deliver(h); more(f, 7) }, false, "9: 1 3 5 7 8", true},
		"mail here":               {nil, nil, func(h *house, _ *fakeIMAP) { deliver(h) }, true, "8: 1 3 5 7", false},
		"mail here before":        {deliver, nil, func(_ *house, f *fakeIMAP) { more(f, 7) }, false, "6: 1 2 3 4 5", true},
		"it was not wanted":       {nil, func(o *Options) { o.NewUIDs = true }, func(_ *house, f *fakeIMAP) { more(f, 7) }, false, "5: 1 2 3 4", false},
		"the newest first":        {nil, func(o *Options) { o.NewestFirst = true }, func(*house, *fakeIMAP) {}, false, "4: 1 2 3", false},
		"a UID that is too great": {nil, nil, func(_ *house, f *fakeIMAP) { more(f, uint32(store.MaxGivenUID)+1) }, false, "8: 1 3 5 7", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, f := newHouse(t), fakeInbox(t, 3)
				if c.before != nil {
					c.before(h)
				}
				if _, err := h.from(f, c.change); err != nil {
					t.Fatal(err)
				}
				notes := h.notes
				c.then(h, f)
				time.Sleep(2 * time.Second) // by the fake's clock: UIDVALIDITY is a time
				if _, err := h.from(f, c.change); err != nil {
					t.Fatal(err)
				}
				notes = append(notes, h.notes...)
				got := h.uids("INBOX")
				validity, rest, _ := strings.Cut(got, " ")
				if (validity == "99") != c.kept || rest != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				if slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "new UIDs") }) != c.note {
					t.Errorf("notes %q", notes)
				}
			})
		})
	}
}

// TestGmail brings a message of several labels once for each, and one that is in All Mail alone into the archive.
func TestGmail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		f := &fakeIMAP{t: t, caps: "X-GM-EXT-1", boxes: []*fakeBox{
			{name: "INBOX", validity: 1, next: 3, messages: fakeLetters(1)},
			{name: "[Gmail].All Mail", attrs: `\All`, validity: 2, next: 9, messages: fakeLetters(2)},
			{name: "Work", validity: 3, next: 9, messages: fakeLetters(1)},
		}}
		if counts, err := h.from(f, nil); err != nil || counts.Messages != 3 {
			t.Fatalf("%+v, %v, %q", counts, err, h.problems)
		}
		h.same(
			`Archive 2020-05-04T03:02:01Z [] []  "Subject: 1\r\n\r\ntext 1\r\n"`,
			`INBOX 2020-05-04T03:02:00Z [] []  "Subject: 0\r\n\r\ntext 0\r\n"`,
			`Work 2020-05-04T03:02:00Z [] []  "Subject: 0\r\n\r\ntext 0\r\n"`,
		)
	})
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]server{
		"imaps://anna@old.example.org":            {IMAP, true, "old.example.org", "old.example.org:993", "anna", ""},
		"imap://anna@example.org@Old.Example.Org": {IMAP, false, "old.example.org", "old.example.org:143", "anna@example.org", ""},
		"POP3S://a%20b@[::1]:1995":                {POP3, true, "::1", "[::1]:1995", "a b", ""},
		"pop3://anna@old.example.org:110/":        {POP3, false, "old.example.org", "old.example.org:110", "anna", ""},
		"imaps://anna@old.example.org/Work/2020":  {IMAP, true, "old.example.org", "old.example.org:993", "anna", "Work/2020"},
		"imaps://anna*master@old.example.org":     {IMAP, true, "old.example.org", "old.example.org:993", "anna*master", ""},
		"imaps://anna:secret@old.example.org":     {},
		"imaps://old.example.org":                 {},
		"imaps://anna@":                           {},
		"http://anna@old.example.org":             {},
		"imaps://an%0D%0Ana@old.example.org":      {},
		"imaps://anna@old.example.org:port":       {},
	} {
		got, err := parseServer(text)
		if want == (server{}) {
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v, %v", text, got, err)
			}
			continue
		}
		if err != nil || *got != want || !IsURL(text) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, path := range []string{"/srv/mail", "a/b://c", "C:\\mail", "./x://y"} {
		if IsURL(path) {
			t.Errorf("%s is no URL", path)
		}
	}
}
