package mime

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAddresses(t *testing.T) {
	const mm, mh = MissingMailbox, MissingHost
	for _, c := range []struct {
		in   string
		want []Address
	}{
		{"", nil},
		{"a@b.example", []Address{{"", "", "a", "b.example"}}},
		{"Ann Example <ann@b.example>, bob@c.example", []Address{{"Ann Example", "", "ann", "b.example"}, {"", "", "bob", "c.example"}}},
		{`"Example, Ann \"A\" (x)" <ann@b.example>`, []Address{{`Example, Ann "A" (x)`, "", "ann", "b.example"}}},
		{"ann@b.example (Ann (the) Example)", []Address{{"Ann (the) Example", "", "ann", "b.example"}}},
		{"<ann@b.example> (Ann)", []Address{{"Ann", "", "ann", "b.example"}}},
		{`"ann smith"@b.example`, []Address{{"", "", "ann smith", "b.example"}}},
		{"ann@[192.0.2.1]", []Address{{"", "", "ann", "[192.0.2.1]"}}},
		{"=?utf-8?q?J=C3=B6rg,_x?= <j@b.example>", []Address{{"=?utf-8?q?J=C3=B6rg,_x?=", "", "j", "b.example"}}},
		// RFC 5322 4.4: obsolete forms.
		{"<@r1.example,@r2.example:ann@b.example>", []Address{{"", "@r1.example,@r2.example", "ann", "b.example"}}},
		{"ann . smith @ b . example (c)", []Address{{"c", "", "ann.smith", "b.example"}}},
		{", ,ann@b.example,,bob@c.example,", []Address{{"", "", "ann", "b.example"}, {"", "", "bob", "c.example"}}},
		{"John Q. Public <j@b.example>", []Address{{"John Q. Public", "", "j", "b.example"}}},
		// Groups.
		{"Team: ann@b.example, Bob <bob@c.example>; eve@d.example", []Address{
			{"", "", "Team", ""}, {"", "", "ann", "b.example"}, {"Bob", "", "bob", "c.example"}, {}, {"", "", "eve", "d.example"}}},
		{"undisclosed-recipients:;", []Address{{"", "", "undisclosed-recipients", ""}, {}}},
		{"Team: ann@b.example", []Address{{"", "", "Team", ""}, {"", "", "ann", "b.example"}, {}}},
		{":;", []Address{{"", "", `""`, ""}, {}}},
		// What is sent as well.
		{"a@b.example; c@d.example", []Address{{"", "", "a", "b.example"}, {"", "", "c", "d.example"}}},
		{"ann@b.example <ann@b.example>", []Address{{"ann@b.example", "", "ann", "b.example"}}},
		{"Ann ann@b.example", []Address{{"Ann", "", "ann", "b.example"}}},
		{"Ann <ann@b.example", []Address{{"Ann", "", "ann", "b.example"}}},
		{"Ann <ann@b.example>>, <bob@c.example>", []Address{{"Ann", "", "ann", "b.example"}, {"", "", "bob", "c.example"}}},
		{"<undisclosed:;@b.example>, c@d.example", []Address{{"", "", "undisclosed", mh}, {"", "", "c", "d.example"}}},
		{"root", []Address{{"", "", "root", mh}}},
		{"Ann Example", []Address{{"Ann Example", "", mm, mh}}},
		{"Ann <>", []Address{{"Ann", "", mm, mh}}},
		{"<ann>", []Address{{"", "", "ann", mh}}},
		{"ann@", []Address{{"", "", "ann", mh}}},
		{"@b.example", []Address{{"", "", mm, "b.example"}}},
		{"a@b@c.example", []Address{{"", "", "a@b", "c.example"}}},
		{"ann..x.@b.example", []Address{{"", "", "ann..x.", "b.example"}}},
		{"J\xf6rg <j@b.example>", []Address{{"J\xf6rg", "", "j", "b.example"}}},
		{"用户@例子.example", []Address{{"", "", "用户", "例子.example"}}},
	} {
		got, more := ParseAddresses(c.in, 100)
		if d := cmp.Diff(c.want, got); d != "" || more {
			t.Errorf("%q (-want +got)\n%s", c.in, d)
		}
	}
}

func TestParseAddressesLimit(t *testing.T) {
	got, more := ParseAddresses("a@x, b@x, c@x", 2)
	if len(got) != 2 || !more {
		t.Errorf("%v %v", got, more)
	}
	if got, more := ParseAddresses("a@x, b@x", 2); len(got) != 2 || more {
		t.Errorf("%v %v", got, more)
	}
}

func TestAddressSpec(t *testing.T) {
	for _, c := range []struct {
		a    Address
		want string
	}{
		{Address{Mailbox: "a", Host: "b"}, "a@b"},
		{Address{Mailbox: `a "b\`, Host: "c"}, `"a \"b\\"@c`},
		{Address{Mailbox: "a", Host: MissingHost}, "a"},
		{Address{Mailbox: MissingMailbox, Host: MissingHost}, ""},
		{Address{Mailbox: "group"}, ""},
		{Address{}, ""},
	} {
		if got := c.a.Spec(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.a, got, c.want)
		}
	}
}
