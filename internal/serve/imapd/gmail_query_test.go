package imapd

import (
	"strings"
	"testing"

	"restante/internal/proto/imapwire"
)

// shown writes a key as SEARCH has it.
func shown(key imapwire.SearchKey) string {
	b := imapwire.AppendCommand(nil, "a", &imapwire.Search{Key: key}, true)
	return strings.TrimSuffix(strings.TrimPrefix(string(b), "a SEARCH "), "\r\n")
}

func TestQueries(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"", "ALL"},
		{"hello", `(TEXT "hello")`},
		{"hello world", `(TEXT "hello" TEXT "world")`},
		{`"hello world"`, `(TEXT "hello world")`},
		{`from:anna subject:"two words"`, `(FROM "anna" SUBJECT "two words")`},
		{"From:anna OR to:ben", `(OR FROM "anna" TO "ben")`},
		{"a OR b OR c d", `(OR OR TEXT "a" TEXT "b" TEXT "c" TEXT "d")`},
		{"OR a", `(TEXT "OR" TEXT "a")`},
		{"{a b} c", `(OR TEXT "a" TEXT "b") TEXT "c"`},
		{"-is:unread -hello - x", `(NOT NOT SEEN NOT TEXT "hello" TEXT "-" TEXT "x")`},
		{"(a OR b) -(c d)", `((OR TEXT "a" TEXT "b") NOT (TEXT "c" TEXT "d"))`},
		{"from:(anna ben)", `((FROM "anna" FROM "ben"))`},
		{"from:{anna ben}", `((OR FROM "anna" FROM "ben"))`},
		{"from:(anna OR ben) x", `((OR FROM "anna" FROM "ben") TEXT "x")`},
		{"in:inbox in:anywhere label:some-thing", `(X-GM-LABELS "\\inbox" ALL X-GM-LABELS some-thing)`},
		{"is:starred is:important is:strange", `(FLAGGED KEYWORD $Important NOT ALL)`},
		{"has:attachment has:nothing", `(ALL NOT ALL)`},
		{"before:2026/1/31 after:2026-02-01", `(BEFORE 31-Jan-2026 SINCE 1-Feb-2026)`},
		{"before:yesterday", `(NOT ALL)`},
		{"older_than:2d newer_than:1y older_than:3x older_than:", `(OLDER 172800 YOUNGER 31536000 NOT ALL NOT ALL)`},
		{"larger:5M size:10 smaller:2kb larger:big", `(LARGER 5242880 LARGER 10 SMALLER 2048 NOT ALL)`},
		{"rfc822msgid:<a@b>", `(HEADER "Message-ID" "a@b")`},
		{"http://x.test re:hello :x", `(TEXT "http://x.test" TEXT "re:hello" TEXT ":x")`},
		{`("unbalanced (a`, `((TEXT "unbalanced (a"))`},
		{"a) b} c", `((TEXT "a") (TEXT "b") (TEXT "c"))`},
		{strings.Repeat("(", 40) + "a", ""},
	} {
		key, err := rawKey(tt.query)
		if err != nil {
			t.Errorf("%q: %v", tt.query, err)
			continue
		}
		got := shown(imapwire.SearchAnd{key})
		if got = strings.TrimPrefix(got, "("); tt.want != "" && norm(got) != norm(tt.want) {
			t.Errorf("%s\n got %s\nwant %s", tt.query, norm(got), norm(tt.want))
		}
	}
	if _, err := rawKey(strings.Repeat("x", 3000)); err == nil {
		t.Error("an endless query was taken")
	}
}

// norm drops parentheses and spaces that mean nothing to these comparisons.
func norm(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("(", " ", ")", " ").Replace(s)), " ")
}

// FuzzQuery: every query is read to its end, and what comes out is bounded by what went in.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{`from:(a OR "b c") -{x y} larger:5M OR in:inbox`, "((((", "-(-(-(", "{OR}", "a:b:c", `"`, "older_than:9y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		key, err := rawKey(query)
		if err != nil {
			return
		}
		count, depth := measure(key, 0)
		if count > 4*len(query)+4 || depth > 6*maxQueryDepth+len(query) {
			t.Errorf("%q: %d keys, %d deep", query, count, depth)
		}
	})
}

func measure(key imapwire.SearchKey, at int) (count, depth int) {
	count, depth = 1, at
	sub := func(k imapwire.SearchKey) {
		c, d := measure(k, at+1)
		count, depth = count+c, max(depth, d)
	}
	switch k := key.(type) {
	case imapwire.SearchAnd:
		for _, each := range k {
			sub(each)
		}
	case imapwire.SearchOr:
		sub(k.A)
		sub(k.B)
	case imapwire.SearchNot:
		sub(k.Key)
	case nil:
		panic("a key is missing")
	}
	return count, depth
}

func TestGmailIDs(t *testing.T) {
	seed := [6]byte{0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa}
	for _, n := range []uint64{1, 2, 1 << 47, 1<<48 | 7, 0x7fff<<48 | 1} {
		id := gmailID(seed, n)
		if id == n || id > 1<<63-1 || gmailID(seed, id) != n || id>>48 != n>>48 {
			t.Errorf("%x: %x", n, id)
		}
	}
}
