package retention

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stay is how long messages stay in a mailbox, counted from when they came there. The zero value is for ever.
type Stay struct {
	For     time.Duration // 0 is for ever
	Flagged bool          // flagged messages leave as well
}

// ErrStay means a text that ParseStay cannot read.
var ErrStay = errors.New(`messages stay "forever", or for a period such as "14d", or "14d flagged" if flagged ones are to leave as well`)

// MinStay is the shortest period: shorter than a sweep it would mean nothing.
const MinStay = time.Hour

// ParseStay reads "forever" or "never" (they leave), or a period such as "14d", perhaps with the word "flagged" behind it.
func ParseStay(text string) (Stay, error) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 1 && (words[0] == "forever" || words[0] == "never") {
		return Stay{}, nil
	}
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "flagged" {
		return Stay{}, fmt.Errorf("%q: %w", text, ErrStay)
	}
	k, err := ParseKeep(words[0])
	if err != nil || k == KeepForever || time.Duration(k) < MinStay || time.Duration(k)%time.Second != 0 {
		return Stay{}, fmt.Errorf("%q: %w", text, ErrStay)
	}
	return Stay{For: time.Duration(k), Flagged: len(words) == 2}, nil
}

// String is what ParseStay reads.
func (s Stay) String() string {
	switch {
	case s.For == 0:
		return "forever"
	case s.Flagged:
		return Keep(s.For).String() + " flagged"
	}
	return Keep(s.For).String()
}
