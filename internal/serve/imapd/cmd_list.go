package imapd

import (
	"context"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// maxPatterns bounds the patterns of one LIST.
const maxPatterns = 64

// LIST: RFC 9051 6.3.9; RFC 5258; STATUS: RFC 5819; SPECIAL-USE: RFC 6154; MYRIGHTS: RFC 8440; METADATA: RFC 9590.
//
//	list             = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
//	list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
func cmdList(s *session, ctx context.Context, c *imapwire.List) (done, error) {
	if !c.Extended && c.Patterns[0] == "" {
		// RFC 9051 6.3.9: the delimiter and the root are asked for.
		s.out().List(&imapwire.ListData{Attrs: []imapwire.Flag{imapwire.AttrNoSelect}, Delimiter: separator})
		return done{}, nil
	}
	if len(c.Patterns) > maxPatterns {
		return done{}, no(imapwire.CodeLimit, "too many patterns")
	}
	if len(c.Metadata) > maxListEntries {
		return done{}, no(imapwire.CodeLimit, "too many entries")
	}
	l := s.newLister(c)
	if err := l.addOthers(ctx); err != nil {
		return done{}, err
	}
	for _, name := range l.names() {
		if err := l.tell(ctx, name); err != nil {
			return done{}, err
		}
	}
	return done{}, nil
}

// lister answers one LIST.
type lister struct {
	s        *session
	cmd      *imapwire.List
	view     *store.View // of the user's own account
	patterns []pattern
	boxes    map[string]*located // by name
	parents  map[string]bool     // names that have others below
	// phantoms are names above mailboxes of others that are no mailboxes, or none for the user: whether there is one below that the patterns do
	// not match, so that the phantom has to be listed for it (RFC 9051 6.3.9).
	phantoms map[string]bool
	// below is, for each name, whether any below it meets the selection criteria, and whether one does that is not listed itself.
	below map[string]descendants
}

type descendants struct{ meets, hidden bool }

func (s *session) newLister(c *imapwire.List) *lister {
	l := &lister{s: s, cmd: c, view: s.account.View(), boxes: make(map[string]*located), parents: make(map[string]bool)}
	for _, p := range c.Patterns {
		if p != "" { // RFC 9051 6.3.9: ignored in the extended syntax
			l.patterns = append(l.patterns, newPattern(c.Reference+p))
		}
	}
	for _, box := range l.view.Mailboxes() {
		l.add(&located{s.account, box, "", store.AllRights})
	}
	return l
}

// add adds a mailbox.
func (l *lister) add(at *located) {
	name := string(at.name())
	l.boxes[name] = at
	for parent := range ancestors(name) {
		l.parents[parent] = true
		break
	}
}

// names are those that may have to be listed, INBOX first.
func (l *lister) names() []string {
	var names []string
	for path := range l.boxes {
		names = append(names, path)
	}
	if l.cmd.Select&imapwire.SelectSubscribed != 0 {
		names = append(names, l.view.Subscriptions()...)
	}
	if l.cmd.Select&imapwire.SelectRecursiveMatch != 0 {
		names = append(names, l.lookBelow(names)...)
	}
	for name := range l.phantoms {
		names = append(names, name)
	}
	slices.SortFunc(names, inboxFirst)
	return slices.Compact(names)
}

// lookBelow fills l.below, and returns the names above those that it has met.
func (l *lister) lookBelow(names []string) (above []string) {
	l.below = make(map[string]descendants)
	for _, name := range names {
		if !l.meets(name) {
			continue
		}
		hidden := !l.matches(name)
		for parent := range ancestors(name) {
			d := l.below[parent]
			l.below[parent] = descendants{true, d.hidden || hidden}
			above = append(above, parent)
		}
	}
	return above
}

func (l *lister) matches(name string) bool {
	return slices.ContainsFunc(l.patterns, func(m pattern) bool { return m.match(name) })
}

// meets says whether a name meets the selection criteria. All must be met (RFC 9051 6.3.9); REMOTE asks for more, and there is no more.
func (l *lister) meets(name string) bool {
	at := l.boxes[name]
	switch sel := l.cmd.Select; {
	case sel&imapwire.SelectSubscribed != 0 && !l.view.Subscribed(name):
		return false
	case sel&imapwire.SelectSpecialUse != 0 && (at == nil || at.use() == ""):
		return false
	case sel&(imapwire.SelectSubscribed|imapwire.SelectSpecialUse) == 0:
		return at != nil || l.phantoms[name]
	}
	return true
}

// tell lists a name if it is to be listed, with what else was asked for of it.
func (l *lister) tell(ctx context.Context, name string) error {
	meets, below := l.meets(name), l.below[name]
	// RFC 9051 6.3.9.6: one that only has others below is listed if these are not.
	if !meets && !below.hidden || !l.matches(name) {
		return nil
	}
	at := l.boxes[name]
	d := l.data(name, at)
	if below.meets {
		d.ChildInfo = l.criteria()
	}
	l.s.out().List(&d)
	if !meets || at == nil {
		return nil
	}
	if l.cmd.Return&imapwire.ReturnMyRights != 0 {
		l.s.out().MyRights(d.Mailbox, formatRights(at.rights))
	}
	if l.cmd.Return&imapwire.ReturnMetadata != 0 && store.PermitAnnotations(at.rights) == nil {
		l.s.tellListMetadata(at, l.cmd.Metadata)
	}
	if l.cmd.Return&imapwire.ReturnStatus == 0 || at.box.NoSelect() || at.rights&store.RightRead == 0 {
		return nil
	}
	return l.s.tellStatus(ctx, *at, d.Mailbox, l.cmd.Status)
}

// data is what LIST says of a name, at which there need not be a mailbox.
func (l *lister) data(name string, at *located) (d imapwire.ListData) {
	switch _, phantom := l.phantoms[name]; {
	case at != nil:
		d = l.s.listBox(at, l.parents[name])
	case phantom:
		d.Attrs = []imapwire.Flag{imapwire.AttrNoSelect, imapwire.AttrHasChildren}
	default:
		d.Attrs = []imapwire.Flag{imapwire.AttrNonExistent, imapwire.AttrHasNoChildren}
	}
	d.Delimiter, d.Mailbox = separator, imapwire.Mailbox(name)
	if (l.cmd.Return&imapwire.ReturnSubscribed != 0 || l.cmd.Select&imapwire.SelectSubscribed != 0) && l.view.Subscribed(name) {
		d.Attrs = append(d.Attrs, imapwire.AttrSubscribed)
	}
	return d
}

// criteria are the selection options as CHILDINFO names them.
func (l *lister) criteria() (names []string) {
	if l.cmd.Select&imapwire.SelectSubscribed != 0 {
		names = append(names, "SUBSCRIBED")
	}
	if l.cmd.Select&imapwire.SelectSpecialUse != 0 {
		names = append(names, "SPECIAL-USE")
	}
	return names
}

// listData is what LIST says of one mailbox.
func (s *session) listData(at *located) imapwire.ListData {
	children := false
	for _, box := range at.box.View().Mailboxes() {
		if box.Parent() == at.box.ID() && (!at.others() || box.Rights(s.visitor)&store.RightLookup != 0) {
			children = true
			break
		}
	}
	return s.listBox(at, children)
}

// listBox says what can be said without being asked for: children and special uses too (RFC 9051 6.3.9.5, RFC 6154 2).
func (s *session) listBox(at *located, children bool) imapwire.ListData {
	d := imapwire.ListData{Delimiter: separator, Mailbox: at.name()}
	if at.box.NoSelect() {
		d.Attrs = append(d.Attrs, imapwire.AttrNoSelect)
	}
	if children {
		d.Attrs = append(d.Attrs, imapwire.AttrHasChildren)
	} else {
		d.Attrs = append(d.Attrs, imapwire.AttrHasNoChildren)
	}
	if u := at.use(); u != "" && !s.off.has("SPECIAL-USE") {
		d.Attrs = append(d.Attrs, u)
	}
	return d
}

// use is the special use of a mailbox, or "". Mailboxes of others have none for the user: his trash is not where they are.
func (at *located) use() imapwire.Flag {
	if !at.others() {
		for _, u := range uses() {
			if u.role == at.box.Role() {
				return u.attr
			}
		}
	}
	return ""
}

// LSUB: RFC 3501 6.3.9. A name above a subscribed one that does not match, but itself does, is listed as one that cannot be selected:
// with "foo/bar" subscribed, "%" gives foo.
//
//	lsub = "LSUB" SP mailbox SP list-mailbox
func cmdLsub(s *session, ctx context.Context, c *imapwire.Lsub) (done, error) {
	if c.Pattern == "" {
		s.out().Lsub(&imapwire.ListData{Attrs: []imapwire.Flag{imapwire.AttrNoSelect}, Delimiter: separator})
		return done{}, nil
	}
	view, m := s.account.View(), newPattern(c.Reference+c.Pattern)
	var names []string
	for _, name := range view.Subscriptions() {
		if m.match(name) {
			names = append(names, name)
			continue
		}
		for parent := range ancestors(name) {
			if m.match(parent) {
				names = append(names, parent)
			}
		}
	}
	slices.SortFunc(names, inboxFirst)
	for _, name := range slices.Compact(names) {
		d := imapwire.ListData{Delimiter: separator, Mailbox: imapwire.Mailbox(name)}
		at, err := s.locateName(ctx, imapwire.Mailbox(name))
		if err == nil {
			err = store.Permit(at.rights, store.RightLookup)
		}
		if err != nil || at.box.NoSelect() || !view.Subscribed(name) {
			d.Attrs = []imapwire.Flag{imapwire.AttrNoSelect}
		}
		s.out().Lsub(&d)
	}
	return done{}, nil
}

// ancestors yields the names above a name, the nearest first.
func ancestors(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			i := strings.LastIndexByte(name, separator)
			if i < 0 {
				return
			}
			if name = name[:i]; !yield(name) {
				return
			}
		}
	}
}

func inboxFirst(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == string(imapwire.Inbox):
		return -1
	case b == string(imapwire.Inbox):
		return 1
	}
	return strings.Compare(a, b)
}
