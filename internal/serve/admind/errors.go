package admind

import (
	"errors"
	"net/http"

	"restante/internal/directory"
	"restante/internal/flow/signing"
)

// ErrNotRunning means that the operation needs a server, and none runs.
var ErrNotRunning = errors.New("no server runs on this data folder")

// Errors of the queue.
var (
	ErrNotQueued   = errors.New("no such message in the queue")
	ErrNothingToDo = errors.New("there was nothing to change: see restante queue show")
)

// coded is an error that the client's side knows again.
type coded struct {
	code   string
	status int
	err    error
}

// codes are the errors that callers tell apart. The codes are part of the
// protocol.
func codes() []coded {
	return []coded{
		{"bad-request", http.StatusBadRequest, errBadRequest},
		{"bad-address", http.StatusBadRequest, directory.ErrBadAddress},
		{"bad-password", http.StatusBadRequest, directory.ErrBadPassword},
		{"alias-loop", http.StatusBadRequest, directory.ErrAliasLoop},
		{"catch-all", http.StatusConflict, directory.ErrCatchAll},
		{"no-domain", http.StatusNotFound, directory.ErrNotLocal},
		{"no-address", http.StatusNotFound, directory.ErrUnknownUser},
		{"exists", http.StatusConflict, directory.ErrExists},
		{"not-empty", http.StatusConflict, directory.ErrNotEmpty},
		{"no-device", http.StatusNotFound, directory.ErrNoDevice},
		{"bad-device", http.StatusBadRequest, directory.ErrDeviceName},
		{"bad-rule", http.StatusBadRequest, directory.ErrRule},
		{"busy", http.StatusServiceUnavailable, directory.ErrBusy},
		{"not-queued", http.StatusNotFound, ErrNotQueued},
		{"nothing-to-do", http.StatusConflict, ErrNothingToDo},
		{"no-key", http.StatusNotFound, signing.ErrNoKey},
		{"no-new-key", http.StatusConflict, signing.ErrTooFew},
		{"key-in-use", http.StatusConflict, signing.ErrInUse},
		{"not-published", http.StatusConflict, ErrNotPublished},
		{"under-way", http.StatusConflict, ErrUnderWay},
		{"not-running", http.StatusServiceUnavailable, ErrNotRunning},
	}
}

var errBadRequest = errors.New("admind: not a request of this operation")

// failure is the body of a response that is an error.
type failure struct {
	Code string `json:"code,omitempty"`
	Text string `json:"error"`
}

func toFailure(err error) (failure, int) {
	for _, c := range codes() {
		if errors.Is(err, c.err) {
			return failure{c.code, err.Error()}, c.status
		}
	}
	return failure{Text: err.Error()}, http.StatusInternalServerError
}

// err is the error again.
func (f failure) err() error {
	for _, c := range codes() {
		if c.code == f.Code {
			return &remote{f.Text, c.err}
		}
	}
	return &remote{text: f.Text}
}

// remote is an error that came over the socket: the server's text, and the
// error that its code stands for.
type remote struct {
	text string
	is   error
}

func (r *remote) Error() string { return r.text }
func (r *remote) Unwrap() error { return r.is }
