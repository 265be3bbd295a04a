package directory_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/base/limit"
	"restante/internal/directory"
	"restante/internal/proto/sasl"
	"restante/internal/store/retention"
)

func (h *house) device(t *testing.T, n directory.NewDevice) (directory.Device, string) {
	t.Helper()
	dev, password, err := h.AddDevice(t.Context(), address(t, "ada@demo.test"), n)
	if err != nil {
		t.Fatal(err)
	}
	return dev, password
}

func TestDeviceLogsInWithItsOwnPassword(t *testing.T) {
	h := newHouse(t, directory.Options{Offer: sasl.Offer{Mechanisms: []string{sasl.ScramSHA256, sasl.Plain}}})
	h.add(t, "ada", "correct horse")
	dev, password := h.device(t, directory.NewDevice{Name: "Office PC", Scopes: []directory.Scope{directory.ScopePOP3}, ForPOP: true})
	if len(password) != 26 || password != strings.ToLower(password) {
		t.Errorf("the password is %q", password)
	}
	ctx := t.Context()
	for _, login := range []string{"ada@demo.test", "ADA@demo.test/anything"} {
		id, err := h.Authenticate(ctx, login, password, netip.Addr{})
		if err != nil || id.Device != dev.ID || id.DeviceName != "Office PC" {
			t.Fatalf("%s: %+v, %v", login, id, err)
		}
		if err := id.Allows(directory.ScopePOP3); err != nil {
			t.Error(err)
		}
		if err := id.Allows(directory.ScopeIMAP); !errors.Is(err, directory.ErrScope) || !errors.Is(err, sasl.ErrFailed) {
			t.Errorf("IMAP: %v", err)
		}
	}
	id, err := h.Authenticate(ctx, "ada@demo.test", "correct horse", netip.Addr{})
	if err != nil || id.Device != directory.MainDevice || id.Allows(directory.ScopeIMAP) != nil {
		t.Errorf("the account's password: %+v, %v", id, err)
	}
	// SCRAM finds out which password it is, also after the account's own was changed.
	for range 2 {
		if err := h.scram(t, sasl.SHA256, "ada@demo.test", password, ""); err != nil {
			t.Errorf("SCRAM: %v", err)
		}
		if err := h.ChangePassword(ctx, address(t, "ada@demo.test"), "battery staple"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.scram(t, sasl.SHA256, "ada@demo.test", "battery staple", ""); err != nil {
		t.Errorf("SCRAM with the account's: %v", err)
	}
	if err := h.scram(t, sasl.SHA256, "ada@demo.test", strings.Repeat("a", 26), ""); !errors.Is(err, sasl.ErrFailed) {
		t.Errorf("SCRAM with nobody's: %v", err)
	}
}

func TestRevokedExpiredAndElsewhere(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	h := newHouse(t, directory.Options{Clock: func() time.Time { return now }})
	h.add(t, "ada", "correct horse")
	_, revoked := h.device(t, directory.NewDevice{Name: "old"})
	_, expiring := h.device(t, directory.NewDevice{Name: "guest", Expires: now.Add(time.Hour)})
	_, bound := h.device(t, directory.NewDevice{Name: "office", Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	login := func(password, from string) error {
		id, err := h.Authenticate(t.Context(), "ada@demo.test", password, netip.MustParseAddr(from))
		if err == nil {
			err = h.Valid(t.Context(), id)
		}
		return err
	}
	if err := errors.Join(login(revoked, "192.0.2.1"), login(expiring, "192.0.2.1"), login(bound, "::ffff:192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	id, err := h.Authenticate(t.Context(), "ada@demo.test", revoked, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.RevokeDevice(t.Context(), address(t, "ada@demo.test"), "OLD"); err != nil {
		t.Fatal(err)
	}
	if err := h.Valid(t.Context(), id); !errors.Is(err, directory.ErrRevoked) {
		t.Errorf("a session of the revoked: %v", err)
	}
	if err := login(revoked, "192.0.2.1"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("revoked: %v", err)
	}
	if err := login(bound, "198.51.100.1"); !errors.Is(err, directory.ErrScope) {
		t.Errorf("from elsewhere: %v", err)
	}
	now = now.Add(time.Hour)
	if err := login(expiring, "192.0.2.1"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("expired: %v", err)
	}
	if err := h.RevokeDevice(t.Context(), address(t, "ada@demo.test"), "old"); !errors.Is(err, directory.ErrNoDevice) {
		t.Errorf("revoked twice: %v", err)
	}
	// The name is free again, the id is not.
	again, _ := h.device(t, directory.NewDevice{Name: "old"})
	list, err := h.Devices(t.Context(), address(t, "ada@demo.test"))
	if err != nil || len(list) != 5 || again.ID != 5 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Programs that share the account's password are told apart if they say who they are.
func TestNamedDevices(t *testing.T) {
	h := newHouse(t, directory.Options{DefaultDomain: "demo.test"})
	h.add(t, "ada", "correct horse")
	first, err := h.Authenticate(t.Context(), "ada/phone", "correct horse", netip.Addr{})
	if err != nil || first.Device == directory.MainDevice {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := h.Authenticate(t.Context(), "ada@demo.test/Phone", "correct horse", netip.Addr{})
	if err != nil || again.Device != first.Device {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := h.Authenticate(t.Context(), "ada/tablet", "wrong", netip.Addr{}); !errors.Is(err, directory.ErrCredentials) {
		t.Error(err)
	}
	if list, _ := h.Devices(t.Context(), address(t, "ada@demo.test")); len(list) != 2 {
		t.Errorf("devices: %+v", list)
	}
	h.device(t, directory.NewDevice{Name: "desk"})
	if _, err := h.Authenticate(t.Context(), "ada/desk", "correct horse", netip.Addr{}); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("a device with a password of its own: %v", err)
	}
	for _, bad := range []string{"", " x", "a/b", "a@b", "x\x01", strings.Repeat("x", 65), "Password", "PHONE"} {
		if _, _, err := h.AddDevice(t.Context(), address(t, "ada@demo.test"), directory.NewDevice{Name: bad}); err == nil {
			t.Errorf("a device called %q", bad)
		}
	}
}

func TestNearestRuleWins(t *testing.T) {
	h := newHouse(t, directory.Options{POP: retention.Rule{Keep: "90d", Then: "archive"}})
	id := h.add(t, "ada", "correct horse").ID
	a := address(t, "ada@demo.test")
	h.device(t, directory.NewDevice{Name: "pc", POP: retention.Rule{Keep: "none"}, ForPOP: true})
	h.device(t, directory.NewDevice{Name: "phone", Scopes: []directory.Scope{directory.ScopeIMAP}})
	if err := errors.Join(
		h.SetAccountPOP(t.Context(), a, retention.Rule{Then: "delete"}),
		h.SetDevicePOP(t.Context(), a, "password", retention.Rule{WaitFor: "any"}, nil),
	); err != nil {
		t.Fatal(err)
	}
	list, err := h.POPDevices(t.Context(), id)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if p := list[0].Policy; p.Keep.String() != "90d" || p.Then != retention.ThenDelete || p.WaitFor != retention.WaitForAny {
		t.Errorf("the password: %+v", p)
	}
	if p := list[1].Policy; p.Keep != retention.KeepNone || p.Then != retention.ThenDelete || !list[1].ForPOP {
		t.Errorf("the pc: %+v", list[1])
	}
	if err := h.SetDevicePOP(t.Context(), a, "pc", retention.Rule{Keep: "a while"}, nil); !errors.Is(err, directory.ErrDeviceName) {
		t.Error(err)
	}
	if list, err := h.POPDevices(context.Background(), 999); err != nil || list != nil {
		t.Errorf("of nobody: %v, %v", list, err)
	}
}

// Whoever has the keys of a password from before it was changed proves nothing with them, though the salt is the same for the devices' sake.
func TestProofOfAnOldPassword(t *testing.T) {
	h := newHouse(t, directory.Options{})
	h.add(t, "ada", "correct horse")
	h.device(t, directory.NewDevice{Name: "phone"})
	old := h.Exchange(t.Context(), peer)
	if _, err := old.Keys("ada@demo.test", sasl.SHA256); err != nil {
		t.Fatal(err)
	}
	if err := h.ChangePassword(t.Context(), address(t, "ada@demo.test"), "battery staple"); err != nil {
		t.Fatal(err)
	}
	if err := old.Proved("", "ada@demo.test", sasl.SHA256, 0); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("%+v, %v", old.Identity(), err)
	}
}

// Devices go on logging in by SCRAM whatever becomes of the account's password.
func TestDevicesOutliveImportedPassword(t *testing.T) {
	h := newHouse(t, directory.Options{MinPassword: 1})
	h.add(t, "ada", "correct horse")
	_, password := h.device(t, directory.NewDevice{Name: "phone"})
	imported, err := h.Imported("{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(t.Context(), address(t, "ada@demo.test"), imported); err != nil {
		t.Fatal(err)
	}
	if err := h.scram(t, sasl.SHA256, "ada@demo.test", password, ""); err != nil {
		t.Errorf("before the account's first login: %v", err)
	}
	if err := h.scram(t, sasl.SHA256, "ada@demo.test", "U*U", ""); !errors.Is(err, sasl.ErrFailed) {
		t.Errorf("the account's: %v", err)
	}
	if _, err := h.Authenticate(t.Context(), "ada@demo.test", "U*U", peer); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{password, "U*U"} {
		if err := h.scram(t, sasl.SHA256, "ada@demo.test", p, ""); err != nil {
			t.Errorf("%s after it: %v", p, err)
		}
	}
	// A credential that was made apart from the account, with a salt of its own: SCRAM is over for the device, its password is not.
	apart, err := h.Derive(t.Context(), "made apart")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetPassword(t.Context(), address(t, "ada@demo.test"), apart); err != nil {
		t.Fatal(err)
	}
	if err := h.scram(t, sasl.SHA256, "ada@demo.test", "made apart", ""); err != nil {
		t.Error(err)
	}
	if _, err := h.Authenticate(t.Context(), "ada@demo.test", password, peer); err != nil {
		t.Error(err)
	}
}

// A session of a device ends when the device's time is over, though nobody changes anything then.
func TestExpiryEndsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, directory.Options{})
		h.add(t, "ada", "correct horse")
		_, password := h.device(t, directory.NewDevice{Name: "guest", Expires: time.Now().Add(time.Hour)})
		id, err := h.Authenticate(t.Context(), "ada@demo.test", password, peer)
		if err != nil {
			t.Fatal(err)
		}
		var woken, cut atomic.Int32
		w := h.Watch(id, func() { woken.Add(1) }, func() { cut.Add(1) })
		gone := h.Watch(id, func() { t.Error("a closed watch woke") }, func() { t.Error("a closed watch cut") })
		gone.Close()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		if woken.Load()+cut.Load() != 0 {
			t.Errorf("before: woken %d, cut %d", woken.Load(), cut.Load())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if woken.Load() != 1 || cut.Load() != 1 {
			t.Errorf("after: woken %d, cut %d", woken.Load(), cut.Load())
		}
		w.Close()
	})
}

// CRAM-MD5 with the account's password tells devices apart as the other mechanisms do.
func TestNamedDeviceByCram(t *testing.T) {
	h := newHouse(t, directory.Options{
		CramKey: []byte("0123456789abcdef0123456789abcdef"), Offer: sasl.Offer{Mechanisms: []string{sasl.CramMD5, sasl.Plain}},
	})
	h.add(t, "ada", "correct horse")
	if err := h.cram(t, "ada@demo.test/phone", "correct horse"); err != nil {
		t.Error(err)
	}
	list, err := h.Devices(t.Context(), address(t, "ada@demo.test"))
	if err != nil || len(list) != 2 || list[1].Name != "phone" {
		t.Errorf("%+v, %v", list, err)
	}
}

// What looks like a device's password and is none counts as a guess, on an account with devices as on one without a password.
func TestGuardCountsWrongDevicePasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, directory.Options{Guard: limit.NewGuard(limit.GuardOptions{First: time.Second, Refuse: 3})})
		if err := h.AddDomain(t.Context(), "demo.test"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.CreateAccount(t.Context(), address(t, "ada@demo.test"), directory.NewAccount{}); err != nil {
			t.Fatal(err)
		}
		_, password := h.device(t, directory.NewDevice{Name: "phone"})
		if id, err := h.Authenticate(t.Context(), "ada@demo.test", password, peer); err != nil || id.DeviceName != "phone" {
			t.Fatalf("%+v, %v", id, err)
		}
		for _, c := range "abc" {
			if _, err := h.Authenticate(t.Context(), "ada@demo.test", strings.Repeat(string(c), 26), peer); !errors.Is(err, directory.ErrCredentials) {
				t.Errorf("%c: %v", c, err)
			}
		}
		if _, err := h.Authenticate(t.Context(), "ada@demo.test", password, peer); !errors.Is(err, directory.ErrThrottled) {
			t.Errorf("after three guesses: %v", err)
		}
	})
}

// Where and how long a device may log in holds for those too that share the account's password.
func TestBoundsOfDevicesWithoutPassword(t *testing.T) {
	now := time.Unix(1e9, 0)
	h := newHouse(t, directory.Options{Clock: func() time.Time { return now }})
	h.add(t, "ada", "correct horse")
	h.device(t, directory.NewDevice{
		Name: "desk", NoPassword: true, Expires: now.Add(time.Hour), Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	try := func(from string) error {
		_, err := h.Authenticate(t.Context(), "ada@demo.test/desk", "correct horse", netip.MustParseAddr(from))
		return err
	}
	if err := try("192.0.2.7"); err != nil {
		t.Error(err)
	}
	if err := try("198.51.100.7"); !errors.Is(err, directory.ErrScope) {
		t.Errorf("from elsewhere: %v", err)
	}
	now = now.Add(2 * time.Hour)
	if err := try("192.0.2.7"); !errors.Is(err, directory.ErrCredentials) {
		t.Errorf("too late: %v", err)
	}
}
