package tlspolicy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"restante/internal/base/dns"
)

// TestGolden runs the files of testdata (go test -rewrite writes the answers anew).
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "policy":
				return golden(ParsePolicy([]byte(d.Input)))
			case "sts":
				return fmt.Sprintf("id %q\n", ParseSTSRecord(strings.Split(d.Input, "\n")))
			case "report":
				r, ok := ParseReport(strings.Split(d.Input, "\n"))
				return fmt.Sprintf("%v %q\n", ok, r.URIs)
			case "match":
				var out strings.Builder
				p := Policy{MX: strings.Fields(d.CmdArgs[0].Vals[0])}
				for host := range strings.FieldsSeq(d.Input) {
					fmt.Fprintf(&out, "%s %v\n", host, p.Match(host))
				}
				return out.String()
			case "decide":
				return decide(t, d.Input)
			}
			t.Fatalf("no command %q", d.Cmd)
			return ""
		})
	})
}

func golden(p Policy, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	return strings.ReplaceAll(string(p.AppendTo(nil)), "\r", "")
}

// hop reads what the golden files say of a hop.
func hop(t *testing.T, text string) Hop {
	h := Hop{Domain: "example.org", Host: dns.Addresses{Host: "mx.example.org", Name: "mx.example.org"}}
	h.Exchangers = &dns.Exchangers{Name: "example.org"}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		arg := words[1]
		switch words[0] {
		case "mx":
			switch arg {
			case "authentic":
				h.Exchangers.Authentic = true
			case "alias":
				h.Exchangers.Name, h.Exchangers.Authentic = "elsewhere.example", true
			case "named":
				h.Exchangers = nil
			}
		case "host":
			h.Host.Host, h.Host.Name = arg, arg
		case "sts":
			h.STS.Policy = Policy{Mode: Mode(arg), MX: words[2:]}
		case "stsfailed":
			h.STS.Failed = stsFailure(FailureType(arg), errors.New("the web server is away"))
		case "tlsa":
			if arg == "failed" {
				h.DANE.Failed = daneFailure(dns.ErrBogus)
				continue
			}
			h.DANE.Base = h.Host.Name
			usage := map[string]uint8{"pkix": 1, "ta": 2, "ee": 3}[arg]
			h.DANE.Records = append(h.DANE.Records, dns.Record{Usage: usage, Selector: 1, Matching: 1, Data: make([]byte, 32)})
		case "sender":
			h.Sender = map[string]Sender{"requires": SenderRequires, "waives": SenderWaives}[arg]
		case "rule":
			h.Rule = &Rule{Names: words[2:]}
			for l := None; l <= Authenticated; l++ {
				if l.String() == arg {
					h.Rule.Level = l
				}
			}
		default:
			t.Fatalf("no word %q", words[0])
		}
	}
	return h
}

func decide(t *testing.T, text string) string {
	d := Decide(hop(t, text))
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s, asks for %q\n", d.Level, d.ServerName)
	for _, c := range d.checks {
		policy := c.policy
		if policy == "" {
			policy = "here"
		}
		fmt.Fprintf(&out, "check: %s %v\n", policy, c.names)
	}
	if d.RequireTLS {
		fmt.Fprintf(&out, "needs REQUIRETLS\n")
	}
	if e := d.Refused; e != nil {
		fmt.Fprintf(&out, "refused: %s %s permanent=%v %s: %v\n", e.Policy, e.Failure, e.Permanent, e.Status, e.Err)
	}
	for _, r := range d.Reasons {
		fmt.Fprintf(&out, "- %s\n", r)
	}
	return out.String()
}
