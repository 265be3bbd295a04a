package directory_test

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"restante/internal/base/limit"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
	"restante/internal/store"
)

func (h *house) apop(t *testing.T, login, password string) (directory.Identity, error) {
	t.Helper()
	const stamp = "<1896.697170952@dbc.mtview.ca.us>"
	sum := md5.Sum([]byte(stamp + password))
	return h.APOP(t.Context(), login, stamp, sum[:], peer)
}

var apopKey = []byte("0123456789abcdef0123456789abcdef")

func withAPOP(more ...string) directory.Options {
	return directory.Options{DefaultDomain: "demo.test", Cost: cheap, CramKey: apopKey, Offer: sasl.Offer{Mechanisms: append(more, directory.MechanismAPOP, sasl.Plain)}}
}

func TestAPOP(t *testing.T) {
	h := newHouse(t, withAPOP())
	h.add(t, "ada", "tan-staaf")
	dev, password := h.device(t, directory.NewDevice{Name: "phone", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	away, elsewhere := h.device(t, directory.NewDevice{Name: "away", Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Scopes: []directory.Scope{directory.ScopeIMAP}})
	for _, tt := range []struct {
		login, password string
		device          store.DeviceID
		err             error
	}{
		{"ada@demo.test", "tan-staaf", directory.MainDevice, nil},
		{"ADA", "tan-staaf", directory.MainDevice, nil},
		{"ada", password, dev.ID, nil},
		{"ada", elsewhere, away.ID, directory.ErrScope},
		{"ada", "tanstaaf", 0, directory.ErrCredentials},
		{"ada", "", 0, directory.ErrCredentials},
		{"bob", "tan-staaf", 0, directory.ErrCredentials},
		{"", "", 0, directory.ErrCredentials},
	} {
		id, err := h.apop(t, tt.login, tt.password)
		if !errors.Is(err, tt.err) || err == nil && id.Device != tt.device {
			t.Errorf("%s: %+v, %v, want %v", tt.login, id, err, tt.err)
		}
	}
	id, err := h.apop(t, "ada+Lists/Go@demo.test/desk", "tan-staaf")
	if err != nil || id.Folder != "Lists/Go" || id.DeviceName != "desk" {
		t.Errorf("%+v, %v", id, err)
	}
	if err := h.RevokeDevice(t.Context(), address(t, "ada@demo.test"), "phone"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.apop(t, "ada", password); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("a revoked device: %v", err)
	}
	if err := h.SetAccess(t.Context(), address(t, "ada@demo.test"), directory.NoLogin); err != nil {
		t.Fatal(err)
	}
	if _, err := h.apop(t, "ada", "tan-staaf"); !errors.Is(err, directory.ErrDisabled) {
		t.Errorf("a disabled account: %v", err)
	}
}

// What APOP needs is there only for passwords that came by while it was offered, goes with it, and opens with its own key only.
func TestWhatIsKeptForAPOP(t *testing.T) {
	h := newHouse(t, directory.Options{})
	h.add(t, "ada", "tan-staaf")
	if _, err := h.apop(t, "ada", "tan-staaf"); !errors.Is(err, sasl.ErrMechanism) {
		t.Errorf("not offered: %v", err)
	}
	login := func() {
		t.Helper()
		if _, err := h.Authenticate(t.Context(), "ada", "tan-staaf", peer); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() bool {
		b, err := h.store.Row(t.Context(), store.UserRows, "demo.test/ada")
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("tan-staaf")) {
			t.Errorf("the password itself is in %s", b)
		}
		return bytes.Contains(b, []byte(`"sealed"`))
	}
	h.reopen(t, withAPOP())
	if _, err := h.apop(t, "ada", "tan-staaf"); !errors.Is(err, directory.ErrCredentials) || kept() {
		t.Errorf("too early: %v", err)
	}
	login()
	if _, err := h.apop(t, "ada", "tan-staaf"); err != nil || !kept() {
		t.Error(err)
	}
	other := withAPOP()
	other.CramKey = []byte("another key of thirty-two octets")
	h.reopen(t, other)
	if _, err := h.apop(t, "ada", "tan-staaf"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("with another key: %v", err)
	}
	h.reopen(t, directory.Options{DefaultDomain: "demo.test", Cost: cheap})
	login()
	if kept() {
		t.Error("it is kept after APOP has gone")
	}
	// With CRAM-MD5 beside it, each has its own.
	h.reopen(t, withAPOP(sasl.CramMD5))
	login()
	if err := h.cram(t, "ada", "tan-staaf"); err != nil {
		t.Error(err)
	}
	if _, err := h.apop(t, "ada", "tan-staaf"); err != nil {
		t.Error(err)
	}
}

func TestGuardCountsAPOP(t *testing.T) {
	o := withAPOP()
	o.Guard = limit.NewGuard(limit.GuardOptions{Refuse: 3})
	h := newHouse(t, o)
	h.add(t, "ada", "tan-staaf")
	for range 3 {
		h.apop(t, "ada", "wrong")
	}
	if _, err := h.apop(t, "ada", "tan-staaf"); !errors.Is(err, directory.ErrThrottled) {
		t.Error(err)
	}
}

// What people and programs outside are shown of accounts and devices has nothing of their passwords in it.
func TestNothingSecretIsShown(t *testing.T) {
	h := newHouse(t, withAPOP(sasl.CramMD5, sasl.ScramSHA256))
	h.add(t, "ada", "tan-staaf")
	h.device(t, directory.NewDevice{Name: "phone"})
	a, err := h.Account(t.Context(), address(t, "ada@demo.test"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.Devices(t.Context(), address(t, "ada@demo.test"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := h.apop(t, "ada", "tan-staaf")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal([]any{a, list, id})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"hash"`, `"scram"`, `"salt"`, `"key"`, `"stored"`, `"cram"`, `"sealed"`, "argon2", "tan-staaf"} {
		if bytes.Contains(shown, []byte(word)) {
			t.Errorf("%s is in %s", word, shown)
		}
	}
}
