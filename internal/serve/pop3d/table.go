package pop3d

import (
	"context"

	"restante/internal/base/metrics"
	"restante/internal/proto/pop3wire"
)

// state is where a session is (RFC 1939 3). UPDATE is no state of ours: it is
// what QUIT does.
type state uint8

const (
	authorization state = 1 << iota
	transaction
	anytime = authorization | transaction
)

// command is how a verb is served.
type command struct {
	states state
	// run answers the command. An error ends the session without another word.
	run func(*session, context.Context, pop3wire.Command) error
	// usage is the reply to bad arguments.
	usage string
	count *metrics.Counter
}

// commandTable returns the commands by verb. A verb without run is unknown.
func commandTable() []command {
	t := make([]command, len(pop3wire.Verbs()))
	t[pop3wire.APOP] = command{states: authorization, run: (*session).apop, usage: "APOP name digest"}
	t[pop3wire.Auth] = command{states: authorization, run: (*session).auth, usage: "AUTH mechanism [initial-response]"}
	t[pop3wire.Capa] = command{states: anytime, run: (*session).capa, usage: "CAPA"}
	t[pop3wire.Dele] = command{states: transaction, run: (*session).dele, usage: "DELE msg"}
	t[pop3wire.Lang] = command{states: anytime, run: (*session).lang, usage: "LANG [range]"}
	t[pop3wire.List] = command{states: transaction, run: (*session).list, usage: "LIST [msg]"}
	t[pop3wire.Noop] = command{states: transaction, run: (*session).noop, usage: "NOOP"}
	t[pop3wire.Pass] = command{states: authorization, run: (*session).pass, usage: "PASS password"}
	t[pop3wire.Quit] = command{states: anytime, run: (*session).quit, usage: "QUIT"}
	t[pop3wire.Retr] = command{states: transaction, run: (*session).retr, usage: "RETR msg"}
	t[pop3wire.Rset] = command{states: transaction, run: (*session).rset, usage: "RSET"}
	t[pop3wire.Stat] = command{states: transaction, run: (*session).stat, usage: "STAT"}
	t[pop3wire.STLS] = command{states: authorization, run: (*session).stls, usage: "STLS"}
	t[pop3wire.Top] = command{states: transaction, run: (*session).top, usage: "TOP msg n"}
	t[pop3wire.UIDL] = command{states: transaction, run: (*session).uidl, usage: "UIDL [msg]"}
	t[pop3wire.User] = command{states: authorization, run: (*session).user, usage: "USER name"}
	t[pop3wire.UTF8] = command{states: authorization, run: (*session).utf8, usage: "UTF8"}
	return t
}
