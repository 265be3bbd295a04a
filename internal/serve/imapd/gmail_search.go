package imapd

import (
	"context"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// isGmailKey says whether a key is of X-GM-EXT-1.
func isGmailKey(key imapwire.SearchKey) bool {
	switch key.(type) {
	case imapwire.SearchGmailID, imapwire.SearchGmailLabel, imapwire.SearchGmailRaw, hasAttachment:
		return true
	}
	return false
}

// plainKeys puts keys that the search program knows into the place of those of X-GM-EXT-1: ids become EMAILID and THREADID, queries what they
// stand for, labels and attachments the UIDs of the messages that have them.
func (s *session) plainKeys(ctx context.Context, sel *selected, key imapwire.SearchKey) (imapwire.SearchKey, error) {
	var err error
	switch k := key.(type) {
	case imapwire.SearchAnd:
		out := make(imapwire.SearchAnd, len(k))
		for i := range k {
			if out[i], err = s.plainKeys(ctx, sel, k[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case imapwire.SearchOr:
		if k.A, err = s.plainKeys(ctx, sel, k.A); err == nil {
			k.B, err = s.plainKeys(ctx, sel, k.B)
		}
		return k, err
	case imapwire.SearchNot:
		k.Key, err = s.plainKeys(ctx, sel, k.Key)
		return k, err
	case imapwire.SearchFuzzy:
		k.Key, err = s.plainKeys(ctx, sel, k.Key)
		return k, err
	case imapwire.SearchGmailID:
		seed := sel.box.View().Seed()
		if id := gmailID(seed, k.ID); k.Thread {
			return imapwire.SearchThreadID{ID: seed.ThreadID(store.ThreadID(id))}, nil
		} else {
			return imapwire.SearchEmailID{ID: seed.EmailID(store.MessageID(id))}, nil
		}
	case imapwire.SearchGmailRaw:
		raw, err := rawKey(k.Query)
		if err != nil {
			return nil, err
		}
		return s.plainKeys(ctx, sel, raw)
	case imapwire.SearchGmailLabel:
		return s.labelled(ctx, sel, k.Label)
	case hasAttachment:
		return s.attached(ctx, sel)
	}
	return key, nil
}

// labelled are the messages with a label.
func (s *session) labelled(ctx context.Context, sel *selected, label string) (imapwire.SearchKey, error) {
	switch {
	case strings.EqualFold(label, labelStarred):
		return imapwire.SearchFlag{Flag: imapwire.FlagFlagged}, nil
	case strings.EqualFold(label, labelImportant):
		return imapwire.SearchFlag{Flag: keywordImportant}, nil
	}
	box := s.labelBox(sel, label)
	switch {
	case box == nil || sel.account.ID() != s.who.Account:
		return nothing(), nil
	case box.ID() == sel.id:
		return imapwire.SearchAll{}, nil
	}
	if err := box.Load(ctx); err != nil {
		return nil, err
	}
	has := make(map[store.MessageID]struct{}, box.Len())
	for e := range box.All() {
		has[e.Message] = struct{}{}
	}
	return s.where(ctx, sel, func(e *store.Entry) bool { _, ok := has[e.Message]; return ok })
}

// labelBox finds the mailbox that a label names. In a query, where a space ends a word, a hyphen may stand for it.
func (s *session) labelBox(sel *selected, label string) *store.MailboxView {
	v := sel.account.View()
	for _, l := range systemLabels() {
		if strings.EqualFold(label, l.name) {
			box, err := v.ByRole(l.role)
			if err != nil {
				return nil
			}
			return box
		}
	}
	if box, err := v.Lookup(label); err == nil {
		return box
	}
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "-")) }
	for _, box := range v.Mailboxes() {
		if plain(box.Path()) == plain(label) {
			return box
		}
	}
	return nil
}

// where is the messages that pass a test, as a set.
func (s *session) where(ctx context.Context, sel *selected, is func(*store.Entry) bool) (imapwire.SearchKey, error) {
	if err := sel.box.Load(ctx); err != nil {
		return nil, err
	}
	var uids imapwire.UIDSet
	for _, e := range sel.each([]span{{0, sel.len()}}) {
		if is(e) {
			uids.Add(imapwire.UID(e.UID))
		}
	}
	if len(uids) == 0 {
		return nothing(), nil
	}
	return imapwire.SearchNum{UID: true, Set: imapwire.SetOf(uids)}, nil
}

// attached are the messages with attachments. It reads every record of the mailbox.
func (s *session) attached(ctx context.Context, sel *selected) (imapwire.SearchKey, error) {
	if err := sel.box.Load(ctx); err != nil {
		return nil, err
	}
	var ids []store.MessageID
	for _, e := range sel.each([]span{{0, sel.len()}}) {
		ids = append(ids, e.Message)
	}
	has := make(map[store.MessageID]bool)
	err := sel.account.Messages(ctx, ids, 0, func(i int, m *store.Message) error {
		if m.HasAttachment() {
			has[ids[i]] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.where(ctx, sel, func(e *store.Entry) bool { return has[e.Message] })
}
