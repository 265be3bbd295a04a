package inbound

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"restante/internal/flow"
	"restante/internal/proto/addr"
	"restante/internal/trust/arc"
	"restante/internal/trust/dmarc"
)

// TestDecide runs testdata/decide (go test -args -rewrite writes the answers anew).
func TestDecide(t *testing.T) {
	datadriven.RunTest(t, "testdata/decide", func(t *testing.T, d *datadriven.TestData) string {
		var e flow.Evidence
		for line := range strings.Lines(d.Input) {
			switch words := strings.Fields(line); words[0] {
			case "hops":
				e.Hops, _ = strconv.Atoi(words[1])
			case "forwarder":
				e.Forwarder = true
			case "declined":
				e.Declined = errors.New("550 5.7.1 a virus")
			case "discard":
				e.Discard = words[1]
			case "quarantine":
				e.Quarantine = strings.Join(words[1:], " ")
			case "hello":
				e.Door.Looked, e.Door.Hello = true, "that is wrong"
			case "allowed":
				e.Door.Allowed = "the list good.example"
			case "list": // zone, weight, text
				weight, _ := strconv.Atoi(words[2])
				e.Door.Looked = true
				e.Door.Lists = append(e.Door.Lists, flow.Listing{Zone: words[1], Name: "192.0.2.7", Status: "pass", Weight: weight, Text: strings.Join(words[3:], " ")})
			case "sealed": // by whom, what he found
				if e.ARC == nil {
					e.ARC = &arc.Result{Status: arc.Pass}
				}
				e.ARC.Sets = append(e.ARC.Sets, arc.Set{Sealer: addr.Domain(words[1]), Results: "mx; " + strings.Join(words[2:], " ")})
			case "chain":
				e.ARC.Status = arc.Status(words[1])
			case "dmarc":
				e.DMARC = append(e.DMARC, dmarc.Result{Author: addr.Domain(words[1]), Status: dmarc.Status(words[2]), Asked: dmarc.Disposition(words[3]), Reason: "reason"})
			default:
				t.Fatalf("no evidence %q", line)
			}
		}
		p := Policy{Reject: d.HasArg("reject"), Defer: d.HasArg("defer"), Refuse: 10, Junk: 5, Sealers: []addr.Domain{"lists.example", "good.example"}}
		v := decide(&e, p)
		if d.Cmd == "client" {
			v = decideClient(&e.Door, p)
		}
		out := fmt.Sprintf("refuse: %v\njunk: %v\nwhy: %s\n", v.Refuse, v.Junk, v.Why)
		if v.Discard {
			out = "discard\n" + out
		}
		return out
	})
}
