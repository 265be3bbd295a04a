package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// imapSource is the mail of a user of an IMAP server. Nothing of it is changed there: mailboxes are examined, texts are peeked at.
type imapSource struct {
	im     *importer
	server *server
	conn   *imapConn
	// gmail is the server's messages that have been seen in a mailbox, where it says which they are (X-GM-MSGID); nil elsewhere.
	gmail   map[uint64]struct{}
	dovecot bool
}

// imapBox is a mailbox of an IMAP server.
type imapBox struct {
	*imapSource
	raw      string // as the server writes it
	path     string
	validity uint32
	all      bool // it shows what is in the other mailboxes too
}

// serverFolders lists the folders of a server that runs.
func (im *importer) serverFolders(ctx context.Context) (list []folder, done func(), err error) {
	s, err := parseServer(im.o.Path)
	if err != nil {
		return nil, nil, err
	}
	if s.format == POP3 {
		p := &popSource{im: im, server: s}
		list, err = p.folders(ctx)
		done = p.close
	} else {
		i := &imapSource{im: im, server: s}
		list, err = i.folders(ctx)
		done = i.close
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("%s: %w", s, err)
	}
	return list, done, nil
}

func (s *imapSource) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// connect returns the session, a new one if there is none.
func (s *imapSource) connect(ctx context.Context) (*imapConn, error) {
	if s.conn != nil {
		return s.conn, nil
	}
	for try := 0; ; try++ {
		c, err := openIMAP(ctx, s.server, &s.im.o.Server)
		if err == nil {
			s.conn = c
			return c, nil
		}
		if final(ctx, err) || try == tries-1 {
			return nil, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// try does something that can be done again when the connection fails.
func (s *imapSource) try(ctx context.Context, do func(*imapConn) error) error {
	for try := 0; ; try++ {
		c, err := s.connect(ctx)
		if err != nil {
			return err
		}
		if err = do(c); err == nil || final(ctx, err) || try == tries-1 {
			return err
		}
		s.close()
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// maxFolders bounds how many names a server may list.
const maxFolders = store.MaxMailboxes

// maxRawName bounds a mailbox's name that is asked for.
const maxRawName = 1000

func (s *imapSource) folders(ctx context.Context) ([]folder, error) {
	var names []listed
	var spaces namespaces
	err := s.try(ctx, func(c *imapConn) (err error) {
		s.dovecot = strings.Contains(c.greets, "Dovecot")
		if s.gmail = nil; c.can("X-GM-EXT-1") {
			s.gmail = make(map[uint64]struct{})
		}
		if spaces, err = c.namespaces(); err != nil {
			return err
		}
		names, err = c.list()
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []folder
	for _, n := range names {
		f, err := s.folder(ctx, n, spaces)
		var no *refusal
		switch {
		case errors.As(err, &no):
			if err := s.im.tell(&itemError{"mailbox " + strconv.Quote(clip(n.name)), err}); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		case f != nil:
			list = append(list, *f)
		}
	}
	inboxFirst(list)
	// What shows the others' messages comes last: only then it is known which are nowhere else.
	slices.SortStableFunc(list, func(a, b folder) int { return last(a) - last(b) })
	return list, nil
}

func last(f folder) int {
	if f.last {
		return 1
	}
	return 0
}

// errName is said of a mailbox with a name that cannot be asked for.
var errName = &refusal{"a name that is too long, or with control characters"}

// folder looks at a mailbox, nil for one that is not brought in.
func (s *imapSource) folder(ctx context.Context, n listed, spaces namespaces) (*folder, error) {
	if n.has(`\Noselect`) || n.has(`\NonExistent`) || spaces.foreign(n.name) {
		return nil, nil
	}
	if len(n.name) > maxRawName || strings.ContainsAny(n.name, "\x00\r\n") {
		return nil, errName
	}
	b := &imapBox{imapSource: s, raw: n.name, path: n.path(spaces.own), all: n.has(`\All`)}
	if s.server.mailbox != "" && b.path != s.server.mailbox {
		return nil, nil
	}
	if n.has(`\Flagged`) || n.has(`\Important`) || b.all && s.gmail == nil {
		return nil, s.im.note("%s is left out: it shows what other folders have", b.path)
	}
	f := &folder{path: b.path, items: b.items, role: n.role(), last: b.all}
	err := s.try(ctx, func(c *imapConn) error {
		return c.do("STATUS "+quote(n.name)+" (MESSAGES UIDNEXT UIDVALIDITY)", func(r *imapwire.Response) error {
			if r.Name != "STATUS" || len(r.Values) == 0 {
				return nil
			}
			data := r.Values[len(r.Values)-1]
			f.total, f.next, f.validity = uint64(number(data, "MESSAGES")), number(data, "UIDNEXT"), number(data, "UIDVALIDITY")
			return nil
		})
	})
	b.validity = f.validity
	return f, err
}

// number is an item of a list of pairs, 0 when it is not there or no number.
func number(v imapwire.Value, name string) uint32 {
	item, _ := v.Item(name)
	n, _ := strconv.ParseUint(item.Text, 10, 32)
	return uint32(n)
}

// quote writes a mailbox's name as the server wrote it.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// listed is a name of LIST.
type listed struct {
	name  string
	delim string
	attrs []string
}

func (n listed) has(attr string) bool {
	return slices.ContainsFunc(n.attrs, func(a string) bool { return strings.EqualFold(a, attr) })
}

// role is the special use (RFC 6154 2).
func (n listed) role() store.Role {
	for _, r := range []struct {
		attr string
		role store.Role
	}{
		{`\Drafts`, store.RoleDrafts}, {`\Sent`, store.RoleSent}, {`\Junk`, store.RoleJunk}, {`\Spam`, store.RoleJunk},
		{`\Trash`, store.RoleTrash}, {`\Archive`, store.RoleArchive}, {`\All`, store.RoleArchive},
	} {
		if n.has(r.attr) {
			return r.role
		}
	}
	return store.RoleNone
}

// path is the name with "/" between its parts, without the prefix that all names of the user have.
func (n listed) path(own string) string {
	if strings.EqualFold(n.name, inbox) {
		return inbox
	}
	name := n.name
	if rest := strings.TrimPrefix(name, own); rest != "" {
		name = rest
	}
	parts := []string{name}
	if n.delim != "" {
		parts = strings.Split(name, n.delim)
	}
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(utf7(part), "/", "_")
	}
	return strings.Join(parts, "/")
}

// list lists all names, with their special uses if the server has these.
func (c *imapConn) list() ([]listed, error) {
	command := `LIST "" "*"`
	if c.can("SPECIAL-USE") && c.can("LIST-EXTENDED") {
		command += " RETURN (SPECIAL-USE)" // RFC 6154 3
	}
	var names []listed
	err := c.do(command, func(r *imapwire.Response) error {
		if r.Name != "LIST" || len(r.Values) < 3 {
			return nil
		}
		if len(names) >= maxFolders {
			return &refusal{fmt.Sprintf("more than %d mailboxes", maxFolders)}
		}
		n := listed{name: strings.Clone(r.Values[2].Text)}
		if !r.Values[1].IsNil() {
			n.delim = strings.Clone(r.Values[1].Text)
		}
		for _, a := range r.Values[0].List {
			n.attrs = append(n.attrs, strings.Clone(a.Text))
		}
		names = append(names, n)
		return nil
	})
	return names, err
}

// namespaces are where the user's own mailboxes lie, and others' (RFC 2342).
type namespaces struct {
	own    string   // what all but INBOX begin with, as "INBOX."
	others []string // of other users, and shared
}

func (n *namespaces) foreign(name string) bool {
	return slices.ContainsFunc(n.others, func(prefix string) bool { return prefix != "" && strings.HasPrefix(name, prefix) })
}

func (c *imapConn) namespaces() (n namespaces, err error) {
	if !c.can("NAMESPACE") {
		return n, nil
	}
	err = c.do("NAMESPACE", func(r *imapwire.Response) error {
		if r.Name != "NAMESPACE" {
			return nil
		}
		for i, class := range r.Values {
			for _, space := range class.List {
				if len(space.List) == 0 {
					continue
				}
				prefix := strings.Clone(space.List[0].Text)
				if i > 0 {
					n.others = append(n.others, prefix)
				} else if len(class.List) == 1 {
					n.own = prefix
				}
			}
		}
		return nil
	})
	var no *refusal
	if errors.As(err, &no) {
		err = nil
	}
	return n, err
}
