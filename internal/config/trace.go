package config

import "time"

// Trace says for how long what has become of messages is remembered, for `restante trace` (docs/operators/trace.md): who brought them, what was found out, and
// where they went. It has addresses, and nothing of what is in messages.
type Trace struct {
	// How long. "0d" remembers nothing.
	Keep Duration `toml:"keep" restart:"true"`
	// How much at most; the oldest goes first. It takes about a third of that on the disk.
	Size Size `toml:"size" restart:"true"`
}

func defaultTrace() Trace { return Trace{Keep: Duration(30 * 24 * time.Hour), Size: 1 << 30} }

// checkTrace says what cannot be meant.
func (l *loader) checkTrace(t *Trace) {
	if d := time.Duration(t.Keep); d < 0 || d > 366*24*time.Hour {
		l.fail("trace.keep", "%s is not between 0d and 366d", d)
	}
	if t.Size < 1<<20 {
		l.fail("trace.size", "%s is not 1MiB at least; trace.keep = \"0d\" switches it off", t.Size)
	}
}
