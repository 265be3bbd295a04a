package imapwire

// MultiSearch is ESEARCH (RFC 7377). What it finds is always told by UIDs.
type MultiSearch struct {
	Search
	In []MailboxFilter // where to look; empty is the selected mailbox
}

// MailboxFilter names mailboxes (RFC 5465 6, RFC 7377 2.2).
type MailboxFilter struct {
	Kind      FilterKind
	Mailboxes []Mailbox // of the kinds that take names
}

// FilterKind says what a MailboxFilter stands for.
type FilterKind uint8

// Kinds of filters.
const (
	FilterSelected        FilterKind = iota + 1
	FilterSelectedDelayed            // only in NOTIFY
	FilterInboxes                    //
	FilterPersonal                   //
	FilterSubscribed                 //
	FilterSubtree                    // the names and everything below them
	FilterSubtreeOne                 // the names and what is directly below them; only in ESEARCH
	FilterMailboxes                  // the names
)

var filterNames = [...]string{
	FilterSelected:        "SELECTED",
	FilterSelectedDelayed: "SELECTED-DELAYED",
	FilterInboxes:         "INBOXES",
	FilterPersonal:        "PERSONAL",
	FilterSubscribed:      "SUBSCRIBED",
	FilterSubtree:         "SUBTREE",
	FilterSubtreeOne:      "SUBTREE-ONE",
	FilterMailboxes:       "MAILBOXES",
}

// String is the name of the kind.
func (k FilterKind) String() string { return filterNames[k] }

// takesNames says whether names follow.
func (k FilterKind) takesNames() bool { return k >= FilterSubtree }

// filter reads filter-mailboxes. Which kinds are allowed, the caller says.
//
//	filter-mailboxes-other = "inboxes" / "personal" / "subscribed" / ( "subtree" SP one-or-more-mailbox ) /
//	                         ( "mailboxes" SP one-or-more-mailbox ) / ( "subtree-one" SP one-or-more-mailbox )
//	one-or-more-mailbox    = mailbox / many-mailboxes
//	many-mailboxes         = "(" mailbox *(SP mailbox) ")"
func (d *Decoder) filter(allowed func(FilterKind) bool) (MailboxFilter, bool) {
	var f MailboxFilter
	w := d.keyword()
	for kind, name := range filterNames {
		if kind > 0 && string(w) == name && allowed(FilterKind(kind)) {
			f.Kind = FilterKind(kind)
		}
	}
	if f.Kind == 0 {
		return f, d.fail("unknown mailbox specifier")
	}
	if !f.Kind.takesNames() {
		return f, true
	}
	one := func() bool {
		m, ok := d.mailbox()
		f.Mailboxes = append(f.Mailboxes, m)
		return ok
	}
	if !d.sp() {
		return f, false
	}
	if d.peek() == '(' {
		return f, d.list1("the mailboxes", one)
	}
	return f, one()
}

func (f *MailboxFilter) appendTo(w wire, b []byte) []byte {
	b = append(b, f.Kind.String()...)
	if !f.Kind.takesNames() {
		return b
	}
	b = append(b, ' ')
	if len(f.Mailboxes) == 1 {
		return w.mailbox(b, string(f.Mailboxes[0]))
	}
	for i, m := range f.Mailboxes {
		b = w.mailbox(listSep(b, i), string(m))
	}
	return append(b, ')')
}

// CommandName is ESEARCH.
func (c *MultiSearch) CommandName() string { return "ESEARCH" }

// esearch             = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
// esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
//
// There are no scope options yet: what stands in their place is unknown.
func (d *Decoder) parseMultiSearch() Command {
	c := MultiSearch{Search: Search{UID: true, Extended: true}}
	d.sp()
	word := d.searchWord()
	if string(word) == "IN" {
		d.sp()
		d.list1("the mailboxes to search", func() bool {
			f, ok := d.filter(func(k FilterKind) bool { return k != FilterSelectedDelayed })
			c.In = append(c.In, f)
			return ok
		})
		d.sp()
		word = d.searchWord()
	}
	if word = d.searchReturns(&c.Search, word); c.Return == 0 {
		c.Return = ReturnAll // RFC 7377 2.1
	}
	d.searchProgram(&c.Search, word)
	return done(d, &c)
}

func (c *MultiSearch) appendArgs(w wire, b []byte) []byte {
	if len(c.In) > 0 {
		b = append(b, " IN "...)
		for i := range c.In {
			b = c.In[i].appendTo(w, listSep(b, i))
		}
		b = append(b, ')')
	}
	return c.Search.appendArgs(w, b)
}
