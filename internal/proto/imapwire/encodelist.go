package imapwire

// List writes a LIST response (RFC 9051 7.3.1). OldName and ChildInfo are extended data, for those who asked by an extended LIST.
//
//	mailbox-list       = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox [SP mbox-list-extended]
//	mbox-list-extended = "(" [mbox-list-extended-item *(SP mbox-list-extended-item)] ")"
func (e *Encoder) List(l *ListData) {
	e.listLine("LIST ", l)
	items := 0
	if len(l.ChildInfo) > 0 {
		// childinfo-extended-item = "CHILDINFO" SP "(" list-select-base-opt-quoted *(...) ")"
		e.buf = append(listSep(append(e.buf, ' '), items), `"CHILDINFO" `...)
		items++
		for i, opt := range l.ChildInfo {
			e.buf = e.wire.string(listSep(e.buf, i), opt)
		}
		e.buf = append(e.buf, ')')
	}
	if l.OldName != "" {
		// oldname-extended-item = "OLDNAME" SP "(" mailbox ")"
		if items == 0 {
			e.buf = append(e.buf, ' ')
		}
		e.buf = append(listSep(e.buf, items), `"OLDNAME" (`...)
		items++
		e.buf = append(e.wire.mailbox(e.buf, string(l.OldName)), ')')
	}
	if items > 0 {
		e.buf = append(e.buf, ')')
	}
	e.end()
}

// Lsub writes an LSUB response (RFC 3501 7.2.3).
func (e *Encoder) Lsub(l *ListData) {
	e.listLine("LSUB ", l)
	e.end()
}

func (e *Encoder) listLine(name string, l *ListData) {
	e.start(name)
	e.buf = append(flagList(e.buf, l.Attrs), ' ')
	e.buf = append(appendDelimiter(e.buf, l.Delimiter), ' ')
	e.buf = e.wire.mailbox(e.buf, string(l.Mailbox))
}

func appendDelimiter(b []byte, c byte) []byte {
	if c == 0 {
		return append(b, "NIL"...)
	}
	return wire{}.string(b, string(rune(c)))
}

// Namespace is one namespace of a class (RFC 2342, RFC 9051 6.3.10).
type Namespace struct {
	Prefix    string // in UTF-8
	Delimiter byte   // 0 is NIL
}

// Namespace writes a NAMESPACE response (RFC 9051 7.3.3). A class without namespaces is NIL.
//
//	namespace       = nil / "(" 1*namespace-descr ")"
//	namespace-descr = "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil) [namespace-response-extensions] ")"
func (e *Encoder) Namespace(personal, others, shared []Namespace) {
	e.start("NAMESPACE")
	for _, class := range [...][]Namespace{personal, others, shared} {
		e.buf = append(e.buf, ' ')
		if len(class) == 0 {
			e.buf = append(e.buf, "NIL"...)
			continue
		}
		e.buf = append(e.buf, '(')
		for _, ns := range class {
			e.buf = append(e.wire.pattern(append(e.buf, '('), ns.Prefix), ' ')
			e.buf = append(appendDelimiter(e.buf, ns.Delimiter), ')')
		}
		e.buf = append(e.buf, ')')
	}
	e.end()
}

// StatusData writes a STATUS response with those items (RFC 9051 7.3.4).
func (e *Encoder) StatusData(m Mailbox, items []StatusItem, data *StatusData) {
	e.start("STATUS ")
	e.buf = append(e.wire.mailbox(e.buf, string(m)), ' ')
	for i, item := range items {
		e.buf = data.appendValue(listSep(e.buf, i), item)
	}
	if len(items) == 0 {
		e.buf = append(e.buf, '(')
	}
	e.buf = append(e.buf, ')')
	e.end()
}
