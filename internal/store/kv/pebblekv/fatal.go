package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// FatalError is why an engine has stopped. Once there is one, every call of the
// engine returns it.
type FatalError struct {
	Err error
}

func (e *FatalError) Error() string {
	return "store has stopped, restart needed: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FatalError) Unwrap() error { return e.Err }

// fail stops the engine. Only the first cause counts and is told.
func (e *Engine) fail(cause error) *FatalError {
	f := &FatalError{Err: cause}
	if !e.fatal.CompareAndSwap(nil, f) {
		return e.fatal.Load()
	}
	e.options.Logger.Error("store has stopped", "error", cause)
	if e.options.OnFatal == nil {
		panic(f)
	}
	e.options.OnFatal(f)
	return f
}

// recoverFatal is deferred around calls into Pebble that may write. It recovers
// because Pebble panics where its log fails; that is an error of the disk, not a
// bug, and the owner of the engine shall learn of it and end the process.
func (e *Engine) recoverFatal(err *error) {
	switch p := recover().(type) {
	case nil:
	case *FatalError:
		if e.options.OnFatal == nil {
			panic(p)
		}
		*err = p
	case error:
		*err = e.fail(p)
	default:
		*err = e.fail(fmt.Errorf("pebble: %v", p))
	}
}

// logger passes on what Pebble says.
type logger struct {
	engine *Engine
}

var _ pebble.Logger = logger{}

// Infof implements pebble.Logger. Pebble's notes are for its developers.
func (l logger) Infof(format string, args ...any) {
	log := l.engine.options.Logger
	if log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

// Errorf implements pebble.Logger.
func (l logger) Errorf(format string, args ...any) {
	l.engine.options.Logger.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger. It must not return: Pebble would go on with a
// log or manifest in an unknown state. In a commit the panic ends as the error of
// the call; in the background it ends the process, after OnFatal. The error that
// Pebble writes at the end of its text stays an error, ENOSPC say.
func (l logger) Fatalf(format string, args ...any) {
	if n := len(args); n > 0 {
		if _, ok := args[n-1].(error); ok && strings.HasSuffix(format, "%v") {
			format = strings.TrimSuffix(format, "%v") + "%w"
		}
	}
	panic(l.engine.fail(fmt.Errorf(format, args...)))
}

// listener hears the few of Pebble's events that matter to an operator.
//
// Work in the background that can't write is fatal: a flush that fails loses
// nothing, the log has it, but memory would fill until every commit hangs. Pebble
// tries again what failed because a file could not be read or did not match its
// checksum; that must not take down everybody's mail, only the reads that meet it.
func (e *Engine) listener() *pebble.EventListener {
	log := e.options.Logger
	l := &pebble.EventListener{
		BackgroundError: func(err error) {
			if pebble.IsCorruptionError(err) || readFailed(err) {
				log.Error("store: background work failed", "error", err)
				return
			}
			e.fail(fmt.Errorf("background work: %w", err))
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			log.Error("store: corrupt file", "path", i.Path, "error", i.Details)
		},
		DiskSlow: func(i pebble.DiskSlowInfo) { log.Warn("store: slow disk", "details", i.String()) },
		LowDiskSpace: func(i pebble.LowDiskSpaceInfo) {
			log.Warn("store: disk is nearly full", "available_bytes", i.AvailBytes, "total_bytes", i.TotalBytes)
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) { e.stalls.begin() },
		WriteStallEnd:   e.stalls.end,
	}
	l.EnsureDefaults(nil) // the rest does nothing
	return l
}

func readFailed(err error) bool {
	p := new(fs.PathError)
	return errors.As(err, &p) && p.Op == "read"
}
