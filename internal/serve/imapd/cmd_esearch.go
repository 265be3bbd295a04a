package imapd

import (
	"context"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// ESEARCH: RFC 7377. Mailboxes are searched one after the other, by name; each with results has a response. One that is not there or holds no
// messages is passed over.
//
//	esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
func cmdESearch(s *session, ctx context.Context, tag string, c *imapwire.MultiSearch) (done, error) {
	if err := s.checkSources(tag, c); err != nil {
		return done{}, err
	}
	at, err := s.sources(ctx, c.In)
	if err != nil {
		return done{}, s.notSaved(&c.Search, err)
	}
	keep := done{}
	for i := range at {
		if err := s.searchAt(ctx, tag, c, &at[i], &keep); err != nil {
			return done{}, s.notSaved(&c.Search, err)
		}
	}
	return keep, nil
}

// isSelected says that only the selected mailbox is searched.
func isSelected(in []imapwire.MailboxFilter) bool {
	return !slices.ContainsFunc(in, func(f imapwire.MailboxFilter) bool { return f.Kind != imapwire.FilterSelected })
}

// checkSources refuses what RFC 7377 2.2 says is BAD.
func (s *session) checkSources(tag string, c *imapwire.MultiSearch) error {
	selected := len(c.In) == 0 || slices.ContainsFunc(c.In, func(f imapwire.MailboxFilter) bool { return f.Kind == imapwire.FilterSelected })
	switch {
	case selected && s.sel == nil:
		return badCommand("no mailbox is selected")
	case c.Return&(imapwire.ReturnSave|imapwire.ReturnUpdate) != 0 && !isSelected(c.In):
		return badCommand("SAVE and UPDATE are for the selected mailbox alone")
	case s.sel != nil:
		return s.checkUpdate(tag, &c.Search)
	}
	return nil
}

// source is a mailbox to search.
type source struct {
	located
	selected bool
}

// maxSources bounds the mailboxes of one ESEARCH.
const maxSources = store.MaxMailboxes

// sources are the mailboxes that are meant, by name; each once, though several names may lead to it.
func (s *session) sources(ctx context.Context, in []imapwire.MailboxFilter) ([]source, error) {
	if len(in) == 0 {
		in = []imapwire.MailboxFilter{{Kind: imapwire.FilterSelected}}
	}
	var out []source
	for _, f := range in {
		switch f.Kind {
		case imapwire.FilterSelected:
			out = append(out, source{located{s.sel.account, s.sel.box, s.sel.prefix, s.sel.rights}, true})
		case imapwire.FilterMailboxes:
			for _, name := range f.Mailboxes {
				if at, err := s.locate(ctx, name); err == nil {
					out = append(out, source{located: at})
				}
			}
		default:
			out = append(out, s.own(f)...)
		}
		if len(out) > 2*maxSources {
			return nil, no(imapwire.CodeLimit, "too many mailboxes to search")
		}
	}
	if s.sel != nil { // which is searched as the client sees it, however it is named
		for i := range out {
			at := &out[i]
			at.selected = at.selected || at.account.ID() == s.sel.account.ID() && at.box.ID() == s.sel.id
		}
	}
	slices.SortStableFunc(out, func(a, b source) int { return inboxFirst(string(a.name()), string(b.name())) })
	type place struct {
		account store.AccountID
		box     store.MailboxID
	}
	seen := make(map[place]bool, len(out))
	return slices.DeleteFunc(out, func(at source) bool {
		p := place{at.account.ID(), at.box.ID()}
		known := seen[p]
		seen[p] = true
		return known
	}), nil
}

// own are the mailboxes of the session's account that a filter means. INBOXES is PERSONAL (RFC 5465 6.3), for mail can be delivered anywhere.
func (s *session) own(f imapwire.MailboxFilter) (out []source) {
	view := s.account.View()
	for _, box := range view.Mailboxes() {
		path := box.Path()
		if !box.NoSelect() && (f.Kind != imapwire.FilterSubscribed || view.Subscribed(path)) && under(f, path) {
			out = append(out, source{located: located{s.account, box, "", store.AllRights}})
		}
	}
	return out
}

// under says whether a name is one that SUBTREE or SUBTREE-ONE means. Other filters mean all.
func under(f imapwire.MailboxFilter, path string) bool {
	if f.Kind != imapwire.FilterSubtree && f.Kind != imapwire.FilterSubtreeOne {
		return true
	}
	return slices.ContainsFunc(f.Mailboxes, func(top imapwire.Mailbox) bool {
		rest, ok := strings.CutPrefix(path, strings.TrimSuffix(string(top), store.Separator))
		if !ok || rest != "" && rest[0] != separator {
			return false
		}
		return f.Kind == imapwire.FilterSubtree || strings.Count(rest, store.Separator) <= 1
	})
}

// searchAt searches one mailbox and tells what was found.
func (s *session) searchAt(ctx context.Context, tag string, c *imapwire.MultiSearch, at *source, keep *done) error {
	sel := s.sel
	if !at.selected {
		sel = &selected{picture: picture{box: at.box}, account: at.account, id: at.box.ID(), readOnly: true}
		defer at.account.Pin()()
	}
	if err := sel.box.Load(ctx); err != nil {
		return err
	}
	search := c.Search // whose texts are decoded where they are looked for
	found, modSeq, err := s.search(ctx, sel, &search)
	if err != nil {
		return err
	}
	if at.selected && isSelected(c.In) {
		s.save(&search, found)
		*keep = s.keepUpdated(tag, &search, nil, found)
		for _, w := range sel.live {
			if w.tag == tag {
				w.mailbox = at.name()
			}
		}
	}
	if found.len() == 0 || search.Return == imapwire.ReturnSave { // RFC 7377 2.1
		return nil
	}
	d := imapwire.SearchData{Tag: tag, UID: true, Return: search.Return, Mailbox: at.name(), UIDValidity: at.box.UIDValidity()}
	if modSeq {
		d.HighModSeq = highestOf(found.counted(search.Return, search.Partial))
	}
	found.fill(&d, &search)
	s.out().ESearch(&d)
	return nil
}
