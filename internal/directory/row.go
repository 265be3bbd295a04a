package directory

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// rowVersion is the version of the rows that this build writes.
//
// Version 1: the first.
const rowVersion = 1

// domainRow is the value of a row in store.DomainRows.
type domainRow struct {
	V       int       `json:"v"`
	Created time.Time `json:"created"`
	// Closing is set while the domain is being removed: nothing can be added
	// any more, so that "it is empty" stays true.
	Closing bool `json:"closing,omitempty"`
	// Rules are what the operator has said for all of its accounts.
	Rules DomainRules `json:"rules,omitzero"`
	State DomainState `json:"state,omitzero"`
}

// Kinds of rows in store.UserRows.
const (
	kindAccount = "account"
	kindAlias   = "alias"
)

// userRow is the value of an address's row in store.UserRows.
type userRow struct {
	V       int       `json:"v"`
	Kind    string    `json:"kind"`
	Created time.Time `json:"created"`

	// Of accounts.
	Account    store.AccountID `json:"account,omitempty"`
	Access     Access          `json:"access,omitempty"`
	Credential *Credential     `json:"credential,omitempty"`
	Devices    []deviceRow     `json:"devices,omitempty"`
	LastDevice store.DeviceID  `json:"last_device,omitempty"` // the highest id that was given out
	POP        retention.Rule  `json:"pop,omitzero"`          // of all devices
	MainPOP    retention.Rule  `json:"main_pop,omitzero"`     // of the account's own password
	SendAs     []string        `json:"send_as,omitempty"`     // see SetSendAs
	NoSent     bool            `json:"no_sent,omitempty"`     // see SetSent; of the account's own password
	// Given are the quotas that a default has given the account, the last first: while its own is one of them, it follows the default.
	Given []Limits `json:"given,omitempty"`

	// Of aliases: what they stand for; of accounts: where their mail goes on to. Targets are here, Outside are addresses of other hosts.
	Targets []string `json:"targets,omitempty"`
	Outside []string `json:"outside,omitempty"`
	Senders Senders  `json:"senders,omitempty"` // of aliases
	// Only says that an account whose mail goes on keeps no copy.
	Only bool `json:"only,omitempty"`
}

// eraseRow is the note that an account is to be erased from the store.
type eraseRow struct {
	V       int             `json:"v"`
	Account store.AccountID `json:"account"`
	Login   string          `json:"login"`
	Removed time.Time       `json:"removed"`
}

// Names in store.UserRows that are no addresses. No domain begins with "!".
const (
	secretName  = "!secret"
	erasePrefix = "!erase/"
)

func eraseName(id store.AccountID) string { return fmt.Sprintf("%s%010d", erasePrefix, id) }

// maxName bounds a row's name, which must fit into a key of the engine.
const maxName = 500

// rowName is the name of an address's row.
func rowName(a addr.Address) string { return string(a.Domain) + "/" + addr.Fold(a.Local) }

// loginOf is the address of a row, in canonical form. A catch-all is "@domain".
func loginOf(name string) string {
	domain, local, _ := strings.Cut(name, "/")
	if local == "" {
		return "@" + domain
	}
	return addr.Address{Local: local, Domain: addr.Domain(domain)}.String()
}

func encodeRow(row any) []byte {
	b, err := json.Marshal(row)
	if err != nil {
		panic("directory: a row that cannot be encoded: " + err.Error())
	}
	return b
}

// decodeRow reads a row. v points to its version, inside row.
func decodeRow(b []byte, row any, v *int) error {
	if err := json.Unmarshal(b, row); err != nil {
		return fmt.Errorf("directory: corrupt row: %w", err)
	}
	if *v != rowVersion {
		return fmt.Errorf("%w: %d, this build knows %d", ErrVersion, *v, rowVersion)
	}
	return nil
}

// decodeIfAny is decodeRow of what a read returned: where there is no row, row stays as it is.
func decodeIfAny(b []byte, err error, row any, v *int) error {
	switch {
	case isNoRow(err):
		return nil
	case err != nil:
		return err
	}
	return decodeRow(b, row, v)
}

func decodeUser(b []byte) (userRow, error) {
	var row userRow
	err := decodeRow(b, &row, &row.V)
	return row, err
}

func decodeDomain(b []byte) (domainRow, error) {
	var row domainRow
	err := decodeRow(b, &row, &row.V)
	return row, err
}

// Access is what an account may be used for. Its zero value is everything.
type Access uint8

// The kinds of access.
const (
	// Active: it takes mail, and its owner may log in.
	Active Access = iota
	// NoLogin: it takes mail, and nobody may log in.
	NoLogin
	// Closed: it takes no mail, and nobody may log in.
	Closed
)

// String is the word that stands for a in rows and tables.
func (a Access) String() string {
	switch a {
	case Active:
		return "active"
	case NoLogin:
		return "no-login"
	case Closed:
		return "closed"
	}
	return fmt.Sprintf("Access(%d)", uint8(a))
}

// MarshalText implements encoding.TextMarshaler.
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Access) UnmarshalText(b []byte) error {
	for _, v := range []Access{Active, NoLogin, Closed} {
		if v.String() == string(b) {
			*a = v
			return nil
		}
	}
	return fmt.Errorf("directory: unknown access %q", b)
}
