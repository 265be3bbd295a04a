package imapwire

import "fmt"

// Status is the condition of a status response (RFC 9051 7.1).
type Status string

// Conditions.
const (
	OK      Status = "OK"
	NO      Status = "NO"
	BAD     Status = "BAD"
	BYE     Status = "BYE"
	PREAUTH Status = "PREAUTH"
)

// Error is what a client is to be told about a command that could not be read: a tagged status response, or an untagged BYE after
// which the connection is closed. Text is fit for the client. Err, when set, is the cause, for the log.
type Error struct {
	Status Status // BAD, NO or BYE
	Code   Code   // "" for none
	Text   string
	Err    error
}

// Error is the response as it would go out, without the tag.
func (e *Error) Error() string {
	if e.Code != "" {
		return fmt.Sprintf("%s [%s] %s", e.Status, e.Code, e.Text)
	}
	return string(e.Status) + " " + e.Text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func syntaxError(format string, args ...any) *Error {
	return &Error{Status: BAD, Text: fmt.Sprintf(format, args...)}
}
