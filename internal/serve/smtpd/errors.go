package smtpd

import (
	"errors"
	"fmt"
	"time"

	"restante/internal/directory"
	"restante/internal/flow"
	"restante/internal/flow/guard"
	"restante/internal/flow/inbound"
	"restante/internal/flow/milter"
	"restante/internal/flow/submission"
	"restante/internal/proto/sasl"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// reply makes a reply of a code, an enhanced code (RFC 3463) and a text.
func reply(code int, class, subject, detail uint16, text string) smtpwire.Reply {
	return smtpwire.Reply{Code: code, Enhanced: smtpwire.Enhanced{Class: class, Subject: subject, Detail: detail}, Text: text}
}

// badSequence is a command out of its order (RFC 5321 4.1.4).
func badSequence(text string) smtpwire.Reply { return reply(503, 5, 5, 1, text) }

// The end of a session, in the words of errors.
var (
	errTooManyErrors   = errors.New("too many errors")
	errTooManyCommands = errors.New("too many commands")

	errTooManyConnections = errors.New("too many connections")
	errUnsynchronized     = errors.New("input without waiting for the reply")
	errIdle               = errors.New("no command in time")
	errSlow               = errors.New("message came too slowly")
	errShutdown           = errors.New("server is going down")
	errNoRcpts            = errors.New("no valid recipients")
	errLoggedOut          = errors.New("the login does not hold any more")
)

// replyTo is the one place where errors become codes. known is false for errors
// that it has no words for; their text is for the log only.
func replyTo(err error) (r smtpwire.Reply, known bool) {
	var syntax *smtpwire.SyntaxError
	if errors.As(err, &syntax) {
		return replyToSyntax(syntax), true
	}
	var gone *submission.SuppressedError
	if errors.As(err, &gone) {
		return replyToSuppressed(gone), true
	}
	if errors.As(err, &r) {
		return r, true
	}
	for _, row := range []struct {
		err   error
		reply smtpwire.Reply
	}{
		// Lines and messages. 550 5.5.2 is what Postfix answers to a bare LF.
		{smtpwire.ErrBareLF, reply(550, 5, 5, 2, "bare <LF> received; lines end with <CR><LF>")},
		{smtpwire.ErrBareCR, reply(550, 5, 5, 2, "bare <CR> received; lines end with <CR><LF>")},
		{smtpwire.ErrNUL, reply(550, 5, 6, 0, "NUL octet received")},
		{smtpwire.ErrTooBig, reply(552, 5, 3, 4, "message is too big")},
		{smtpwire.ErrLineTooLong, reply(500, 5, 5, 2, "line too long")},
		{smtpwire.ErrEndless, reply(500, 5, 5, 2, "line too long")},

		// Logins (RFC 4954 6). Who exists is nobody's business.
		{directory.ErrCredentials, reply(535, 5, 7, 8, "wrong login or password")},
		{directory.ErrUnknownUser, reply(550, 5, 1, 1, "no such user here")},
		{directory.ErrDisabled, reply(535, 5, 7, 13, "this account is disabled")},
		{directory.ErrScope, reply(535, 5, 7, 1, "this device may not send from here")},
		{directory.ErrThrottled, reply(454, 4, 7, 0, "too many failed logins, try again later")},
		{sasl.ErrScope, reply(535, 5, 7, 8, "the token is not for mail")},
		{sasl.ErrFailed, reply(535, 5, 7, 8, "wrong login or password")},
		{sasl.ErrMalformed, reply(501, 5, 5, 2, "malformed response")},
		{errCancelled, reply(501, 5, 7, 0, "authentication cancelled")},
		{errLoggedOut, reply(421, 4, 7, 0, "the password was changed, or the device revoked")},

		// Senders.
		{submission.ErrNotYours, reply(553, 5, 7, 1, "this is not an address of yours")},
		{submission.ErrTooMany, reply(452, 4, 7, 1, "too many messages or recipients for one day")},

		// Strangers. What they are not told for good is 4yz: it loses no mail.
		{guard.ErrConnections, reply(421, 4, 7, 0, "too many connections in a short time, try again later")},
		{guard.ErrFaults, reply(421, 4, 7, 0, "too many errors from your address, try again later")},
		{guard.ErrGuessing, reply(421, 4, 7, 0, "too many unknown recipients from your address, try again later")},
		{guard.ErrMessages, reply(451, 4, 7, 1, "too many messages in a short time, try again later")},
		{guard.ErrRecipients, reply(451, 4, 7, 1, "too many recipients in a short time, try again later")},
		{guard.ErrGreylisted, reply(451, 4, 7, 1, "")},
		{inbound.ErrHello, reply(550, 5, 7, 1, "")},
		{inbound.ErrListed, reply(550, 5, 7, 1, "")},

		{milter.ErrFailed, reply(451, 4, 3, 0, "a filter cannot be asked now, try again later")},

		// Recipients.
		{directory.ErrNotLocal, reply(550, 5, 7, 1, "relaying denied")},
		{directory.ErrClosed, reply(550, 5, 2, 1, "mailbox takes no mail")},
		{directory.ErrAliasLoop, reply(550, 5, 4, 6, "aliases lead too far")},
		{inbound.ErrTooManyAccounts, reply(452, 4, 5, 3, "too many recipients")},
		{inbound.ErrLoop, reply(554, 5, 4, 6, "mail loop")},
		{inbound.ErrForged, reply(550, 5, 7, 1, "the policy of the author's domain refuses this message (DMARC)")},
		{inbound.ErrUnsure, reply(451, 4, 7, 0, "the author's domain cannot be asked now, try again later")},
		{inbound.ErrNotMember, reply(550, 5, 7, 2, "only members may write to this address")},
		{inbound.ErrReportsOnly, reply(550, 5, 7, 1, "this address takes delivery reports only")},
		{inbound.ErrNotSentOn, reply(550, 5, 7, 1, "not sent on to where this recipient's mail goes")},
		{inbound.ErrNotTaken, reply(550, 5, 6, 0, "this address takes reports on mail alone, and there is none here that can be read and kept")},
		{inbound.ErrFull, reply(552, 5, 2, 2, "mailbox is full")},
		{store.ErrOverQuota, reply(452, 4, 2, 2, "mailbox is full")},
		{store.ErrTooBig, reply(552, 5, 3, 4, "message is too big")},
		{errNoRcpts, reply(554, 5, 5, 1, "no valid recipients")},

		// The end of a session.
		{errTooManyErrors, reply(421, 4, 7, 0, "too many errors")},
		{errTooManyConnections, reply(421, 4, 7, 0, "too many connections, try again later")},
		{errTooManyCommands, reply(421, 4, 7, 0, "too many commands")},
		{errUnsynchronized, reply(554, 5, 5, 0, "SMTP protocol synchronization error")},
		{errIdle, reply(421, 4, 4, 2, "timeout, closing connection")},
		{errSlow, reply(421, 4, 4, 2, "message came too slowly, closing connection")},
		{errShutdown, reply(421, 4, 3, 2, "going down, try again soon")},
		{store.ErrClosed, reply(421, 4, 3, 2, "going down, try again soon")},
	} {
		if !errors.Is(err, row.err) {
			continue
		}
		var said *flow.Refusal
		if errors.As(err, &said) {
			row.reply.Text = said.Text
		}
		return row.reply, true
	}
	return reply(451, 4, 3, 0, "temporary failure, try again later"), false
}

// replyToSyntax has the codes of RFC 5321 4.2.2. The address codes of RFC 3463
// 3.2 are put right by those who know whose address it is.
func replyToSyntax(e *smtpwire.SyntaxError) smtpwire.Reply {
	switch e.Fault {
	case smtpwire.FaultArgument, smtpwire.FaultParam:
		return reply(501, 5, 5, 4, e.Text)
	case smtpwire.FaultAddress:
		return reply(501, 5, 1, 3, e.Text)
	case smtpwire.FaultUnsupported:
		return reply(555, 5, 5, 4, e.Text)
	}
	return reply(500, 5, 5, 2, e.Text)
}

// replyToSuppressed says why a recipient is refused before anybody is asked, and what can be done.
func replyToSuppressed(e *submission.SuppressedError) smtpwire.Reply {
	return reply(550, 5, 1, 1, fmt.Sprintf("this address does not exist, its host has said %d times, the last time on %s:\n%s\nis that wrong? try after %s, or ask the postmaster here",
		e.Times, e.Last.Format(time.DateOnly), e.Said, e.Until.Format(time.DateOnly)))
}
