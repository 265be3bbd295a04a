package feedback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"restante/internal/flow"
	"restante/internal/flow/inbound"
	"restante/internal/proto/addr"
	"restante/internal/proto/dmarcreport"
	"restante/internal/proto/mime"
	"restante/internal/proto/packed"
	"restante/internal/proto/tlsrpt"
	"restante/internal/trust/dkim"
	"restante/internal/trust/dmarc"
)

// The local parts of the addresses that reports go to, in every domain of the server.
const (
	TLSDesk   = "tls-reports"
	DMARCDesk = "dmarc-reports"
)

// Bounds of what comes in.
const (
	maxMessage = 12 << 20 // octets of a message; RFC 8460 5.2 speaks of ten megabytes
	maxHeld    = 48 << 20 // of all messages that come in at a time
	maxParts   = 50       // of a message that are looked at
)

// What a Desk refuses.
var (
	// ErrNoReport means that a message is no report, or none that could be read.
	ErrNoReport = errors.New("feedback: there is no report in the message")
	// ErrBusy means that too much comes in at the same time.
	ErrBusy = errors.New("feedback: too many reports at a time")
	// ErrUnsigned means that a report on TLS has no signature that holds (RFC 8460 3).
	ErrUnsigned = errors.New("feedback: the report is not signed")
)

// Directory is what a Desk asks of the directory.
type Directory interface {
	// Hosts says whether a domain is one of this server's.
	Hosts(ctx context.Context, name addr.Domain) (bool, error)
	// Named says whether there is an account or alias of exactly that name.
	Named(ctx context.Context, a addr.Address) (bool, error)
}

// Desk takes reports in. It is safe for concurrent use.
type Desk struct {
	archive *Archive
	hosts   Directory
	log     *slog.Logger

	reading sync.Mutex // one report is unpacked and read at a time
	mu      sync.Mutex
	held    int
}

// NewDesk returns a Desk.
func NewDesk(a *Archive, h Directory, log *slog.Logger) *Desk {
	return &Desk{archive: a, hosts: h, log: log}
}

var _ inbound.Desk = (*Desk)(nil)

// Takes implements inbound.Desk.
func (d *Desk) Takes(ctx context.Context, a addr.Address) (takes, alone bool) {
	if local := strings.ToLower(a.Local); local != TLSDesk && local != DMARCDesk {
		return false, false
	}
	ours, err := d.hosts.Hosts(ctx, a.Domain)
	if err != nil || !ours {
		return false, false
	}
	named, err := d.hosts.Named(ctx, a)
	return true, err == nil && !named
}

// Here says whether an address is a desk's.
func (d *Desk) Here(ctx context.Context, a addr.Address) bool {
	takes, _ := d.Takes(ctx, a)
	return takes
}

// Begin implements inbound.Desk.
func (d *Desk) Begin() inbound.Sheet { return &sheet{desk: d} }

// sheet holds one message.
type sheet struct {
	desk *Desk
	text []byte
	held int
	err  error
}

// Write implements io.Writer, for the octets of the message. It does not fail: what is too much shows in Take.
func (s *sheet) Write(p []byte) (int, error) {
	n := len(s.text) + len(p)
	switch {
	case s.err != nil:
	case n > maxMessage:
		s.err = fmt.Errorf("%w: it is larger than %d octets", ErrNoReport, maxMessage)
	case n > s.held && !s.hold(max(n, 2*s.held, 64<<10)):
		s.err = ErrBusy
	default:
		s.text = append(s.text, p...)
	}
	if s.err != nil {
		s.End()
	}
	return len(p), nil
}

// hold takes room for n octets.
func (s *sheet) hold(n int) bool {
	d := s.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held+n-s.held > maxHeld {
		return false
	}
	d.held += n - s.held
	s.held = n
	return true
}

// End gives the room back. It may be called twice.
func (s *sheet) End() {
	s.desk.mu.Lock()
	s.desk.held -= s.held
	s.desk.mu.Unlock()
	s.held, s.text = 0, nil
}

// Take implements inbound.Sheet.
func (s *sheet) Take(ctx context.Context, r *flow.Received) (again bool, err error) {
	defer s.End()
	if err = s.err; err == nil {
		s.desk.reading.Lock()
		defer s.desk.reading.Unlock()
		err = s.read(ctx, r)
	}
	from := r.Mail.From.String()
	if err != nil {
		s.desk.log.Info("report not taken", "from", from, "error", err)
		return !slices.ContainsFunc([]error{ErrNoReport, ErrUnsigned, ErrForeign, ErrOld, ErrFull}, func(e error) bool { return errors.Is(err, e) }), err
	}
	s.desk.log.Info("report taken", "from", from)
	return false, nil
}

// read looks for reports in all parts of the message, and keeps those that it finds.
func (s *sheet) read(ctx context.Context, r *flow.Received) error {
	m := mime.Parse(s.text)
	var leaves []*mime.Part
	leaves = gather(&m.Root, leaves)
	last := ErrNoReport
	taken := 0
	for _, p := range leaves {
		if !likely(p) {
			continue
		}
		data, err := io.ReadAll(mime.NewDecoder(bytes.NewReader(s.text[p.BodyStart:p.End]), p.Encoding))
		if err == nil {
			err = s.take(ctx, data, r)
		}
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, ErrNoReport) || last == ErrNoReport:
			last = err
		}
	}
	if taken > 0 {
		return nil
	}
	return last
}

// gather lists the parts of a message that are no multiparts.
func gather(p *mime.Part, list []*mime.Part) []*mime.Part {
	if len(list) >= maxParts {
		return list
	}
	if len(p.Parts) == 0 {
		return append(list, p)
	}
	for i := range p.Parts {
		list = gather(&p.Parts[i], list)
	}
	return list
}

// likely says whether a report may be in a part: its type, or its name, is one that such files have. Reporters are inventive.
func likely(p *mime.Part) bool {
	switch p.Type + "/" + p.Subtype {
	case tlsrpt.TypeGzip, tlsrpt.TypeJSON, "application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed", "application/x-zip",
		"application/xml", "text/xml", "application/json", "application/octet-stream":
		return true
	}
	name := strings.ToLower(p.Filename())
	for _, end := range []string{".gz", ".zip", ".xml", ".json"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// take keeps one report.
func (s *sheet) take(ctx context.Context, data []byte, r *flow.Received) error {
	text, err := packed.Open(data, max(tlsrpt.MaxText, dmarcreport.MaxText))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	if t := bytes.TrimLeft(text, " \t\r\n\ufeff"); len(t) > 0 && t[0] == '{' {
		return s.takeTLS(ctx, t, r)
	}
	report, err := dmarcreport.Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	if ours, err := s.desk.ours(ctx, report.Policy.Domain); err != nil || !ours {
		return errors.Join(err, ErrForeign)
	}
	return s.desk.archive.addDMARC(ctx, &report, author(r))
}

func (s *sheet) takeTLS(ctx context.Context, text []byte, r *flow.Received) error {
	report, err := tlsrpt.Parse(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	signer := signer(r)
	if r.Checked && r.DKIM != nil && signer == "" {
		return ErrUnsigned // RFC 8460 3: they must be ignored
	}
	for i := range report.Policies {
		ours, err := s.desk.ours(ctx, report.Policies[i].Domain)
		if err != nil {
			return err
		}
		if ours {
			return s.desk.archive.addTLS(ctx, report.Policies[i].Domain, &report, signer)
		}
	}
	return ErrForeign
}

// ours says whether a domain, or one above it, is this server's.
func (d *Desk) ours(ctx context.Context, domain string) (bool, error) {
	for name := domain; name != ""; {
		parsed, err := addr.ParseDomain(name)
		if err != nil {
			return false, nil
		}
		if ours, err := d.hosts.Hosts(ctx, parsed); err != nil || ours {
			return ours, err
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return false, nil
}

// author is the author's domain where DMARC has passed, and signer one whose signature holds.
func author(r *flow.Received) string {
	for i := range r.DMARC {
		if r.DMARC[i].Status == dmarc.Pass {
			return string(r.DMARC[i].Author)
		}
	}
	return ""
}

func signer(r *flow.Received) string {
	for i := range r.DKIM {
		if r.DKIM[i].Status == dkim.Pass {
			return string(r.DKIM[i].Domain)
		}
	}
	return ""
}
