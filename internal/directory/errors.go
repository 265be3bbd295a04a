package directory

import (
	"errors"
	"fmt"

	"restante/internal/proto/sasl"
	"restante/internal/store"
)

// What Lookup says of an address that mail cannot be delivered to.
var (
	// ErrNotLocal means that the domain is not hosted here: relaying.
	ErrNotLocal = errors.New("directory: domain is not hosted here")
	// ErrUnknownUser means that the domain is hosted here and has no such address.
	ErrUnknownUser = errors.New("directory: no such address")
	// ErrClosed means that the account exists and takes no mail.
	ErrClosed = errors.New("directory: account takes no mail")
	// ErrAliasLoop means that aliases lead to too many addresses, or nowhere.
	ErrAliasLoop = errors.New("directory: aliases lead in a circle, or too far")
)

// What Authenticate says. All but ErrBusy and ErrThrottled are sasl.ErrFailed
// as well; those two are temporary, and the client may try again later.
var (
	// ErrCredentials means an unknown login or a wrong password, and never says which.
	ErrCredentials = fmt.Errorf("directory: wrong login or password: %w", sasl.ErrFailed)
	// ErrDisabled means a right password for an account that is not open.
	ErrDisabled = fmt.Errorf("directory: account is disabled: %w", sasl.ErrFailed)
	// ErrBusy means that too many passwords wait to be checked.
	ErrBusy error = temporary("directory: too many logins at once")
	// ErrThrottled means that the account or the client has failed too often.
	ErrThrottled error = temporary("directory: too many failed logins")
)

// What changes of the directory say. ErrUnknownUser and ErrNotLocal (for a
// domain that is not there) come too.
var (
	// ErrExists means that the domain or address is there already.
	ErrExists = errors.New("directory: exists already")
	// ErrNotEmpty means that a domain still has addresses.
	ErrNotEmpty = errors.New("directory: domain still has addresses")
	// ErrBadAddress means an address that no account or alias can have here.
	ErrBadAddress = errors.New("directory: not a usable address")
	// ErrCatchAll means a catch-all that would send mail on to other hosts.
	ErrCatchAll = errors.New("directory: a catch-all would send everything on, spam too")
	// ErrBadPassword means a password that cannot be set.
	ErrBadPassword = errors.New("directory: not a usable password")
	// ErrVersion means a row that a newer version of the server has written.
	ErrVersion = errors.New("directory: row of an unknown version")
)

// temporary is an error that may go away by itself.
type temporary string

func (t temporary) Error() string { return string(t) }

// Temporary tells protocols to answer "try again".
func (temporary) Temporary() bool { return true }

func isNoRow(err error) bool { return errors.Is(err, store.ErrNoRow) }
