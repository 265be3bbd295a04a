// Package app puts the server together: it is the only place that knows which
// engine keeps the mail and which packages serve it.
//
// # Model
//
// A [Core] is an open store with its directory: all that a verb needs when no
// server runs. A [Server] is a Core with its doors: the sockets of each protocol,
// the control socket, the sweeper. [Demo] is a Server with a configuration and
// accounts of its own.
//
// # The data folder
//
//	store/               the engine's files
//	search/              the text index; made again when it is not there
//	tls/self-signed.pem  the certificate when none is configured, and its key
//	backup.json          how the last backups went
//	backup.new/          a checkpoint, while it is copied to a backup
//	restore.new/         a backup, while it is looked into
//	control.sock         where verbs find a running server
//	restante.pid         its process id
//
// Only one process at a time has the folder: the engine's lock says so.
//
// # Ends
//
// When the context of Run ends, sockets close, sessions get their protocol's
// farewell and a grace time, then the store closes. When the engine fails for
// good, Options.Fatal is called and must end the process at once: nothing that
// was acknowledged is lost, and nothing more can be.
package app
