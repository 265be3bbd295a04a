package imapwire

import "strings"

// Command is a command with its arguments: [Bare], or a pointer to one of the structs named like commands. CommandName is its name in
// capitals, with "UID " before it when the command was given in that form: what [Decoder.ReadTag] returns, too.
type Command interface {
	CommandName() string
	// appendArgs appends the arguments as a client sends them, each with a space before it.
	appendArgs(w wire, b []byte) []byte
}

// Bare is a command without arguments: CAPABILITY, NOOP, LOGOUT, STARTTLS, CHECK, CLOSE, UNSELECT, EXPUNGE, IDLE, NAMESPACE,
// UNAUTHENTICATE (RFC 8437).
// After IDLE the client sends a line of its own: [Decoder.ReadDone].
type Bare string

// CommandName is the string itself.
func (c Bare) CommandName() string { return string(c) }

func (Bare) appendArgs(_ wire, b []byte) []byte { return b }

// AppendCommand appends the command as a client sends it, with non-synchronising literals (RFC 7888). utf8 says that IMAP4rev2 or
// UTF8=ACCEPT is enabled. The tag must be one. Of an [Append] and a [Replace] it is the part before the first message, without a line end:
// see [AppendMessage.AppendHeader].
func AppendCommand(b []byte, tag string, cmd Command, utf8 bool) []byte {
	b = append(b, tag...)
	b = append(b, ' ')
	b = append(b, cmd.CommandName()...)
	b = cmd.appendArgs(wire{utf8: utf8, plus: true}, b)
	switch cmd.(type) {
	case *Append, *Replace:
		return b
	}
	return append(b, "\r\n"...)
}

// parseCommand reads the arguments of the command.
func (d *Decoder) parseCommand(name string) Command {
	verb, uid := strings.CutPrefix(name, "UID ")
	switch verb {
	case "FETCH":
		return d.parseFetch(uid)
	case "SEARCH":
		return d.parseSearch(uid)
	case "SORT":
		return d.parseSort(uid)
	case "THREAD":
		return d.parseThread(uid)
	case "STORE":
		return d.parseStore(uid)
	case "COPY":
		return d.parseCopy(uid)
	case "MOVE":
		return d.parseMove(uid)
	case "REPLACE":
		return d.parseReplace(uid)
	}
	switch name {
	case "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "IDLE", "NAMESPACE", "UNAUTHENTICATE":
		return done(d, Bare(name))
	case "UID EXPUNGE":
		return d.parseUIDExpunge()
	case "UIDBATCHES":
		return d.parseUIDBatches()
	case "LOGIN":
		return d.parseLogin()
	case "AUTHENTICATE":
		return d.parseAuthenticate()
	case "ENABLE":
		return d.parseEnable()
	case "ID":
		return d.parseID()
	case "SELECT", "EXAMINE":
		return d.parseSelect(name == "EXAMINE")
	case "CREATE":
		return d.parseCreate()
	case "DELETE":
		return done(d, &Delete{Mailbox: d.spMailbox()})
	case "RENAME":
		return done(d, &Rename{From: d.spMailbox(), To: d.spMailbox()})
	case "SUBSCRIBE":
		return done(d, &Subscribe{Mailbox: d.spMailbox()})
	case "UNSUBSCRIBE":
		return done(d, &Unsubscribe{Mailbox: d.spMailbox()})
	case "LIST":
		return d.parseList()
	case "XLIST":
		return d.parseXList()
	case "LSUB":
		return d.parseLsub()
	case "STATUS":
		return d.parseStatus()
	case "SETACL":
		return d.parseSetACL()
	case "DELETEACL":
		return done(d, &DeleteACL{Mailbox: d.spMailbox(), Identifier: d.spIdentifier()})
	case "GETACL":
		return done(d, &GetACL{Mailbox: d.spMailbox()})
	case "LISTRIGHTS":
		return done(d, &ListRights{Mailbox: d.spMailbox(), Identifier: d.spIdentifier()})
	case "MYRIGHTS":
		return done(d, &MyRights{Mailbox: d.spMailbox()})
	case "GETMETADATA":
		return d.parseGetMetadata()
	case "SETMETADATA":
		return d.parseSetMetadata()
	case "GETQUOTA":
		return d.parseGetQuota()
	case "GETQUOTAROOT":
		return done(d, &GetQuotaRoot{Mailbox: d.spMailbox()})
	case "SETQUOTA":
		return d.parseSetQuota()
	case "APPEND":
		return d.parseAppend()
	case "LANGUAGE":
		return d.parseLanguage()
	case "NOTIFY":
		return d.parseNotify()
	case "GENURLAUTH":
		return d.parseGenURLAuth()
	case "RESETKEY":
		return d.parseResetKey()
	case "URLFETCH":
		return d.parseURLFetch()
	case "COMPRESS":
		return d.parseCompress()
	case "ESEARCH":
		return d.parseMultiSearch()
	case "CANCELUPDATE":
		return d.parseCancelUpdate()
	case "COMPARATOR":
		return d.parseComparator()
	}
	d.fail("unknown command")
	return nil
}

// done is cmd when the command ends here.
func done(d *Decoder, cmd Command) Command {
	if !d.end() {
		return nil
	}
	return cmd
}

// knownName is the name as a string, without allocating when it is one of ours.
func knownName(w []byte) string {
	switch string(w) {
	case "FETCH":
		return "FETCH"
	case "UID":
		return "UID"
	case "NOOP":
		return "NOOP"
	case "IDLE":
		return "IDLE"
	case "SEARCH":
		return "SEARCH"
	case "STORE":
		return "STORE"
	case "STATUS":
		return "STATUS"
	case "SELECT":
		return "SELECT"
	case "APPEND":
		return "APPEND"
	}
	return string(w)
}

// knownUIDName is knownName for what follows "UID ".
func knownUIDName(w []byte) string {
	switch string(w) {
	case "FETCH":
		return "UID FETCH"
	case "SEARCH":
		return "UID SEARCH"
	case "STORE":
		return "UID STORE"
	case "COPY":
		return "UID COPY"
	case "MOVE":
		return "UID MOVE"
	}
	return "UID " + string(w)
}

// uidName cuts "UID " off when the command was not given so.
func uidName(uid bool, name string) string {
	if uid {
		return name
	}
	return name[len("UID "):]
}
