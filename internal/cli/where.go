package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"restante/internal/app"
	"restante/internal/base/logging"
	"restante/internal/config"
	"restante/internal/serve/admind"
)

// standardConfig is the configuration file when none is named.
func standardConfig() string {
	if file := os.Getenv("RESTANTE_CONFIG"); file != "" {
		return file
	}
	return "/etc/restante/restante.toml"
}

// where says which server a verb is about.
type where struct {
	Config string `short:"c" placeholder:"FILE" xor:"where" help:"Configuration file ($RESTANTE_CONFIG, or else /etc/restante/restante.toml)."`
	Dir    string `short:"d" placeholder:"DIR" xor:"where" help:"Data folder, in the place of a configuration."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

var errWhere = &failure{exitUsage, errors.New("which server? Name its configuration, --config FILE, or its data folder, --dir DIR")}

// config is the configuration of the server that is meant.
func (w *where) config() (*config.Config, error) {
	if w.Dir != "" {
		c := config.Default()
		c.Host, c.Data = "localhost", w.Dir
		return c, nil
	}
	file := w.Config
	if file == "" {
		file = standardConfig()
		if _, err := os.Stat(file); err != nil {
			return nil, errWhere
		}
	}
	return config.Load(file)
}

// backend is a server that an operator can talk to: the running one, or the store
// itself.
type backend interface {
	admind.Backend
	Close() error
}

// with runs do with the server that is meant. The store must be there already
// unless create is set.
func (w *where) with(ctx context.Context, con *console, create bool, do func(admind.Backend) error) (err error) {
	b, err := w.open(ctx, con, create)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return do(b)
}

func (w *where) open(ctx context.Context, con *console, create bool) (backend, error) {
	c, err := w.config()
	if err != nil {
		return nil, err
	}
	client, err := admind.Dial(ctx, c.Data)
	if err == nil {
		return client, nil
	}
	if !errors.Is(err, admind.ErrNotRunning) {
		return nil, err
	}
	switch err := checkOwner(c.Data); {
	case errors.Is(err, os.ErrNotExist) && create:
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("no server has kept anything there yet (restante domain add begins): %w", err)
	case err != nil:
		return nil, err
	}
	c.Store.Cache = 8 << 20 // for a moment only
	core, err := app.OpenCore(ctx, c, app.Options{
		Version: con.version, Fatal: con.fatal, Log: slog.New(slog.NewTextHandler(con.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	return core, nil
}

// fatal ends the process: see app.Options.
func (con *console) fatal(err error) {
	fmt.Fprintf(con.err, "restante: %v\n", err)
	os.Exit(exitFailed)
}

// logger makes the logger that a configuration asks for.
func (con *console) logger(c *config.Log) (*slog.Logger, *slog.LevelVar, error) {
	return logging.New(con.err, logging.Options{Level: c.Level, Format: c.Format})
}
