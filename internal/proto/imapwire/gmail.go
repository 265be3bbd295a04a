package imapwire

import "strings"

// The extension X-GM-EXT-1, which Google defines without an RFC:
//
//	fetch-att       =/ "X-GM-MSGID" / "X-GM-THRID" / "X-GM-LABELS"
//	msg-att-dynamic =/ "X-GM-LABELS" SP "(" [label *(SP label)] ")"
//	msg-att-static  =/ ("X-GM-MSGID" / "X-GM-THRID") SP number64
//	store-att       =/ ["+" / "-"] "X-GM-LABELS" [".SILENT"] SP ("(" [label *(SP label)] ")" / label *(SP label))
//	search-key      =/ ("X-GM-MSGID" / "X-GM-THRID") SP number64 / "X-GM-LABELS" SP label / "X-GM-RAW" SP astring
//	label           = mailbox / "\" atom
//
// Labels with a backslash are the system's; on their way out they are strings, as the grammar of astring wants.

// SearchGmailID matches the message with this id, or those of the thread.
type SearchGmailID struct {
	Thread bool
	ID     uint64
}

// SearchGmailLabel matches the messages with this label.
type SearchGmailLabel struct{ Label string }

// SearchGmailRaw matches what a query as people type it asks for. Its text is in the charset of the command, as that of SearchText.
type SearchGmailRaw struct{ Query string }

// label reads a label, in UTF-8.
func (d *Decoder) label() (string, bool) {
	if d.peek() == '\\' {
		f, ok := d.flag()
		return string(f), ok
	}
	raw, ok := d.astring("a label")
	if !ok || strings.HasPrefix(raw, `\`) {
		return raw, ok
	}
	return d.mailboxName(raw)
}

// labels reads those of STORE.
func (d *Decoder) labels() (labels []string) {
	one := func() bool {
		l, ok := d.label()
		labels = append(labels, l)
		return ok
	}
	if d.peek() == '(' {
		d.list(one)
		return labels
	}
	for d.item() && one() && d.try(' ') {
	}
	return labels
}

func (w wire) label(b []byte, label string) []byte {
	if strings.HasPrefix(label, `\`) {
		return w.string(b, label)
	}
	return w.mailbox(b, label)
}

func (w wire) labels(b []byte, labels []string) []byte {
	b = append(b, '(')
	for i, l := range labels {
		if i > 0 {
			b = append(b, ' ')
		}
		b = w.label(b, l)
	}
	return append(b, ')')
}

// gmailKey reads the arguments of the keys above; nil when it is none of them.
func (d *Decoder) gmailKey(word []byte) (key SearchKey, ok bool) {
	switch string(word) {
	case "X-GM-MSGID", "X-GM-THRID":
		thread := word[5] == 'T'
		if !d.sp() {
			return nil, false
		}
		n, ok := d.number64("an id")
		return SearchGmailID{thread, n}, ok
	case "X-GM-LABELS":
		if !d.sp() {
			return nil, false
		}
		l, ok := d.label()
		return SearchGmailLabel{l}, ok
	case "X-GM-RAW":
		text, ok := d.spText()
		return SearchGmailRaw{text}, ok
	}
	return nil, d.fail("unknown search key")
}

func (k SearchGmailID) appendKey(_ wire, b []byte) []byte {
	if k.Thread {
		return appendUint(append(b, "X-GM-THRID "...), k.ID)
	}
	return appendUint(append(b, "X-GM-MSGID "...), k.ID)
}

func (k SearchGmailLabel) appendKey(w wire, b []byte) []byte {
	return w.label(append(b, "X-GM-LABELS "...), k.Label)
}

func (k SearchGmailRaw) appendKey(w wire, b []byte) []byte {
	return w.string(append(b, "X-GM-RAW "...), k.Query)
}

// GmailMessageID writes X-GM-MSGID.
func (f FetchWriter) GmailMessageID(id uint64) { f.e.buf = appendUint(f.item("X-GM-MSGID "), id) }

// GmailThreadID writes X-GM-THRID.
func (f FetchWriter) GmailThreadID(id uint64) { f.e.buf = appendUint(f.item("X-GM-THRID "), id) }

// GmailLabels writes X-GM-LABELS.
func (f FetchWriter) GmailLabels(labels []string) {
	f.e.buf = f.e.wire.labels(f.item("X-GM-LABELS "), labels)
}

// XList is XLIST, with which Gmail told of special uses before RFC 6154: LIST with other attributes.
type XList struct{ Reference, Pattern string }

// CommandName is XLIST.
func (*XList) CommandName() string { return "XLIST" }

// xlist = "XLIST" SP mailbox SP list-mailbox
func (d *Decoder) parseXList() Command {
	l, ok := d.parseLsub().(*Lsub)
	if !ok {
		return nil
	}
	return (*XList)(l)
}

func (c *XList) appendArgs(w wire, b []byte) []byte { return (*Lsub)(c).appendArgs(w, b) }

// XList writes an XLIST response.
func (e *Encoder) XList(l *ListData) {
	e.listLine("XLIST ", l)
	e.end()
}
