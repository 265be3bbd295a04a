package keys

// Device is the row V: what a device has done. What it may do is the directory's.
type Device struct {
	First    int64  // its first login, milliseconds
	Last     int64  // its last login
	Protocol uint8  // of the last login
	Client   string // what the program said of itself (IMAP ID, user agent)
	Address  string // where it came from
	TLS      string // the version of TLS; empty without
	Logins   uint64
	POP      int64 // its last login by POP3, milliseconds
	Unknown  []byte
}

const deviceVersion = 1

const (
	deviceFirst = iota + 1
	deviceLast
	deviceProtocol
	deviceClient
	deviceAddress
	deviceTLS
	deviceLogins
	devicePOP
)

// DeviceKey is the key of a device's row.
func DeviceKey(acct AccountID, dev DeviceID) []byte {
	return be32(be32(start(TableDevice, 8), acct), dev)
}

// DeviceTakenKey is the key of how many messages a device has taken over POP3 in all. It is apart from the device's row, which is written without
// the account's.
func DeviceTakenKey(acct AccountID, dev DeviceID) []byte { return append(DeviceKey(acct, dev), 't') }

// DeviceOf splits the key of a device's row, or of its counter.
func DeviceOf(key []byte) (dev DeviceID, counter bool, err error) {
	if len(key) < 9 || len(key) > 10 || Table(key[0]) != TableDevice || len(key) == 10 && key[9] != 't' {
		return 0, false, ErrCorrupt
	}
	r := fixed{key[5:]}
	return DeviceID(r.u32()), len(key) == 10, nil
}

// Encode writes the row.
func (d *Device) Encode() []byte {
	w := newFields(deviceVersion, 64+len(d.Client))
	w.int(deviceFirst, d.First)
	w.int(deviceLast, d.Last)
	w.uint(deviceProtocol, uint64(d.Protocol))
	w.string(deviceClient, d.Client)
	w.string(deviceAddress, d.Address)
	w.string(deviceTLS, d.TLS)
	w.uint(deviceLogins, d.Logins)
	w.int(devicePOP, d.POP)
	return append(w.b, d.Unknown...)
}

// DecodeDevice reads the row.
func DecodeDevice(b []byte) (Device, error) {
	var d Device
	r := readFields(deviceVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return d, r.err
		}
		switch tag {
		case deviceFirst:
			d.First = r.int(v)
		case deviceLast:
			d.Last = r.int(v)
		case deviceProtocol:
			d.Protocol = uint8(r.uint(v))
		case deviceClient:
			d.Client = string(v)
		case deviceAddress:
			d.Address = string(v)
		case deviceTLS:
			d.TLS = string(v)
		case deviceLogins:
			d.Logins = r.uint(v)
		case devicePOP:
			d.POP = r.int(v)
		default:
			d.Unknown = keep(d.Unknown, tag, v)
		}
	}
}
