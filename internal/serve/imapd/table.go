package imapd

import (
	"context"

	"restante/internal/base/metrics"
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
	lean   bool // loads what it needs of the selected mailbox; before others that need one selected, all of it is loaded
	run    func(s *session, ctx context.Context, tag string, args imapwire.Command) (done, error)
	count  *metrics.Counter

	numbered bool // it speaks of messages by their sequence numbers, and another command by UIDs
}

// commandTable is every command by its name.
//
// FETCH, STORE, SEARCH, SORT and THREAD must not be answered with EXPUNGE; their UID forms are other commands and may (RFC 9051 7.5.1). Before STORE
// nothing is told: flags as they were before it, in its answer, would be taken for those after it (RFC 9051 6.4.6).
func commandTable() map[string]command {
	return map[string]command{
		"CAPABILITY": {states: stateAny, sync: syncAll, run: with(cmdCapability)},
		"NOOP":       {states: stateAny, sync: syncAll, run: with(cmdNoop)},
		"LOGOUT":     {states: stateAny, sync: syncNever, run: with(cmdLogout)},
		"ID":         {states: stateAny, sync: syncAll, run: with(cmdID)},

		"STARTTLS":     {states: stateNotAuthenticated, sync: syncNever, run: with(cmdStartTLS)},
		"LOGIN":        {states: stateNotAuthenticated, sync: syncNever, run: with(cmdLogin)},
		"AUTHENTICATE": {states: stateNotAuthenticated, sync: syncNever, run: with(cmdAuthenticate)},

		"ENABLE":       {states: stateLogin, sync: syncAll, run: with(cmdEnable)},
		"NAMESPACE":    {states: stateLogin, sync: syncAll, run: with(cmdNamespace)},
		"SELECT":       {states: stateLogin, sync: syncNever, run: with(cmdSelect)},
		"EXAMINE":      {states: stateLogin, sync: syncNever, run: with(cmdSelect)},
		"CREATE":       {states: stateLogin, sync: syncAll, run: with(cmdCreate)},
		"DELETE":       {states: stateLogin, sync: syncAll, run: with(cmdDelete)},
		"RENAME":       {states: stateLogin, sync: syncAll, run: with(cmdRename)},
		"SUBSCRIBE":    {states: stateLogin, sync: syncAll, run: with(cmdSubscribe)},
		"UNSUBSCRIBE":  {states: stateLogin, sync: syncAll, run: with(cmdUnsubscribe)},
		"LIST":         {states: stateLogin, sync: syncAll, run: with(cmdList)},
		"XLIST":        {states: stateLogin, sync: syncAll, run: with(cmdXList)},
		"LSUB":         {states: stateLogin, sync: syncAll, run: with(cmdLsub)},
		"ESEARCH":      {states: stateLogin, sync: syncAll, run: withTag(cmdESearch)},
		"COMPARATOR":   {states: stateLogin, sync: syncAll, run: with(cmdComparator)},
		"STATUS":       {states: stateLogin, sync: syncAll, run: with(cmdStatus)},
		"SETACL":       {states: stateLogin, sync: syncAll, run: with(cmdSetACL)},
		"DELETEACL":    {states: stateLogin, sync: syncAll, run: with(cmdDeleteACL)},
		"GETACL":       {states: stateLogin, sync: syncAll, run: with(cmdGetACL)},
		"LISTRIGHTS":   {states: stateLogin, sync: syncAll, run: with(cmdListRights)},
		"MYRIGHTS":     {states: stateLogin, sync: syncAll, run: with(cmdMyRights)},
		"GETMETADATA":  {states: stateLogin, sync: syncAll, run: with(cmdGetMetadata)},
		"SETMETADATA":  {states: stateLogin, sync: syncAll, run: with(cmdSetMetadata)},
		"GETQUOTA":     {states: stateLogin, sync: syncAll, run: with(cmdGetQuota)},
		"GETQUOTAROOT": {states: stateLogin, sync: syncAll, run: with(cmdGetQuotaRoot)},
		"SETQUOTA":     {states: stateLogin, sync: syncAll, run: with(cmdSetQuota)},

		"APPEND": {states: stateLogin, sync: syncAll, run: with(cmdAppend)},
		"IDLE":   {states: stateLogin, sync: syncNever, run: with(cmdIdle)},

		"LANGUAGE":       {states: stateAny, sync: syncAll, run: with(cmdLanguage)},
		"NOTIFY":         {states: stateLogin, sync: syncNever, run: with(cmdNotify)},
		"COMPRESS":       {states: stateLogin, sync: syncAll, run: with(cmdCompress)},
		"UNAUTHENTICATE": {states: stateLogin, sync: syncNever, run: with(cmdUnauthenticate)},

		"CHECK":       {states: stateSelected, sync: syncAll, lean: true, run: with(cmdNoop)},
		"CLOSE":       {states: stateSelected, sync: syncNever, lean: true, run: with(cmdClose)},
		"UNSELECT":    {states: stateSelected, sync: syncNever, lean: true, run: with(cmdUnselect)},
		"EXPUNGE":     {states: stateSelected, sync: syncAll, lean: true, run: with(cmdExpunge)},
		"UIDBATCHES":  {states: stateSelected, sync: syncAll, lean: true, run: withTag(cmdUIDBatches)},
		"UID EXPUNGE": {states: stateSelected, sync: syncAll, lean: true, run: with(cmdUIDExpunge)},

		"FETCH":        {states: stateSelected, sync: syncNoExpunge, lean: true, run: with(cmdFetch)},
		"UID FETCH":    {states: stateSelected, sync: syncAll, lean: true, run: with(cmdFetch)},
		"STORE":        {states: stateSelected, sync: syncAfter, lean: true, run: with(cmdStore)},
		"UID STORE":    {states: stateSelected, sync: syncAfter | syncExpunge, lean: true, run: with(cmdStore)},
		"SEARCH":       {states: stateSelected, sync: syncNoExpunge, run: withTag(cmdSearch)},
		"UID SEARCH":   {states: stateSelected, sync: syncAll, run: withTag(cmdSearch)},
		"SORT":         {states: stateSelected, sync: syncNoExpunge, run: withTag(cmdSort)},
		"UID SORT":     {states: stateSelected, sync: syncAll, run: withTag(cmdSort)},
		"CANCELUPDATE": {states: stateSelected, sync: syncAll, lean: true, run: with(cmdCancelUpdate)},
		"THREAD":       {states: stateSelected, sync: syncNoExpunge, run: with(cmdThread)},
		"UID THREAD":   {states: stateSelected, sync: syncAll, run: with(cmdThread)},
		"COPY":         {states: stateSelected, sync: syncAll, lean: true, run: with(cmdCopy)},
		"UID COPY":     {states: stateSelected, sync: syncAll, lean: true, run: with(cmdCopy)},
		"MOVE":         {states: stateSelected, sync: syncAll, lean: true, run: with(cmdMove)},
		"UID MOVE":     {states: stateSelected, sync: syncAll, lean: true, run: with(cmdMove)},

		"GENURLAUTH": {states: stateLogin, sync: syncAll, run: with(cmdGenURLAuth)},
		"RESETKEY":   {states: stateLogin, sync: syncAll, run: with(cmdResetKey)},
		"URLFETCH":   {states: stateLogin, sync: syncAll, run: with(cmdURLFetch)},

		"REPLACE":     {states: stateSelected, sync: syncAll, lean: true, run: with(cmdReplace)},
		"UID REPLACE": {states: stateSelected, sync: syncAll, lean: true, run: with(cmdReplace)},
	}
}

// with lets a command be written with the type that its arguments have.
func with[C imapwire.Command](run func(*session, context.Context, C) (done, error)) func(*session, context.Context, string, imapwire.Command) (done, error) {
	return func(s *session, ctx context.Context, _ string, args imapwire.Command) (done, error) {
		return run(s, ctx, args.(C))
	}
}

// withTag is with for commands whose answers name the tag.
func withTag[C imapwire.Command](run func(*session, context.Context, string, C) (done, error)) func(*session, context.Context, string, imapwire.Command) (done, error) {
	return func(s *session, ctx context.Context, tag string, args imapwire.Command) (done, error) {
		return run(s, ctx, tag, args.(C))
	}
}
