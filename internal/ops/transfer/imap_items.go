package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// remote is a message of an IMAP server.
type remote struct{ uid, size uint32 }

// errStopped ends the reading of a source that nobody asks any more.
var errStopped = errors.New("stopped")

// items yields the messages of a mailbox.
func (b *imapBox) items(ctx context.Context) iter.Seq2[*item, error] {
	return func(yield func(*item, error) bool) {
		list, uidl, err := b.look(ctx)
		var no *refusal
		if errors.As(err, &no) {
			err = &itemError{b.where(0), err}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		todo := list[:0]
		for _, m := range list {
			had, err := b.im.had(ctx, b.name(m.uid))
			switch {
			case err != nil:
				yield(nil, err)
				return
			case had || b.im.o.DryRun:
				if !yield(&item{where: b.where(m.uid), live: true, had: had, weight: 1, size: uint64(m.size)}, nil) {
					return
				}
			default:
				todo = append(todo, m)
			}
		}
		if b.im.o.NewestFirst {
			slices.Reverse(todo)
		}
		f := imapFetch{imapBox: b, uidl: uidl, yield: yield}
		if err := f.all(ctx, todo); err != nil && !errors.Is(err, errStopped) {
			yield(nil, fmt.Errorf("%s: %w", b.where(0), atLast(err)))
		}
	}
}

// name is what a message is known by: RFC 9051 2.3.1.1 says that it stands for this message for ever.
func (b *imapBox) name(uid uint32) string {
	return fmt.Sprintf("%s\x00%s\x00%d\x00%d", b.server.id(), b.raw, b.validity, uid)
}

// where is a message for people, or the mailbox.
func (b *imapBox) where(uid uint32) string {
	if uid == 0 {
		return b.path
	}
	return b.path + ", UID " + strconv.FormatUint(uint64(uid), 10)
}

// look lists the messages, ascending by UID, and their UIDLs if these are known.
func (b *imapBox) look(ctx context.Context) (list []remote, uidl func(uint32) string, err error) {
	var seen []uint64 // X-GM-MSGID of each in list
	err = b.try(ctx, func(c *imapConn) error {
		exists, err := c.examine(b)
		if list, seen = nil, nil; err != nil || exists == 0 {
			return err
		}
		items := "UID RFC822.SIZE"
		if b.gmail != nil {
			items += " X-GM-MSGID"
		}
		return c.do("UID FETCH 1:* ("+items+")", func(r *imapwire.Response) error {
			if r.Name == "EXISTS" {
				exists = max(exists, r.Num)
			}
			if r.Name != "FETCH" || len(r.Values) != 1 {
				return nil
			}
			m := remote{number(r.Values[0], "UID"), number(r.Values[0], "RFC822.SIZE")}
			if m.uid == 0 {
				return nil // flags that somebody has changed
			}
			if len(list) >= int(exists) {
				return fmt.Errorf("%w: it has more messages than it says", errProtocol)
			}
			if list = append(list, m); b.gmail != nil {
				id, _ := r.Values[0].Item("X-GM-MSGID")
				n, _ := strconv.ParseUint(id.Text, 10, 64)
				seen = append(seen, n)
			}
			return nil
		})
	})
	if err != nil {
		return nil, nil, err
	}
	if b.gmail != nil {
		list = b.unseen(list, seen)
	}
	slices.SortFunc(list, func(x, y remote) int { return cmp.Compare(x.uid, y.uid) })
	list = slices.CompactFunc(list, func(x, y remote) bool { return x.uid == y.uid })
	uidl, err = b.uidls(ctx, list)
	return list, uidl, err
}

// unseen leaves out of a mailbox that shows all messages those that are in others too.
func (b *imapBox) unseen(list []remote, ids []uint64) []remote {
	left := list[:0]
	for i, id := range ids {
		if _, seen := b.gmail[id]; seen && b.all && id != 0 {
			continue
		}
		b.gmail[id] = struct{}{}
		left = append(left, list[i])
	}
	return left
}

// examine opens a mailbox to read only, and says how many messages it has.
func (c *imapConn) examine(b *imapBox) (exists uint32, err error) {
	validity := uint64(0)
	err = c.do("EXAMINE "+quote(b.raw), func(r *imapwire.Response) error {
		if r.Name == "EXISTS" {
			exists = r.Num
		}
		if n, ok := strings.CutPrefix(strings.ToUpper(r.Code), "UIDVALIDITY "); ok {
			validity, _ = strconv.ParseUint(n, 10, 32)
		}
		return nil
	})
	if err == nil && (validity == 0 || uint32(validity) != b.validity) {
		err = &refusal{fmt.Sprintf("UIDVALIDITY %d after %d: its UIDs cannot be relied on", validity, b.validity)}
	}
	return exists, err
}

// A command fetches so many messages, or so many octets.
const (
	fetchMessages = 200
	fetchOctets   = 1 << 20
	// fetchAhead is how many commands are under way: the server works while this program writes.
	fetchAhead = 2
)

// imapFetch fetches messages of a mailbox.
type imapFetch struct {
	*imapBox
	uidl  func(uid uint32) string
	yield func(*item, error) bool

	waiting map[uint32]bool // what the command asks for that is not there yet
	lost    error           // why the connection is of no use
	no      error           // why the server did not give the last one
	refused int             // so many after each other
}

// command is a FETCH under way.
type command struct {
	tag  string
	list []remote
}

// fewRefusals is how many messages after each other may be refused before the whole is given up.
const fewRefusals = 20

// all fetches messages, over as many connections as it takes. A message at which the connection ends again and again is reported.
func (f *imapFetch) all(ctx context.Context, todo []remote) error {
	culprit, fails := uint32(0), 0
	for len(todo) > 0 {
		left, err := f.session(ctx, todo, fails > 0)
		if err == nil || errors.Is(err, errStopped) {
			return err
		}
		f.close()
		if ctx.Err() != nil || f.lost == nil || len(left) == 0 {
			return err
		}
		var no *refusal
		if errors.As(err, &no) { // of the mailbox: it is not what it was
			if !f.yield(nil, &itemError{f.where(0), err}) {
				return errStopped
			}
			return nil
		}
		if len(left) < len(todo) {
			f.refused = 0
		}
		if todo = left; todo[0].uid != culprit {
			culprit, fails = todo[0].uid, 0
		}
		if fails++; fails == tries-1 {
			if f.refused++; f.refused > fewRefusals/4 {
				return err
			}
			if !f.yield(nil, &itemError{f.where(culprit), atLast(err)}) {
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

// session fetches messages over one connection, the first alone if it is to be careful. It returns those that it did not come to.
func (f *imapFetch) session(ctx context.Context, todo []remote, careful bool) (left []remote, err error) {
	f.lost = nil
	c, err := f.connect(ctx)
	if err != nil {
		return todo, err
	}
	if _, err := c.examine(f.imapBox); err != nil {
		f.lost = err
		return todo, err
	}
	var queue []command
	var again []remote
	for len(todo)+len(queue) > 0 {
		for len(todo) > 0 && len(queue) < fetchAhead && (!careful || len(queue) == 0) {
			n := 1
			if !careful {
				n = chunk(todo)
			}
			if f.lost = f.ask(c, todo[:n]); f.lost != nil {
				break
			}
			queue, todo = append(queue, command{"A" + strconv.Itoa(c.tag), todo[:n]}), todo[n:]
		}
		missing := []remote(nil)
		if f.lost == nil {
			missing, err = f.read(c, queue[0])
			if err == nil {
				careful, again, queue = false, append(again, missing...), queue[1:]
				continue
			}
			queue = queue[1:]
		}
		left = missing
		for _, q := range queue {
			left = append(left, q.list...)
		}
		return append(append(left, todo...), again...), cmp.Or(f.lost, err)
	}
	return f.singly(c, again)
}

// chunk is how many of the messages one command asks for.
func chunk(todo []remote) int {
	n, size := 0, 0
	for n < min(len(todo), fetchMessages) && (n == 0 || size+int(todo[n].size) <= fetchOctets) {
		size += int(todo[n].size)
		n++
	}
	return n
}

func (f *imapFetch) ask(c *imapConn, list []remote) error {
	return c.send("UID FETCH " + sequence(list) + " (UID FLAGS INTERNALDATE BODY.PEEK[])")
}

// sequence is a sequence-set of UIDs.
func sequence(list []remote) string {
	set := make([]store.UID, len(list))
	for i, m := range list {
		set[i] = store.UID(m.uid)
	}
	slices.Sort(set)
	var b strings.Builder
	for i, r := range store.Ranges(set) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d", r.Lo)
		if r.Hi > r.Lo {
			fmt.Fprintf(&b, ":%d", r.Hi)
		}
	}
	return b.String()
}

// singly asks once more for messages that did not come with others.
func (f *imapFetch) singly(c *imapConn, list []remote) (left []remote, err error) {
	for i, m := range list {
		if f.lost = f.ask(c, list[i:i+1]); f.lost != nil {
			return list[i:], f.lost
		}
		missing, err := f.read(c, command{"A" + strconv.Itoa(c.tag), list[i : i+1]})
		if err != nil {
			return list[i:], err
		}
		if len(missing) == 0 {
			continue
		}
		there := false
		if f.no == nil { // it may have been expunged
			f.lost = c.do(fmt.Sprintf("UID FETCH %d (UID)", m.uid), func(r *imapwire.Response) error {
				there = there || r.Name == "FETCH" && len(r.Values) == 1 && number(r.Values[0], "UID") == m.uid
				return nil
			})
			if f.lost != nil {
				return list[i:], f.lost
			}
			f.no = errNoText
		}
		if f.no != errNoText || there {
			if f.refused++; f.refused > fewRefusals {
				return nil, f.no
			}
			if !f.yield(nil, &itemError{f.where(m.uid), f.no}) {
				return nil, errStopped
			}
		}
	}
	return nil, nil
}

var errNoText = errors.New("the server has the message and does not give it")

// read reads what a command brings, and returns what it did not.
func (f *imapFetch) read(c *imapConn, q command) (missing []remote, err error) {
	f.waiting, f.no = make(map[uint32]bool, len(q.list)), nil
	for _, m := range q.list {
		f.waiting[m.uid] = true
	}
	for idle := 0; err == nil; {
		var r *imapwire.Response
		var size int64
		var rest func() (*imapwire.Response, error)
		if r, size, rest, err = c.next(); err != nil {
			break
		}
		switch {
		case rest != nil:
			err = f.take(&text{f: f, r: io.LimitReader(c.r, size), left: size, rest: rest})
		case r.Tag == q.tag:
			var no *refusal
			if err = done(r); errors.As(err, &no) {
				f.no, err = err, nil
			}
			if err == nil {
				return f.missing(q.list), nil
			}
		case r.Name == "BYE":
			err = fmt.Errorf("the server ends the connection: %q", clip(r.Text))
		case r.Name == "FETCH" && len(r.Values) == 1:
			if v, ok := r.Values[0].Item(textItem); ok && !v.IsNil() { // a quoted string
				err = f.take(&text{f: f, r: strings.NewReader(v.Text), left: int64(len(v.Text)), rest: func() (*imapwire.Response, error) { return r, nil }})
			}
		}
		if idle++; idle > maxIdle {
			err = fmt.Errorf("%w: it sends without end", errProtocol)
		}
	}
	if !errors.Is(err, errStopped) {
		f.lost = err
	}
	return f.missing(q.list), err
}

func (f *imapFetch) missing(list []remote) (missing []remote) {
	for _, m := range list {
		if f.waiting[m.uid] {
			missing = append(missing, m)
		}
	}
	return missing
}

// take hands a message on while it comes.
func (f *imapFetch) take(t *text) error {
	t.it = &item{where: f.path, live: true, weight: 1, open: func() (io.ReadCloser, error) { return t, nil }}
	more := f.yield(t.it, nil)
	if err := t.Close(); err != nil {
		return err
	}
	if !more {
		return errStopped
	}
	f.refused = 0
	return nil
}

// text is the text of a message that is coming. What else there is to know of it is known when it is closed.
type text struct {
	f      *imapFetch
	it     *item
	r      io.Reader
	left   int64
	rest   func() (*imapwire.Response, error)
	closed bool
	err    error
}

// Read implements io.Reader.
func (t *text) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	n, err := t.r.Read(p)
	if t.left -= int64(n); err == io.EOF && t.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		t.err = &againError{err}
		err = t.err
	}
	return n, err
}

// Close reads what is left.
func (t *text) Close() error {
	if t.closed || t.err != nil {
		t.closed = true
		return t.err
	}
	t.closed = true
	if _, err := io.Copy(io.Discard, t); err != nil {
		return err
	}
	r, err := t.rest()
	if err == nil {
		err = t.settle(r)
	}
	if err != nil {
		t.err = &againError{err}
	}
	return t.err
}

// internalDate is the date-time of RFC 9051 9.
const internalDate = "_2-Jan-2006 15:04:05 -0700"

func (t *text) settle(r *imapwire.Response) error {
	if r.Name != "FETCH" || len(r.Values) != 1 {
		return errProtocol
	}
	v := r.Values[0]
	if len(v.List)%2 != 0 {
		return fmt.Errorf("%w: the length of a message is wrong", errProtocol)
	}
	uid := number(v, "UID")
	if !t.f.waiting[uid] {
		return fmt.Errorf("%w: a message that nobody asked for", errProtocol)
	}
	delete(t.f.waiting, uid)
	t.it.where, t.it.name, t.it.uid, t.it.uidl = t.f.where(uid), t.f.name(uid), uid, t.f.uidl(uid)
	if date, ok := v.Item("INTERNALDATE"); ok {
		t.it.internal, _ = time.Parse(internalDate, date.Text)
	}
	flags, _ := v.Item("FLAGS")
	for _, w := range flags.List {
		if flag := flagOf(w.Text); flag != 0 {
			t.it.flags |= flag
		} else if !strings.HasPrefix(w.Text, `\`) {
			t.it.keywords = append(t.it.keywords, strings.Clone(w.Text))
		}
	}
	return nil
}

// flagOf is a system flag by its name, 0 for none.
func flagOf(name string) store.Flags {
	for known, flag := range systemFlags() {
		if strings.EqualFold(known, name) {
			return flag
		}
	}
	return 0
}
