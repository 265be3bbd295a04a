package pop3d

import (
	"errors"

	"restante/internal/directory"
	"restante/internal/proto/pop3wire"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// reply is what a client is told of an error. What really happened is in the log.
type reply struct {
	code  pop3wire.Code
	text  string
	fault bool // of ours, not of the client's
}

// replyTo is the one table from errors to replies.
func replyTo(err error) reply {
	var temporary interface{ Temporary() bool }
	var soon tooSoon
	switch {
	case errors.As(err, &soon): // RFC 2449 8.1.1
		return reply{code: pop3wire.LoginDelay, text: "too soon after the last login, try again in " + seconds(soon.wait) + " s"}
	case errors.Is(err, pop3wire.ErrSyntax), errors.Is(err, sasl.ErrMalformed):
		return reply{text: "malformed response"}
	case errors.Is(err, directory.ErrDisabled):
		return reply{code: pop3wire.AuthFailed, text: "this account is disabled"}
	case errors.Is(err, sasl.ErrFailed):
		return reply{code: pop3wire.AuthFailed, text: "wrong login or password"}
	case errors.Is(err, directory.ErrThrottled):
		return reply{code: pop3wire.SysTemp, text: "too many failed logins, try again later"}
	case errors.As(err, &temporary) && temporary.Temporary():
		return reply{code: pop3wire.SysTemp, text: "the server is busy, try again later"}
	case errors.Is(err, errNoPOP), errors.Is(err, directory.ErrScope):
		return reply{code: pop3wire.AuthFailed, text: "this device may not use POP3 from here"}
	case errors.Is(err, errNoFolder):
		// RFC 3206 4: nothing is wrong with the password, and to try again is no use.
		return reply{code: pop3wire.SysPerm, text: "there is no mailbox of the name behind the + of your login"}
	case errors.Is(err, store.ErrNoMessage):
		return reply{text: "that message is gone"}
	case errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrNoMailbox), errors.Is(err, store.ErrNoAccount):
		return reply{code: pop3wire.SysPerm, text: "the maildrop cannot be read, tell the postmaster", fault: true}
	}
	return reply{code: pop3wire.SysTemp, text: "something is wrong on the server, try again later", fault: true}
}
