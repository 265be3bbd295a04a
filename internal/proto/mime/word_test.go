package mime

import "testing"

func TestDecodeHeader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"},
		{"=?utf-8?Q?caf=C3=A9_au_lait?=", "café au lait"},
		{"=?UTF-8?b?Y2Fmw6k=?= x", "café x"},
		{"=?iso-8859-1?Q?a?= =?iso-8859-1?Q?b?=", "ab"},                         // RFC 2047 8
		{"=?iso-8859-1?Q?a?=\r\n \t=?iso-8859-1?Q?b?= c", "ab c"},               // folded
		{"a =?iso-8859-1?Q?_b?= c", "a  b c"},                                   // space inside
		{"=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=", "€"},                             // a character in two words
		{"=?utf-8?B?4oI=?= =?utf-8?Q?=AC?=", "€"},                               // even in two encodings
		{"=?iso-2022-jp?B?GyRCJF4bKEI=?= =?iso-2022-jp?B?GyRCJF8bKEI=?=", "まみ"}, // each begins in ASCII
		{"=?utf-8?B?Y2Fmw6k?=", "café"},                                         // no padding
		{"=?utf-8?B?Y2Fm w6k=?=", "café"},                                       // a space in base64
		{"=?utf-8?Q?a b c?=", "a b c"},                                          // spaces in Q
		{"x=?utf-8?Q?=C3=A9?=y", "xéy"},                                         // no space around
		{`"=?utf-8?Q?=C3=A9?="`, `"é"`},                                         // in quotes
		{"=?utf-8*fr?Q?=C3=A9?=", "é"},                                          // RFC 2231 5
		{"=?x-unknown?Q?=E9?=", "é"},                                            // a charset nobody knows
		{"=?utf-8?Q?a=zz=3?=", "a=zz=3"},                                        // broken escapes
		{"=?utf-8?Q?a=0D=0AEvil:_x?=", "a  Evil: x"},                            // no line can be forged
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},                                      // no such encoding
		{"=?utf-8?Q?open", "=?utf-8?Q?open"},                                    // not closed
		{"=?utf-8?Q?open =?utf-8?Q?closed?=", "=?utf-8?Q?open closed"},          // the second is
		{"=?utf-8?Q??=", ""},                                                    // nothing in it
		{"=? =?= ?=", "=? =?= ?="},                                              // nothing at all
		{"Gr\xc3\xbc\xc3\x9fe", "Grüße"},                                        // raw UTF-8 (RFC 6532)
		{"Gr\xfc\xdfe =?utf-8?Q?=C3=A9?=", "Grüße é"},                           // raw windows-1252
		{"=?gb2312?B?xOO6ww==?= =?big5?B?s1w=?=", "你好許"},
		{"=?utf-7?Q?+AOk-?=", "é"},
	} {
		if got := DecodeHeader(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	if got := DecodeHeaderIn("\xf0\xd2\xc9", "koi8-r"); got != "При" {
		t.Errorf("raw KOI8-R: %q", got)
	}
}

func TestBaseSubject(t *testing.T) {
	for _, c := range []struct {
		in, want string
		reply    bool
	}{
		{"hello", "hello", false},
		{"Re: hello", "hello", true},
		{"RE : Fwd: fw: hello (fwd)  (FWD) ", "hello", true},
		{"[list] Re: [list] hello", "hello", true},
		{"[list] hello", "hello", false},
		{"Re[2]: hello", "hello", true},
		{"Re [x] : hello", "hello", true},
		{"[fwd: hello]", "hello", true},
		{"[Fwd: Re: [Fwd: hello] (fwd)]", "hello", true},
		{"[only a blob]", "[only a blob]", false},
		{"[a][b]", "[b]", false},
		{"[a] Re:", "", true},
		{"Re:", "", true},
		{"Rehash: hello", "Rehash: hello", false},
		{"AW: hello", "AW: hello", false}, // only what RFC 5256 names
		{"=?utf-8?Q?Re=3A?=  =?utf-8?Q?_caf=C3=A9?=\t x", "café x", true},
		{"", "", false},
	} {
		if got, reply := BaseSubject(c.in); got != c.want || reply != c.reply {
			t.Errorf("%q: %q %v, want %q %v", c.in, got, reply, c.want, c.reply)
		}
	}
}
