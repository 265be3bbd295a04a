package dmarcreport

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/mime/charset"
)

// Parse reads a report. The error wraps ErrReport. Elements that are not known are passed over, with all that is in them.
func Parse(data []byte) (Report, error) {
	if len(data) > MaxText {
		return Report{}, fmt.Errorf("%w: longer than %d octets", ErrReport, MaxText)
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = decoded
	p := parser{}
	if err := p.run(d); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrReport, err)
	}
	switch r := &p.out; {
	case !p.feedback:
		return Report{}, fmt.Errorf("%w: it is no feedback", ErrReport)
	case r.Policy.Domain == "" || r.Begin.IsZero() || r.End.Before(r.Begin):
		return Report{}, fmt.Errorf("%w: it says no domain, or no time", ErrReport)
	}
	return p.out, nil
}

// decoded reads texts in other character sets: some reports are in ISO-8859-1.
func decoded(name string, in io.Reader) (io.Reader, error) {
	if !charset.Known(name) || charset.Stateful(name) {
		return nil, errors.New("an unknown character set")
	}
	text, err := io.ReadAll(in) // of a bounded text in memory
	if err != nil {
		return nil, err
	}
	return strings.NewReader(charset.Decode(name, text)), nil
}

// parser walks over the elements of a report.
type parser struct {
	out      Report
	feedback bool
	path     []byte // the elements that are open: "feedback/record/row"
	depth    int
	text     []byte // of the innermost one, as far as it is kept
}

func (p *parser) run(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("it has a document type of its own") // where entities would be defined
		case xml.StartElement:
			if err := p.open(t.Name.Local); err != nil {
				return err
			}
		case xml.CharData:
			p.text = append(p.text, t[:min(len(t), 2*maxString-len(p.text))]...)
		case xml.EndElement:
			if err := p.close(); err != nil {
				return err
			}
		}
	}
}

// maxName is the longest name of an element; those that mean something are short.
const maxName = 100

func (p *parser) open(name string) error {
	if p.depth == maxDepth || len(name) > maxName {
		return errors.New("too deep, or no name")
	}
	if p.depth > 0 {
		p.path = append(p.path, '/')
	}
	p.path, p.text, p.depth = append(p.path, name...), p.text[:0], p.depth+1
	switch string(p.path) {
	case "feedback":
		p.feedback = true
	case "feedback/record":
		if len(p.out.Records) == MaxRecords {
			return errors.New("too many records")
		}
		p.out.Records = append(p.out.Records, Record{})
	case "feedback/record/row/policy_evaluated/reason":
		appendUpTo(&p.record().Reasons, Reason{}, maxPerRow)
	case "feedback/record/auth_results/dkim":
		appendUpTo(&p.record().Signatures, Signature{}, maxPerRow)
	case "feedback/record/auth_results/spf":
		appendUpTo(&p.record().Senders, Sender{}, maxPerRow)
	}
	return nil
}

// appendUpTo appends to a list that is not full; what follows then goes into the last one, which is dropped.
func appendUpTo[T any](list *[]T, one T, most int) {
	if len(*list) <= most {
		*list = append(*list, one)
		return
	}
	(*list)[most] = one
}

func (p *parser) record() *Record { return &p.out.Records[len(p.out.Records)-1] }

// close takes the text of the innermost element, which ends.
func (p *parser) close() error {
	path, value := string(p.path), clean(string(p.text))
	p.path, p.text, p.depth = p.path[:max(bytes.LastIndexByte(p.path, '/'), 0)], p.text[:0], p.depth-1
	path, ok := strings.CutPrefix(path, "feedback/")
	if !ok {
		return nil
	}
	if row, ok := strings.CutPrefix(path, "record/"); ok {
		return p.record().take(row, value)
	}
	if path == "record" {
		return p.record().end()
	}
	return p.head(path, value)
}

// head takes what is said of the report as a whole.
func (p *parser) head(path, value string) (err error) {
	r := &p.out
	texts := map[string]*string{
		"report_metadata/org_name": &r.Organization, "report_metadata/email": &r.Email, "report_metadata/extra_contact_info": &r.Contact,
		"report_metadata/report_id": &r.ID, "report_metadata/generator": &r.Generator,
		"policy_published/domain": &r.Policy.Domain, "policy_published/p": &r.Policy.Policy, "policy_published/sp": &r.Policy.Subdomains,
		"policy_published/np": &r.Policy.Absent, "policy_published/adkim": &r.Policy.DKIM, "policy_published/aspf": &r.Policy.SPF,
		"policy_published/testing": &r.Policy.Testing, "policy_published/discovery_method": &r.Policy.Discovery, "policy_published/fo": &r.Policy.Options,
	}
	if at := texts[path]; at != nil {
		*at = value
	}
	switch path {
	case "report_metadata/date_range/begin":
		r.Begin, err = moment(value)
	case "report_metadata/date_range/end":
		r.End, err = moment(value)
	case "report_metadata/error":
		if value != "" && len(r.Errors) < maxErrors {
			r.Errors = append(r.Errors, value)
		}
	case "policy_published/domain":
		r.Policy.Domain = strings.ToLower(value)
	}
	return err
}

// moment reads a Unix time.
func moment(value string) (time.Time, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n <= 0 || n > 1<<35 {
		return time.Time{}, fmt.Errorf("not a time: %.20q", value)
	}
	return time.Unix(n, 0).UTC(), nil
}

// take takes what is said of one record.
func (r *Record) take(path, value string) error {
	switch path {
	case "row/source_ip":
		ip, err := netip.ParseAddr(value)
		if err != nil || ip.Zone() != "" {
			return fmt.Errorf("not an address: %.40q", value)
		}
		r.Source = ip.Unmap()
	case "row/count":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || n > maxCount {
			return fmt.Errorf("not a number of messages: %.20q", value)
		}
		r.Count = n
	case "row/policy_evaluated/disposition":
		r.Disposition = strings.ToLower(value)
	case "row/policy_evaluated/dkim":
		r.DKIM = strings.ToLower(value)
	case "row/policy_evaluated/spf":
		r.SPF = strings.ToLower(value)
	case "identifiers/header_from":
		r.HeaderFrom = strings.ToLower(value)
	case "identifiers/envelope_from":
		r.EnvelopeFrom = strings.ToLower(value)
	case "identifiers/envelope_to":
		r.EnvelopeTo = strings.ToLower(value)
	default:
		r.detail(path, value)
	}
	return nil
}

// maxCount keeps sums from overflowing.
const maxCount = 1 << 40

// detail takes what is said in one of several elements of a kind.
func (r *Record) detail(path, value string) {
	if value == "" {
		return
	}
	if name, ok := strings.CutPrefix(path, "row/policy_evaluated/reason/"); ok {
		last := &r.Reasons[len(r.Reasons)-1]
		set(name, value, map[string]*string{"type": &last.Type, "comment": &last.Comment})
	}
	if name, ok := strings.CutPrefix(path, "auth_results/dkim/"); ok {
		last := &r.Signatures[len(r.Signatures)-1]
		set(name, value, map[string]*string{"domain": &last.Domain, "selector": &last.Selector, "result": &last.Result, "human_result": &last.Text})
	}
	if name, ok := strings.CutPrefix(path, "auth_results/spf/"); ok {
		last := &r.Senders[len(r.Senders)-1]
		set(name, value, map[string]*string{"domain": &last.Domain, "scope": &last.Scope, "result": &last.Result, "human_result": &last.Text})
	}
}

func set(name, value string, at map[string]*string) {
	if to := at[name]; to != nil {
		*to = value
	}
}

// end checks a record, and cuts off what was too much.
func (r *Record) end() error {
	if !r.Source.IsValid() {
		return errors.New("a record has no source")
	}
	r.Reasons = r.Reasons[:min(len(r.Reasons), maxPerRow)]
	r.Signatures = r.Signatures[:min(len(r.Signatures), maxPerRow)]
	r.Senders = r.Senders[:min(len(r.Senders), maxPerRow)]
	return nil
}
