package store

import "slices"

// MailboxChange is a mailbox in two views of an account, nil in one where there is none. Its properties or counters are different;
// when one above it was renamed, its path may be different without that.
type MailboxChange struct{ Was, Is *MailboxView }

// Diff returns which mailboxes are different in a newer view of the same account, by id. It costs a comparison of pointers for each
// mailbox and reads nothing.
func (v *View) Diff(newer *View) []MailboxChange {
	var out []MailboxChange
	a, b := v.state.mailboxes, newer.state.mailboxes
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].id < b[0].id:
			out = append(out, MailboxChange{Was: &MailboxView{view: v, box: a[0]}})
			a = a[1:]
		case len(a) == 0 || b[0].id < a[0].id:
			out = append(out, MailboxChange{Is: &MailboxView{view: newer, box: b[0]}})
			b = b[1:]
		default:
			if a[0] != b[0] {
				out = append(out, MailboxChange{&MailboxView{view: v, box: a[0]}, &MailboxView{view: newer, box: b[0]}})
			}
			a, b = a[1:], b[1:]
		}
	}
	return out
}

// SubscriptionDiff returns the names that are subscribed in one of the views and not in the other, sorted.
func (v *View) SubscriptionDiff(newer *View) []string {
	a, b := v.state.subs, newer.state.subs
	if len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) {
		return nil
	}
	var out []string
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case len(a) == 0 || b[0] < a[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return slices.Clip(out)
}
