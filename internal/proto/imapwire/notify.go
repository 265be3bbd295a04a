package imapwire

import "strings"

// Notify is NOTIFY (RFC 5465 3.1). Without groups it is NOTIFY NONE.
type Notify struct {
	Status bool // STATUS of the mailboxes is wanted at once
	Groups []EventGroup
}

// EventGroup says of which events in which mailboxes a client wants to hear.
type EventGroup struct {
	Filter  MailboxFilter
	Events  Events      // none: NONE
	Unknown bool        // events were named that are not among Events
	Fetch   []FetchItem // what is wanted of new messages
}

// Events is a set of events (RFC 5465 5).
type Events uint8

// Events.
const (
	EventMessageNew Events = 1 << iota
	EventMessageExpunge
	EventFlagChange
	EventAnnotationChange
	EventMailboxName
	EventSubscriptionChange
	EventMailboxMetadataChange
	EventServerMetadataChange

	// MessageEvents are those of messages; the selected mailbox has no others.
	MessageEvents = EventMessageNew | EventMessageExpunge | EventFlagChange | EventAnnotationChange
)

var eventNames = [...]string{"MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange", "MailboxName", "SubscriptionChange",
	"MailboxMetadataChange", "ServerMetadataChange"}

// Names are the names of the events.
func (e Events) Names() (names []string) {
	for i, name := range eventNames {
		if e&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// CodeBadEvent is BADEVENT with the events that there are.
func CodeBadEvent(known Events) Code {
	return Code("BADEVENT (" + strings.Join(known.Names(), " ") + ")")
}

// CommandName is NOTIFY.
func (*Notify) CommandName() string { return "NOTIFY" }

// notify       = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-groups / "NONE")
// event-groups = event-group *(SP event-group)
func (d *Decoder) parseNotify() Command {
	var c Notify
	if !d.sp() {
		return nil
	}
	switch w := d.keyword(); string(w) {
	case "NONE":
		return done(d, &c)
	case "SET":
	default:
		d.fail("expected SET or NONE")
		return nil
	}
	if !d.sp() {
		return nil
	}
	if d.peek() != '(' {
		if string(d.keyword()) != "STATUS" {
			d.fail("expected STATUS or an event group")
		}
		c.Status = true
		d.sp()
	}
	for ok := true; ok; ok = d.try(' ') {
		if !d.item() || !d.eventGroup(&c) {
			return nil
		}
	}
	return done(d, &c)
}

// event-group      = "(" filter-mailboxes SP events ")"
// filter-mailboxes = "selected" / "selected-delayed" / "inboxes" / "personal" / "subscribed" / ("subtree" / "mailboxes") SP one-or-more-mailbox
// events           = ("(" event *(SP event) ")") / "NONE"
func (d *Decoder) eventGroup(c *Notify) bool {
	var g EventGroup
	if !d.expect('(') {
		return false
	}
	var ok bool
	if g.Filter, ok = d.filter(func(k FilterKind) bool { return k != FilterSubtreeOne }); !ok || !d.sp() {
		return false
	}
	if d.peek() == '(' {
		if !d.list1("the events", func() bool { return d.event(&g) }) {
			return false
		}
	} else if string(d.keyword()) != "NONE" {
		return d.fail("expected events or NONE")
	}
	c.Groups = append(c.Groups, g)
	return d.expect(')')
}

// event         = message-event / mailbox-event / user-event / event-ext
// message-event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / "MessageExpunge" / "FlagChange" / "AnnotationChange"
func (d *Decoder) event(g *EventGroup) bool {
	w := d.keyword()
	if len(w) == 0 {
		return d.fail("expected an event at column %d", d.pos+1)
	}
	for i, name := range eventNames {
		if strings.EqualFold(string(w), name) {
			g.Events |= 1 << i
			if 1<<i == EventMessageNew && d.pos+1 < len(d.line) && d.line[d.pos] == ' ' && d.line[d.pos+1] == '(' {
				d.pos++
				return d.fetchItems(&g.Fetch)
			}
			return true
		}
	}
	g.Unknown = true
	return true
}

// fetchItems reads "(" fetch-att *(SP fetch-att) ")".
func (d *Decoder) fetchItems(items *[]FetchItem) bool {
	c := Fetch{Items: *items}
	ok := d.list1("the items", func() bool { return d.fetchItem(&c, false) })
	*items = c.Items
	return ok
}

func (c *Notify) appendArgs(w wire, b []byte) []byte {
	if len(c.Groups) == 0 {
		return append(b, " NONE"...)
	}
	b = append(b, " SET"...)
	if c.Status {
		b = append(b, " STATUS"...)
	}
	for i := range c.Groups {
		b = append(c.Groups[i].appendTo(w, append(b, " ("...)), ')')
	}
	return b
}

func (g *EventGroup) appendTo(w wire, b []byte) []byte {
	b = append(g.Filter.appendTo(w, b), ' ')
	if g.Events == 0 && !g.Unknown {
		return append(b, "NONE"...)
	}
	names := g.Events.Names()
	if g.Unknown {
		names = append(names, "X-Unknown")
	}
	for i, name := range names {
		if b = append(listSep(b, i), name...); name == eventNames[0] && len(g.Fetch) > 0 {
			b = append(b, ' ')
			for k := range g.Fetch {
				b = g.Fetch[k].appendRequest(listSep(b, k))
			}
			b = append(b, ')')
		}
	}
	return append(b, ')')
}
