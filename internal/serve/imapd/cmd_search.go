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
func cmdSearch(s *session, ctx context.Context, tag string, c *imapwire.Search) (done, error) {
	if err := s.checkUpdate(tag, c); err != nil {
		return done{}, err
	}
	found, modSeq, err := s.search(ctx, s.sel, c)
	if err != nil {
		return done{}, s.notSaved(c, err)
	}
	s.answer(tag, c, found, modSeq)
	return s.keepUpdated(tag, c, nil, found), nil
}

// notSaved empties the search result variable if a search with SAVE is refused by NO (RFC 9051 6.4.4.1).
func (s *session) notSaved(c *imapwire.Search, err error) error {
	if e := reply(err); c.Return&imapwire.ReturnSave != 0 && e.Status == imapwire.NO && s.sel != nil {
		s.sel.saved = nil
	}
	return err
}

// search finds the messages of a mailbox that match. modSeq says that mod-sequences were asked for.
func (s *session) search(ctx context.Context, sel *selected, c *imapwire.Search) (found results, modSeq bool, err error) {
	if err := s.decodeTexts(c); err != nil {
		return results{}, false, err
	}
	key, err := s.plainKeys(ctx, sel, c.Key)
	if err != nil {
		return results{}, false, err
	}
	p, err := s.compile(sel, key)
	if err != nil {
		return results{}, false, err
	}
	switch {
	case sel == s.sel:
		p.spans = s.limited(&sel.picture, p.spans)
	case countPlaces(p.spans) > s.srv.opts.MessageLimit: // whose response code could not say in which mailbox
		return results{}, false, errTooMuch()
	}
	if p.modSeq {
		s.enableCondStore()
	}
	var places placeSet
	err = p.run(ctx, s, &places)
	return results{picture: &sel.picture, spans: places.spans, scores: places.scores}, p.modSeq, err
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
	err := c.MapText(func(text string) (string, error) {
		if s.unicode() && !utf8.ValidString(text) {
			return "", badCommand("a text is not valid UTF-8") // RFC 6855 3
		}
		return charset.Decode(c.Charset, []byte(text)), nil
	})
	if err != nil {
		return err
	}
	return s.expandFilters(c)
}

// placeSet is places in ascending order.
type placeSet struct {
	spans  []span
	scores []uint8 // by place, after a fuzzy search
}

func (p *placeSet) add(i int) {
	if n := len(p.spans); n > 0 && p.spans[n-1].hi == i {
		p.spans[n-1].hi++
		return
	}
	p.spans = append(p.spans, span{i, i + 1})
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
