package dkim

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
)

func now() time.Time { return time.Unix(1_800_000_000, 0) }

const message = "Received: from a by b\r\nFrom: Joe <joe@football.example.com>\r\nTo: Suzie <suzie@shopping.example.net>\r\n" +
	"Subject: Is dinner\r\n  ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <1@football.example.com>\r\n" +
	"\r\nHi.\r\n\r\nWe lost  the game. \tAre you hungry yet?\t\r\n\r\nJoe.\r\n\r\n\r\n"

type pair struct {
	keys []Key
	zone *dnstest.Zone
	text string // of the zone
}

func newPair(tb testing.TB) *pair {
	tb.Helper()
	p := &pair{}
	for _, algorithm := range []string{RSA, Ed25519} {
		k, err := Generate("football.example.com", algorithm[:1]+"1", algorithm)
		if err != nil {
			tb.Fatal(err)
		}
		der, err := k.Marshal()
		if err != nil {
			tb.Fatal(err)
		}
		if err := k.Unmarshal(der); err != nil {
			tb.Fatal(err)
		}
		name, text, err := k.DNS()
		if err != nil {
			tb.Fatal(err)
		}
		p.keys = append(p.keys, k)
		p.text += name + " TXT " + text + "\n"
	}
	p.zone = dnstest.New(tb, p.text)
	return p
}

func (p *pair) sign(tb testing.TB, text string) string {
	tb.Helper()
	s := NewSigner(now(), p.keys...)
	for i := 0; i < len(text); i += 7 { // cut anywhere
		if _, err := s.Write([]byte(text[i:min(i+7, len(text))])); err != nil {
			tb.Fatal(err)
		}
	}
	fields, err := s.Finish()
	if err != nil {
		tb.Fatal(err)
	}
	return string(fields) + text
}

func (p *pair) verify(tb testing.TB, r dns.Resolver, text string) string {
	tb.Helper()
	list, err := Verify(tb.Context(), r, strings.NewReader(text), now().Add(time.Minute))
	if err != nil {
		tb.Fatal(err)
	}
	var out strings.Builder
	for _, r := range list {
		fmt.Fprintf(&out, "%s %s %s %s; ", r.Status, r.Domain, r.Selector, r.Reason)
	}
	return strings.TrimSuffix(out.String(), " ; ")
}

const both = "pass football.example.com r1 ; pass football.example.com e1"

func TestSignAndVerify(t *testing.T) {
	p := newPair(t)
	for name, text := range map[string]string{
		"a message": message, "no body": "From: a@football.example.com\r\n\r\n", "no blank line": "From: a@football.example.com\r\n",
		"two of a field":  "From: a@football.example.com\r\nTo: b\r\nTo: c\r\n\r\nx",
		"a long field":    "From: a@football.example.com\r\nSubject: " + strings.Repeat("x \t", 2000) + "\r\n\r\n\r\n\r\n",
		"white space":     "From : a@football.example.com\r\nSubject:\r\n\t\r\n a  b\t\r\n\r\n \t\r\n\r\n  x  \r\n",
		"no line end":     "From: a@football.example.com\r\n\r\n \t",
		"strange octets":  "From: a@football.example.com\r\n\r\n\x00\xff\x80 \x00",
		"a bare CR":       "From: a@football.example.com\r\n\r\na\rb\r",
		"a line of words": "From: a@football.example.com\r\n\r\n" + strings.Repeat("word ", 5000) + "\r\n",
	} {
		signed := p.sign(t, text)
		if got := p.verify(t, p.zone, signed); got != both {
			t.Errorf("%s: %s\n%s", name, got, signed)
		}
		for line := range strings.SplitSeq(signed[:len(signed)-len(text)], "\r\n") {
			if len(line) > maxLine+1 {
				t.Errorf("%s: a line of %d octets: %s", name, len(line), line)
			}
		}
	}
}

// What has been changed does not verify; what canonicalization evens out does.
func TestChanges(t *testing.T) {
	p := newPair(t)
	signed := p.sign(t, message)
	fail := func(why string) string {
		return "fail football.example.com r1 " + why + "; fail football.example.com e1 " + why + "; "
	}
	body, head := fail("the body has been changed"), fail("the header has been changed, or the signature is not by this key")
	for _, c := range []struct{ name, old, new, want string }{
		{"nothing", "", "", both},
		{"a word", "hungry", "thirsty", body},
		{"white space at the end of a line", "yet?\t\r\n", "yet?\r\n", both},
		{"lines at the end", "Joe.\r\n\r\n\r\n", "Joe.\r\n", both},
		{"the subject", "dinner", "lunch", head},
		{"its folding", "dinner\r\n  ready", "dinner ready", both},
		{"a second From", "From: Joe", "From: evil@example.net\r\nFrom: Joe", head},
		{"a second Subject below", "\r\nDate:", "\r\nSubject: evil\r\nDate:", head},
		{"a Reply-To", "From: Joe", "Reply-To: evil@example.net\r\nFrom: Joe", head},
		{"a Received", "Received:", "Received: from c\r\nReceived:", both},
		{"a List-Id", "From: Joe", "List-Id: <x.example>\r\nFrom: Joe", both},
	} {
		if got := p.verify(t, p.zone, strings.Replace(signed, c.old, c.new, 1)); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// What the DNS says decides over what is right otherwise.
func TestKeys(t *testing.T) {
	p := newPair(t)
	p.keys = p.keys[:1]
	signed := p.sign(t, message)
	_, text, _ := p.keys[0].DNS()
	_, key, _ := strings.Cut(text, "p=")
	const name = "r1._domainkey.football.example.com"
	for _, c := range []struct{ zone, want string }{
		{"TXT v=DKIM1; p=" + key, "pass"},
		{"TXT p=" + key, "pass"},
		{"TXT v=DKIM1; t=y:s; n=a note; s=email:other; h=sha1:sha256; p=" + key, "pass"},
		{"TXT v=DKIM1; p=", "permerror the key is revoked"},
		{"TXT v=DKIM1; h=sha1; p=" + key, "permerror bad key record: it does not allow SHA-256"},
		{"TXT v=DKIM1; s=web; p=" + key, "permerror bad key record: it is not for mail"},
		{"TXT v=DKIM2; p=" + key, "permerror bad key record: unknown version"},
		{"TXT p=" + key + "; v=DKIM1", "permerror bad key record: unknown version"},
		{"TXT v=DKIM1; k=ed25519; p=" + key, "permerror bad key record: the Ed25519 key has not 32 octets"},
		{"TXT v=DKIM1; k=ed25519; p=" + strings.Repeat("A", 43) + "=", "permerror the key is for another algorithm"},
		{"TXT v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMCjp1Ry7BklZ4Ru7zdVdYEYxCNdhOuDCyC6aKTHTjE1Zg6NCmDvFRbRUWDGH9RtLGcrOOvX3OqcYZ7tCK6TOVkCAwEAAQ==",
			"permerror bad key record: an RSA key of 512 bits is too weak"},
		{"TXT nonsense", "permerror bad key record: not a list of tags"},
		{"TXT v=DKIM1; p=" + key + "\n" + name + " TXT v=DKIM1; p=" + key, "permerror bad key record: there are 2"},
		{"TXT v=DKIM1; p=" + key + "\n" + name + " TXT v=spf1 -all", "pass"},
		{"NONE", "permerror there is no key"},
		{"TXT SERVFAIL", "temperror the key cannot be had now"},
		{"TXT TIMEOUT", "temperror the key cannot be had now"},
	} {
		list, err := Verify(t.Context(), dnstest.New(t, name+" "+c.zone), strings.NewReader(signed), now())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if got := strings.TrimSpace(string(list[0].Status) + " " + list[0].Reason); got != c.want {
			t.Errorf("%s: %s, want %s", c.zone, got, c.want)
		}
	}
}

// What stands in the field itself.
func TestFields(t *testing.T) {
	p := newPair(t)
	p.keys = p.keys[:1]
	signed := p.sign(t, message)
	for _, c := range []struct{ old, new, want string }{
		{"a=rsa-sha256", "a=rsa-sha1", "permerror SHA-1 is too weak"},
		{"a=rsa-sha256", "a=dsa-sha256", "neutral unknown algorithm"},
		{"v=1", "v=2", "neutral unknown version"},
		{"v=1", "v=1; v=1", "neutral not a list of tags"},
		{"h=From:From:", "h=Comments:", "permerror From is not signed"},
		{"c=relaxed/relaxed", "c=relaxed/strange", "neutral unknown canonicalization"},
		{"c=relaxed/relaxed", "c=relaxed", "fail the body has been changed"},
		{"s=r1", "i=@example.com; s=r1", "permerror the identity is not of the domain"},
		{"s=r1", "i=@notfootball.example.com; s=r1", "permerror the identity is not of the domain"},
		{"s=r1", "i=me@a.football.example.com; s=r1", "fail the header has been changed, or the signature is not by this key"},
		{"s=r1", "s=../x", "permerror not a selector"},
		{"d=football.example.com", "d=[192.0.2.1]", "permerror not a domain in d"},
		{"t=1800000000", "t=1800000000; x=1700000000", "permerror it expires before it was made"},
		{"t=1800000000", "t=1; x=1700000000", "fail the signature has expired"},
		{"t=1800000000", "t=99999999999999999999", "neutral not a time in t"},
		{"s=r1", "l=99999; s=r1", "fail the body is shorter than what was signed"},
		{"s=r1", "l=-1; s=r1", "neutral not a length in l"},
		{"s=r1", "q=http; s=r1", "permerror the key is not in the DNS"},
		{"bh=", "xx=", "permerror the tag bh is missing"},
	} {
		text := strings.Replace(signed, c.old, c.new, 1)
		list, err := Verify(t.Context(), p.zone, strings.NewReader(text), now())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if got := strings.TrimSpace(string(list[0].Status) + " " + list[0].Reason); got != c.want {
			t.Errorf("%s: %s, want %s", c.new, got, c.want)
		}
	}
}

// At most MaxSignatures are looked at, and each costs one question.
func TestManySignatures(t *testing.T) {
	p := newPair(t)
	text := message
	for range 3 * MaxSignatures {
		text = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=x; h=from; bh=AAAA; b=AAAA\r\n" + text
	}
	list, err := Verify(t.Context(), p.zone, strings.NewReader(text), now())
	if err != nil || len(list) != MaxSignatures {
		t.Errorf("%d %v", len(list), err)
	}
	if asked := p.zone.Asked(); len(asked) != 0 {
		t.Errorf("bodies do not fit, and still: %q", asked)
	}
}

// A header without end is held only so far.
func TestLongHeader(t *testing.T) {
	var v Verifier
	line := []byte("X: " + strings.Repeat("x", 1000) + "\r\n")
	for range 2000 {
		v.Write(line)
	}
	if got := v.Finish(t.Context(), dnstest.New(t, ""), now()); len(got) != 0 || len(v.header.raw) > MaxHeader {
		t.Error(got, len(v.header.raw))
	}
	s := NewSigner(now())
	var err error
	for range 2000 {
		if _, err = s.Write(line); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("signed")
	}
}

// Another implementation takes what we sign, and we take what it signs in every canonical form.
func TestSecondOpinion(t *testing.T) {
	p := newPair(t)
	opts := &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		texts, _, err := dns.TXTs(t.Context(), p.zone, name)
		return texts, err
	}}
	list, err := msgauth.VerifyWithOptions(strings.NewReader(p.sign(t, message)), opts)
	if err != nil || len(list) != 2 || list[0].Err != nil || list[1].Err != nil {
		t.Errorf("%+v %v", list, err)
	}
	for _, k := range p.keys {
		for _, head := range []msgauth.Canonicalization{simple, relaxed} {
			for _, body := range []msgauth.Canonicalization{simple, relaxed} {
				for _, text := range []string{message, "From: a@b.example\r\n\r\n", "From: a@b.example\r\n\r\n\r\n\r\n", "From: a@b.example\r\nTo:  x  y \r\n\r\n a  b \r\n \r\n"} {
					var out bytes.Buffer
					err := msgauth.Sign(&out, strings.NewReader(text), &msgauth.SignOptions{Domain: string(k.Domain), Selector: k.Selector, Signer: k.Private,
						HeaderCanonicalization: head, BodyCanonicalization: body, HeaderKeys: []string{"From", "To", "Subject", "From"}})
					if err != nil {
						t.Fatal(err)
					}
					if got := p.verify(t, p.zone, out.String()); !strings.HasPrefix(got, "pass") {
						t.Errorf("%s/%s %q: %s", head, body, text, got)
					}
				}
			}
		}
	}
}

// Of a body, only what is signed counts, and what stands behind is said.
func TestLength(t *testing.T) {
	b := newBodyHash(simple, 5)
	b.write([]byte("hello, world\r\n"))
	whole := newBodyHash(simple, -1)
	whole.write([]byte("hello"))
	if got := b.finish(); b.size != 14 || bytes.Equal(got, whole.finish()) {
		t.Error("a line end belongs to what is whole")
	}
	if !bytes.Equal(b.finish(), b.finish()) {
		t.Error("the hash changes")
	}
}

// FuzzVerify: nothing that comes makes more of it than there may be, and cutting it differently changes nothing.
func FuzzVerify(f *testing.F) {
	f.Add("DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=x; h=from; bh=AAAA; b=AAAA\r\n"+message, 5)
	f.Add(message, 1)
	f.Add("\r\n", 1)
	zone := dnstest.New(f, "x._domainkey.a.example TXT v=DKIM1; p=AAAA")
	f.Fuzz(func(t *testing.T, text string, at int) {
		var one, two Verifier
		one.Write([]byte(text))
		at = min(max(at, 0), len(text))
		two.Write([]byte(text[:at]))
		two.Write([]byte(text[at:]))
		a, b := one.Finish(t.Context(), zone, now()), two.Finish(t.Context(), zone, now())
		if fmt.Sprint(a) != fmt.Sprint(b) || len(a) > MaxSignatures {
			t.Errorf("%v, %v", a, b)
		}
		for k, h := range one.bodies {
			if other := two.bodies[k]; !bytes.Equal(h.finish(), other.finish()) {
				t.Errorf("%v: another hash", k)
			}
		}
	})
}

// FuzzRecord: a record that can be used has a key that is strong enough.
func FuzzRecord(f *testing.F) {
	f.Add("v=DKIM1; k=rsa; p=")
	f.Add("v=DKIM1; k=ed25519; p=" + strings.Repeat("A", 43) + "=")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err == nil && !r.Revoked && (r.Public == nil || r.Algorithm == RSA && r.Bits < minBits) {
			t.Errorf("%+v", r)
		}
	})
}

func benchmark(b *testing.B, size int) {
	p := newPair(b)
	text := strings.TrimSuffix(message, "\r\n") + strings.Repeat(strings.Repeat("some words ", 6)+"\r\n", size/68)
	signed := []byte(p.sign(b, text))
	for i, name := range []string{"rsa", "ed25519"} {
		b.Run("sign/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s := NewSigner(now(), p.keys[i])
				s.Write([]byte(text))
				s.Finish()
			}
		})
	}
	b.Run("sign/both", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			s := NewSigner(now(), p.keys...)
			s.Write([]byte(text))
			s.Finish()
		}
	})
	b.Run("verify/both", func(b *testing.B) {
		b.SetBytes(int64(len(signed)))
		for b.Loop() {
			var v Verifier
			v.Write(signed)
			v.Finish(b.Context(), p.zone, now())
		}
	})
}

func BenchmarkSmall(b *testing.B) { benchmark(b, 2<<10) }
func BenchmarkMail(b *testing.B)  { benchmark(b, 73<<10) }
