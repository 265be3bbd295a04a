package directory

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// Scope is what a device may log in to.
type Scope string

// The scopes. The account's own password has them all.
const (
	ScopeIMAP       Scope = "imap"
	ScopePOP3       Scope = "pop3"
	ScopeSubmission Scope = "submission"
	ScopeJMAP       Scope = "jmap"
	ScopeWeb        Scope = "web"
)

// Scopes are all scopes there are.
func Scopes() []Scope {
	return []Scope{ScopeIMAP, ScopePOP3, ScopeSubmission, ScopeJMAP, ScopeWeb}
}

// Device is one credential of an account, and what it may do. What it has done is the store's to tell (store.DeviceUse).
type Device struct {
	ID   store.DeviceID `json:"id"`
	Name string         `json:"name"` // unique in the account, without regard to case
	// Scopes are what it may log in to; of MainDevice all.
	Scopes []Scope `json:"scopes"`
	// Networks are where it may log in from; empty: from anywhere.
	Networks []netip.Prefix `json:"networks,omitempty"`
	Created  time.Time      `json:"created"`
	// Expires is when it can log in no more; zero: never.
	Expires time.Time `json:"expires,omitzero"`
	// Revoked is when it was revoked; zero: it was not.
	Revoked time.Time `json:"revoked,omitzero"`
	// OwnPassword says that it has a password of its own. Others log in with the account's, as login/name.
	OwnPassword bool `json:"own_password"`
	// ForPOP says that it was made for POP3: messages wait for it from the beginning.
	ForPOP bool `json:"for_pop,omitempty"`
	// POP is the device's own rule for POP3; what it leaves open is the account's, the domain's, the server's.
	POP retention.Rule `json:"pop,omitzero"`
	// Mailboxes are those that its maildrop is made of besides INBOX, when the scope of its rule is "chosen".
	Mailboxes []store.MailboxID `json:"mailboxes,omitempty"`
	// NoSent says that the server saves no copy of what it sends; see SetSent.
	NoSent bool `json:"no_sent,omitempty"`
}

// deviceRow is a device in the row of its account.
type deviceRow struct {
	Device
	Key   []byte     `json:"key,omitempty"`   // of the password; see deviceKey
	Scram []scramKey `json:"scram,omitempty"` // of the password, with the account's salt
	// Sealed is the password itself, for APOP; see sealPassword.
	Sealed []byte `json:"sealed,omitempty"`
}

// maxDevices bounds the devices of an account, the revoked ones too as long as they are remembered.
const maxDevices = 200

// maxDeviceName bounds a name, in octets.
const maxDeviceName = 64

// Errors of devices.
var (
	ErrNoDevice   = errors.New("directory: no such device")
	ErrDeviceName = errors.New("directory: not a usable name for a device")
)

// errBadDevice says what is wrong with a new device.
func errBadDevice(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDeviceName, fmt.Sprintf(format, args...))
}

// NewDevice is what a new device is made with.
type NewDevice struct {
	Name      string
	Scopes    []Scope // empty: all
	Networks  []netip.Prefix
	Expires   time.Time
	ForPOP    bool
	POP       retention.Rule
	Mailboxes []store.MailboxID
	// NoPassword makes a device that logs in with the account's password, as login/name.
	NoPassword bool
}

// AddDevice makes a device of an account and returns it with its password, which is shown this once: nobody can read it again.
func (d *Directory) AddDevice(ctx context.Context, a addr.Address, n NewDevice) (Device, string, error) {
	if err := n.check(); err != nil {
		return Device{}, "", err
	}
	row := deviceRow{Device: Device{
		Name: n.Name, Scopes: n.Scopes, Networks: n.Networks, Expires: n.Expires.UTC().Truncate(time.Second), Created: d.now(), ForPOP: n.ForPOP,
		POP: n.POP, Mailboxes: n.Mailboxes, OwnPassword: !n.NoPassword,
	}}
	if n.Expires.IsZero() {
		row.Expires = time.Time{}
	}
	if len(row.Scopes) == 0 {
		row.Scopes = Scopes()
	}
	password := ""
	if !n.NoPassword {
		password = newDevicePassword()
	}
	if err := d.checkRule(ctx, n.POP); err != nil { // it may bring a delay between logins
		return Device{}, "", err
	}
	err := d.updateAccount(ctx, a, func(u *userRow) error { return d.addDevice(u, &row, password) })
	if err != nil {
		return Device{}, "", err
	}
	return row.Device, password, nil
}

func (n *NewDevice) check() error {
	if err := checkDeviceName(n.Name); err != nil {
		return err
	}
	for _, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) {
			return errBadDevice("there is no scope %q", s)
		}
	}
	if _, err := n.POP.Apply(retention.Default()); err != nil {
		return errBadDevice("%v", err)
	}
	return nil
}

// checkDeviceName refuses names that cannot stand behind a slash in a login, or that people could not tell apart.
func checkDeviceName(name string) error {
	bad := func(r rune) bool {
		return r == '/' || r == '@' || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return errBadDevice("it is empty, or begins or ends with a space")
	case len(name) > maxDeviceName:
		return errBadDevice("it is longer than %d octets", maxDeviceName)
	case strings.ContainsFunc(name, bad):
		return errBadDevice("%q has a slash, an @ or a control character", name)
	}
	return nil
}

func (d *Directory) addDevice(u *userRow, row *deviceRow, password string) error {
	if old := u.deviceByName(row.Name); old != nil || strings.EqualFold(row.Name, mainDeviceName) {
		return fmt.Errorf("%w: device %q", ErrExists, row.Name)
	}
	if len(u.Devices) >= maxDevices {
		return errBadDevice("the account has %d devices already", maxDevices)
	}
	u.LastDevice = max(u.LastDevice, MainDevice) + 1
	row.ID = u.LastDevice
	if password != "" {
		row.Key = d.deviceKey(u.Account, password)
		keys, err := d.deviceScram(u, password)
		if err != nil {
			return err
		}
		row.Scram = keys
		if d.opts.Offer.Has(MechanismAPOP) {
			row.Sealed = d.sealPassword(password, string(row.Key))
		}
	}
	u.Devices = append(u.Devices, *row)
	return nil
}

// mainDeviceName is what the device of the account's own password is called.
const mainDeviceName = "password"

// deviceByName finds a device that is not revoked.
func (u *userRow) deviceByName(name string) *deviceRow {
	for i := range u.Devices {
		if d := &u.Devices[i]; d.Revoked.IsZero() && strings.EqualFold(d.Name, name) {
			return d
		}
	}
	return nil
}

func (u *userRow) device(id store.DeviceID) *deviceRow {
	for i := range u.Devices {
		if u.Devices[i].ID == id {
			return &u.Devices[i]
		}
	}
	return nil
}

// main is the device of the account's own password.
func (u *userRow) main() Device {
	return Device{ID: MainDevice, Name: mainDeviceName, Scopes: Scopes(), Created: u.Created, OwnPassword: true, POP: u.MainPOP, NoSent: u.NoSent}
}

// Devices returns the devices of an account, that of its own password first, revoked ones among them.
func (d *Directory) Devices(ctx context.Context, a addr.Address) ([]Device, error) {
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return nil, naming(a, err)
	}
	out := []Device{row.main()}
	for i := range row.Devices {
		out = append(out, row.Devices[i].Device)
	}
	return out, nil
}

// RevokeDevice ends a device: its password opens nothing from now on, and its sessions end (see Watch). What it has taken over POP3 stays
// taken. ErrNoDevice when there is none of that name.
func (d *Directory) RevokeDevice(ctx context.Context, a addr.Address, name string) error {
	return d.changeDevice(ctx, a, name, func(row *deviceRow) {
		row.Revoked = d.now()
		row.Key, row.Scram, row.Sealed = nil, nil, nil
	})
}

// SetDevicePOP sets the rule of a device for POP3, and the mailboxes of the scope "chosen". The device of the account's own password
// is called "password".
func (d *Directory) SetDevicePOP(ctx context.Context, a addr.Address, name string, rule retention.Rule, mailboxes []store.MailboxID) error {
	if err := d.checkRule(ctx, rule); err != nil {
		return err
	}
	if strings.EqualFold(name, mainDeviceName) {
		return d.changeAccount(ctx, a, func(row *userRow) { row.MainPOP = rule })
	}
	return d.changeDevice(ctx, a, name, func(row *deviceRow) { row.POP, row.Mailboxes = rule, mailboxes })
}

// SetAccountPOP sets the rule for POP3 of all of an account's devices that have none of their own.
func (d *Directory) SetAccountPOP(ctx context.Context, a addr.Address, rule retention.Rule) error {
	if err := d.checkRule(ctx, rule); err != nil {
		return err
	}
	return d.changeAccount(ctx, a, func(row *userRow) { row.POP = rule })
}

// OwnPOP is what has been said of a device's rule for POP3, or of the account's for the device "": what SetDevicePOP and SetAccountPOP set.
func (d *Directory) OwnPOP(ctx context.Context, a addr.Address, name string) (retention.Rule, error) {
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return retention.Rule{}, naming(a, err)
	}
	switch dev := row.deviceByName(name); {
	case name == "":
		return row.POP, nil
	case strings.EqualFold(name, mainDeviceName):
		return row.MainPOP, nil
	case dev == nil:
		return retention.Rule{}, fmt.Errorf("%w: %q", ErrNoDevice, name)
	default:
		return dev.POP, nil
	}
}

func (d *Directory) changeDevice(ctx context.Context, a addr.Address, name string, change func(*deviceRow)) error {
	var id store.AccountID
	err := d.updateAccount(ctx, a, func(row *userRow) error {
		id = row.Account
		dev := row.deviceByName(name)
		if dev == nil {
			return fmt.Errorf("%w: %q", ErrNoDevice, name)
		}
		change(dev)
		return nil
	})
	if err == nil {
		d.hint(id)
	}
	return err
}

// POPDevices are the devices of an account that may use POP3, with their rules: what store.Options.POPDevices asks for.
func (d *Directory) POPDevices(ctx context.Context, id store.AccountID) ([]store.POPDevice, error) {
	login, err := d.LoginOf(ctx, id)
	if errors.Is(err, ErrUnknownUser) {
		return nil, nil // it is being erased
	}
	if err != nil {
		return nil, err
	}
	name := d.loginName(login)
	row, err := d.account(ctx, name)
	if err != nil {
		return nil, err
	}
	above, err := d.abovePOP(ctx, domainOf(name))
	if err != nil {
		return nil, err
	}
	return d.popDevices(&row, above), nil
}

// popDevices are an account's POP devices under the rule that holds where the account says nothing.
func (d *Directory) popDevices(row *userRow, above retention.Rule) []store.POPDevice {
	above = row.POP.Over(above)
	out := []store.POPDevice{d.popDevice(row.main(), above)}
	for i := range row.Devices {
		if dev := row.Devices[i].Device; slices.Contains(dev.Scopes, ScopePOP3) {
			out = append(out, d.popDevice(dev, above))
		}
	}
	return out
}

// TryPOP is POPDevices as it would be if SetDevicePOP, or SetAccountPOP for the device "", were called with a rule.
func (d *Directory) TryPOP(ctx context.Context, a addr.Address, name string, rule retention.Rule, mailboxes []store.MailboxID) ([]store.POPDevice, error) {
	if _, err := rule.Apply(retention.Default()); err != nil {
		return nil, errBadDevice("%v", err)
	}
	row, err := d.account(ctx, rowName(a))
	if err != nil {
		return nil, naming(a, err)
	}
	switch dev := row.deviceByName(name); {
	case name == "":
		row.POP = rule
	case strings.EqualFold(name, mainDeviceName):
		row.MainPOP = rule
	case dev == nil:
		return nil, fmt.Errorf("%w: %q", ErrNoDevice, name)
	default:
		dev.POP, dev.Mailboxes = rule, mailboxes
	}
	above, err := d.abovePOP(ctx, a.Domain)
	if err != nil {
		return nil, err
	}
	return d.popDevices(&row, above), nil
}

// popDevice is a device as the store sees it: the nearest rule wins.
func (d *Directory) popDevice(dev Device, above retention.Rule) store.POPDevice {
	policy, err := dev.POP.Over(above).Apply(retention.Default())
	if err != nil {
		policy = retention.Default() // a rule that a newer version wrote: the one that loses nothing
		policy.Keep = retention.KeepForever
	}
	return store.POPDevice{
		ID: dev.ID, Policy: policy, Mailboxes: dev.Mailboxes, Floor: policy.Start.Floor(dev.Created), Created: dev.Created, ForPOP: dev.ForPOP,
		Revoked: !dev.Revoked.IsZero() || dev.expired(d.now()),
	}
}

func (dev *Device) expired(now time.Time) bool {
	return !dev.Expires.IsZero() && !now.Before(dev.Expires)
}
