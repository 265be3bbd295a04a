package imapd

import (
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// rightLetters are the rights as they are written (RFC 4314 2.1), in the order in which they are told.
const rightLetters = "lrswipkxtea"

// Virtual rights (RFC 4314 2.1.1): c is k and x, d is t and e.
const (
	virtualCreate = store.RightCreate | store.RightDelete
	virtualDelete = store.RightMark | store.RightExpunge
)

// knownRights are those of rightLetters, in its order.
func knownRights() [len(rightLetters)]store.Rights {
	return [...]store.Rights{
		store.RightLookup, store.RightRead, store.RightSeen, store.RightWrite, store.RightInsert, store.RightPost,
		store.RightCreate, store.RightDelete, store.RightMark, store.RightExpunge, store.RightAdmin,
	}
}

// formatRights writes rights, with the virtual ones that old clients look for.
func formatRights(r store.Rights) string {
	b := make([]byte, 0, len(rightLetters)+2)
	for i, right := range knownRights() {
		if r&right != 0 {
			b = append(b, rightLetters[i])
		}
	}
	if r&virtualCreate != 0 {
		b = append(b, 'c')
	}
	if r&virtualDelete != 0 {
		b = append(b, 'd')
	}
	return string(b)
}

// parseRights reads rights. One that is not known is BAD (RFC 4314 3.1).
func parseRights(letters string) (r store.Rights, err error) {
next:
	for i := range len(letters) {
		switch c := letters[i]; c {
		case 'c':
			r |= virtualCreate
		case 'd':
			r |= virtualDelete
		default:
			for k, right := range knownRights() {
				if c == rightLetters[k] {
					r |= right
					continue next
				}
			}
			return 0, badCommand("there is no such right")
		}
	}
	return r, nil
}

// mutable are rights of which one at least makes a mailbox more than readable (RFC 4314 5.2). All flags are shared.
const mutable = store.RightInsert | store.RightExpunge | store.RightSeen | store.RightWrite | store.RightMark

// permanentFlags are those of all flags that the user can change (RFC 4314 5.1.1).
func permanentFlags(all []imapwire.Flag, r store.Rights) []imapwire.Flag {
	bits, keywords := store.SettableFlags(r)
	var list []imapwire.Flag
	for _, f := range all {
		bit, _ := storeFlags([]imapwire.Flag{f})
		if bits&bit != 0 || bit == 0 && keywords {
			list = append(list, f)
		}
	}
	if keywords {
		list = append(list, imapwire.FlagAny)
	}
	return list
}

// errNoPerm refuses what the user has no right to.
func errNoPerm() error { return no(imapwire.CodeNoPerm, "you have no right to do that") }
