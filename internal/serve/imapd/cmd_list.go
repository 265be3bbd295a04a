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

// LIST: RFC 9051 6.3.9; RFC 5258; STATUS: RFC 5819; SPECIAL-USE: RFC 6154.
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
	l := s.newLister(c)
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
	view     *store.View
	patterns []pattern
	boxes    map[string]*store.MailboxView // by path
	parents  map[store.MailboxID]bool      // that have others below
	// below is, for each name, whether any below it meets the selection criteria, and whether one does that is not listed itself.
	below map[string]descendants
}

type descendants struct{ meets, hidden bool }

func (s *session) newLister(c *imapwire.List) *lister {
	l := &lister{s: s, cmd: c, view: s.account.View(), boxes: make(map[string]*store.MailboxView), parents: make(map[store.MailboxID]bool)}
	for _, p := range c.Patterns {
		if p != "" { // RFC 9051 6.3.9: ignored in the extended syntax
			l.patterns = append(l.patterns, newPattern(c.Reference+p))
		}
	}
	for _, box := range l.view.Mailboxes() {
		l.boxes[box.Path()] = box
		l.parents[box.Parent()] = true
	}
	return l
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
	box := l.boxes[name]
	switch sel := l.cmd.Select; {
	case sel&imapwire.SelectSubscribed != 0 && !l.view.Subscribed(name):
		return false
	case sel&imapwire.SelectSpecialUse != 0 && (box == nil || useOf(box) == ""):
		return false
	case sel&(imapwire.SelectSubscribed|imapwire.SelectSpecialUse) == 0:
		return box != nil
	}
	return true
}

// tell lists a name if it is to be listed, with its STATUS.
func (l *lister) tell(ctx context.Context, name string) error {
	meets, below := l.meets(name), l.below[name]
	// RFC 9051 6.3.9.6: one that only has others below is listed if these are not.
	if !meets && !below.hidden || !l.matches(name) {
		return nil
	}
	var d imapwire.ListData
	box := l.boxes[name]
	if box != nil {
		d = l.s.listBox(box, l.parents[box.ID()])
	} else {
		d = imapwire.ListData{Attrs: []imapwire.Flag{imapwire.AttrNonExistent, imapwire.AttrHasNoChildren}, Delimiter: separator, Mailbox: imapwire.Mailbox(name)}
	}
	if (l.cmd.Return&imapwire.ReturnSubscribed != 0 || l.cmd.Select&imapwire.SelectSubscribed != 0) && l.view.Subscribed(name) {
		d.Attrs = append(d.Attrs, imapwire.AttrSubscribed)
	}
	if below.meets {
		d.ChildInfo = l.criteria()
	}
	l.s.out().List(&d)
	if l.cmd.Return&imapwire.ReturnStatus == 0 || !meets || box == nil || box.NoSelect() {
		return nil
	}
	return l.s.tellStatus(ctx, located{l.s.account, box}, d.Mailbox, l.cmd.Status)
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
func (s *session) listData(box *store.MailboxView) imapwire.ListData {
	return s.listBox(box, box.HasChildren())
}

// listBox says what can be said without being asked for: children and special uses too (RFC 9051 6.3.9.5, RFC 6154 2).
func (s *session) listBox(box *store.MailboxView, children bool) imapwire.ListData {
	d := imapwire.ListData{Delimiter: separator, Mailbox: imapwire.Mailbox(box.Path())}
	if box.NoSelect() {
		d.Attrs = append(d.Attrs, imapwire.AttrNoSelect)
	}
	if children {
		d.Attrs = append(d.Attrs, imapwire.AttrHasChildren)
	} else {
		d.Attrs = append(d.Attrs, imapwire.AttrHasNoChildren)
	}
	if u := useOf(box); u != "" && !s.off.has("SPECIAL-USE") {
		d.Attrs = append(d.Attrs, u)
	}
	return d
}

// useOf is the special use of a mailbox, or "".
func useOf(box *store.MailboxView) imapwire.Flag {
	for _, u := range uses() {
		if u.role == box.Role() {
			return u.attr
		}
	}
	return ""
}

// LSUB: RFC 3501 6.3.9. A name above a subscribed one that does not match, but itself does, is listed as one that cannot be selected:
// with "foo/bar" subscribed, "%" gives foo.
//
//	lsub = "LSUB" SP mailbox SP list-mailbox
func cmdLsub(s *session, _ context.Context, c *imapwire.Lsub) (done, error) {
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
		box, err := view.Lookup(name)
		if err != nil || box.NoSelect() || !view.Subscribed(name) {
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
