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
	found, err := s.search(ctx, c)
	if err != nil {
		if e := reply(err); save && e.Status == imapwire.NO {
			s.sel.saved = nil // RFC 9051 6.4.4.1
		}
		return done{}, err
	}
	r := newSearchResult(tag, c, s.rev2)
	for i, e := range s.sel.each(found.places()) {
		r.add(uint32(i+1), uint32(e.UID))
	}
	if save {
		s.sel.saved = r.saved()
	}
	r.tell(s.out())
	return done{}, nil
}

// search finds the places of the messages that match.
func (s *session) search(ctx context.Context, c *imapwire.Search) (*placeSet, error) {
	if c.Return&imapwire.ReturnPartial != 0 {
		return nil, badCommand("PARTIAL is not offered")
	}
	if err := s.decodeTexts(c); err != nil {
		return nil, err
	}
	p, err := s.compile(c.Key)
	if err != nil {
		return nil, err
	}
	found := new(placeSet)
	err = p.run(ctx, s, found)
	return found, err
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

func (p *placeSet) places() []span { return p.spans }

// searchResult gathers what a SEARCH returns: numbers as the command counts, UIDs for the result variable.
type searchResult struct {
	data     imapwire.SearchData
	extended bool
	numbers  imapwire.Set[imapwire.UID] // of messages, or UIDs
	uids     imapwire.UIDSet
	min, max imapwire.UID // UIDs
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
func (r *searchResult) add(seq, uid uint32) {
	n := seq
	if r.data.UID {
		n = uid
	}
	if r.data.Count == 0 {
		r.data.Min, r.min = n, imapwire.UID(uid)
	}
	r.data.Max, r.max = n, imapwire.UID(uid)
	r.data.Count++
	r.numbers.Add(imapwire.UID(n))
	r.uids.Add(imapwire.UID(uid))
}

// saved is the value of the search result variable (RFC 9051 6.4.4.1, table 4).
func (r *searchResult) saved() imapwire.UIDSet {
	few := r.data.Return & (imapwire.ReturnMin | imapwire.ReturnMax)
	if few == 0 || r.data.Return&(imapwire.ReturnAll|imapwire.ReturnCount) != 0 {
		return r.uids
	}
	var set imapwire.UIDSet
	if few&imapwire.ReturnMin != 0 && r.min != 0 {
		set.Add(r.min)
	}
	if few&imapwire.ReturnMax != 0 && r.max != 0 {
		set.Add(r.max)
	}
	return set
}

// tell writes the response. SAVE alone has none.
func (r *searchResult) tell(out *imapwire.Encoder) {
	r.data.All = r.numbers
	switch {
	case !r.extended:
		out.Search(r.numbers, 0)
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
