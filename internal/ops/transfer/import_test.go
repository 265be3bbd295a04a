package transfer

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// house is a store with an account.
type house struct {
	t testing.TB
	*store.Store
	h        *store.Account
	problems []string
	notes    []string
}

func newHouse(t testing.TB) *house {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, memkv.New(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	id, err := s.CreateAccount(ctx, store.AccountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Account(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return &house{t: t, Store: s, h: h}
}

// bring imports a path.
func (h *house) bring(path string, change func(*Options)) Counts {
	h.t.Helper()
	h.problems = nil
	o := Options{Store: h.Store, Account: h.h, Path: path, Progress: func(p Progress) error {
		if p.Done > p.Total {
			h.t.Errorf("%d of %d are done", p.Done, p.Total)
		}
		if p.Problem != nil {
			h.problems = append(h.problems, p.Problem.Error())
		}
		return nil
	}}
	if change != nil {
		change(&o)
	}
	counts, err := Import(context.Background(), o)
	if err != nil {
		h.t.Fatal(err)
	}
	return counts
}

// list is what the account has: a line a message, in order.
func (h *house) list() string {
	h.t.Helper()
	ctx := context.Background()
	v := h.h.View()
	uidls, err := h.h.UIDLs(ctx, 0, 1<<64-1)
	if err != nil {
		h.t.Fatal(err)
	}
	boxes := v.Mailboxes()
	slices.SortFunc(boxes, func(a, b *store.MailboxView) int { return strings.Compare(a.Path(), b.Path()) })
	var out strings.Builder
	for _, m := range boxes {
		if err := m.Load(ctx); err != nil {
			h.t.Fatal(err)
		}
		for e := range m.All() {
			uidl, _ := uidls.Append(nil, e.Message)
			flags := ""
			for _, name := range []string{`\Answered`, `\Deleted`, `\Draft`, `\Flagged`, `\Seen`} {
				if e.Flags&systemFlags()[name] != 0 {
					flags += name
				}
			}
			words := slices.Sorted(v.KeywordsOf(e))
			fmt.Fprintf(&out, "%s %s [%s] %v %s %q\n", m.Path(), store.InternalDate(e).UTC().Format(time.RFC3339), flags, words, uidl, h.text(e.Message))
		}
	}
	return out.String()
}

func (h *house) text(id store.MessageID) string {
	h.t.Helper()
	m, err := h.h.Message(context.Background(), id, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.CopyRange(context.Background(), &b, 0, m.Size()); err != nil {
		h.t.Fatal(err)
	}
	return b.String()
}

// tree writes files; those whose name ends with / are folders.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	date := time.Date(2020, 5, 4, 3, 2, 1, 0, time.UTC)
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o700))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chtimes(path, date, date))
	}
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same compares what an account has with what it should have.
func (h *house) same(want ...string) {
	h.t.Helper()
	text := ""
	if len(want) > 0 {
		text = strings.Join(want, "\n") + "\n"
	}
	if got := h.list(); got != text {
		h.t.Errorf("got:\n%swant:\n%s", got, text)
	}
}

func maildirTree(t testing.TB) string {
	return tree(t, map[string]string{
		"cur/1588561321.M1.mx:2,S":    "Subject: one\n\n1\n",
		"cur/1588561322.M2.mx:2,FRab": "Subject: two\n\n2\n",
		"new/1588561323.M3.mx":        "Subject: three\n\n3\n",
		"new/1588561320.M0.mx":        "Subject: not in the list\n\n0\n",
		"tmp/1588561329.M9.mx":        "Subject: half\n",
		"dovecot-keywords":            "0 $Label1\n1 work\n",
		"dovecot-uidlist": "3 V1588000000 N8 G0123456789abcdef\n" +
			"3 :1588561321.M1.mx\n5 Pold-uidl W20 :1588561322.M2.mx:2,\nbroken\n7 :1588561323.M3.mx\n9 :1588561399.gone\n",
		".Sent Items/cur/1588561330.S.mx:2,S":   "Subject: sent\n\ns\n",
		".Gel&APY-scht/cur/1588561331.T.mx:2,T": "Subject: gone\n\ng\n",
		".Projects.2020/cur/1588561332.P.mx:2,": "Subject: p\n\np\n",
		".Projects.2020/maildirfolder":          "",
		"courierimapsubscribed":                 "",
	})
}

func TestMaildir(t *testing.T) {
	h := newHouse(t)
	dir := maildirTree(t)
	counts := h.bring(dir, nil)
	want := []string{
		`INBOX 2020-05-04T03:02:01Z [\Seen] [] 000000035ea6f500 "Subject: one\r\n\r\n1\r\n"`,
		`INBOX 2020-05-04T03:02:01Z [\Answered\Flagged] [$Label1 work] old-uidl "Subject: two\r\n\r\n2\r\n"`,
		`INBOX 2020-05-04T03:02:01Z [] [] 000000075ea6f500 "Subject: three\r\n\r\n3\r\n"`,
		`INBOX 2020-05-04T03:02:01Z [] []  "Subject: not in the list\r\n\r\n0\r\n"`,
		`Projects/2020 2020-05-04T03:02:01Z [] []  "Subject: p\r\n\r\np\r\n"`,
		`Sent 2020-05-04T03:02:01Z [\Seen] []  "Subject: sent\r\n\r\ns\r\n"`,
		`Trash 2020-05-04T03:02:01Z [\Deleted] []  "Subject: gone\r\n\r\ng\r\n"`,
	}
	h.same(want...)
	if counts.Messages != 7 || counts.Before != 0 || len(h.problems) > 0 {
		t.Errorf("%+v %q", counts, h.problems)
	}

	// Again, after flags have changed and a message has come.
	must(t, os.Rename(filepath.Join(dir, "cur/1588561321.M1.mx:2,S"), filepath.Join(dir, "cur/1588561321.M1.mx:2,FS")))
	again := h.bring(dir, nil)
	h.same(want...)
	if again.Messages != 0 || again.Before != 7 {
		t.Errorf("again: %+v", again)
	}
}

func TestCopiedMaildirHasTheTimesOfItsNames(t *testing.T) {
	h := newHouse(t)
	dir := tree(t, map[string]string{"cur/1288561321.M1.mx:2,S": "Subject: one\n\n1\n", "new/": ""})
	h.bring(dir, func(o *Options) { o.Into = "Old" })
	h.same(`Old/INBOX 2010-10-31T21:42:01Z [\Seen] []  "Subject: one\r\n\r\n1\r\n"`)
}

func TestCourier(t *testing.T) {
	h := newHouse(t)
	h.bring(tree(t, map[string]string{
		"cur/1588561321.M1.mx:2,S": "a\n", "cur/1588561320.M2.mx:2,": "b\n", "new/": "",
		"courierpop3dsizelist": "/2 4 1588000000\n1588561321.M1.mx 20 1:1588000001\n1588561320.M2.mx 20 0\n",
	}), nil)
	h.same(`INBOX 2020-05-04T03:02:01Z [\Seen] [] UID1-1588000001 "a\r\n"`,
		`INBOX 2020-05-04T03:02:01Z [] [] 1588561320.M2.mx "b\r\n"`)
}

func TestBadSources(t *testing.T) {
	h := newHouse(t)
	dir := tree(t, map[string]string{
		"cur/1.a:2,S": "", "cur/2.b:2,S": "Subject: good\n\n", "cur/3.c/": "", ".bad%*name/cur/4.d": "no header at all",
		"dovecot-uidlist": "99 what\n",
	})
	if c := h.bring(dir, nil); c.Problems != 1 || !strings.Contains(h.problems[0], "dovecot-uidlist") {
		t.Errorf("%+v %q", c, h.problems)
	}
	must(t, os.Remove(filepath.Join(dir, "dovecot-uidlist")))
	c := h.bring(dir, nil)
	h.same(`INBOX 1970-01-01T00:00:02Z [\Seen] []  "Subject: good\r\n\r\n"`, `bad__name 1970-01-01T00:00:04Z [] []  "no header at all\r\n"`)
	if c.Problems != 2 || len(h.problems) != 2 {
		t.Errorf("%+v %q", c, h.problems)
	}
	for _, path := range []string{filepath.Join(dir, "nothing"), t.TempDir()} {
		if _, err := Import(context.Background(), Options{Store: h.Store, Account: h.h, Path: path}); err == nil {
			t.Errorf("%s: imported", path)
		}
	}
}

func TestFullAccountStopsAndHasNothingHalf(t *testing.T) {
	h := newHouse(t)
	_, err := h.h.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error { return tx.SetQuota(store.Quota{Messages: 3}) })
	must(t, err)
	_, err = Import(context.Background(), Options{Store: h.Store, Account: h.h, Path: maildirTree(t)})
	if err == nil || !strings.Contains(err.Error(), "quota") || h.h.View().Used().Messages != 0 {
		t.Errorf("%v, %d messages", err, h.h.View().Used().Messages)
	}
}

func TestMbox(t *testing.T) {
	const from = "From anna@example.org  Mon May  4 03:02:01 2020\n"
	for name, c := range map[string]struct {
		text    string
		quoting Quoting
		want    []string
	}{
		"rd": {
			text: from + "Subject: a\nStatus: RO\nX-Status: AF\nX-Keywords: work $x\nX-UIDL: abc\n\nFrom here on\n\n>From there\n>>From x\n\n" + from + "Subject: b\n\nlast\n",
			want: []string{
				`INBOX 2020-05-04T03:02:01Z [\Answered\Flagged\Seen] [$x work] abc "Subject: a\r\n\r\nFrom here on\r\n\r\nFrom there\r\n>From x\r\n"`,
				`INBOX 2020-05-04T03:02:01Z [] []  "Subject: b\r\n\r\nlast\r\n"`,
			},
		},
		"o": {text: from + "\n>From a\n>>From b\n", quoting: QuoteO, want: []string{`INBOX 2020-05-04T03:02:01Z [] []  "\r\nFrom a\r\n>>From b\r\n"`}},
		"by length": {
			text: from + "Subject: a\nContent-Length: 58\n\nx\n\n" + from + ">From y\n\n" + from + "\nz",
			want: []string{
				`INBOX 2020-05-04T03:02:01Z [] []  "Subject: a\r\n\r\nx\r\n\r\nFrom anna@example.org  Mon May  4 03:02:01 2020\r\n>From y\r\n"`,
				`INBOX 2020-05-04T03:02:01Z [] []  "\r\nz\r\n"`,
			},
		},
		"a length that lies": {
			text: from + "Content-Length: 4\n\nlonger\n\n" + from + "Content-Length: 99999999999\n\nb\n",
			want: []string{`INBOX 2020-05-04T03:02:01Z [] []  "\r\nlonger\r\n"`, `INBOX 2020-05-04T03:02:01Z [] []  "\r\nb\r\n"`},
		},
		"the same twice": {
			text: from + "\nx\n\n" + from + "\nx\n",
			want: []string{`INBOX 2020-05-04T03:02:01Z [] []  "\r\nx\r\n"`, `INBOX 2020-05-04T03:02:01Z [] []  "\r\nx\r\n"`},
		},
		"fields of the mbox first": {
			text: from + "Status: R\nX-Restante-Date: 2019-01-02T03:04:05+02:00\nSubject: a\nStatus: mine\n\nx\n",
			want: []string{`INBOX 2019-01-02T01:04:05Z [\Seen] []  "Subject: a\r\nStatus: mine\r\n\r\nx\r\n"`},
		},
		"folder data": {
			text: from + "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n\n" + from + "\ny\n",
			want: []string{`INBOX 2020-05-04T03:02:01Z [] []  "\r\ny\r\n"`},
		},
		"header only": {text: from + "Subject: a\n", want: []string{`INBOX 2020-05-04T03:02:01Z [] []  "Subject: a\r\n"`}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			path := filepath.Join(tree(t, map[string]string{"box": c.text}), "box")
			first := h.bring(path, func(o *Options) { o.Quoting = c.quoting })
			h.same(c.want...)
			if again := h.bring(path, func(o *Options) { o.Quoting = c.quoting }); again.Messages != 0 || again.Before != first.Messages {
				t.Errorf("again: %+v", again)
			}
			if len(h.problems) > 0 {
				t.Errorf("%q", h.problems)
			}
		})
	}
}

func TestTreeOfMboxes(t *testing.T) {
	h := newHouse(t)
	const text = "From a Mon May  4 03:02:01 2020\n\nx\n"
	h.bring(tree(t, map[string]string{"Inbox": text, "Spam": text, "Work.sbd/Old.mbox": text, "Work.msf": "no mail", "empty": ""}), nil)
	h.same(`INBOX 2020-05-04T03:02:01Z [] []  "\r\nx\r\n"`, `Junk 2020-05-04T03:02:01Z [] []  "\r\nx\r\n"`, `Work/Old 2020-05-04T03:02:01Z [] []  "\r\nx\r\n"`)
}

func TestEML(t *testing.T) {
	h := newHouse(t)
	dir := tree(t, map[string]string{"b.eml": "b", "a.EML": "a", "Corbeille/c.eml": "c", "notes.txt": "no"})
	h.bring(dir, func(o *Options) { o.NewestFirst = true })
	h.same(`INBOX 2020-05-04T03:02:01Z [] []  "b\r\n"`, `INBOX 2020-05-04T03:02:01Z [] []  "a\r\n"`, `Trash 2020-05-04T03:02:01Z [] []  "c\r\n"`)
	if again := h.bring(dir, nil); again.Messages != 0 || again.Before != 3 {
		t.Errorf("again: %+v", again)
	}
}

func TestExpandUIDL(t *testing.T) {
	f := uidlFields{uid: 26, validity: 1588000000, file: "15.M", guid: "ab"}
	for format, want := range map[string]string{
		dovecotUIDL: "0000001a5ea6f500", "%v.%u": "1588000000.26", "UID%u-%v": "UID26-1588000000", "%f": "15.M", "%g": "ab", "100%%": "100%",
		"%x": "", "%08": "", "%q": "", "%99999u": "",
	} {
		got, err := expandUIDL(format, f)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", format, got, err, want)
		}
	}
}
