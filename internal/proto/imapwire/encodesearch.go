package imapwire

// spillAt is when a long response is handed to the writer before its end.
const spillAt = 4096

// Search writes a SEARCH response (RFC 3501 7.2.5). high, unless zero, is the highest mod-sequence of the messages found, for searches by MODSEQ
// (RFC 7162 3.1.5).
//
//	mailbox-data =/ "SEARCH" [1*(SP nz-number) SP "(" "MODSEQ" SP mod-sequence-value ")"]
func (e *Encoder) Search(found Numbers, high ModSeq) {
	e.start("SEARCH")
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
}

// ESearch writes an ESEARCH response (RFC 9051 7.3.8).
//
//	esearch-response  = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
//	search-correlator = SP "(" "TAG" SP tag-string ")"
func (e *Encoder) ESearch(d *SearchData) {
	e.start("ESEARCH (TAG ")
	e.buf = append(e.wire.string(e.buf, d.Tag), ')')
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
	if d.HighModSeq != 0 {
		e.buf = appendUint(append(e.buf, " MODSEQ "...), uint64(d.HighModSeq))
	}
	e.end()
}

func empty(n Numbers) bool { return n == nil || n.Empty() }
