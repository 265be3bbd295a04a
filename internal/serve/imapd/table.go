package imapd

import (
	"context"

	"restante/internal/proto/imapwire"
)

// state is where a session stands (RFC 9051 3). It is a set in a command's row of the table.
type state uint8

const (
	stateNotAuthenticated state = 1 << iota
	stateAuthenticated
	stateSelected

	stateAny   = stateNotAuthenticated | stateAuthenticated | stateSelected
	stateLogin = stateAuthenticated | stateSelected
)

// refusal says why a command of those states cannot be had in s.
func (s state) refusal(allowed state) string {
	switch {
	case s == stateNotAuthenticated:
		return "log in first"
	case allowed == stateNotAuthenticated:
		return "you are logged in already"
	case allowed == stateAuthenticated:
		return "not while a mailbox is selected"
	}
	return "select a mailbox first"
}

// syncing says what is told of other people's changes around a command, when a mailbox is selected.
type syncing uint8

const (
	syncBefore  syncing = 1 << iota // new messages and flags before it, so that it sees and counts what is there now
	syncAfter                       // the same behind it
	syncExpunge                     // and with that, EXPUNGE

	syncNever     syncing = 0 // the command ends with another mailbox or none, or syncs for itself
	syncNoExpunge         = syncBefore | syncAfter
	syncAll               = syncNoExpunge | syncExpunge
)

// command is a row of the table.
type command struct {
	states state
	sync   syncing
	run    func(s *session, ctx context.Context, tag string, args imapwire.Command) (done, error)
}

// commandTable is every command by its name.
//
// FETCH, STORE and SEARCH must not be answered with EXPUNGE; their UID forms are other commands and may (RFC 9051 7.5.1). Before STORE
// nothing is told: flags as they were before it, in its answer, would be taken for those after it (RFC 9051 6.4.6).
func commandTable() map[string]command {
	return map[string]command{
		"CAPABILITY": {stateAny, syncAll, with(cmdCapability)},
		"NOOP":       {stateAny, syncAll, with(cmdNoop)},
		"LOGOUT":     {stateAny, syncNever, with(cmdLogout)},
		"ID":         {stateAny, syncAll, with(cmdID)},

		"STARTTLS":     {stateNotAuthenticated, syncNever, with(cmdStartTLS)},
		"LOGIN":        {stateNotAuthenticated, syncNever, with(cmdLogin)},
		"AUTHENTICATE": {stateNotAuthenticated, syncNever, with(cmdAuthenticate)},

		"ENABLE":      {stateLogin, syncAll, with(cmdEnable)},
		"NAMESPACE":   {stateLogin, syncAll, with(cmdNamespace)},
		"SELECT":      {stateLogin, syncNever, with(cmdSelect)},
		"EXAMINE":     {stateLogin, syncNever, with(cmdSelect)},
		"CREATE":      {stateLogin, syncAll, with(cmdCreate)},
		"DELETE":      {stateLogin, syncAll, with(cmdDelete)},
		"RENAME":      {stateLogin, syncAll, with(cmdRename)},
		"SUBSCRIBE":   {stateLogin, syncAll, with(cmdSubscribe)},
		"UNSUBSCRIBE": {stateLogin, syncAll, with(cmdUnsubscribe)},
		"LIST":        {stateLogin, syncAll, with(cmdList)},
		"LSUB":        {stateLogin, syncAll, with(cmdLsub)},
		"STATUS":      {stateLogin, syncAll, with(cmdStatus)},
		"APPEND":      {stateLogin, syncAll, with(cmdAppend)},
		"IDLE":        {stateLogin, syncNever, with(cmdIdle)},

		"CHECK":       {stateSelected, syncAll, with(cmdNoop)},
		"CLOSE":       {stateSelected, syncNever, with(cmdClose)},
		"UNSELECT":    {stateSelected, syncNever, with(cmdUnselect)},
		"EXPUNGE":     {stateSelected, syncAll, with(cmdExpunge)},
		"UID EXPUNGE": {stateSelected, syncAll, with(cmdUIDExpunge)},

		"FETCH":      {stateSelected, syncNoExpunge, with(cmdFetch)},
		"UID FETCH":  {stateSelected, syncAll, with(cmdFetch)},
		"STORE":      {stateSelected, syncAfter, with(cmdStore)},
		"UID STORE":  {stateSelected, syncAfter | syncExpunge, with(cmdStore)},
		"SEARCH":     {stateSelected, syncNoExpunge, cmdSearch},
		"UID SEARCH": {stateSelected, syncAll, cmdSearch},
		"COPY":       {stateSelected, syncAll, with(cmdCopy)},
		"UID COPY":   {stateSelected, syncAll, with(cmdCopy)},
		"MOVE":       {stateSelected, syncAll, with(cmdMove)},
		"UID MOVE":   {stateSelected, syncAll, with(cmdMove)},
	}
}

// with lets a command be written with the type that its arguments have.
func with[C imapwire.Command](run func(*session, context.Context, C) (done, error)) func(*session, context.Context, string, imapwire.Command) (done, error) {
	return func(s *session, ctx context.Context, _ string, args imapwire.Command) (done, error) {
		return run(s, ctx, args.(C))
	}
}
