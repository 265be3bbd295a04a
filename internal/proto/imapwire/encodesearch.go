package imapwire

// spillAt is when a long response is handed to the writer before its end.
const spillAt = 4096

// Search writes a SEARCH response (RFC 3501 7.2.5). high, unless zero, is the highest mod-sequence of the messages found, for searches by MODSEQ
// (RFC 7162 3.1.5).
//
//	mailbox-data =/ "SEARCH" [1*(SP nz-number) SP "(" "MODSEQ" SP mod-sequence-value ")"]
func (e *Encoder) Search(found Numbers, high ModSeq) { e.found("SEARCH", found, high) }

// Sort writes a SORT response (RFC 5256 4), with high as in Search.
//
//	sort-data = "SORT" [1*(SP nz-number) [SP search-sort-mod-seq]]
func (e *Encoder) Sort(found Numbers, high ModSeq) { e.found("SORT", found, high) }

func (e *Encoder) found(name string, found Numbers, high ModSeq) {
	e.start(name)
	for n := range found.numbers() {
		if e.buf = appendUint(append(e.buf, ' '), uint64(n)); len(e.buf) > spillAt {
			e.spill()
		}
	}
	if high != 0 && !found.Empty() {
		e.buf = appendUint(append(e.buf, " (MODSEQ "...), uint64(high))
		e.buf = append(e.buf, ')')
	}
	e.end()
}

// SearchData is the content of an ESEARCH response. Which of it is written, Return says.
type SearchData struct {
	Tag        string // of the command
	UID        bool   // the numbers are UIDs
	Return     SearchReturn
	Min, Max   uint32 // with ReturnMin, ReturnMax; left out when zero: nothing was found
	All        Numbers
	Count      uint32
	Partial    Window  // with ReturnPartial
	InPartial  Numbers // the numbers within Partial
	HighModSeq ModSeq  // left out when zero (RFC 7162 3.1.10)
	Relevancy  []uint8 // with ReturnRelevancy: a score from 1 to 100 for each number of All, or of InPartial (RFC 6203 4)
	Updates    []ContextUpdate

	// Of an answer to ESEARCH (RFC 7377 2.1), where the numbers are UIDs in any case.
	Mailbox     Mailbox // "" for none
	UIDValidity uint32
}

// ContextUpdate is an ADDTO or REMOVEFROM (RFC 5267 4.3.3, 4.3.4).
type ContextUpdate struct {
	Remove   bool
	Position uint32 // in the results, from 1; 0 leaves it to the order of the mailbox
	Numbers  Numbers
}

// ESearch writes an ESEARCH response (RFC 9051 7.3.8).
//
//	esearch-response  = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
//	search-correlator = SP "(" one-correlator *(SP one-correlator) ")"
//	one-correlator    = ("TAG" SP tag-string) / ("MAILBOX" SP astring) / ("UIDVALIDITY" SP nz-number)
func (e *Encoder) ESearch(d *SearchData) {
	e.start("ESEARCH (TAG ")
	e.buf = e.wire.string(e.buf, d.Tag)
	if d.Mailbox != "" {
		e.buf = e.wire.mailbox(append(e.buf, " MAILBOX "...), string(d.Mailbox))
		e.buf = appendUint(append(e.buf, " UIDVALIDITY "...), uint64(d.UIDValidity))
	}
	e.buf = append(e.buf, ')')
	if d.UID {
		e.buf = append(e.buf, " UID"...)
	}
	if d.Return&ReturnMin != 0 && d.Min != 0 {
		e.buf = appendUint(append(e.buf, " MIN "...), uint64(d.Min))
	}
	if d.Return&ReturnMax != 0 && d.Max != 0 {
		e.buf = appendUint(append(e.buf, " MAX "...), uint64(d.Max))
	}
	if d.Return&ReturnAll != 0 && !empty(d.All) {
		e.buf = d.All.AppendTo(append(e.buf, " ALL "...))
	}
	if d.Return&ReturnCount != 0 {
		e.buf = appendUint(append(e.buf, " COUNT "...), uint64(d.Count))
	}
	if d.Return&ReturnPartial != 0 {
		// ret-data-partial = "PARTIAL" SP "(" partial-range SP partial-results ")"
		e.buf = append(d.Partial.appendTo(append(e.buf, " PARTIAL ("...)), ' ')
		if empty(d.InPartial) {
			e.buf = append(e.buf, "NIL"...)
		} else {
			e.buf = d.InPartial.AppendTo(e.buf)
		}
		e.buf = append(e.buf, ')')
	}
	if d.Return&ReturnRelevancy != 0 {
		e.relevancy(d.Relevancy)
	}
	if d.HighModSeq != 0 {
		e.buf = appendUint(append(e.buf, " MODSEQ "...), uint64(d.HighModSeq))
	}
	e.updates(d.Updates)
	e.end()
}

// relevancy appends scores.
//
//	search-return-data =/ "RELEVANCY" SP score-list
//	score-list         = "(" [score *(SP score)] ")"
func (e *Encoder) relevancy(scores []uint8) {
	e.buf = append(e.buf, " RELEVANCY ("...)
	for i, n := range scores {
		if i > 0 {
			e.buf = append(e.buf, ' ')
		}
		e.buf = appendUint(e.buf, uint64(n))
	}
	e.buf = append(e.buf, ')')
}

// updates appends them, in their order.
//
//	ret-data-addto      = "ADDTO" SP "(" context-position SP sequence-set *(SP context-position SP sequence-set) ")"
//	ret-data-removefrom = "REMOVEFROM" SP "(" context-position SP sequence-set *(SP context-position SP sequence-set) ")"
func (e *Encoder) updates(list []ContextUpdate) {
	for i, u := range list {
		switch {
		case i > 0 && list[i-1].Remove == u.Remove:
			e.buf = append(e.buf, ' ')
		case u.Remove:
			e.buf = append(e.buf, " REMOVEFROM ("...)
		default:
			e.buf = append(e.buf, " ADDTO ("...)
		}
		e.buf = appendUint(e.buf, uint64(u.Position))
		e.buf = u.Numbers.AppendTo(append(e.buf, ' '))
		if i == len(list)-1 || list[i+1].Remove != u.Remove {
			e.buf = append(e.buf, ')')
		}
	}
}

func empty(n Numbers) bool { return n == nil || n.Empty() }
