// Package cli is the command line: verbs, their help, and what they print.
//
// A verb that changes or shows accounts asks the running server over its control
// socket, and where none runs it opens the store itself; it is the same verb
// either way. Passwords never stand on the command line, where every user of the
// machine could read them: they are typed, piped in, or read from a file.
//
// # Exit codes
//
//	0  done
//	1  failed; the reason is on standard error
//	2  the command line was wrong
//	3  verify found differences
package cli
