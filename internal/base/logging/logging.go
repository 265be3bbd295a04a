// Package logging sets up log/slog.
//
// Messages are lower-case phrases, keys are snake_case. An error is logged
// once, where it is handled. Debug level adds the protocols' transcripts, in
// which the protocols have masked secrets; as a second fence, the values of
// keys that name a secret are masked here.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Options of a logger. The zero Options log text from info level up.
type Options struct {
	Format string // "text" (default) or "json"
	Level  string // "debug", "info" (default), "warn" or "error"
}

// New returns a logger that writes to w, and the level by which it can be
// turned up and down while it runs.
func New(w io.Writer, o Options) (*slog.Logger, *slog.LevelVar, error) {
	level := new(slog.LevelVar)
	if err := SetLevel(level, o.Level); err != nil {
		return nil, nil, err
	}
	ho := &slog.HandlerOptions{Level: level, ReplaceAttr: mask}
	switch o.Format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, ho)), level, nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, ho)), level, nil
	}
	return nil, nil, fmt.Errorf("logging: unknown format %q: use text or json", o.Format)
}

// SetLevel sets level by its name; "" is info.
func SetLevel(level *slog.LevelVar, name string) error {
	switch strings.ToLower(name) {
	case "debug":
		level.Set(slog.LevelDebug)
	case "", "info":
		level.Set(slog.LevelInfo)
	case "warn":
		level.Set(slog.LevelWarn)
	case "error":
		level.Set(slog.LevelError)
	default:
		return fmt.Errorf("logging: unknown level %q: use debug, info, warn or error", name)
	}
	return nil
}

func mask(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case "password", "secret", "token":
		return slog.String(a.Key, "***")
	}
	return a
}
