package imapd

import (
	"context"
	"errors"

	"restante/internal/directory"
	"restante/internal/proto/imapwire"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// reply is what a client is told about an error: the one place where errors become response codes (RFC 9051 7.1, RFC 5530).
func reply(err error) *imapwire.Error {
	var e *imapwire.Error
	if errors.As(err, &e) {
		return e
	}
	for _, r := range [...]struct {
		err  error
		code imapwire.Code
		text string
	}{
		{store.ErrNoMailbox, imapwire.CodeNonExistent, "no such mailbox"},
		{store.ErrNoSelect, imapwire.CodeNonExistent, "the name only holds other mailboxes"},
		{store.ErrExists, imapwire.CodeAlreadyExists, "there is such a mailbox already"},
		{store.ErrBadName, imapwire.CodeCannot, "no mailbox can have that name"},
		{store.ErrHasChildren, imapwire.CodeHasChildren, "the name has mailboxes below it"},
		{store.ErrProtected, imapwire.CodeCannot, "this mailbox must stay"},
		{store.ErrNoPerm, imapwire.CodeNoPerm, "you have no right to do that"},
		{store.ErrNoMessage, imapwire.CodeExpungeIssued, "some of the messages have been deleted"},
		{store.ErrLimit, imapwire.CodeLimit, "there are too many mailboxes or keywords"},
		{store.ErrTooBig, imapwire.CodeTooBig, "the message is too big"},
		{store.ErrOverQuota, imapwire.CodeOverQuota, "the quota has no room for that"},
		{store.ErrBadKeyword, imapwire.CodeCannot, "no message can have that keyword"},
		{store.ErrCorrupt, imapwire.CodeCorruption, "the data is damaged; the administrator should look at the log"},
		{context.Canceled, imapwire.CodeUnavailable, "the server is shutting down"},

		{directory.ErrThrottled, imapwire.CodeUnavailable, "too many failed logins; try again later"},
		{directory.ErrBusy, imapwire.CodeUnavailable, "too many logins at once; try again"},
		{directory.ErrDisabled, imapwire.CodeContactAdmin, "the account is disabled"},
		{sasl.ErrScope, imapwire.CodeAuthorizationFailed, "the token is not for mail"},
		{directory.ErrScope, imapwire.CodeAuthorizationFailed, "this device may not use IMAP from here"},
		{sasl.ErrFailed, imapwire.CodeAuthenticationFailed, "wrong user name or password"},
		{sasl.ErrMechanism, imapwire.CodeCannot, "this mechanism is not offered"},
	} {
		if errors.Is(err, r.err) {
			return &imapwire.Error{Status: imapwire.NO, Code: r.code, Text: r.text, Err: err}
		}
	}
	var later interface{ Temporary() bool }
	switch {
	case errors.As(err, &later) && later.Temporary():
		return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeUnavailable, Text: "this cannot be had now; try again later", Err: err}
	case errors.Is(err, store.ErrNoAccount):
		return &imapwire.Error{Status: imapwire.BYE, Code: imapwire.CodeContactAdmin, Text: "the account is gone", Err: err}
	case errors.Is(err, store.ErrClosed):
		return &imapwire.Error{Status: imapwire.BYE, Code: imapwire.CodeUnavailable, Text: "the server is shutting down", Err: err}
	case errors.Is(err, sasl.ErrMalformed):
		return &imapwire.Error{Status: imapwire.BAD, Text: "that is no message of this mechanism", Err: err}
	}
	return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeServerBug, Text: "internal error; the administrator should look at the log", Err: err}
}

// fatal says that the connection cannot be used any more, not even for saying so.
func fatal(err error) bool {
	var e *connError
	return errors.As(err, &e)
}

// connError is an error of the connection, met inside of a command.
type connError struct{ err error }

func (e *connError) Error() string { return "connection: " + e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

// inTransit wraps an error of the decoder or encoder: what is no reply is the connection's end.
func inTransit(err error) error {
	var e *imapwire.Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &connError{err}
}

// badCommand is a command that makes no sense; no refuses one that does.
func badCommand(text string) error { return &imapwire.Error{Status: imapwire.BAD, Text: text} }

func no(code imapwire.Code, text string) error {
	return &imapwire.Error{Status: imapwire.NO, Code: code, Text: text}
}

// missing turns the absence of a mailbox that messages are to go to into TRYCREATE (RFC 9051 6.3.12, 6.4.7), unless CREATE would be refused.
func missing(err error, name imapwire.Mailbox) error {
	if errors.Is(err, store.ErrNoMailbox) && !store.GoodPath(string(name)) {
		return store.ErrBadName
	}
	if errors.Is(err, store.ErrNoMailbox) || errors.Is(err, store.ErrNoSelect) {
		return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeTryCreate, Text: "no such mailbox", Err: err}
	}
	return err
}

// errReadOnly refuses changes to a mailbox that was opened by EXAMINE.
func errReadOnly() error { return no(imapwire.CodeReadOnly, "the mailbox is open for reading only") }

// errExpunged is the reply when messages that the client still sees are gone (RFC 2180 4).
func errExpunged() error {
	return no(imapwire.CodeExpungeIssued, "some of the messages have been deleted")
}
