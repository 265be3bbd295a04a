package store

import (
	"errors"
	"testing"
)

// TestInParts does runs of ever more messages with a do that takes three at most.
func TestInParts(t *testing.T) {
	for n := UID(1); n < 40; n++ {
		run := []UIDRange{{Lo: 5, Hi: 5 + n/2}}
		if n > 2 {
			run = append(run, UIDRange{Lo: 100, Hi: 100 + n})
		}
		var want, got []UID
		each := func(rs []UIDRange, to *[]UID) (count int) {
			for _, r := range rs {
				for uid := r.Lo; uid <= r.Hi; uid++ {
					*to = append(*to, uid)
					count++
				}
			}
			return count
		}
		each(run, &want)
		err := inParts(run, func(part []UIDRange) error {
			if each(part, new([]UID)) > 3 {
				return errTooMuch
			}
			each(part, &got)
			return nil
		})
		if err != nil || len(Ranges(got)) != len(Ranges(want)) || len(got) != len(want) {
			t.Fatalf("%v: did %v, want %v (%v)", run, got, want, err)
		}
	}
	if err := inParts([]UIDRange{{Lo: 1, Hi: 8}}, func([]UIDRange) error { return errTooMuch }); !errors.Is(err, ErrLimit) {
		t.Error("one message that is too much:", err)
	}
}
