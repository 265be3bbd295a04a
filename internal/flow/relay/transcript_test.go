package relay

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/trust/tlspolicy"
)

// TestTranscripts runs the scripts in testdata; -rewrite writes what came out into them.
//
//	host IP[:PORT]        a host; its input is its script, see fakeHost
//	dns                   the zone (dnstest)
//	send to=(A,B) [from=A] [way=DOMAIN|host:NAME] [mail=(PARAMETERS)] [rcpt=(PARAMETERS)]
//	                      an attempt; the input is the message, in which "\0" is NUL; signed: one of our users has sent it, for here.test
//	sts                   MTA-STS policies: lines of "DOMAIN MODE MX..."
//	wait DURATION         time passes
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, scriptOptions())
				defer w.close()
				datadriven.RunTest(t, file, w.run)
			})
		})
	}
}

// fakeSTS has the policies of domains.
type fakeSTS map[string]tlspolicy.STS

func (f fakeSTS) Lookup(_ context.Context, domain string) (tlspolicy.STS, error) {
	return f[domain], nil
}

// fakeSigning counts what it signs.
type fakeSigning struct {
	domain addr.Domain
	n      int
}

func (s *fakeSigning) Write(b []byte) (int, error) {
	s.n += len(b)
	return len(b), nil
}

func (s *fakeSigning) Finish() ([]byte, error) {
	return fmt.Appendf(nil, "DKIM-Signature: v=1; d=%s; b=new, over %d octets\r\n", s.domain, s.n), nil
}

func scriptOptions() Options {
	password := func() (string, error) { return "secret", nil }
	sign := func(_ context.Context, d addr.Domain) (Signing, error) { return &fakeSigning{domain: d}, nil }
	return Options{Sign: sign, Hosts: map[string]Host{
		"smart":    {Name: "smart.test", Level: tlspolicy.Authenticated, User: "u", Password: password},
		"implicit": {Name: "smart.test", Implicit: true, Level: tlspolicy.Authenticated, User: "u", Password: password},
		"open":     {Name: "192.0.2.9", Port: 2525},
	}}
}

func (w *world) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "host":
		ip := d.CmdArgs[0].Key
		if !strings.Contains(ip, "]:") && strings.Count(ip, ":") != 1 {
			ip = netip.AddrPortFrom(netip.MustParseAddr(ip), 25).String()
		}
		w.mu.Lock()
		w.hosts[netip.MustParseAddrPort(ip)] = parseHost(d.Input)
		w.mu.Unlock()
		return ""
	case "dns":
		if err := w.zone.Set(d.Input); err != nil {
			d.Fatalf(t, "%v", err)
		}
		w.relay.Close()
		w.open()
		w.transcript()
		return ""
	case "sts":
		for line := range strings.SplitSeq(d.Input, "\n") {
			f := strings.Fields(line)
			w.sts[f[0]] = tlspolicy.STS{ID: "1", Policy: tlspolicy.Policy{Mode: tlspolicy.Mode(f[1]), MX: f[2:], MaxAge: time.Hour}}
		}
		return ""
	case "wait":
		dur, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		time.Sleep(dur)
		synctest.Wait()
		return w.transcript() + "\n"
	case "send":
		return w.send(t, d)
	}
	d.Fatalf(t, "what is %s?", d.Cmd)
	return ""
}

func (w *world) send(t *testing.T, d *datadriven.TestData) string {
	arg := func(key, def string) string {
		if a, ok := d.Arg(key); ok {
			return strings.Join(a.Vals, " ")
		}
		return def
	}
	every := ^smtpwire.Extensions(0)
	mail, err := smtpwire.ParseMail("FROM:<"+arg("from", "a@here.test")+"> "+arg("mail", ""), every)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	var to []smtpwire.Rcpt
	for a := range strings.FieldsSeq(arg("to", "b@there.test")) {
		r, err := smtpwire.ParseRcpt("TO:<"+a+"> "+arg("rcpt", ""), every)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		to = append(to, r)
	}
	way := queue.Way{Carrier: MX, Next: string(to[0].To.Domain)}
	if name, ok := strings.CutPrefix(arg("way", ""), "host:"); ok {
		way = queue.Way{Carrier: Smart, Next: name}
	}
	text := d.Input
	if text == "" {
		text = "Subject: x\n\nx\n"
	}
	text = strings.NewReplacer("\n", "\r\n", `\0`, "\x00").Replace(strings.TrimSuffix(text, "\n") + "\n")
	if d.HasArg("signed") {
		w.prepend = "DKIM-Signature: v=1; d=here.test; b=old\r\nReceived: from us\r\n"
	}
	a := w.attempt(mail, way, text, to...)
	begin := time.Now()
	out := w.relay.Carry(t.Context(), a)
	took := time.Since(begin)
	synctest.Wait()
	said := w.transcript()
	if said != "" {
		said += "\n"
	}
	if took > 0 {
		said += "-- after " + took.String() + "\n"
	}
	return said + tell(&a, out)
}
