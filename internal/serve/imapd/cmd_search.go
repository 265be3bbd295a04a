package imapd

import (
	"context"
	"unicode/utf8"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime/charset"
	"restante/internal/store"
)

// SEARCH: RFC 9051 6.4.4, RFC 3501 6.4.4; RETURN: RFC 4731; SAVE: RFC 5182; OLDER, YOUNGER: RFC 5032; EMAILID, THREADID: RFC 8474 6;
// SAVEDON and its like: RFC 8514 4.3.
//
//	search         = "SEARCH" [search-return-opts] SP search-program
//	search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
func cmdSearch(s *session, ctx context.Context, tag string, args imapwire.Command) (done, error) {
	c := args.(*imapwire.Search)
	save := c.Return&imapwire.ReturnSave != 0
	found, modSeq, err := s.search(ctx, c)
	if err != nil {
		if e := reply(err); save && e.Status == imapwire.NO {
			s.sel.saved = nil // RFC 9051 6.4.4.1
		}
		return done{}, err
	}
	r := newSearchResult(tag, c, s.rev2)
	for i, e := range s.sel.each(found.spans) {
		r.add(uint32(i+1), e)
	}
	if modSeq {
		r.tellModSeq()
	}
	if save {
		s.sel.saved = r.saved()
	}
	r.tell(s.out())
	return done{}, nil
}

// search finds the places of the messages that match. modSeq says that mod-sequences were asked for.
func (s *session) search(ctx context.Context, c *imapwire.Search) (found *placeSet, modSeq bool, err error) {
	if c.Return&imapwire.ReturnPartial != 0 {
		return nil, false, badCommand("PARTIAL is not offered")
	}
	if err := s.decodeTexts(c); err != nil {
		return nil, false, err
	}
	p, err := s.compile(c.Key)
	if err != nil {
		return nil, false, err
	}
	if p.modSeq {
		s.enableCondStore()
	}
	found = new(placeSet)
	return found, p.modSeq, p.run(ctx, s, found)
}

// decodeTexts makes UTF-8 of the texts to look for. Without CHARSET they are UTF-8 (RFC 9051 6.4.4); what is not even that was sent by an old
// client that meant what it shows its user, most likely windows-1252.
func (s *session) decodeTexts(c *imapwire.Search) error {
	if c.Charset != "" && s.utf8 {
		return badCommand("no CHARSET after ENABLE UTF8=ACCEPT") // RFC 6855 3
	}
	if c.Charset != "" && !charset.Known(c.Charset) {
		return no(imapwire.CodeBadCharset("UTF-8", "US-ASCII"), "the charset is not known")
	}
	return c.MapText(func(text string) (string, error) {
		if s.unicode() && !utf8.ValidString(text) {
			return "", badCommand("a text is not valid UTF-8") // RFC 6855 3
		}
		return charset.Decode(c.Charset, []byte(text)), nil
	})
}

// placeSet is places in ascending order.
type placeSet struct{ spans []span }

func (p *placeSet) add(i int) {
	if n := len(p.spans); n > 0 && p.spans[n-1].hi == i {
		p.spans[n-1].hi++
		return
	}
	p.spans = append(p.spans, span{i, i + 1})
}

// searchResult gathers what a SEARCH returns: numbers as the command counts, UIDs for the result variable.
type searchResult struct {
	data     imapwire.SearchData
	extended bool
	numbers  imapwire.Set[imapwire.UID] // of messages, or UIDs
	uids     imapwire.UIDSet
	min, max *store.Entry
	high     store.ModSeq // the highest mod-sequence of all
}

func newSearchResult(tag string, c *imapwire.Search, rev2 bool) *searchResult {
	// RFC 9051 6.4.4: IMAP4rev2 knows ESEARCH only, and "()" and nothing are "(ALL)".
	r := &searchResult{extended: c.Extended || rev2}
	r.data = imapwire.SearchData{Tag: tag, UID: c.UID, Return: c.Return}
	if !c.Extended {
		r.data.Return = imapwire.ReturnAll
	}
	return r
}

// add adds a message; they come in ascending order.
func (r *searchResult) add(seq uint32, e *store.Entry) {
	n := seq
	if r.data.UID {
		n = uint32(e.UID)
	}
	if r.data.Count == 0 {
		r.data.Min, r.min = n, e
	}
	r.data.Max, r.max = n, e
	r.data.Count++
	r.numbers.Add(imapwire.UID(n))
	r.uids.Add(imapwire.UID(e.UID))
	r.high = max(r.high, e.ModSeq)
}

// few says that MIN or MAX, and neither ALL nor COUNT, are returned: only these messages count.
func (r *searchResult) few() bool {
	return r.data.Return&(imapwire.ReturnMin|imapwire.ReturnMax) != 0 && r.data.Return&(imapwire.ReturnAll|imapwire.ReturnCount) == 0
}

// tellModSeq puts in the highest mod-sequence of the messages that are returned (RFC 7162 3.1.5, RFC 4731 3.2).
func (r *searchResult) tellModSeq() {
	high := r.high
	if r.few() && r.min != nil {
		high = 0
		if r.data.Return&imapwire.ReturnMin != 0 {
			high = r.min.ModSeq
		}
		if r.data.Return&imapwire.ReturnMax != 0 {
			high = max(high, r.max.ModSeq)
		}
	}
	r.data.HighModSeq = imapwire.ModSeq(high)
}

// saved is the value of the search result variable (RFC 9051 6.4.4.1, table 4).
func (r *searchResult) saved() imapwire.UIDSet {
	if !r.few() || r.min == nil {
		return r.uids
	}
	var set imapwire.UIDSet
	if r.data.Return&imapwire.ReturnMin != 0 {
		set.Add(imapwire.UID(r.min.UID))
	}
	if r.data.Return&imapwire.ReturnMax != 0 {
		set.Add(imapwire.UID(r.max.UID))
	}
	return set
}

// tell writes the response. SAVE alone has none.
func (r *searchResult) tell(out *imapwire.Encoder) {
	r.data.All = r.numbers
	switch {
	case !r.extended:
		out.Search(r.numbers, r.data.HighModSeq)
	case r.data.Return != imapwire.ReturnSave:
		out.ESearch(&r.data)
	}
}

// messageID and threadID read what clients were told as EMAILID and THREADID; 0 is none.
func messageID(s store.Seed, id string) store.MessageID {
	n, _ := s.ParseEmailID(id)
	return n
}

func threadID(s store.Seed, id string) store.ThreadID {
	n, _ := s.ParseThreadID(id)
	return n
}
