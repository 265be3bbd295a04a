package store

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"restante/internal/store/keys"
)

// Annotation is a METADATA entry with its value (RFC 5464), of a mailbox or of the
// account itself. Its octets are charged to the account's quota.
type Annotation struct {
	Mailbox MailboxID // 0: of the account
	User    AccountID // whose private one it is; 0: a shared one
	Entry   string    // "/comment": without "/private" or "/shared", in lower case
	Value   []byte    // do not change it; not nil, may be empty
	ModSeq  ModSeq    // of its last change

	unknown []byte // fields of its record
}

// Bounds of annotations. What an annotation weighs is its name, its value and
// annotationWeight octets.
const (
	// specialUseEntry is never an annotation: the role stands for it.
	specialUseEntry = "/specialuse"

	// MaxAnnotation is the longest value, in octets.
	MaxAnnotation = 16 << 10
	// maxEntry is the longest name.
	maxEntry = 255

	annotationWeight = 32
	maxEntries       = 100       // of one user on one mailbox
	maxAnnotated     = 1 << 20   // octets of an account
	maxForeign       = 256 << 10 // octets of those of them that are private to others
)

func (a *Annotation) weight() uint64 {
	return uint64(annotationWeight + len(a.Entry) + len(a.Value))
}

// compare orders annotations as their keys are.
func (a *Annotation) compare(b *Annotation) int {
	return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.User, b.User), strings.Compare(a.Entry, b.Entry))
}

// annotations are those of an account in the order of their keys; immutable once
// published.
type annotations []*Annotation

func (list annotations) find(a *Annotation) (int, bool) {
	return slices.BinarySearchFunc(list, a, (*Annotation).compare)
}

// Annotation returns one annotation, nil when there is none.
func (v *View) Annotation(mbox MailboxID, user AccountID, entry string) *Annotation {
	i, ok := v.state.notes.find(&Annotation{Mailbox: mbox, User: user, Entry: entry})
	if !ok {
		return nil
	}
	return v.state.notes[i]
}

// Annotations yields those of one user (0: the shared ones) on one mailbox (0: on the
// account) whose names lie below an entry, in the order of their names. Below "" lie all.
func (v *View) Annotations(mbox MailboxID, user AccountID, below string) iter.Seq[*Annotation] {
	return func(yield func(*Annotation) bool) {
		list := v.state.notes
		prefix := below + "/"
		i, _ := list.find(&Annotation{Mailbox: mbox, User: user, Entry: prefix})
		for _, a := range list[i:] {
			if a.Mailbox != mbox || a.User != user || !strings.HasPrefix(a.Entry, prefix) || !yield(a) {
				return
			}
		}
	}
}

// SetAnnotation sets an annotation, or removes it when value is nil. ErrNoMailbox,
// ErrBadName, ErrTooBig, ErrLimit and ErrOverQuota refuse it.
func (tx *Tx) SetAnnotation(mbox MailboxID, user AccountID, entry string, value []byte) error {
	if err := tx.mayAnnotate(mbox, user); err != nil {
		return err
	}
	switch {
	case !goodEntry(entry):
		return fmt.Errorf("%w: entry %q", ErrBadName, entry)
	case len(value) > MaxAnnotation:
		return fmt.Errorf("%w: an annotation of %d octets", ErrTooBig, len(value))
	}
	a := &Annotation{Mailbox: mbox, User: user, Entry: entry, Value: value, ModSeq: tx.modseq}
	i, found := tx.state.notes.find(a)
	if value == nil {
		if found {
			tx.dropAnnotation(i)
		}
		return nil
	}
	if found {
		a.unknown = tx.state.notes[i].unknown
	}
	if err := tx.roomFor(a, i, found); err != nil {
		return err
	}
	tx.ownNotes()
	if found {
		tx.state.row.Annotated -= tx.state.notes[i].weight()
		tx.state.notes[i] = a
	} else {
		tx.state.notes = slices.Insert(tx.state.notes, i, a)
	}
	tx.putAnnotation(a)
	return nil
}

// mayAnnotate asks of visitors to see the mailbox and to be able to do something with
// its messages (RFC 5464 3.3); what all see, only those may set who may set flags.
func (tx *Tx) mayAnnotate(mbox MailboxID, user AccountID) error {
	if mbox == 0 {
		if !tx.owner() {
			return ErrNoPerm
		}
		return nil
	}
	m, _ := tx.state.mailbox(mbox)
	switch {
	case m == nil:
		return ErrNoMailbox
	case user == 0:
		return tx.may(m, RightLookup|RightWrite)
	case !tx.owner() && user != tx.origin.Visitor.Account:
		return ErrNoPerm
	}
	return PermitAnnotations(tx.rights(m))
}

// PermitAnnotations is Permit for reading annotations, and setting private ones.
func PermitAnnotations(rights Rights) error {
	if rights&(RightRead|RightSeen|RightWrite|RightInsert|RightPost) == 0 {
		return Permit(rights&RightLookup, RightLookup|RightRead)
	}
	return Permit(rights, RightLookup)
}

// goodEntry says whether a name can be an entry's (RFC 5464 3.2); it is in lower
// case already.
func goodEntry(entry string) bool {
	if len(entry) < 2 || len(entry) > maxEntry || entry[0] != '/' || strings.HasSuffix(entry, "/") || strings.Contains(entry, "//") {
		return false
	}
	for i := range len(entry) {
		if c := entry[i]; c < ' ' || c >= 0x7f || c == '*' || c == '%' || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// roomFor checks the bounds for an annotation that is to stand at place i, in the
// place of the one there if there is one.
func (tx *Tx) roomFor(a *Annotation, i int, replaces bool) error {
	more, old := a.weight(), uint64(0)
	if replaces {
		old = tx.state.notes[i].weight()
	}
	if more <= old {
		return nil
	}
	entries, foreign := 0, uint64(0)
	for _, n := range tx.state.notes {
		if n.Mailbox == a.Mailbox && n.User == a.User {
			entries++
		}
		if n.User != 0 && n.User != tx.a.id {
			foreign += n.weight()
		}
	}
	switch {
	case !replaces && entries >= maxEntries:
		return fmt.Errorf("%w: %d annotations", ErrLimit, maxEntries)
	case tx.state.row.Annotated-old+more > maxAnnotated:
		return fmt.Errorf("%w: %d octets of annotations", ErrLimit, maxAnnotated)
	case a.User != 0 && a.User != tx.a.id && foreign-old+more > maxForeign:
		return fmt.Errorf("%w: %d octets of others' annotations", ErrLimit, maxForeign)
	}
	return tx.state.fits(Quota{Octets: more - old})
}

func (tx *Tx) ownNotes() {
	if !tx.notes {
		tx.state.notes = slices.Clone(tx.state.notes)
		tx.notes = true
	}
}

func (tx *Tx) putAnnotation(a *Annotation) {
	tx.state.row.Annotated += a.weight()
	row := keys.Annotation{Value: a.Value, ModSeq: a.ModSeq, Unknown: a.unknown}
	tx.put(keys.MetadataKey(tx.a.id, a.Mailbox, a.User, a.Entry), row.Encode())
	tx.noteAnnotation(keys.Updated, a)
}

func (tx *Tx) dropAnnotation(i int) {
	a := tx.state.notes[i]
	tx.ownNotes()
	tx.state.notes = slices.Delete(tx.state.notes, i, i+1)
	tx.state.row.Annotated -= a.weight()
	tx.remove(keys.MetadataKey(tx.a.id, a.Mailbox, a.User, a.Entry))
	tx.noteAnnotation(keys.Destroyed, a)
}

func (tx *Tx) noteAnnotation(kind keys.Kind, a *Annotation) {
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMetadata, Kind: kind, Mailbox: a.Mailbox, User: a.User, Name: a.Entry})
}

// dropAnnotations removes those annotations that fn says.
func (tx *Tx) dropAnnotations(fn func(*Annotation) bool) {
	for i := len(tx.state.notes) - 1; i >= 0; i-- {
		if fn(tx.state.notes[i]) {
			tx.dropAnnotation(i)
		}
	}
}

// copyAnnotations gives a mailbox those of another (RFC 5464 4.1).
func (tx *Tx) copyAnnotations(from, to MailboxID) error {
	for _, a := range slices.Clone(tx.state.notes) {
		if a.Mailbox != from {
			continue
		}
		if err := tx.SetAnnotation(to, a.User, a.Entry, a.Value); err != nil {
			return err
		}
	}
	return nil
}

// SetRole gives a mailbox a special use, RoleNone for none, and takes it from the
// mailbox that had it, whose id it returns (0 for none). INBOX keeps its own: ErrProtected.
func (tx *Tx) SetRole(id MailboxID, role Role) (had MailboxID, err error) {
	m, _ := tx.state.mailbox(id)
	switch {
	case m == nil:
		return 0, ErrNoMailbox
	case m.props.Role == role:
		return 0, nil
	case m.props.Role == RoleInbox || role == RoleInbox:
		return 0, ErrProtected
	case m.props.NoSelect:
		return 0, ErrNoSelect
	case !tx.owner():
		return 0, Permit(tx.rights(m)&RightLookup, RightLookup|RightAdmin) // special uses are the owner's
	}
	if role != RoleNone {
		if had, err = tx.ByRole(role); err == nil {
			err = tx.setRole(had, RoleNone)
		} else {
			had, err = 0, nil
		}
	}
	if err == nil {
		err = tx.setRole(id, role)
	}
	return had, err
}

func (tx *Tx) setRole(id MailboxID, role Role) error {
	d, err := tx.draft(id)
	if err != nil {
		return err
	}
	d.mailbox.props.Role = role
	d.props = true
	// Who watches annotations is told of it as one (RFC 6154 4).
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMetadata, Kind: keys.Updated, Mailbox: id, User: tx.a.id, Name: specialUseEntry})
	tx.items = append(tx.items, keys.Item{Class: keys.ClassMailbox, Kind: keys.Updated, Mailbox: id, Name: tx.state.path(d.mailbox)})
	return nil
}
