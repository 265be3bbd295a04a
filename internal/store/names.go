package store

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"restante/internal/store/keys"
)

// Separator stands between the names of a path.
const Separator = "/"

const (
	maxNameOctets = 255
	maxDepth      = 20
	maxMailboxes  = 10_000
	maxKeywords   = 1_000
	maxKeyword    = 255 // octets
)

const inboxName = "INBOX"

// canonicalPath folds what names the same mailbox into one spelling: NFC, and
// INBOX in capitals where it is the first name (RFC 9051 5.1).
func canonicalPath(path string) string {
	path = norm.NFC.String(path)
	first, rest, more := strings.Cut(path, Separator)
	if !strings.EqualFold(first, inboxName) {
		return path
	}
	if more {
		return inboxName + Separator + rest
	}
	return inboxName
}

// GoodPath says whether a mailbox can have that path, if there is none yet.
func GoodPath(path string) bool {
	_, err := checkPath(path)
	return err == nil
}

// checkPath splits a path into names that a mailbox may have.
func checkPath(path string) ([]string, error) {
	if len(path) > maxNameOctets*maxDepth || !utf8.ValidString(path) {
		return nil, ErrBadName
	}
	names := strings.Split(canonicalPath(path), Separator)
	if len(names) > maxDepth {
		return nil, ErrBadName
	}
	for _, name := range names {
		if !goodName(name) {
			return nil, ErrBadName
		}
	}
	return names, nil
}

// goodName refuses what no client could name again or what would look like
// another name: empty, too long, wildcards of LIST, control and format
// characters (RFC 9051 5.1, RFC 5198).
func goodName(name string) bool {
	if name == "" || len(name) > maxNameOctets || strings.TrimSpace(name) != name {
		return false
	}
	for _, r := range name {
		if r == '*' || r == '%' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

func (s *state) lookup(path string) *mailbox {
	parent := MailboxID(0)
	var found *mailbox
	for name := range strings.SplitSeq(canonicalPath(path), Separator) {
		if found = s.child(parent, name); found == nil {
			return nil
		}
		parent = found.id
	}
	return found
}

func (s *state) child(parent MailboxID, name string) *mailbox {
	m, _ := s.mailbox(s.names().child[childName{parent, name}])
	return m
}

// tree finds mailboxes by their names. States in which all have the same names
// share one; it is made when it is first asked for.
type tree struct {
	made   sync.Once
	child  map[childName]MailboxID
	parent map[MailboxID]bool // has mailboxes below it
}

type childName struct {
	parent MailboxID
	name   string
}

func (s *state) names() *tree {
	t := s.tree
	t.made.Do(func() {
		t.child, t.parent = make(map[childName]MailboxID, len(s.mailboxes)), make(map[MailboxID]bool)
		for _, m := range s.mailboxes {
			t.add(m)
		}
	})
	return t
}

func (t *tree) add(m *mailbox) {
	t.child[childName{m.props.Parent, m.props.Name}] = m.id
	t.parent[m.props.Parent] = true
}

func (s *state) path(m *mailbox) string {
	if m.props.Parent == 0 {
		return m.props.Name
	}
	names := make([]string, 0, 4)
	for depth := 0; m != nil && depth < 2*maxDepth; depth++ {
		names = append(names, m.props.Name)
		m, _ = s.mailbox(m.props.Parent)
	}
	for i, j := 0, len(names)-1; i < j; i, j = i+1, j-1 {
		names[i], names[j] = names[j], names[i]
	}
	return strings.Join(names, Separator)
}

func (s *state) depth(m *mailbox) int {
	n := 0
	for ; m != nil && n < 2*maxDepth; n++ {
		m, _ = s.mailbox(m.props.Parent)
	}
	return n
}

func (s *state) hasChildren(id MailboxID) bool { return s.names().parent[id] }

// below says whether m is id or lies below it.
func (s *state) below(m *mailbox, id MailboxID) bool {
	for depth := 0; m != nil && depth < 2*maxDepth; depth++ {
		if m.id == id {
			return true
		}
		m, _ = s.mailbox(m.props.Parent)
	}
	return false
}

// GoodKeyword says whether name can be a keyword: an IMAP atom (RFC 9051 9,
// flag-keyword) of at most 255 octets.
func GoodKeyword(name string) bool {
	if name == "" || len(name) > maxKeyword {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
}

// DefaultMailbox is a mailbox that a new account gets.
type DefaultMailbox struct {
	Path string
	Role Role
}

// DefaultMailboxes are those that every account has from the start.
func DefaultMailboxes() []DefaultMailbox {
	return []DefaultMailbox{
		{inboxName, keys.RoleInbox},
		{"Drafts", keys.RoleDrafts},
		{"Sent", keys.RoleSent},
		{"Junk", keys.RoleJunk},
		{"Trash", keys.RoleTrash},
		{"Archive", keys.RoleArchive},
	}
}
