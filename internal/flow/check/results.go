package check

import (
	"strings"

	"fmt"
	"strconv"

	"restante/internal/flow"
	"restante/internal/trust/arc"
	"restante/internal/trust/authres"
	"restante/internal/trust/dkim"
)

// Results is the evidence as the Authentication-Results field has it (RFC 8601 2.7); nil where nothing was checked.
func Results(e *flow.Evidence, from string) []authres.Result {
	if !e.Checked {
		return nil
	}
	out := []authres.Result{{Method: "iprev", Value: e.Reverse.Status, Comment: e.Reverse.Name,
		Props: []authres.Prop{{Name: "policy.iprev", Value: e.Peer.String()}}}}
	if s := e.SPF; s != nil {
		p := authres.Prop{Name: "smtp.mailfrom", Value: from}
		if s.Hello {
			p = authres.Prop{Name: "smtp.helo", Value: string(s.Domain)}
		}
		out = append(out, authres.Result{Method: "spf", Value: string(s.Status), Props: []authres.Prop{p}})
	}
	for _, s := range e.DKIM {
		r := authres.Result{Method: "dkim", Value: string(s.Status), Reason: s.Reason}
		if s.Testing {
			r.Comment = "testing"
		}
		r.Props = []authres.Prop{{Name: "header.d", Value: string(s.Domain)}, {Name: "header.s", Value: s.Selector}, {Name: "header.a", Value: s.Algorithm}}
		if s.Status == dkim.Pass || s.Status == dkim.Fail {
			r.Props = append(r.Props, authres.Prop{Name: "header.b", Value: s.B}) // RFC 6008
		}
		out = append(out, r)
	}
	if e.DKIM != nil && len(e.DKIM) == 0 {
		out = append(out, authres.Result{Method: "dkim", Value: "none"})
	}
	if a := e.ARC; a != nil { // RFC 8617 6
		r := authres.Result{Method: "arc", Value: string(a.Status), Reason: a.Reason, Props: []authres.Prop{{Name: "smtp.remote-ip", Value: e.Peer.String()}}}
		if a.Status == arc.Pass {
			r.Comment = fmt.Sprintf("%d sealed, last %s", len(a.Sets), a.Sets[len(a.Sets)-1].Sealer)
			r.Props = append(r.Props, authres.Prop{Name: "header.oldest-pass", Value: strconv.Itoa(a.OldestPass)})
		}
		out = append(out, r)
	}
	for i := range e.DMARC {
		d := &e.DMARC[i]
		r := authres.Result{Method: "dmarc", Value: string(d.Status), Reason: d.Reason, Props: []authres.Prop{{Name: "header.from", Value: string(d.Author)}}}
		if d.Policy != "" {
			r.Comment = "p=" + string(d.Asked)
		}
		out = append(out, r)
	}
	return append(out, allowLists(&e.Door)...)
}

// allowLists are what lists of those who are welcome say (RFC 8904 2). That others list somebody is for the trace alone: no method is registered for it.
func allowLists(d *flow.Door) (out []authres.Result) {
	for i := range d.Lists {
		l := &d.Lists[i]
		if !l.Allow {
			continue
		}
		var answers []string
		for _, a := range l.Answer {
			answers = append(answers, a.String())
		}
		r := authres.Result{Method: "dnswl", Value: l.Status, Props: []authres.Prop{
			{Name: "dns.zone", Value: l.Zone}, {Name: "policy.ip", Value: strings.Join(answers, ",")}, {Name: "policy.txt", Value: l.Text},
		}}
		if l.Secure { // otherwise nobody knows whether there was anything to prove: "na", which is what nothing means
			r.Props = append(r.Props, authres.Prop{Name: "dns.sec", Value: "yes"})
		}
		out = append(out, r)
	}
	return out
}
