package imapurl

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const token = "91354a473744909de610943775f92038"

// TestParse reads the examples of RFC 5092, RFC 4467 and RFC 4469, among others; written again they are the same URL.
func TestParse(t *testing.T) {
	minbari := &Server{Host: "minbari.example.org"}
	joe := &Server{User: "joe", Host: "example.com"}
	for text, want := range map[string]URL{
		"imap://minbari.example.org":          {Absolute: true, Server: minbari},
		"IMAP://Minbari.example.org/":         {Absolute: true, Server: minbari},
		"imap://[2001:db8::1]:1143/":          {Absolute: true, Server: &Server{Host: "[2001:db8::1]", Port: 1143}},
		"imap://minbari.example.org:/foo":     {Absolute: true, Server: minbari, Mailbox: "foo"},
		"imap://a;AUTH=*@minbari.example.org": {Absolute: true, Server: &Server{User: "a", Auth: "*", Host: "minbari.example.org"}},
		"imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024": {
			Absolute: true, Server: minbari, Mailbox: "gray-council", UIDValidity: 385759045, UID: 20, Partial: Partial{Count: 1024}},
		"imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97": {
			Absolute: true, Server: &Server{Host: "psicorp.example.org"}, Mailbox: "~peter/日本語/台北"},
		"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2": {
			Absolute: true, Server: &Server{Auth: "GSSAPI", Host: "minbari.example.org"}, Mailbox: "gray-council", UID: 20, Section: "1.2"},
		"imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows": {
			Absolute: true, Server: &Server{Auth: "*", Host: "minbari.example.org"}, Mailbox: "gray council", Search: "SUBJECT shadows"},
		"imap://john;AUTH=*@minbari.example.org/babylon5/personel?charset%20UTF-8%20SUBJECT%20%7B14+%7D%0D%0A%D0%98%D0%B2": {
			Absolute: true, Server: &Server{User: "john", Auth: "*", Host: "minbari.example.org"}, Mailbox: "babylon5/personel",
			Search: "charset UTF-8 SUBJECT {14+}\r\nИв"},
		"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred": {
			Absolute: true, Server: joe, Mailbox: "INBOX", UID: 20, Section: "1.2", Auth: URLAuth{Access: AccessSubmit, User: "fred"},
			Rump: "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred"},
		"imap://joe@example.com/INBOX/;uid=20;expire=2030-01-02T03:04:05z;urlauth=anonymous:internal:" + token: {
			Absolute: true, Server: joe, Mailbox: "INBOX", UID: 20,
			Auth: URLAuth{Access: AccessAnonymous, Mechanism: "INTERNAL", Token: token, Expire: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)},
			Rump: "imap://joe@example.com/INBOX/;uid=20;expire=2030-01-02T03:04:05z;urlauth=anonymous"},
		"imap://joe%40a.b@example.com/INBOX/;UID=20;URLAUTH=user+a%3Ab:INTERNAL:" + token: {
			Absolute: true, Server: &Server{User: "joe@a.b", Host: "example.com"}, Mailbox: "INBOX", UID: 20,
			Auth: URLAuth{Access: AccessUser, User: "a:b", Mechanism: "INTERNAL", Token: token},
			Rump: "imap://joe%40a.b@example.com/INBOX/;UID=20;URLAUTH=user+a%3Ab"},
		"imap://joe@example.com/INBOX/;UID=20;URLAUTH=user+a@b.c": {Absolute: true, Server: joe, Mailbox: "INBOX", UID: 20,
			Auth: URLAuth{Access: AccessUser, User: "a@b.c"}, Rump: "imap://joe@example.com/INBOX/;UID=20;URLAUTH=user+a@b.c"},
		"imap://joe@example.com/INBOX/;UID=20;URLAUTH=AUTHUSER": {Absolute: true, Server: joe, Mailbox: "INBOX", UID: 20,
			Auth: URLAuth{Access: AccessAuthUser}, Rump: "imap://joe@example.com/INBOX/;UID=20;URLAUTH=AUTHUSER"},

		"//joe@example.com/INBOX":                               {Server: joe, Mailbox: "INBOX"},
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER": {Mailbox: "Drafts", UIDValidity: 385759045, UID: 20, Section: "HEADER"},
		"/a/b/;UID=1/;SECTION=HEADER.FIELDS%20(DATE%20FROM)":    {Mailbox: "a/b", UID: 1, Section: "HEADER.FIELDS (DATE FROM)"},
		"/%2Fa/%2E%2E/;UID=1/;PARTIAL=5":                        {Mailbox: "/a/..", UID: 1, Partial: Partial{Offset: 5}},
		"/R&D=x/;UID=4294967295/;PARTIAL=9223372036854775807.1": {Mailbox: "R&D=x", UID: 1<<32 - 1, Partial: Partial{Offset: 1<<63 - 1, Count: 1}},
		";UID=20":                           {UID: 20},
		";UIDVALIDITY=3/;UID=20/;SECTION=1": {UIDValidity: 3, UID: 20, Section: "1"},
	} {
		u, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(&want, u); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
		same(t, u)
	}
}

// same checks that a URL is read as it was when it is written.
func same(t *testing.T, u *URL) {
	t.Helper()
	text := u.String()
	again, err := Parse(text)
	if err != nil {
		t.Errorf("%+v is written as %q: %v", u, text, err)
		return
	}
	want, got := *u, *again
	if want.Rump == "" != (got.Rump == "") {
		t.Errorf("%q: rump %q, then %q", text, want.Rump, got.Rump)
	}
	want.Rump, got.Rump = "", ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q (-want +got)\n%s", text, diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "/", "x", "http://h/x", "imap:/x", "imap:x", "imap:///x", "imap://u@/x", "imap://@h/x", "imap://u;x@h/", "imap://u;AUTH=@h/", "imap://u@v@h/",
		"imap://h:0/", "imap://h:99999/", "imap://h:x/", "imap://[1.2.3.4]/", "imap://[::1]x/", "imap://[fe80::1%25lo]/", "imap://h?x", "imap://h;x/",
		"imap://h //", "/a b", "/a\x00", "/é", "/%", "/%4", "/%zz", "/%00", "/%ff", "/a<b>",
		"mailbox/;UID=1", "//h", "/a;UID=1x", "/a;UID=1", "/a/;UID=0", "/a/;UID=01", "/a/;UID=-1", "/a/;UID=4294967296", "/a/;UID=", "/a/;UID=1;SECTION=1",
		"/a/;SECTION=1", "/a/;UID=1/;SECTION=", "/a/;UID=1/;UID=2", "/a/;UID=1/;PARTIAL=1.0", "/a/;UID=1/;PARTIAL=x", "/a/;UID=1/;PARTIAL=1/;SECTION=1",
		"/a/;UID=1?ALL", "/a?", "/a;UIDVALIDITY=1;UIDVALIDITY=2", "/a;FOO=1", "/../;UID=1", "/a/./b", "//", "/;UID=1", ";SECTION=1",
		"/a/;UID=1;URLAUTH=anonymous", "imap://h/a/;UID=1;EXPIRE=2030-01-01T00:00:00Z", "imap://h/a/;UID=1;EXPIRE=2030;URLAUTH=anonymous",
		"imap://h/a;URLAUTH=anonymous", "imap://h/a/;UID=1;URLAUTH=user+", "imap://h/a/;UID=1;URLAUTH=anonymousx", "imap://h/a/;UID=1;URLAUTH=authuser:INTERNAL:1234",
		"imap://h/a/;UID=1;URLAUTH=authuser:INTERNAL", "imap://h/a/;UID=1;URLAUTH=authuser::" + token, "imap://h/a/;UID=1;URLAUTH=authuser:a_b:" + token,
		"imap://h/a/;UID=1;URLAUTH=authuser:x:" + token + "g", "imap://h/a/;UID=1;URLAUTH=authuser:x:" + token + "/;SECTION=1",
		"/" + strings.Repeat("x", MaxLength),
	} {
		if u, err := Parse(text); err == nil && text != "//h" {
			t.Errorf("%.80q is read as %+v", text, u)
		} else if err != nil && !errors.Is(err, ErrSyntax) {
			t.Errorf("%.80q: %v", text, err)
		}
	}
}

// TestRump: the token is cut off and nothing else is touched (RFC 4467 6).
func TestRump(t *testing.T) {
	rump := "iMap://J%6fe@Example.com/INBOX/;uid=20;URLauth=suBmit+fRed"
	for _, verifier := range []string{"", ":internal:" + token, ":X-1.2:" + strings.ToUpper(token) + "00"} {
		u, err := Parse(rump + verifier)
		if err != nil || u.Rump != rump {
			t.Errorf("%s: %v, %v", rump+verifier, u, err)
		}
	}
}

// FuzzParse: what is read is written and read as the same, and its rump is how it begins.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"imap://joe@example.com/INBOX;UIDVALIDITY=3/;uid=20/;section=1.2/;partial=0.5;expire=2030-01-02T03:04:05.5+01:00;urlauth=submit+fred:internal:" + token,
		"imap://a;AUTH=*@[::1]:143/x?ALL%20%22", "//h/%2Fa/%2e/;UID=1", ";UID=1/;SECTION=HEADER.FIELDS%20(A)", "/a;UIDVALIDITY=1?b", "imap://h",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := Parse(s)
		if err != nil {
			if u != nil || !errors.Is(err, ErrSyntax) {
				t.Fatalf("%q: %v, %v", s, u, err)
			}
			return
		}
		if !strings.HasPrefix(s, u.Rump) {
			t.Fatalf("%q: rump %q", s, u.Rump)
		}
		same(t, u)
	})
}
