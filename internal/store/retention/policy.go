package retention

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Keep is how long a message stays after a device has taken it.
type Keep time.Duration

// KeepNone releases at once, as a server of RFC 1939 does. KeepForever never does.
const (
	KeepNone    Keep = 0
	KeepForever Keep = 1<<63 - 1
)

// Then is what becomes of a message that is released.
type Then uint8

// In the order of gentleness: where devices do not agree, the greatest wins.
const (
	ThenDelete Then = iota // to recently removed
	ThenTrash
	ThenArchive
)

// WaitFor says whose taking counts.
type WaitFor uint8

// WaitForAll keeps a message until every device has it; WaitForAny for one.
const (
	WaitForAll WaitFor = iota
	WaitForAny
)

// MarkSeen says when a message that is downloaded becomes \Seen.
type MarkSeen uint8

// The zero value marks what the device deletes: it has been dealt with there.
const (
	MarkOnDele MarkSeen = iota
	MarkOnRetr
	MarkNever
)

// Scope is the mailboxes that a maildrop is made of.
type Scope uint8

// The zero value is INBOX alone.
const (
	ScopeInbox   Scope = iota
	ScopeChosen        // INBOX, and mailboxes that are named
	ScopeAllMail       // all but Junk and Trash
)

// Policy is a device's rule for what it downloads by POP, with nothing left open. The zero value keeps nothing, deletes at once and is
// offered only what comes from then on; see [Default].
type Policy struct {
	Keep     Keep
	Then     Then
	WaitFor  WaitFor
	MarkSeen MarkSeen
	Scope    Scope
	Start    Start
	Shared   bool // one mark for all devices that share
	// LoginDelay is the least time between two logins by POP3 (RFC 2449 6.5); 0 for none.
	LoginDelay time.Duration
}

// Default is the policy of a device for which nobody has said anything else: copies stay for 30 days, then they go to Trash.
func Default() Policy { return Policy{Keep: Keep(30 * day), Then: ThenTrash, Start: StartAll} }

const day = 24 * time.Hour

// MaxKeep is the longest period, a hundred years.
const MaxKeep = Keep(36500 * day)

var errKeep = errors.New(`how long copies stay is "none", "forever" or a period such as "30d", "12h"`)

// ParseKeep reads "none", "forever", or a number with d, h, m or s behind it.
func ParseKeep(s string) (Keep, error) {
	switch s {
	case "none":
		return KeepNone, nil
	case "forever":
		return KeepForever, nil
	}
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 16)
		if err != nil || Keep(days)*Keep(day) > MaxKeep {
			return 0, fmt.Errorf("%q: %w", s, errKeep)
		}
		return Keep(days) * Keep(day), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || Keep(d) > MaxKeep {
		return 0, fmt.Errorf("%q: %w", s, errKeep)
	}
	return Keep(d), nil
}

// MaxLoginDelay is the longest time that two logins can be kept apart.
const MaxLoginDelay = time.Hour

// ParseLoginDelay reads "none" or a period in whole seconds, such as "60s".
func ParseLoginDelay(s string) (time.Duration, error) {
	k, err := ParseKeep(s)
	if d := time.Duration(k); err == nil && d <= MaxLoginDelay && d%time.Second == 0 {
		return d, nil
	}
	return 0, fmt.Errorf(`%q: between two logins there is "none", or a period in whole seconds up to %v, such as "60s"`, s, MaxLoginDelay)
}

// String is what ParseKeep reads.
func (k Keep) String() string {
	switch {
	case k == KeepNone:
		return "none"
	case k == KeepForever:
		return "forever"
	case time.Duration(k)%day == 0:
		return strconv.FormatInt(int64(time.Duration(k)/day), 10) + "d"
	}
	return time.Duration(k).String()
}

// Days is the period in whole days that have passed when it has: what EXPIRE tells (RFC 2449 6.7). It is 1 at least, for 0 would forbid leaving mail.
func (k Keep) Days() int { return max(1, int(time.Duration(k)/day)) }
