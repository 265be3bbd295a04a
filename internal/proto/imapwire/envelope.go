package imapwire

import "restante/internal/proto/mime"

// Envelope writes ENVELOPE.
func (f FetchWriter) Envelope(env *mime.Envelope) {
	f.e.buf = f.e.wire.envelope(f.item("ENVELOPE "), env)
}

// envelope appends the envelope of a message (RFC 9051 7.5.2).
//
//	envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP env-bcc SP
//	           env-in-reply-to SP env-message-id ")"
func (w wire) envelope(b []byte, env *mime.Envelope) []byte {
	if env == nil {
		env = &mime.Envelope{}
	}
	sender, replyTo := env.Sender, env.ReplyTo
	// RFC 9051 7.5.2: absent or empty, these two are those of From.
	if len(sender) == 0 {
		sender = env.From
	}
	if len(replyTo) == 0 {
		replyTo = env.From
	}
	// NIL is a field that is not there; one without text is "" (RFC 9051 7.5.2).
	text := func(sep byte, s string, field mime.EnvelopeFields) {
		b = w.nstring(append(b, sep), s, s == "" && env.Blank&field == 0)
	}
	text('(', env.Date, mime.EnvelopeDate)
	text(' ', env.Subject, mime.EnvelopeSubject)
	for _, list := range [...][]mime.Address{env.From, sender, replyTo, env.To, env.Cc, env.Bcc} {
		b = w.addresses(append(b, ' '), list)
	}
	text(' ', env.InReplyTo, mime.EnvelopeInReplyTo)
	text(' ', env.MessageID, mime.EnvelopeMessageID)
	return append(b, ')')
}

// filled appends a string, NIL for the empty one.
func (w wire) filled(b []byte, s string) []byte { return w.nstring(b, s, s == "") }

// addresses appends "(" 1*address ")" / nil.
//
//	address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
//
// A group is an address with NIL for a host, its members, and one with NIL for a mailbox, too; [mime.Address] has the same form.
func (w wire) addresses(b []byte, list []mime.Address) []byte {
	if len(list) == 0 {
		return append(b, "NIL"...)
	}
	b = append(b, '(')
	for i := range list {
		a := &list[i]
		b = w.filled(append(b, '('), a.Name)
		b = w.filled(append(b, ' '), a.Route)
		b = w.filled(append(b, ' '), a.Mailbox)
		b = w.filled(append(b, ' '), a.Host)
		b = append(b, ')')
	}
	return append(b, ')')
}
