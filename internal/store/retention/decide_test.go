package retention_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"restante/internal/store/retention"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

// device is one with the default policy, in scope, seen yesterday.
func device(id uint32, change ...func(*retention.Device)) retention.Device {
	d := retention.Device{ID: id, Policy: retention.Default(), InScope: true, Active: noon.Add(-day)}
	for _, c := range change {
		c(&d)
	}
	return d
}

func taken(daysAgo int) func(*retention.Device) {
	return func(d *retention.Device) { d.Taken = noon.Add(-time.Duration(daysAgo) * day) }
}

func keep(k retention.Keep) func(*retention.Device) {
	return func(d *retention.Device) { d.Policy.Keep = k }
}

func then(t retention.Then) func(*retention.Device) {
	return func(d *retention.Device) { d.Policy.Then = t }
}

func anyone(d *retention.Device)  { d.Policy.WaitFor = retention.WaitForAny }
func revoked(d *retention.Device) { d.Revoked = true }
func outside(d *retention.Device) { d.InScope = false }

func lastSeen(daysAgo int) func(*retention.Device) {
	return func(d *retention.Device) { d.Active = noon.Add(-time.Duration(daysAgo) * day) }
}

func days(n int) retention.Keep { return retention.Keep(time.Duration(n) * day) }

func TestDecide(t *testing.T) {
	in := func(n int) time.Time { return noon.Add(time.Duration(n) * day) }
	released := func(at time.Time, then retention.Then, by uint32) retention.Decision {
		return retention.Decision{Reason: retention.Released, At: at, Then: then, Device: by}
	}
	stays := func(r retention.Reason, by uint32) retention.Decision {
		return retention.Decision{Reason: r, Device: by}
	}
	for _, c := range []struct {
		name    string
		message retention.Message
		devices []retention.Device
		want    retention.Decision
	}{
		{"nobody has a POP device", retention.Message{}, nil, stays(retention.NotTaken, 0)},
		{"nobody has taken it", retention.Message{}, []retention.Device{device(1), device(2)}, stays(retention.NotTaken, 0)},
		{"thirty days from the taking", retention.Message{}, []retention.Device{device(1, taken(2))}, released(in(28), retention.ThenTrash, 1)},
		{"at once", retention.Message{}, []retention.Device{device(1, taken(0), keep(0), then(retention.ThenDelete))}, released(in(0), retention.ThenDelete, 1)},
		{"forever", retention.Message{}, []retention.Device{device(1, taken(400), lastSeen(0), keep(retention.KeepForever))}, stays(retention.Forever, 1)},
		{"forever wins, also of a device that has not taken it", retention.Message{},
			[]retention.Device{device(1, taken(9), keep(0)), device(2, keep(retention.KeepForever))}, stays(retention.Forever, 2)},
		{"a flag keeps it", retention.Message{Flagged: true}, []retention.Device{device(1, taken(40))}, stays(retention.Flagged, 0)},
		{"an answer keeps it", retention.Message{Answered: true}, []retention.Device{device(1, taken(40))}, stays(retention.Answered, 0)},
		{"a word keeps it", retention.Message{Kept: true, Flagged: true}, []retention.Device{device(1, taken(40))}, stays(retention.Kept, 0)},
		{"the other computer has not been there yet", retention.Message{}, []retention.Device{device(1, taken(40)), device(2)},
			retention.Decision{Reason: retention.Waiting, Device: 2, At: in(89)}},
		{"the other computer has not been there for long", retention.Message{}, []retention.Device{device(1, taken(40)), device(2, lastSeen(91))},
			released(in(-10), retention.ThenTrash, 1)},
		{"the other computer is gone", retention.Message{}, []retention.Device{device(1, taken(40)), device(2, revoked)}, released(in(-10), retention.ThenTrash, 1)},
		{"the one that took it is gone", retention.Message{}, []retention.Device{device(1, taken(40), revoked, lastSeen(100))}, released(in(-10), retention.ThenTrash, 1)},
		{"the only one that took it has been switched off for good", retention.Message{}, []retention.Device{device(1, taken(95), lastSeen(95))}, released(in(-65), retention.ThenTrash, 1)},
		{"and keeps for longer than it counts", retention.Message{}, []retention.Device{device(1, taken(95), lastSeen(95), keep(days(365)))}, released(in(270), retention.ThenTrash, 1)},
		{"and keeps forever", retention.Message{}, []retention.Device{device(1, taken(95), lastSeen(95), keep(retention.KeepForever))}, stays(retention.Forever, 1)},
		{"of those that are switched off the last counts", retention.Message{},
			[]retention.Device{device(1, taken(95), lastSeen(95), keep(0), anyone), device(2, taken(95), lastSeen(93), anyone), device(3, taken(95), lastSeen(94), keep(retention.KeepForever))},
			released(in(-65), retention.ThenTrash, 2)},
		{"one that is switched off does not keep it longer than one that is there", retention.Message{},
			[]retention.Device{device(1, taken(95), lastSeen(95), keep(days(365))), device(2, taken(1))}, released(in(-1), retention.ThenTrash, 2)},
		{"one that is switched off and kept forever", retention.Message{},
			[]retention.Device{device(1, taken(95), lastSeen(95), keep(retention.KeepForever)), device(2, taken(1))}, released(in(-1), retention.ThenTrash, 2)},
		{"the one that took it is switched off, the other has not been there yet", retention.Message{}, []retention.Device{device(1, taken(95), lastSeen(95)), device(2, lastSeen(3))},
			retention.Decision{Reason: retention.Waiting, Device: 2, At: in(87)}},
		{"the other does not use POP any longer", retention.Message{}, []retention.Device{device(1, taken(95), lastSeen(95)), device(2, lastSeen(91))}, released(in(-65), retention.ThenTrash, 1)},
		{"exactly ninety days are still active", retention.Message{}, []retention.Device{device(1, taken(95)), device(2, lastSeen(90))},
			retention.Decision{Reason: retention.Waiting, Device: 2, At: in(0)}},
		{"forever of one that is gone and had taken it", retention.Message{}, []retention.Device{device(1, taken(40), keep(retention.KeepForever), revoked), device(2, taken(40))}, stays(retention.Forever, 1)},
		{"forever of one that is gone and had not", retention.Message{}, []retention.Device{device(1, keep(retention.KeepForever), revoked), device(2, taken(40))}, released(in(-10), retention.ThenTrash, 2)},
		{"forever of one outside", retention.Message{}, []retention.Device{device(1, keep(retention.KeepForever), outside), device(2, taken(40))}, released(in(-10), retention.ThenTrash, 2)},
		{"forever wins over anyone", retention.Message{}, []retention.Device{device(1, taken(40), anyone, keep(0)), device(2, anyone, keep(retention.KeepForever))},
			stays(retention.Forever, 2)},
		{"not in the other's maildrop", retention.Message{}, []retention.Device{device(1, taken(1)), device(2, outside)}, released(in(29), retention.ThenTrash, 1)},
		{"periods count from the first taking", retention.Message{}, []retention.Device{device(1, taken(20)), device(2, taken(1))}, released(in(10), retention.ThenTrash, 1)},
		{"the longest period counts", retention.Message{}, []retention.Device{device(1, taken(20), keep(0)), device(2, taken(1), keep(days(60)))}, released(in(40), retention.ThenTrash, 2)},
		{"not before it was taken", retention.Message{}, []retention.Device{device(1, taken(40), keep(days(5))), device(2, taken(3), keep(days(7)))}, released(in(-3), retention.ThenTrash, 2)},
		{"all agree on anyone", retention.Message{}, []retention.Device{device(1, taken(20), anyone, keep(days(10))), device(2, anyone)}, released(in(-10), retention.ThenTrash, 1)},
		{"the earliest of those that agree on anyone", retention.Message{}, []retention.Device{device(1, taken(20), anyone), device(2, taken(2), anyone, keep(days(19)))},
			released(in(-1), retention.ThenTrash, 2)},
		{"one that does not agree on anyone", retention.Message{}, []retention.Device{device(1, taken(20), anyone), device(2)},
			retention.Decision{Reason: retention.Waiting, Device: 2, At: in(89)}},
		{"the gentlest end", retention.Message{}, []retention.Device{device(1, taken(3), then(retention.ThenDelete)), device(2, taken(3), then(retention.ThenArchive), keep(0))},
			released(in(27), retention.ThenArchive, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := retention.Decide(noon, c.message, c.devices)
			got.Look = time.Time{} // see TestLook
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Who counts changes with time, when nobody does anything.
func TestLook(t *testing.T) {
	ends := func(n int) time.Time { return noon.Add(time.Duration(n)*day + time.Millisecond) }
	for _, c := range []struct {
		name    string
		devices []retention.Device
		want    time.Time
	}{
		{"a single device", []retention.Device{device(1, taken(2))}, time.Time{}},
		{"nobody has taken it", []retention.Device{device(1), device(2)}, time.Time{}},
		{"the first that goes", []retention.Device{device(1, taken(2), lastSeen(2)), device(2, taken(2), lastSeen(10), keep(days(365)))}, ends(80)},
		{"one that is waited for", []retention.Device{device(1, taken(2), lastSeen(2)), device(2, lastSeen(89))}, ends(1)},
		{"nobody would let go", []retention.Device{device(1, taken(2), keep(retention.KeepForever)), device(2, keep(retention.KeepForever))}, time.Time{}},
		{"one would", []retention.Device{device(1, taken(2), lastSeen(2)), device(2, keep(retention.KeepForever), lastSeen(30))}, ends(60)},
		{"those that are gone do not count", []retention.Device{device(1, taken(2), revoked), device(2, taken(2), lastSeen(91)), device(3, taken(2))}, ends(89)},
	} {
		if got := retention.Decide(noon, retention.Message{}, c.devices).Look; !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestDecideHoldsBack checks what must hold for any devices: their order means nothing, nobody's taking is not enough, a message is never
// released earlier than the period of some device that took it ends, and one more device that waits or keeps longer never hastens it.
func TestDecideHoldsBack(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) retention.Device {
		d := device(rapid.Uint32Range(1, 9).Draw(t, "id"))
		d.Policy.Keep = rapid.SampledFrom([]retention.Keep{0, days(1), days(30), days(100), retention.KeepForever}).Draw(t, "keep")
		d.Policy.Then = retention.Then(rapid.IntRange(0, 2).Draw(t, "then"))
		d.Policy.WaitFor = retention.WaitFor(rapid.IntRange(0, 1).Draw(t, "wait"))
		d.InScope, d.Revoked = rapid.Bool().Draw(t, "scope"), rapid.Bool().Draw(t, "revoked")
		d.Active = noon.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "active")) * day)
		if n := rapid.IntRange(-1, 120).Draw(t, "taken"); n >= 0 {
			d.Taken = noon.Add(-time.Duration(n) * day)
		}
		return d
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(gen, 0, 6).Draw(t, "devices")
		got := retention.Decide(noon, retention.Message{}, list)
		shuffled := rapid.Permutation(list).Draw(t, "shuffled")
		if again := retention.Decide(noon, retention.Message{}, shuffled); again.Reason != got.Reason || !again.At.Equal(got.At) || again.Then != got.Then {
			t.Fatalf("%+v, in another order %+v", got, again)
		}
		if got.Reason != retention.Released {
			return
		}
		fits := false
		for _, d := range list {
			fits = fits || !d.Taken.IsZero() && d.Policy.Keep != retention.KeepForever && !got.At.Before(d.Taken)
		}
		if !fits {
			t.Fatalf("%+v rests on no taking", got)
		}
		more := append(list, device(10, taken(0), keep(days(100)), lastSeen(0)))
		if later := retention.Decide(noon, retention.Message{}, more); later.Reason == retention.Released && later.At.Before(got.At) {
			t.Fatalf("%+v, with one that keeps longer %+v", got, later)
		}
	})
}

func TestKeep(t *testing.T) {
	for text, want := range map[string]retention.Keep{"none": 0, "forever": retention.KeepForever, "30d": days(30), "0d": 0, "12h": retention.Keep(12 * time.Hour), "36500d": retention.MaxKeep} {
		got, err := retention.ParseKeep(text)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if again, err := retention.ParseKeep(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s", text, got)
		}
	}
	for _, text := range []string{"", "30", "-1d", "36501d", "99999999999999999999d", "1y", "Forever", "-5h", "876001h"} {
		if k, err := retention.ParseKeep(text); err == nil {
			t.Errorf("%q is %v", text, k)
		}
	}
	if n := retention.Keep(47 * time.Hour).Days(); n != 1 {
		t.Errorf("25 hours are %d days", n)
	}
}

func TestRules(t *testing.T) {
	server := retention.Rule{Keep: "90d", View: "shared"}
	device := retention.Rule{Keep: "none", Then: "delete", Start: "14d", MarkSeen: "on_retr", WaitFor: "any", Scope: "all"}
	p, err := device.Over(server).Apply(retention.Default())
	want := retention.Policy{
		Keep: retention.KeepNone, Then: retention.ThenDelete, Start: retention.Start(14 * day), MarkSeen: retention.MarkOnRetr,
		WaitFor: retention.WaitForAny, Scope: retention.ScopeAllMail, Shared: true,
	}
	if err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
	if again, err := p.Rule().Apply(retention.Policy{}); err != nil || again != p {
		t.Errorf("%+v is written %+v: %v", p, p.Rule(), err)
	}
	if got, err := (retention.Rule{}).Apply(retention.Default()); err != nil || got != retention.Default() {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []retention.Rule{{Keep: "long"}, {Start: "none"}, {Then: "burn"}, {Scope: "INBOX"}, {View: "x"}, {WaitFor: "both"}, {MarkSeen: "yes"}} {
		if got, err := bad.Apply(retention.Default()); err == nil || got != retention.Default() {
			t.Errorf("%+v gives %+v", bad, got)
		}
	}
	if f := retention.Start(2 * day).Floor(noon); !f.Equal(noon.Add(-2 * day)) {
		t.Error(f)
	}
}
