package retention

import (
	"errors"
	"testing"
	"time"
)

func TestParseStay(t *testing.T) {
	for text, want := range map[string]Stay{
		"forever": {}, "never": {}, "14d": {For: 14 * day}, " 14D  Flagged ": {For: 14 * day, Flagged: true}, "36h": {For: 36 * time.Hour}, "1h": {For: time.Hour},
	} {
		got, err := ParseStay(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseStay(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, and read as %v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "none", "0d", "30m", "-1d", "14", "d", "14d flag", "forever flagged", "14d flagged x", "99999999d", "1.5d", "90m0.5s"} {
		if got, err := ParseStay(text); !errors.Is(err, ErrStay) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParseStay(f *testing.F) {
	for _, s := range []string{"14d", "forever", "never", "3h flagged", "none"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStay(text)
		if err != nil {
			return
		}
		if again, err := ParseStay(s.String()); err != nil || again != s {
			t.Errorf("%q: %v, then %v, %v", text, s, again, err)
		}
	})
}

func TestSaid(t *testing.T) {
	names := []string{"device", "account", "server"}
	got := Said(names, []Rule{{Keep: "1d"}, {Keep: "2d", Then: "trash"}, {Keep: "3d", Then: "delete", LoginDelay: "60s"}})
	if want := (Rule{Keep: "device", Then: "account", LoginDelay: "server"}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestParseLoginDelay(t *testing.T) {
	for text, want := range map[string]time.Duration{"none": 0, "0s": 0, "60s": time.Minute, "5m": 5 * time.Minute, "1h": time.Hour} {
		if got, err := ParseLoginDelay(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "61m", "forever", "1d", "-5s", "1.5s", "x"} {
		if got, err := ParseLoginDelay(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
