package kv

import "fmt"

// Batch is a set of requirements and changes that is applied whole or not at
// all. It is a plain value without ties to an engine: the zero value is ready,
// it can be sent again, and it may not be changed while a Commit runs. It
// refers to the slices that it was given.
type Batch struct {
	Require     []Requirement
	DeleteRange []Span   // applied first
	Delete      [][]byte // applied second
	Set         []Pair   // applied last, in order
}

// Requirement is what must hold for Key when the batch is applied: Value equals
// its value, or, with Absent, it is not there. A nil Value without Absent means
// that the key is there and empty.
type Requirement struct {
	Key    []byte
	Value  []byte
	Absent bool
}

// Holds tells whether the requirement is met by what was found at its key.
func (r Requirement) Holds(value []byte, found bool) bool {
	if r.Absent {
		return !found
	}
	return found && string(value) == string(r.Value)
}

// Pair is a key with its value.
type Pair struct {
	Key, Value []byte
}

// RequireValue demands that key has value.
func (b *Batch) RequireValue(key, value []byte) {
	b.Require = append(b.Require, Requirement{Key: key, Value: value})
}

// RequireAbsent demands that key is not there.
func (b *Batch) RequireAbsent(key []byte) {
	b.Require = append(b.Require, Requirement{Key: key, Absent: true})
}

// Put sets key to value.
func (b *Batch) Put(key, value []byte) {
	b.Set = append(b.Set, Pair{Key: key, Value: value})
}

// Remove deletes key; it need not be there.
func (b *Batch) Remove(key []byte) {
	b.Delete = append(b.Delete, key)
}

// RemoveSpan deletes the keys of s.
func (b *Batch) RemoveSpan(s Span) {
	b.DeleteRange = append(b.DeleteRange, s)
}

// Merge appends the requirements and changes of o to those of b. Because the
// kinds of changes have a fixed order, the sum means "b, then o" only as long as
// o does not delete what b sets.
func (b *Batch) Merge(o *Batch) {
	b.Require = append(b.Require, o.Require...)
	b.DeleteRange = append(b.DeleteRange, o.DeleteRange...)
	b.Delete = append(b.Delete, o.Delete...)
	b.Set = append(b.Set, o.Set...)
}

// Reset empties b and keeps its room for the next use.
func (b *Batch) Reset() {
	clear(b.Require)
	clear(b.DeleteRange)
	clear(b.Delete)
	clear(b.Set)
	*b = Batch{b.Require[:0], b.DeleteRange[:0], b.Delete[:0], b.Set[:0]}
}

// Empty tells whether b changes nothing. It may still require something.
func (b *Batch) Empty() bool {
	return len(b.DeleteRange) == 0 && len(b.Delete) == 0 && len(b.Set) == 0
}

// entryOverhead stands for the lengths, kinds and checksums that engines add to
// every entry, so that MaxBatch also bounds batches of many tiny entries.
const entryOverhead = 16

// Size returns what b counts against MaxBatch: all keys and values and 16 bytes
// for each entry.
func (b *Batch) Size() int {
	n := entryOverhead * (len(b.Require) + len(b.DeleteRange) + len(b.Delete) + len(b.Set))
	for i := range b.Require {
		n += len(b.Require[i].Key) + len(b.Require[i].Value)
	}
	for i := range b.DeleteRange {
		n += len(b.DeleteRange[i].Lo) + len(b.DeleteRange[i].Hi)
	}
	for i := range b.Delete {
		n += len(b.Delete[i])
	}
	for i := range b.Set {
		n += len(b.Set[i].Key) + len(b.Set[i].Value)
	}
	return n
}

// PairSize returns what one Set of such a pair adds to Size.
func PairSize(key, value int) int { return entryOverhead + key + value }

// Check holds b against the limits: nil, ErrTooLarge or ErrEmptyKey, wrapped.
// Every engine calls it first in Commit.
func (b *Batch) Check() error {
	for i := range b.Require {
		if err := checkKey(b.Require[i].Key); err != nil {
			return fmt.Errorf("require %d: %w", i, err)
		}
	}
	for i := range b.Delete {
		if err := checkKey(b.Delete[i]); err != nil {
			return fmt.Errorf("delete %d: %w", i, err)
		}
	}
	for i := range b.DeleteRange {
		if s := &b.DeleteRange[i]; len(s.Lo) > MaxKey || len(s.Hi) > MaxKey {
			return fmt.Errorf("delete range %d: %w: keys of %d and %d bytes", i, ErrTooLarge, len(s.Lo), len(s.Hi))
		}
	}
	for i := range b.Set {
		if err := checkKey(b.Set[i].Key); err != nil {
			return fmt.Errorf("set %d: %w", i, err)
		}
		if n := len(b.Set[i].Value); n > MaxValue {
			return fmt.Errorf("set %d: %w: value of %d bytes", i, ErrTooLarge, n)
		}
	}
	if n := b.Size(); n > MaxBatch {
		return fmt.Errorf("%w: batch of %d bytes", ErrTooLarge, n)
	}
	return nil
}

func checkKey(k []byte) error {
	if len(k) == 0 {
		return ErrEmptyKey
	}
	if len(k) > MaxKey {
		return fmt.Errorf("%w: key of %d bytes", ErrTooLarge, len(k))
	}
	return nil
}
