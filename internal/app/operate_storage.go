package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/serve/admind"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// Storage implements admind.Backend.
func (c *Core) Storage(ctx context.Context, r admind.StorageRequest) (out admind.Storage, err error) {
	err = c.withAccount(ctx, r.Address, func(_ *directory.Directory, _ addr.Address, h *store.Account) error {
		rep, err := h.Storage(ctx, store.StorageOptions{Top: r.Top, Zone: time.Local})
		if err == nil {
			out = storageReport(&rep, h.View().Seed())
		}
		return err
	})
	return out, err
}

func storageReport(rep *store.StorageReport, seed store.Seed) admind.Storage {
	out := admind.Storage{
		Messages: rep.Used.Messages, Used: rep.Used.Octets, AllFrom: rep.SenderCount, RuleEnds: rep.RuleEnds,
		Quota:   admind.Quota{Octets: rep.Limit.Octets, Messages: rep.Limit.Messages, Mailboxes: rep.Limit.Mailboxes},
		Removed: admind.StorageRemoved{Sum: admind.Sum(rep.Removed.Sum), First: rep.Removed.First, Last: rep.Removed.Last},
	}
	for _, h := range rep.Helps() {
		kind := map[store.HelpKind]string{store.HelpEmpty: "empty", store.HelpLargest: "largest", store.HelpSender: "sender"}[h.Kind]
		out.Helps = append(out.Helps, admind.StorageHelp{Kind: kind, Name: printable(h.Name), Sum: admind.Sum(h.Sum)})
	}
	for _, m := range rep.Mailboxes {
		box := admind.StorageMailbox{
			Path: m.Path, Sum: admind.Sum{Messages: m.Messages, Octets: m.Octets}, Leaving7: admind.Sum(m.Leaving7), Leaving30: admind.Sum(m.Leaving30),
		}
		if m.Retention.For > 0 {
			box.Keeps = retention.Keep(m.Retention.For).String()
		}
		out.Mailboxes = append(out.Mailboxes, box)
	}
	for _, m := range rep.Largest {
		out.Largest = append(out.Largest, admind.StorageMessage{
			UIDL: seed.EmailID(m.ID), Size: m.Size, Mailbox: m.Mailbox, UID: uint32(m.UID), Date: m.Date,
			From: printable(m.From), Subject: printable(mime.DecodeHeader(m.Subject)),
		})
	}
	for _, s := range rep.Senders {
		out.Senders = append(out.Senders, admind.StorageSender{Address: printable(s.Address), Sum: admind.Sum(s.Sum)})
	}
	for _, r := range rep.Releases {
		out.Releases = append(out.Releases, admind.StorageRelease{Day: r.Day.Format(time.DateOnly), Then: r.Then.String(), Sum: admind.Sum(r.Sum)})
	}
	return out
}

// printable is text from a message for a terminal: on one line, and nothing in it that a terminal would obey.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}

// sameMessageID bounds the messages of one Message-ID whose histories are told.
const sameMessageID = 10

// wanted finds the messages that a request is about.
func wanted(ctx context.Context, h *store.Account, r admind.HistoryRequest) ([]store.MessageID, error) {
	switch {
	case r.ID != "":
		if id, ok := h.View().Seed().ParseEmailID(r.ID); ok {
			return []store.MessageID{id}, nil
		}
	case r.MessageID != "":
		ids, err := h.ByMessageID(ctx, strings.Trim(r.MessageID, "<> "), sameMessageID)
		if err != nil || len(ids) > 0 {
			return ids, err
		}
	default:
		m, err := h.View().Lookup(r.Mailbox)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", r.Mailbox, err)
		}
		uid := store.UID(r.UID)
		if err := m.LoadUIDs(ctx, store.UIDRange{Lo: uid, Hi: uid}); err != nil {
			return nil, err
		}
		if e := m.Entry(uid); e != nil {
			return []store.MessageID{e.Message}, nil
		}
	}
	return nil, store.ErrNoMessage
}
