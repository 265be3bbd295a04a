package transfer

import (
	"slices"
	"strings"
	"unicode"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

const inbox = "INBOX"

// roleNames are what programs call the folders of a special use (RFC 6154), in lower case.
func roleNames() map[store.Role][]string {
	return map[store.Role][]string{
		store.RoleDrafts: {"drafts", "draft", "entwürfe", "brouillons", "borradores", "bozze", "concepten", "rascunhos", "utkast", "kladder", "szkice", "robocze"},
		store.RoleSent: {
			"sent", "sent items", "sent messages", "sent mail", "sent-mail", "gesendet", "gesendete objekte", "gesendete elemente",
			"éléments envoyés", "envoyés", "messages envoyés", "enviados", "elementos enviados", "posta inviata", "inviata", "inviati",
			"verzonden", "verzonden items", "skickat", "sendt", "wysłane",
		},
		store.RoleJunk: {
			"junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "spamverdacht", "unerwünscht", "junk-e-mail",
			"courrier indésirable", "indésirables", "correo no deseado", "posta indesiderata", "ongewenst", "skräppost",
		},
		store.RoleTrash: {
			"trash", "deleted items", "deleted messages", "deleted", "bin", "papierkorb", "gelöscht", "gelöschte objekte", "gelöschte elemente",
			"corbeille", "éléments supprimés", "papelera", "elementos eliminados", "cestino", "posta eliminata", "prullenbak",
			"verwijderde items", "lixeira", "papperskorg", "kosz",
		},
		store.RoleArchive: {"archive", "archives", "archiv", "archivo", "archivio", "archief"},
	}
}

// names maps folders to mailboxes.
type names struct {
	view   *store.View
	roles  map[string]store.Role // by name in lower case
	taken  map[string]bool       // paths that folders have themselves, in lower case
	given  map[string]string     // Options.Map
	prefix string
}

func newNames(v *store.View, list []folder, o *Options) *names {
	n := &names{
		view: v, roles: make(map[string]store.Role), taken: make(map[string]bool), given: o.Map,
		prefix: strings.Trim(o.Into, store.Separator),
	}
	for role, words := range roleNames() {
		for _, w := range words {
			n.roles[w] = role
		}
	}
	for _, f := range list {
		n.taken[strings.ToLower(f.path)] = true
	}
	return n
}

// mailbox is the path of the mailbox that a folder goes into, "" for none. A folder that has a special use, or is called as programs call one
// of a special use, goes into the account's mailbox of that use, unless there is another folder with that very name.
func (n *names) mailbox(f *folder) string {
	if to, ok := n.given[f.path]; ok {
		if to == "" {
			return ""
		}
		return goodPath(to)
	}
	path := goodPath(f.path)
	if n.prefix != "" {
		return goodPath(n.prefix) + store.Separator + path
	}
	name := path
	if len(path) > len(inbox) && strings.EqualFold(path[:len(inbox)+1], inbox+store.Separator) {
		name = path[len(inbox)+1:] // servers with all folders below the inbox
	}
	role, ok := f.role, f.role != store.RoleNone
	if !ok {
		role, ok = n.roles[strings.ToLower(name)]
	}
	if !ok {
		return path
	}
	m, err := n.view.ByRole(role)
	if err != nil {
		return path
	}
	if own := m.Path(); strings.EqualFold(own, path) || !n.taken[strings.ToLower(own)] {
		return own
	}
	return path
}

// goodPath makes a path that a mailbox can have.
func goodPath(path string) string {
	if store.GoodPath(path) {
		return path
	}
	var out []string
	for name := range strings.SplitSeq(strings.ToValidUTF8(path, "\uFFFD"), store.Separator) {
		name = strings.Map(func(r rune) rune {
			if r == '*' || r == '%' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
				return '_'
			}
			return r
		}, strings.TrimSpace(name))
		for len(name) > maxName {
			r := []rune(name)
			name = string(r[:len(r)-1])
		}
		if name = strings.TrimSpace(name); name == "" {
			name = "_"
		}
		out = append(out, name)
	}
	if len(out) > maxDepth { // what lies too deep lies together
		out = append(out[:maxDepth-1], strings.Join(out[maxDepth-1:], "_"))
	}
	if path = strings.Join(out, store.Separator); !store.GoodPath(path) {
		return "Imported"
	}
	return path
}

const (
	maxName  = 200 // octets
	maxDepth = 19
)

// utf7 reads a name as IMAP servers write it into file systems: modified UTF-7 (RFC 3501 5.1.3), or UTF-8.
func utf7(name string) string {
	if s, ok := imapwire.DecodeUTF7(name); ok {
		return s
	}
	return name
}

// inboxFirst sorts folders by name, INBOX before all.
func inboxFirst(list []folder) {
	slices.SortStableFunc(list, func(a, b folder) int {
		if i, j := a.path == inbox, b.path == inbox; i != j {
			if i {
				return -1
			}
			return 1
		}
		return strings.Compare(a.path, b.path)
	})
}
