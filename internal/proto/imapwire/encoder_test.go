package imapwire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"restante/internal/proto/mime"
)

// encode is what f writes.
func encode(t testing.TB, utf8 bool, f func(e *Encoder)) string {
	t.Helper()
	var out bytes.Buffer
	e := NewEncoder(bufio.NewWriter(&out))
	e.SetUTF8(utf8)
	f(e)
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func uids(nums ...UID) UIDSet {
	var s UIDSet
	for _, n := range nums {
		s.Add(n)
	}
	return s
}

func TestEncoder(t *testing.T) {
	pst := time.FixedZone("", -8*3600)
	for _, c := range []struct {
		name string
		f    func(e *Encoder)
		want string
	}{
		{"tagged", func(e *Encoder) { e.Status("a1", OK, "", "LOGIN completed") }, "a1 OK LOGIN completed"},
		{"untagged with code", func(e *Encoder) { e.Status("", OK, CodeUIDNext(4392), "next") }, "* OK [UIDNEXT 4392] next"},
		{"injected text", func(e *Encoder) { e.Status("a1", NO, "", "[ALERT] a\r\na2 OK\x00é") }, "a1 NO (ALERT] a  a2 OK ?"},
		{"bracket behind a code", func(e *Encoder) { e.Status("a1", NO, CodeAlert, "[x]") }, "a1 NO [ALERT] [x]"},
		{"no text", func(e *Encoder) { e.Status("a1", OK, CodeReadOnly, "") }, "a1 OK [READ-ONLY] -"},
		{"error", func(e *Encoder) { e.Fail("a1", &Error{Status: NO, Code: CodeTooBig, Text: "big"}) }, "a1 NO [TOOBIG] big"},
		{"bye", func(e *Encoder) { e.Fail("a1", &Error{Status: BYE, Text: "enough"}) }, "* BYE enough"},
		{"permanentflags", func(e *Encoder) {
			e.Status("", OK, CodePermanentFlags([]Flag{FlagSeen, FlagAny}), "x")
		}, `* OK [PERMANENTFLAGS (\Seen \*)] x`},
		{"copyuid", func(e *Encoder) {
			e.Status("a", OK, CodeCopyUID(38505, uids(304, 319, 320), uids(3956, 3957, 3958)), "Done")
		}, "a OK [COPYUID 38505 304,319:320 3956:3958] Done"},
		{"appenduid", func(e *Encoder) { e.Status("a", OK, CodeAppendUID(1, uids(7)), "Done") }, "a OK [APPENDUID 1 7] Done"},
		{"badcharset", func(e *Encoder) { e.Status("a", NO, CodeBadCharset("US-ASCII", "UTF-8"), "x") }, "a NO [BADCHARSET (US-ASCII UTF-8)] x"},
		{"modified", func(e *Encoder) { e.Status("a", OK, CodeModified(uids(7, 9)), "x") }, "a OK [MODIFIED 7,9] x"},
		{"mailboxid", func(e *Encoder) { e.Status("", OK, CodeMailboxID("F1"), "x") }, "* OK [MAILBOXID (F1)] x"},
		{"capability code", func(e *Encoder) { e.Status("", OK, CodeCapability([]string{"IMAP4rev1", "ID"}), "hi") }, "* OK [CAPABILITY IMAP4rev1 ID] hi"},
		{"continue", func(e *Encoder) { e.Continue("OK") }, "+ OK"},
		{"continue sasl", func(e *Encoder) { e.ContinueSASL([]byte("a\x00b")) }, "+ YQBi"},
		{"continue sasl empty", func(e *Encoder) { e.ContinueSASL(nil) }, "+ "},
		{"capability", func(e *Encoder) { e.Capability([]string{"IMAP4rev2", "AUTH=PLAIN"}) }, "* CAPABILITY IMAP4rev2 AUTH=PLAIN"},
		{"enabled none", func(e *Encoder) { e.Enabled(nil) }, "* ENABLED"},
		{"id", func(e *Encoder) { e.ID([]IDParam{{Field: "name", Value: "x\"y"}, {Field: "os", Null: true}}) }, `* ID ("name" "x\"y" "os" NIL)`},
		{"id none", func(e *Encoder) { e.ID(nil) }, `* ID NIL`},
		{"flags", func(e *Encoder) { e.Flags([]Flag{FlagSeen, "x"}) }, `* FLAGS (\Seen x)`},
		{"exists", func(e *Encoder) { e.Exists(0) }, "* 0 EXISTS"},
		{"recent", func(e *Encoder) { e.Recent(4294967295) }, "* 4294967295 RECENT"},
		{"expunge", func(e *Encoder) { e.Expunge(3) }, "* 3 EXPUNGE"},
		{"vanished", func(e *Encoder) { e.Vanished(true, uids(1, 2, 3, 9)) }, "* VANISHED (EARLIER) 1:3,9"},
		{"uidfetch", func(e *Encoder) { w := e.UIDFetch(25996); w.FlagList(`\Seen`); w.End() }, `* 25996 UIDFETCH (FLAGS (\Seen))`},
		{"uidbatches", func(e *Encoder) {
			e.UIDBatches(`a"1`, func(yield func(high, low UID) bool) { _ = yield(9, 5) && yield(4, 1) })
		}, `* UIDBATCHES (TAG "a\"1") 9:5,4:1`},
		{"no uidbatches", func(e *Encoder) { e.UIDBatches("a", func(func(high, low UID) bool) {}) }, `* UIDBATCHES (TAG "a")`},
		{"message limit", func(e *Encoder) { e.Status("a", OK, CodeMessageLimit(1000, 23221), "x") }, "a OK [MESSAGELIMIT 1000 23221] x"},
		{"message limit alone", func(e *Encoder) { e.Status("a", NO, CodeMessageLimit(1000, 0), "x") }, "a NO [MESSAGELIMIT 1000] x"},
		{"progress", func(e *Encoder) { e.Status("", OK, CodeInProgress("A001", 454, 1000), "x") }, `* OK [INPROGRESS ("A001" 454 1000)] x`},
		{"progress to an unknown end", func(e *Encoder) { e.Status("", OK, CodeInProgress("A]1", 454, 0), "x") }, `* OK [INPROGRESS (NIL 454 NIL)] x`},
		{"vanished now", func(e *Encoder) { e.Vanished(false, uids(9)) }, "* VANISHED 9"},
		{"list", func(e *Encoder) {
			e.List(&ListData{Attrs: []Flag{AttrHasNoChildren, AttrSent}, Delimiter: '/', Mailbox: "Entwürfe/R&D 1"})
		}, `* LIST (\HasNoChildren \Sent) "/" "Entw&APw-rfe/R&-D 1"`},
		{"list flat", func(e *Encoder) { e.List(&ListData{Mailbox: "nil"}) }, `* LIST () NIL "nil"`},
		{"list backslash", func(e *Encoder) { e.List(&ListData{Delimiter: '\\', Mailbox: `a\b`}) }, `* LIST () "\\" "a\\b"`},
		{"list extended", func(e *Encoder) {
			e.List(&ListData{Delimiter: '.', Mailbox: "b", OldName: "ä", ChildInfo: []string{"SUBSCRIBED"}})
		}, `* LIST () "." b ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" (&AOQ-))`},
		{"list old name", func(e *Encoder) { e.List(&ListData{Delimiter: '.', Mailbox: "b", OldName: "a"}) }, `* LIST () "." b ("OLDNAME" (a))`},
		{"xlist", func(e *Encoder) { e.XList(&ListData{Attrs: []Flag{`\Spam`}, Delimiter: '/', Mailbox: "Jünk"}) }, `* XLIST (\Spam) "/" J&APw-nk`},
		{"gmail", func(e *Encoder) {
			w := e.Fetch(1)
			w.GmailMessageID(1<<63 - 1)
			w.GmailThreadID(7)
			w.GmailLabels([]string{`\Inbox`, "two words", "ä", "atom"})
			w.End()
		}, `* 1 FETCH (X-GM-MSGID 9223372036854775807 X-GM-THRID 7 X-GM-LABELS ("\\Inbox" "two words" &AOQ- atom))`},
		{"lsub", func(e *Encoder) { e.Lsub(&ListData{Attrs: []Flag{AttrNoSelect}, Delimiter: '/', Mailbox: Inbox}) }, `* LSUB (\Noselect) "/" INBOX`},
		{"namespace", func(e *Encoder) {
			e.Namespace([]Namespace{{"", '/'}}, []Namespace{{"Ämter/", '/'}, {"x", 0}}, nil)
		}, `* NAMESPACE (("" "/")) (("&AMQ-mter/" "/")("x" NIL)) NIL`},
		{"status", func(e *Encoder) {
			items := []StatusItem{StatusMessages, StatusRecent, StatusUIDNext, StatusUIDValidity, StatusUnseen, StatusDeleted, StatusSize,
				StatusHighestModSeq, StatusMailboxID, StatusAppendLimit, StatusDeletedStorage}
			e.StatusData("a b", items, &StatusData{Messages: 1, Recent: 2, UIDNext: 3, UIDValidity: 4, Unseen: 5, Deleted: 6, Size: 7 << 40,
				HighestModSeq: 8, MailboxID: "Fx", AppendLimit: 9, DeletedStorage: 10})
		}, `* STATUS "a b" (MESSAGES 1 RECENT 2 UIDNEXT 3 UIDVALIDITY 4 UNSEEN 5 DELETED 6 SIZE 7696581394432 HIGHESTMODSEQ 8 ` +
			`MAILBOXID (Fx) APPENDLIMIT 9 DELETED-STORAGE 10)`},
		{"status no limit", func(e *Encoder) {
			e.StatusData(Inbox, []StatusItem{StatusAppendLimit}, &StatusData{NoAppendLimit: true})
		}, `* STATUS INBOX (APPENDLIMIT NIL)`},
		{"status of nothing", func(e *Encoder) { e.StatusData(Inbox, nil, &StatusData{}) }, `* STATUS INBOX ()`},
		{"search", func(e *Encoder) { e.Search(uids(2, 3, 4, 84), 0) }, "* SEARCH 2 3 4 84"},
		{"search nothing", func(e *Encoder) { e.Search(uids(), 5) }, "* SEARCH"},
		{"search modseq", func(e *Encoder) { e.Search(uids(2), 917162500) }, "* SEARCH 2 (MODSEQ 917162500)"},
		{"esearch", func(e *Encoder) {
			e.ESearch(&SearchData{Tag: "A285", Return: ReturnMin | ReturnMax | ReturnAll | ReturnCount, Min: 2, Max: 47, All: uids(2, 10, 11), Count: 3})
		}, `* ESEARCH (TAG "A285") MIN 2 MAX 47 ALL 2,10:11 COUNT 3`},
		{"esearch nothing", func(e *Encoder) {
			e.ESearch(&SearchData{Tag: `a"b`, UID: true, Return: ReturnMin | ReturnMax | ReturnAll | ReturnCount, All: uids()})
		}, `* ESEARCH (TAG "a\"b") UID COUNT 0`},
		{"esearch partial", func(e *Encoder) {
			e.ESearch(&SearchData{Tag: "a", UID: true, Return: ReturnPartial, Partial: Window{From: 1, To: 100, Last: true}, InPartial: uids(5), HighModSeq: 9})
		}, `* ESEARCH (TAG "a") UID PARTIAL (-1:-100 5) MODSEQ 9`},
		{"esearch relevancy", func(e *Encoder) {
			e.ESearch(&SearchData{Tag: "B1", Return: ReturnRelevancy | ReturnAll, All: uids(1, 5, 10), Relevancy: []uint8{4, 99, 42}})
		}, `* ESEARCH (TAG "B1") ALL 1,5,10 RELEVANCY (4 99 42)`},
		{"esearch partial nothing", func(e *Encoder) {
			e.ESearch(&SearchData{Tag: "a", Return: ReturnPartial | ReturnAll, Partial: Window{From: 1, To: 2}})
		}, `* ESEARCH (TAG "a") PARTIAL (1:2 NIL)`},
		{"fetch", func(e *Encoder) {
			f := e.Fetch(12)
			f.Flags([]Flag{FlagSeen, "$x"})
			f.UID(7)
			f.Size(1 << 33)
			f.InternalDate(time.Date(1996, 7, 1, 2, 44, 25, 0, pst))
			f.ModSeq(5)
			f.EmailID("M1")
			f.ThreadID("T1")
			f.ThreadID("")
			f.SaveDate(time.Time{})
			f.SaveDate(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
			f.Preview("a\"b", false)
			f.Preview("", true)
			f.BinarySize("BINARY.SIZE[1]", 3)
			f.Null("BODY[9]")
			f.End()
		}, `* 12 FETCH (FLAGS (\Seen $x) UID 7 RFC822.SIZE 8589934592 INTERNALDATE "01-Jul-1996 02:44:25 -0800" MODSEQ (5) EMAILID (M1) ` +
			`THREADID (T1) THREADID NIL SAVEDATE NIL SAVEDATE "02-Jan-2026 03:04:05 +0000" PREVIEW "a\"b" PREVIEW NIL BINARY.SIZE[1] 3 BODY[9] NIL)`},
		{"fetch flags as they are", func(e *Encoder) {
			f := e.Fetch(1)
			f.FlagList("")
			f.FlagList(`\Seen \Draft`)
			f.End()
		}, `* 1 FETCH (FLAGS () FLAGS (\Seen \Draft))`},
		{"fetch bodies", func(e *Encoder) {
			f := e.Fetch(1)
			f.Text("BODY[]", []byte("a\r\n("))
			f.TextFrom("BODY[TEXT]<5>", 3, strings.NewReader("xyz"))
			f.UID(4)
			f.Binary("BINARY[1]", []byte{0, 1})
			f.BinaryFrom("BINARY[2]", 1, strings.NewReader("\x00"))
			f.End()
		}, "* 1 FETCH (BODY[] {4}\r\na\r\n( BODY[TEXT]<5> {3}\r\nxyz UID 4 BINARY[1] ~{2}\r\n\x00\x01 BINARY[2] ~{1}\r\n\x00)"},
		{"preview as a literal", func(e *Encoder) {
			f := e.Fetch(1)
			f.Preview("é\x00", false)
			f.End()
		}, "* 1 FETCH (PREVIEW {2}\r\né)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := encode(t, false, c.f)
			if diff := cmp.Diff(c.want+"\r\n", got); diff != "" {
				t.Error(diff)
			}
			for res, err := range responses(got) {
				if err != nil {
					t.Fatal(err)
				}
				if res.Raw+"\r\n" != got {
					t.Errorf("read as %q", res.Raw)
				}
			}
		})
	}
}

// responses reads the responses in s.
func responses(s string) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		r := bufio.NewReaderSize(strings.NewReader(s), 16)
		for {
			res, err := ReadResponse(r, 1<<20)
			if err == io.EOF || !yield(res, err) || err != nil {
				return
			}
		}
	}
}

func TestEncoderUTF8(t *testing.T) {
	got := encode(t, true, func(e *Encoder) {
		e.List(&ListData{Delimiter: '/', Mailbox: "Entwürfe/R&D"})
		e.Status("a", OK, "", "grün")
		f := e.Fetch(1)
		f.Preview("grün", false)
		f.Preview("gr\xfcn", false)
		f.End()
	})
	want := "* LIST () \"/\" \"Entwürfe/R&D\"\r\na OK grün\r\n* 1 FETCH (PREVIEW \"grün\" PREVIEW {4}\r\ngr\xfcn)\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDateTimeBounds(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want string
	}{
		{time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC), `"01-Jan-9999 00:00:00 +0000"`},
		{time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), `"01-Jan-0001 00:00:00 +0000"`},
		{time.Date(2000, 12, 31, 23, 59, 59, 0, time.FixedZone("", 14*3600+1800+29)), `"31-Dec-2000 23:59:59 +1430"`},
	} {
		if got := string(appendDateTime(nil, c.t)); got != c.want {
			t.Errorf("%v: %s, want %s", c.t, got, c.want)
		}
	}
}

func TestShortLiteral(t *testing.T) {
	e := NewEncoder(bufio.NewWriter(io.Discard))
	f := e.Fetch(1)
	f.TextFrom("BODY[]", 5, strings.NewReader("four"))
	f.End()
	if !errors.Is(e.Flush(), ErrShort) {
		t.Error(e.Err())
	}
}

// A long answer to SEARCH must not be held in memory whole.
func TestSearchSpills(t *testing.T) {
	var s SeqSet
	s.AddRange(1, 200_000)
	var e *Encoder
	got := encode(t, false, func(enc *Encoder) {
		e = enc
		e.Search(s, 0)
	})
	if strings.Count(got, " ") != 200_001 || !strings.HasSuffix(got, " 199999 200000\r\n") {
		t.Error("wrong numbers")
	}
	if cap(e.buf) > 2*spillAt {
		t.Errorf("held %d octets", cap(e.buf))
	}
}

func TestEnvelope(t *testing.T) {
	env := &mime.Envelope{
		Date: "Wed, 17 Jul 1996 02:23:25 -0700", Subject: "gr\xfc\"n\\",
		From: []mime.Address{{Name: "Terry Gray", Mailbox: "gray", Host: "cac.washington.edu"}},
		To: []mime.Address{{Mailbox: "group"}, {Name: "ä", Route: "@a,@b", Mailbox: "x y", Host: "z"}, {},
			{Mailbox: "nobody", Host: mime.MissingHost}},
		ReplyTo:   []mime.Address{{Mailbox: "r", Host: "s"}},
		MessageID: "<B27397-0100000@cac.washington.edu>",
	}
	from := `(("Terry Gray" NIL "gray" "cac.washington.edu"))`
	want := `("Wed, 17 Jul 1996 02:23:25 -0700" {6}` + "\r\n" + "gr\xfc\"n\\" + ` ` + from + ` ` + from + ` ((NIL NIL "r" "s")) ` +
		`((NIL NIL "group" NIL)({2}` + "\r\n" + `ä "@a,@b" "x y" "z")(NIL NIL NIL NIL)(NIL NIL "nobody" "MISSING_DOMAIN")) ` +
		`NIL NIL NIL "<B27397-0100000@cac.washington.edu>")`
	got := string(wire{}.envelope(nil, env))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := string(wire{}.envelope(nil, nil)); got != "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" {
		t.Error(got)
	}
}
