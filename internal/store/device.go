package store

import (
	"context"
	"fmt"
	"time"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
	"restante/internal/store/retention"
)

// SharedDevice has the taken marks of all devices whose view is shared, besides each of them its own.
const SharedDevice DeviceID = 1<<32 - 1

// POPDevice is what the rules say of a device that may use POP3. The directory has them; see Options.POPDevices.
type POPDevice struct {
	ID     DeviceID
	Policy retention.Policy
	// Mailboxes are those of ScopeChosen, besides INBOX.
	Mailboxes []MailboxID
	// Floor is where the device's maildrop begins: mail whose internal date is earlier is not in it. Zero: all mail.
	Floor time.Time
	// Created is when the device was made. If it was made for POP3 it counts among those that a message waits for from then on; another
	// only once it has come by POP3.
	Created time.Time
	ForPOP  bool
	// Revoked devices log in no more, but what they have taken they have taken.
	Revoked bool
}

// marks are those who have the marks of what it is not offered any more: itself, and all that it shares its view with. What a device takes is marked
// for each, so that it is not offered again when somebody changes its view.
func (d *POPDevice) marks() []DeviceID {
	if d.Policy.Shared {
		return []DeviceID{d.ID, SharedDevice}
	}
	return []DeviceID{d.ID}
}

// holds says whether messages of a mailbox can be in the device's maildrop.
func (d *POPDevice) holds(m *mailbox) bool {
	if m.props.NoSelect {
		return false
	}
	if m.props.Role == keys.RoleInbox {
		return true
	}
	switch d.Policy.Scope {
	case retention.ScopeAllMail:
		return m.props.Role != keys.RoleJunk && m.props.Role != keys.RoleTrash
	case retention.ScopeChosen:
		for _, id := range d.Mailboxes {
			if id == m.id {
				return true
			}
		}
	}
	return false
}

// Maildrop returns the mailboxes that the device's maildrop is made of, INBOX first.
func (d *POPDevice) Maildrop(v *View) []*MailboxView {
	var out []*MailboxView
	for _, m := range v.state.mailboxes {
		if !d.holds(m) {
			continue
		}
		out = append(out, &MailboxView{view: v, box: m})
		if m.props.Role == keys.RoleInbox {
			out[0], out[len(out)-1] = out[len(out)-1], out[0]
		}
	}
	return out
}

// Offers says whether a message that lies in one of the device's mailboxes is new enough to be in its maildrop.
func (d *POPDevice) Offers(e *Entry) bool {
	return e.Internal >= d.Floor.UnixMilli() || d.Floor.IsZero()
}

// Use is a device's login.
type Use struct {
	Protocol Protocol
	Client   string // what the program says of itself, at most 200 octets of it are kept
	Address  string
	TLS      string // the version; empty without
}

// DeviceUse is what a device has done so far.
type DeviceUse struct {
	First, Last time.Time // zero: never
	Protocol    Protocol
	Client      string
	Address     string
	TLS         string
	Logins      uint64
	POP         time.Time // the last login by POP3; zero: never
	Taken       uint64    // messages, over POP3
}

const maxClient = 200

// NoteUse notes a login, now. It is written lazily: after a power cut the last few may be missing.
func (h *Account) NoteUse(ctx context.Context, dev DeviceID, u Use) error {
	h.devices.Lock()
	defer h.devices.Unlock()
	row, err := h.deviceRow(ctx, dev)
	if err != nil {
		return err
	}
	now := h.store.now().UnixMilli()
	if row.First == 0 {
		row.First = now
	}
	row.Last, row.Protocol, row.Address, row.TLS = now, uint8(u.Protocol), u.Address, u.TLS
	if u.Protocol == ProtocolPOP3 {
		row.POP = row.Last
	}
	if u.Client != "" {
		row.Client = u.Client[:min(len(u.Client), maxClient)]
	}
	row.Logins++
	b := new(kv.Batch)
	b.Put(keys.DeviceKey(h.id, dev), row.Encode())
	if err := h.store.engine.Commit(ctx, b, kv.Lazy); err != nil {
		return fmt.Errorf("store: noting the use of device %d: %w", dev, err)
	}
	return nil
}

// Used returns what a device has done.
func (h *Account) Used(ctx context.Context, dev DeviceID) (DeviceUse, error) {
	row, err := h.deviceRow(ctx, dev)
	if err != nil {
		return DeviceUse{}, err
	}
	u := DeviceUse{Protocol: Protocol(row.Protocol), Client: row.Client, Address: row.Address, TLS: row.TLS, Logins: row.Logins}
	if row.First != 0 {
		u.First, u.Last = time.UnixMilli(row.First), time.UnixMilli(row.Last)
	}
	if row.POP != 0 {
		u.POP = time.UnixMilli(row.POP)
	}
	v, err := h.store.engine.Get(ctx, keys.DeviceTakenKey(h.id, dev))
	if err != nil && !isNotFound(err) {
		return u, fmt.Errorf("store: device %d: %w", dev, err)
	}
	u.Taken, _ = keys.DecodeID(v)
	return u, nil
}

func (a *account) deviceRow(ctx context.Context, dev DeviceID) (keys.Device, error) {
	v, err := a.store.engine.Get(ctx, keys.DeviceKey(a.id, dev))
	if isNotFound(err) {
		return keys.Device{}, nil
	}
	if err != nil {
		return keys.Device{}, fmt.Errorf("store: device %d: %w", dev, err)
	}
	row, err := keys.DecodeDevice(v)
	if err != nil {
		return row, corrupt(fmt.Sprintf("device %d of account %d", dev, a.id), err)
	}
	return row, nil
}
