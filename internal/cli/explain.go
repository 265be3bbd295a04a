package cli

import (
	"errors"
	"strings"

	"restante/internal/app"
	"restante/internal/directory"
	"restante/internal/flow/signing"
	"restante/internal/serve/admind"
)

// explain says what went wrong in words for an operator, and what to do.
func explain(err error) (text, advice string) {
	text = strings.NewReplacer("directory: ", "", "signing: ", "").Replace(err.Error())
	for _, e := range []struct {
		is     error
		advice string
	}{
		{directory.ErrNotLocal, "The domains of this server: restante domain list. A new one: restante domain add DOMAIN."},
		{directory.ErrUnknownUser, "What there is: restante account list, restante alias list."},
		{directory.ErrCatchAll, "Name the addresses that are to be sent on, one alias each. If it must be all, add --force."},
		{directory.ErrNotEmpty, "Remove its accounts and aliases first: restante account list DOMAIN, restante alias list DOMAIN."},
		{directory.ErrBadAddress, "An address is local-part@domain; the catch-all alias of a domain is @domain."},
		{signing.ErrNoKey, "What there is: restante dkim list."},
		{signing.ErrTooFew, "New ones: restante dkim new DOMAIN."},
		{signing.ErrInUse, "First let another take its place (restante dkim new), or sign without it: restante dkim retire."},
		{admind.ErrNotPublished, "Its record: restante dns show DOMAIN. Name servers may say for up to an hour that there is none after there is; --force does not ask."},
		{admind.ErrUnderWay, "Until then its record has to stay in the DNS. --force forgets the key now."},
		{admind.ErrNotQueued, "What there is: restante queue list. What has left it, or never was in it: restante trace ID."},
		{errUntraced, "Lives are kept for 30 days (trace.keep), and begin when a client names sender and recipients. --help has examples."},
		{admind.ErrNotRunning, "Start it with: restante serve."},
		{app.ErrInUse, "A server without a control socket, or another verb, is at work there. Wait for it, or stop it."},
	} {
		if errors.Is(err, e.is) {
			return text, e.advice
		}
	}
	return text, ""
}
