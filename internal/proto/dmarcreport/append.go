package dmarcreport

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// Append appends the report as XML of RFC 9990 A.
func (r *Report) Append(b []byte) []byte {
	w := writer{Buffer: bytes.NewBuffer(b)}
	w.WriteString(xml.Header)
	fmt.Fprintf(&w, "<feedback xmlns=\"%s\">\n", Namespace)
	w.depth++
	w.must("version", "1.0")
	w.in("report_metadata", func() {
		w.must("org_name", r.Organization)
		w.must("email", r.Email)
		w.text("extra_contact_info", r.Contact)
		w.must("report_id", r.ID)
		w.in("date_range", func() {
			w.must("begin", fmt.Sprint(r.Begin.Unix()))
			w.must("end", fmt.Sprint(r.End.Unix()))
		})
		for _, e := range r.Errors {
			w.text("error", e)
		}
		w.text("generator", r.Generator)
	})
	w.in("policy_published", func() {
		p := &r.Policy
		w.must("domain", p.Domain)
		w.text("discovery_method", p.Discovery)
		w.must("p", p.Policy)
		w.text("sp", p.Subdomains)
		w.text("np", p.Absent)
		w.text("fo", p.Options)
		w.text("adkim", p.DKIM)
		w.text("aspf", p.SPF)
		w.text("testing", p.Testing)
	})
	for i := range r.Records {
		w.in("record", func() { w.record(&r.Records[i]) })
	}
	w.WriteString("</feedback>\n")
	return w.Bytes()
}

type writer struct {
	*bytes.Buffer
	depth int
}

func (w *writer) record(r *Record) {
	w.in("row", func() {
		w.must("source_ip", r.Source.String())
		w.must("count", fmt.Sprint(r.Count))
		w.in("policy_evaluated", func() {
			w.must("disposition", r.Disposition)
			w.must("dkim", r.DKIM)
			w.must("spf", r.SPF)
			for _, x := range r.Reasons {
				w.in("reason", func() {
					w.must("type", x.Type)
					w.text("comment", x.Comment)
				})
			}
		})
	})
	w.in("identifiers", func() {
		w.text("envelope_to", r.EnvelopeTo)
		w.must("envelope_from", r.EnvelopeFrom) // empty for the null reverse-path
		w.must("header_from", r.HeaderFrom)
	})
	w.in("auth_results", func() {
		for _, s := range r.Signatures {
			w.in("dkim", func() {
				w.must("domain", s.Domain)
				w.must("selector", s.Selector)
				w.must("result", s.Result)
				w.text("human_result", s.Text)
			})
		}
		for _, s := range r.Senders {
			w.in("spf", func() {
				w.must("domain", s.Domain)
				w.text("scope", s.Scope)
				w.must("result", s.Result)
				w.text("human_result", s.Text)
			})
		}
	})
}

// in writes an element with others in it.
func (w *writer) in(name string, content func()) {
	w.indent()
	fmt.Fprintf(w, "<%s>\n", name)
	w.depth++
	content()
	w.depth--
	w.indent()
	fmt.Fprintf(w, "</%s>\n", name)
}

// text writes an element that may be left out.
func (w *writer) text(name, value string) {
	if value != "" {
		w.must(name, value)
	}
}

func (w *writer) must(name, value string) {
	w.indent()
	fmt.Fprintf(w, "<%s>", name)
	_ = xml.EscapeText(w, []byte(clean(value))) // a Buffer does not fail
	fmt.Fprintf(w, "</%s>\n", name)
}

func (w *writer) indent() { w.WriteString(strings.Repeat("  ", w.depth)) }
