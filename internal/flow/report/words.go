package report

import (
	"fmt"
	"slices"
	"strings"

	"restante/internal/proto/dsn"
	"restante/internal/store"
)

// subject says the worst.
func (l *letter) subject() string {
	switch l.report.Recipients[0].Action { // failures come first
	case dsn.Failed:
		return "Your message could not be delivered"
	case dsn.Delayed:
		return "Your message is delayed: nothing to do for you yet"
	case dsn.Relayed: // which is less than delivered
		return "Your message has been handed on"
	}
	return "Your message has been delivered"
}

// text is the letter for people.
func (l *letter) text(whole bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is the mail server %s.\n", l.bounce.opts.Host)
	for _, part := range []struct {
		action dsn.Action
		words  string
	}{
		{dsn.Failed, "Your message could not be delivered to:"},
		{dsn.Delayed, "Your message has not yet been delivered to these recipients. You need not send it again:\nthe server goes on trying until " + l.q.Expires.Format(dayAndTime) + "."},
		{dsn.Relayed, "Your message has been handed on to a server that sends no confirmations:"},
		{dsn.Delivered, "Your message has been delivered to:"},
	} {
		var list []string
		for i := range l.report.Recipients {
			if r := &l.report.Recipients[i]; r.Action == part.action {
				list = append(list, l.one(r))
			}
		}
		if len(list) > 0 {
			fmt.Fprintf(&b, "\n%s\n\n%s", part.words, strings.Join(list, "\n"))
		}
	}
	what := "Its header"
	if whole {
		what = "The message"
	}
	fmt.Fprintf(&b, "\n%s is attached. Whoever runs the server finds it by the number %s.\n", what, store.FormatQueueID(l.q.ID))
	return b.String()
}

const dayAndTime = "Mon 2 Jan 2006 15:04 MST"

// one is a recipient, and why.
func (l *letter) one(r *dsn.Recipient) string {
	s := "    " + r.Final.Unicode() + "\n"
	if r.OriginalType != "" && r.Original != "" && !strings.EqualFold(r.Original, r.Final.String()) {
		s += "      (you wrote to " + clean(r.Original) + ")\n"
	}
	if r.Action != dsn.Failed && r.Action != dsn.Delayed {
		return s
	}
	if l.sentOn(r) {
		s += "      Mail for this address is sent on to another one, which does not take it.\n"
		if r.Status.Subject == 1 {
			return s // it is not this address that is wrong
		}
	}
	if why := reason(r); why != "" {
		s += "      " + why + "\n"
	}
	for i := range l.q.Recipients {
		q := &l.q.Recipients[i]
		if q.To != r.Final {
			continue
		}
		if r.RemoteMTA != "" {
			s += "      " + clean(r.RemoteMTA) + " said: " + clean(q.Reply) + "\n"
		} else if _, _, text := split(q.Reply); text != "" {
			s += "      " + clean(text) + "\n"
		}
		break
	}
	return s
}

// sentOn says whether a recipient stands for where its mail was sent on to.
func (l *letter) sentOn(r *dsn.Recipient) bool {
	return slices.ContainsFunc(l.q.Recipients, func(q store.QueuedRecipient) bool {
		return q.Source != "" && q.Source == r.Final.String() && q.To != r.Final
	})
}

// clean makes one line of what somebody else has written.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// reason says in plain words what a status means (RFC 3463 3); empty where the code says nothing that the reply does not.
func reason(r *dsn.Recipient) string {
	s := r.Status
	switch [2]uint16{s.Subject, s.Detail} {
	case [2]uint16{1, 1}:
		return "There is no such address. Is it spelt correctly?"
	case [2]uint16{1, 2}, [2]uint16{1, 10}:
		return "The domain takes no mail, or does not exist. Is it spelt correctly?"
	case [2]uint16{1, 6}:
		return "The recipient has moved and left no new address."
	case [2]uint16{2, 1}:
		return "The mailbox is not in use at present."
	case [2]uint16{2, 2}:
		return "The recipient's mailbox is full."
	case [2]uint16{2, 3}, [2]uint16{3, 4}:
		return "The message is too large for the recipient's server."
	case [2]uint16{4, 1}, [2]uint16{4, 2}:
		return "The recipient's server does not answer."
	case [2]uint16{4, 6}:
		return "The message goes round in circles."
	case [2]uint16{4, 7}:
		return "It could not be delivered in time."
	case [2]uint16{7, 1}:
		return "The recipient's server refuses it by its rules."
	case [2]uint16{7, 10}, [2]uint16{7, 30}:
		return "It may only travel encrypted, and the next server cannot do that."
	}
	return ""
}
