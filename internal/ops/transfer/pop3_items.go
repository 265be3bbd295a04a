package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/mail"
	"slices"
	"strings"
	"time"

	"restante/internal/proto/pop3wire"
)

// popSource is the maildrop of a user of a POP3 server.
type popSource struct {
	im     *importer
	server *server
	conn   *popConn
	drop   []letterAt // what it has, by the session
}

func (s *popSource) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// connect returns the session. A new one numbers its messages anew.
func (s *popSource) connect(ctx context.Context) (*popConn, error) {
	if s.conn != nil {
		return s.conn, nil
	}
	for try := 0; ; try++ {
		c, err := openPOP3(ctx, s.server, &s.im.o.Server)
		if err == nil {
			if s.drop, err = c.list(); err == nil {
				s.conn = c
				return c, nil
			}
			c.Close()
		}
		if final(ctx, err) || try == tries-1 {
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

func (s *popSource) folders(ctx context.Context) ([]folder, error) {
	if _, err := s.connect(ctx); err != nil {
		return nil, err
	}
	if len(s.drop) > 0 && s.drop[0].uidl == "" {
		if err := s.im.note("the server has no UIDL: POP3 programs will take all messages again, and a second run reads all of them again"); err != nil {
			return nil, err
		}
	}
	return []folder{{path: inbox, total: uint64(len(s.drop)), items: s.items}}, nil
}

// items yields the messages in the order of their numbers.
func (s *popSource) items(ctx context.Context) iter.Seq2[*item, error] {
	return func(yield func(*item, error) bool) {
		var todo []letterAt
		for _, m := range s.drop {
			had, err := false, error(nil)
			if m.uidl != "" {
				had, err = s.im.had(ctx, s.name(m))
			}
			switch {
			case err != nil:
				yield(nil, err)
				return
			case had || s.im.o.DryRun:
				if !yield(&item{where: s.where(m), live: true, had: had, weight: 1, size: m.size}, nil) {
					return
				}
			default:
				todo = append(todo, m)
			}
		}
		if s.im.o.NewestFirst {
			slices.Reverse(todo)
		}
		f := popFetch{popSource: s, yield: yield}
		if err := f.all(ctx, todo); err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("%s: %w", s.server, atLast(err)))
		}
	}
}

func (s *popSource) name(m letterAt) string { return s.server.id() + "\x00" + m.uidl }

func (s *popSource) where(m letterAt) string {
	if m.uidl == "" {
		return fmt.Sprintf("message %d", m.number)
	}
	return fmt.Sprintf("message %d, UIDL %s", m.number, clip(m.uidl))
}

// popFetch takes messages.
type popFetch struct {
	*popSource
	yield   func(*item, error) bool
	refused int // so many after each other
}

// all takes messages, over as many connections as it takes.
func (f *popFetch) all(ctx context.Context, todo []letterAt) error {
	culprit, fails := "", 0
	for len(todo) > 0 {
		left, err := f.session(ctx, todo)
		if err == nil || errors.Is(err, errStopped) {
			return err
		}
		lost := f.conn != nil
		f.close()
		if ctx.Err() != nil || !lost || len(left) == 0 || left[0].uidl == "" {
			return err // without UIDLs nobody knows which messages they are in the next session
		}
		if todo = left; todo[0].uidl != culprit {
			culprit, fails = todo[0].uidl, 0
		}
		if fails++; fails == tries-1 {
			if f.refused++; f.refused > fewRefusals/4 {
				return err
			}
			if !f.yield(nil, &itemError{f.where(todo[0]), atLast(err)}) {
				return errStopped
			}
			todo, fails = todo[1:], 0
		}
		if err := pause(ctx, fails); err != nil {
			return err
		}
	}
	return nil
}

// aheadOctets bounds what is asked for and not read yet.
const aheadOctets = 1 << 20

// session takes messages over one connection, and returns those that it did not come to.
func (f *popFetch) session(ctx context.Context, todo []letterAt) ([]letterAt, error) {
	fresh := f.conn == nil
	c, err := f.connect(ctx)
	if err != nil {
		return todo, err
	}
	if fresh {
		todo = f.renumber(todo)
	}
	_, pipelining := c.caps["PIPELINING"] // RFC 2449 6.6
	asked, octets := 0, uint64(0)
	for len(todo) > 0 {
		var ask []byte
		for asked < len(todo) && (asked == 0 || pipelining && asked < fetchMessages && octets+todo[asked].size <= aheadOctets) {
			ask = fmt.Appendf(ask, "RETR %d\r\n", todo[asked].number)
			octets += todo[asked].size
			asked++
		}
		if len(ask) > 0 {
			if err := c.say(ask); err != nil {
				return todo, err
			}
		}
		if err := f.take(c, todo[0]); err != nil {
			return todo, err
		}
		octets -= todo[0].size
		todo, asked = todo[1:], asked-1
	}
	// Dovecot takes what was taken for read, however the session ends, unless it is told otherwise.
	if err := c.do("RSET"); err != nil {
		f.close()
	}
	return nil, nil
}

// renumber gives messages the numbers that they have in this session. Those that are gone, somebody has deleted.
func (f *popFetch) renumber(todo []letterAt) []letterAt {
	now := make(map[string]letterAt, len(f.drop))
	for _, m := range f.drop {
		now[m.uidl] = m
	}
	var left []letterAt
	for _, m := range todo {
		if m, there := now[m.uidl]; there {
			left = append(left, m)
		}
	}
	return left
}

// take reads what RETR brings.
func (f *popFetch) take(c *popConn, m letterAt) error {
	_, err := c.ok()
	var no *refusal
	if errors.As(err, &no) {
		if f.refused++; f.refused > fewRefusals {
			f.close() // it will say the same of the others
			return err
		}
		if !f.yield(nil, &itemError{f.where(m), err}) {
			return errStopped
		}
		return nil
	}
	if err != nil {
		return err
	}
	t := &popText{r: pop3wire.DotReader{R: c.r}, c: c, most: f.im.o.Store.MaxMessage() + drain}
	c.begin(int64(m.size))
	it := &item{where: f.where(m), live: true, weight: 1, uidl: m.uidl, open: func() (io.ReadCloser, error) { return t, nil }}
	if t.it = it; m.uidl != "" {
		it.name = f.name(m)
	} else {
		it.name, it.octets = f.server.id(), true
	}
	more := f.yield(it, nil)
	if err := t.Close(); err != nil {
		return err
	}
	if !more {
		return errStopped
	}
	f.refused = 0
	return nil
}

// drain is how much of a message that is too big is read only to come to the next one.
const drain = 64 << 20

// popText is the text of a message that is coming.
type popText struct {
	r      pop3wire.DotReader
	c      *popConn
	it     *item
	n      int64
	most   int64
	header []byte // the beginning
	closed bool
	err    error
}

// headerLooked is how much of a header is looked at for the date.
const headerLooked = 32 << 10

// Read implements io.Reader.
func (t *popText) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	if room := headerLooked - len(t.header); room > 0 {
		t.header = append(t.header, p[:min(n, room)]...)
	}
	if t.n += int64(n); t.n/slowest > (t.n-int64(n))/slowest {
		t.c.until = t.c.until.Add(time.Duration(n/slowest+1) * time.Second)
	}
	if err == nil && t.n > t.most {
		err = fmt.Errorf("%w: a message without end", errProtocol)
	}
	if err != nil && err != io.EOF {
		t.err = &againError{err}
		err = t.err
	}
	return n, err
}

// Close reads what is left.
func (t *popText) Close() error {
	if !t.closed && t.err == nil {
		if _, err := io.Copy(io.Discard, t); err != nil {
			return err
		}
		t.it.internal = headerDate(t.header)
	}
	t.closed = true
	return t.err
}

// headerDate is when a message came, by the topmost field Received (RFC 5321 4.4), or was written; zero if its header does not say.
func headerDate(header []byte) time.Time {
	var written time.Time
	text := strings.ReplaceAll(string(header), "\r\n", "\n")
	text, _, _ = strings.Cut(text, "\n\n")
	text = strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(text)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ":")
		switch {
		case strings.EqualFold(name, "Received"):
			if t, err := mail.ParseDate(strings.TrimSpace(value[strings.LastIndexByte(value, ';')+1:])); err == nil {
				return t
			}
		case strings.EqualFold(name, "Date") && written.IsZero():
			written, _ = mail.ParseDate(strings.TrimSpace(value))
		}
	}
	return written
}
