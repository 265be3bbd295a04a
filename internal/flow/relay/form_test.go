package relay

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"restante/internal/base/dns/dnstest"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/proto/smtpwire"
	"restante/internal/trust/dkim"
)

// A message that was signed, and had to be converted, is signed well again, in either form.
func TestSignedAgain(t *testing.T) {
	key, err := dkim.Generate("here.test", "s", dkim.Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	name, record, err := key.DNS()
	if err != nil {
		t.Fatal(err)
	}
	resolver, now := dnstest.New(t, name+" TXT "+record), time.Now()
	const text = "From: a@here.test\r\nSubject: s\r\nDate: now\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: binary\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\nund\nmehr\r\n"
	sign := func(_ context.Context, d addr.Domain) (Signing, error) {
		if d != "here.test" {
			t.Errorf("signed for %q", d)
		}
		return dkim.NewSigner(now, key), nil
	}
	w := newWorld(t, Options{Sign: sign})
	defer w.close()
	first := dkim.NewSigner(now, key)
	first.Write([]byte(text))
	fields, err := first.Finish()
	if err != nil {
		t.Fatal(err)
	}
	w.prepend = string(fields) + "Received: from us\r\n"
	a := w.attempt(smtpwire.Mail{From: address(t, "a@here.test")}, queue.Way{Carrier: MX, Next: "there.test"}, text, smtpwire.Rcpt{To: address(t, "b@there.test")})
	for _, form := range []mime.Form{mime.SevenBit, mime.EightBit} {
		d := &delivery{r: w.relay, a: a}
		c := d.convert(t.Context(), form)
		var b bytes.Buffer
		if n, err := c.WriteTo(&b); c.err != nil || err != nil || n != c.size || n != int64(b.Len()) {
			t.Fatalf("%d octets of %d, %v, %v", n, c.size, c.err, err)
		}
		if strings.Count(b.String(), "DKIM-Signature") != 1 || strings.Contains(b.String(), "binary") {
			t.Errorf("%s", b.String())
		}
		list, err := dkim.Verify(t.Context(), resolver, &b, now)
		if err != nil || len(list) != 1 || list[0].Status != dkim.Pass {
			t.Errorf("%+v, %v", list, err)
		}
	}
}
