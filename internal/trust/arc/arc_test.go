package arc

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns"
	"restante/internal/base/dns/dnstest"
	"restante/internal/proto/addr"
	"restante/internal/trust/authres"
	"restante/internal/trust/dkim"
)

var update = flag.Bool("update", false, "make the messages of testdata anew, with new keys, and what is found out about them")

func now() time.Time { return time.Unix(1_700_000_000, 0) }

const message = "Received: from a by b\r\nFrom: Joe <joe@source.example>\r\nTo: list@a.example\r\nSubject: Is dinner\r\n  ready?\r\n" +
	"Date: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <1@source.example>\r\n\r\nHi.\r\n\r\nWe lost  the game. \tAre you hungry yet?\t\r\n\r\nJoe.\r\n\r\n"

// watched is a verifier that has seen a message, in small pieces.
func watched(text string) *dkim.Verifier {
	v := new(dkim.Verifier)
	Watch(v)
	for i := 0; i < len(text); i += 11 {
		_, _ = v.Write([]byte(text[i:min(i+11, len(text))]))
	}
	return v
}

func verify(ctx context.Context, r dns.Resolver, text string) Result {
	return Verify(ctx, watched(text), r, now())
}

// hosts seal messages.
type hosts struct {
	testing.TB
	keys map[string]dkim.Key
	zone string
}

func newHosts(tb testing.TB) *hosts {
	tb.Helper()
	h := &hosts{TB: tb, keys: make(map[string]dkim.Key)}
	for _, domain := range []string{"a.example", "b.example", "c.example", "ed.example"} {
		k := dkim.Key{Domain: addr.Domain(domain), Selector: "s"}
		var err error
		if domain == "ed.example" {
			_, k.Private, err = ed25519.GenerateKey(rand.Reader)
		} else {
			k.Private, err = rsa.GenerateKey(rand.Reader, 1024) // which is quick
		}
		if err != nil {
			tb.Fatal(err)
		}
		name, text, err := k.DNS()
		if err != nil {
			tb.Fatal(err)
		}
		h.keys[domain], h.zone = k, h.zone+name+" TXT "+text+"\n"
	}
	return h
}

// seal adds a set by a domain, which finds what is true of the chain.
func (h *hosts) seal(text, domain string) string {
	h.Helper()
	return h.sealAs(text, domain, verify(h.Context(), dnstest.New(h, h.zone), text).Status)
}

func (h *hosts) sealAs(text, domain string, status Status) string {
	h.Helper()
	s := NewSealer(now())
	if _, err := s.Write([]byte(text)); err != nil {
		h.Fatal(err)
	}
	k := h.keys[domain]
	set, err := s.Seal(&k, status, "mx."+domain, []authres.Result{
		{Method: "dmarc", Value: "pass", Props: []authres.Prop{{Name: "header.from", Value: "source.example"}}},
		{Method: "arc", Value: string(status)},
	})
	if err != nil {
		h.Fatal(err)
	}
	return string(set) + text
}

// scenes are the messages of testdata.
func (h *hosts) scenes() [][2]string {
	one := h.seal(message, "a.example")
	two := h.seal(one, "b.example")
	three := h.seal(two, "c.example")
	changed := strings.Replace(three, "Hi.", "Ho.", 1)
	list := h.sealAs(strings.Replace(one, "Subject: Is", "Subject: [list] Is", 1), "b.example", Pass) // it had looked before it changed it
	first := strings.Split(one, "Received:")[0]
	return [][2]string{
		{"01-none", message},
		{"02-one", one},
		{"03-two", two},
		{"04-three", three},
		{"05-body-changed", changed},
		{"06-subject-changed", strings.Replace(two, "dinner", "supper", 1)},
		{"07-folded-anew", strings.Replace(two, "dinner\r\n  ready", "dinner ready", 1)},
		{"08-list", list},
		{"09-list-and-another", h.seal(list, "c.example")},
		{"10-old-results-changed", strings.Replace(two, "i=1; mx.a.example;\r\n\tdmarc=pass", "i=1; mx.a.example;\r\n\tdmarc=fail", 1)},
		{"11-gap", strings.ReplaceAll(one, " i=1;", " i=2;")},
		{"12-twice", first + one},
		{"13-set-not-whole", strings.Replace(one, "ARC-Authentication-Results: i=1;", "X-Results: i=1;", 1)},
		{"14-broken-and-sealed", h.sealAs(strings.Replace(one, "Hi.", "Ho.", 1), "b.example", Fail)},
		{"15-broken-and-sealed-twice", h.seal(h.sealAs(strings.Replace(one, "Hi.", "Ho.", 1), "b.example", Fail), "c.example")},
		{"16-begins-with-pass", h.sealAs(message, "a.example", Pass)},
		{"17-goes-on-with-none", h.sealAs(one, "b.example", None)},
		{"18-seal-with-h", strings.Replace(one, "cv=none;", "cv=none; h=from;", 1)},
		{"19-over-the-chain", strings.Replace(one, "h=From:", "h=ARC-Seal:From:", 1)},
		{"20-number-0", strings.ReplaceAll(one, " i=1;", " i=0;")},
		{"21-number-51", strings.ReplaceAll(one, " i=1;", " i=51;")},
		{"22-no-number", strings.ReplaceAll(one, " i=1;", "")},
		{"23-no-key", strings.ReplaceAll(one, "d=a.example", "d=d.example")},
		{"24-ed25519", h.seal(one, "ed.example")},
		{"25-no-from-signed", strings.Replace(one, "h=From:From:", "h=", 1)},
		{"26-number-huge", strings.ReplaceAll(one, " i=1;", " i=99999999999999999999;")},
		{"27-seal-of-another", strings.Replace(two, "ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=b.example", "ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=a.example", 1)},
		{"28-part-of-the-body", strings.Replace(one, "c=relaxed/relaxed;", "c=relaxed/relaxed; l=3;", 1)},
	}
}

// TestFiles verifies the messages of testdata.
func TestFiles(t *testing.T) {
	if *update {
		h := newHosts(t)
		for _, s := range h.scenes() {
			for ext, text := range map[string]string{".msg": s[1], ".dns": h.zone} {
				if err := os.WriteFile(filepath.Join("testdata", s[0]+ext), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	files, err := filepath.Glob("testdata/*.msg")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".msg")
		t.Run(filepath.Base(base), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			zone, err := os.ReadFile(base + ".dns")
			if err != nil {
				t.Fatal(err)
			}
			z := dnstest.New(t, string(zone))
			got := show(verify(t.Context(), z, string(text))) + fmt.Sprintf("questions: %d\n", len(z.Asked()))
			if *update {
				if err := os.WriteFile(base+".result", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(base + ".result")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func show(r Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", r.Status)
	if r.Reason != "" {
		fmt.Fprintf(&b, ": %s", r.Reason)
	}
	if r.Status == Pass {
		fmt.Fprintf(&b, ", oldest pass %d", r.OldestPass)
	}
	b.WriteByte('\n')
	for i, s := range r.Sets {
		fmt.Fprintf(&b, "%d %s: %s\n", i+1, s.Sealer, s.Results)
	}
	return b.String()
}

func TestFiftySets(t *testing.T) {
	h := newHosts(t)
	text := message
	for n := range MaxSets + 2 {
		if n < MaxSets {
			text = h.sealAs(text, "a.example", map[bool]Status{true: None, false: Pass}[n == 0])
			continue
		}
		if more := h.sealAs(text, "a.example", Pass); more != text {
			t.Fatalf("a set too many")
		}
	}
	if got := verify(t.Context(), dnstest.New(t, h.zone), text); got.Status != Pass || len(got.Sets) != MaxSets || got.OldestPass != 0 {
		t.Errorf("%s", show(got))
	}
}

func TestVouched(t *testing.T) {
	h := newHosts(t)
	zone := dnstest.New(t, h.zone)
	two := verify(t.Context(), zone, h.seal(h.seal(message, "a.example"), "b.example"))
	two.Sets[1].Results = "mx.b.example; arc=pass; dmarc=fail header.from=source.example"
	for _, row := range []struct {
		author   addr.Domain
		believed []addr.Domain
		want     addr.Domain
	}{
		{"source.example", nil, ""},
		{"source.example", []addr.Domain{"a.example"}, ""}, // b may have put anything under it
		{"source.example", []addr.Domain{"b.example"}, ""}, // it has found that it fails
		{"source.example", []addr.Domain{"b.example", "a.example"}, "a.example"},
		{"other.example", []addr.Domain{"b.example", "a.example"}, ""},
		{"", []addr.Domain{"b.example", "a.example"}, ""},
	} {
		if got, ok := two.Vouched(row.author, row.believed); got != row.want || ok != (row.want != "") {
			t.Errorf("%q believing %v: %q %v", row.author, row.believed, got, ok)
		}
	}
	two.Status = Fail
	if got, ok := two.Vouched("source.example", []addr.Domain{"b.example", "a.example"}); ok {
		t.Error(got)
	}
	if _, ok := (*Result)(nil).Vouched("source.example", nil); ok {
		t.Error("nothing vouches")
	}
}

// A header of nothing but seals costs no more than its length.
func TestManyFields(t *testing.T) {
	field := "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=AAAA\r\n"
	text := strings.Repeat(field, dkim.MaxHeader/len(field)) + "\r\n"
	z := dnstest.New(t, "a.example A 192.0.2.1")
	if got := verify(t.Context(), z, text); got.Status != Fail || len(z.Asked()) != 0 {
		t.Errorf("%s %v", show(got), z.Asked())
	}
}

// FuzzVerify: only whole sets without gaps can pass; what is sealed can be verified, or is not sealed.
func FuzzVerify(f *testing.F) {
	h := newHosts(f)
	one := h.seal(message, "a.example")
	f.Add(one)
	f.Add(h.seal(one, "b.example"))
	f.Add(strings.ReplaceAll(one, "i=1", "i=3"))
	zone := dnstest.New(f, h.zone)
	f.Fuzz(func(t *testing.T, text string) {
		got := verify(t.Context(), zone, text)
		if got.Status == Pass && (len(got.Sets) == 0 || len(got.Sets) > MaxSets) {
			t.Fatalf("%s", show(got))
		}
		if !strings.Contains(text, "\r\n\r\n") || len(text) > 1<<16 || strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t") {
			return // what begins with white space would go on with the field before it
		}
		s := NewSealer(now())
		_, _ = s.Write([]byte(text))
		k := h.keys["a.example"]
		set, err := s.Seal(&k, got.Status, "mx.a.example", nil)
		if err != nil {
			t.Fatalf("%v: %s", err, show(got))
		}
		if again := verify(t.Context(), zone, string(set)+text); got.Status != Fail && len(set) > 0 && again.Status != Pass {
			t.Fatalf("sealed after %s:\n%s", got.Status, show(again))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := newHosts(b)
	body := strings.Repeat("text of the message that goes by, in lines of some length\r\n", 1200)
	plain := message + body
	zone := dnstest.New(b, h.zone)
	one := h.sealAs(plain, "a.example", None)
	for name, text := range map[string]string{"none": plain, "two": h.sealAs(one, "b.example", Pass)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				var v dkim.Verifier
				Watch(&v)
				_, _ = v.Write([]byte(text))
				Verify(b.Context(), &v, zone, now())
			}
		})
	}
	b.Run("seal", func(b *testing.B) {
		k, err := dkim.Generate("a.example", "s", dkim.RSA)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			s := NewSealer(now())
			_, _ = s.Write([]byte(plain))
			if _, err := s.Seal(&k, None, "mx", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
