package zone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"

	"restante/internal/base/dns/dnstest"
)

// ed25519 is the public key of RFC 8463 A.2.
const ed25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

func setup(td *datadriven.TestData) Setup {
	s := Setup{Domain: "example.org", Host: "mail.example.org", IMAPS: true, POP3S: true, Submissions: true, Submission: true}
	for _, arg := range td.CmdArgs {
		switch arg.Key {
		case "host":
			s.Host = arg.Vals[0]
		case "all":
			s.Web, s.Policy = true, "0123456789abcdef"
			s.Keys = []Key{
				{Selector: "r1", Text: "v=DKIM1; k=rsa; p=" + strings.Repeat("MIIB", 90)}, {Selector: "e1", Text: ed25519},
				{Selector: "e0", Text: ed25519, Spare: true},
			}
		case "ca":
			s.Authority = arg.Vals[0]
		case "none":
			s = Setup{Domain: s.Domain, Host: s.Host}
		}
	}
	return s
}

// TestZone runs testdata/zone: "show" shows the records; "check" checks them against the DNS below it; "machine" looks at the machine.
func TestZone(t *testing.T) {
	datadriven.RunTest(t, "testdata/zone", func(t *testing.T, td *datadriven.TestData) string {
		var b strings.Builder
		var rows []Row
		switch td.Cmd {
		case "show":
			if err := Write(&b, Records(setup(td))); err != nil {
				t.Fatal(err)
			}
		case "check":
			rows = Check(t.Context(), dnstest.New(t, td.Input), Records(setup(td)))
		case "machine":
			c := Checks{Host: "mail.example.org", Resolver: dnstest.New(t, td.Input), Signed: "example.net", Dial: dialer(td.HasArg("shut"))}
			if td.HasArg("ca") {
				td.ScanArgs(t, "ca", &c.Authority)
			}
			if !td.HasArg("no-probe") {
				c.Probe = "example.net"
			}
			rows = Machine(t.Context(), c)
			rows = rows[:len(rows)-1] // the clock is this machine's
		}
		for _, r := range rows {
			fmt.Fprintf(&b, "%s | %s | %s | %s\n", r.State, r.What, r.Found, r.Fix)
		}
		return b.String()
	})
}

// dialer reaches a server that greets, or nobody.
func dialer(shut bool) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		if shut || address != "mx.example.net:25" {
			return nil, errors.New("connection refused: " + address)
		}
		client, server := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			fmt.Fprint(server, "220 mx.example.net ESMTP\r\n")
			server.Close()
		})
		return client, nil
	}
}

func TestDiskAndClock(t *testing.T) {
	if r := disk(t.TempDir()); r.State == Unknown || r.Found == "" {
		t.Errorf("%+v", r)
	}
	if r := disk("/nowhere/at/all"); r.State != Unknown {
		t.Errorf("%+v", r)
	}
	if r := clock(); r.What != "clock" {
		t.Errorf("%+v", r)
	}
}
