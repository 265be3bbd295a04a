package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"restante/internal/app"
	"restante/internal/config"
	"restante/internal/store/retention"
)

type serveCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file ($RESTANTE_CONFIG, or else /etc/restante/restante.toml)."`
}

func (serveCmd) Help() string {
	return `Serves until SIGTERM, which lets sessions come to their end. SIGHUP, or "restante reload", reads the
configuration and the certificates again. Logs go to standard error.

A configuration to begin with is dist/restante.toml; every key is in docs/operators/config.md.`
}

func (c *serveCmd) Run(ctx context.Context, con *console) error {
	if c.Config == "" {
		c.Config = standardConfig()
	}
	conf, err := config.Load(c.Config)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; begin with dist/restante.toml, or try: restante demo", err)
	}
	if err != nil {
		return err
	}
	log, level, err := con.logger(&conf.Log)
	if err != nil {
		return err
	}
	s, err := app.Start(ctx, conf, app.Options{
		Version: con.version, Log: log, Level: level, ConfigFile: c.Config, Fatal: con.fatal,
	})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

type demoCmd struct {
	Dir        string `short:"d" placeholder:"DIR" type:"path" help:"Keep everything in DIR (a temporary folder, removed at the end)."`
	BasePort   int    `default:"10000" help:"Each protocol is on this plus its standard port; 0 takes any free ports."`
	Accounts   int    `default:"10" help:"How many accounts: u1@demo.test and so on."`
	TimeOffset string `placeholder:"PERIOD" help:"Start the clock that far ahead, such as 31d: to see what a month does."`
	Sample     bool   `help:"Give u1 a few dozen messages to look at."`
	Log        string `default:"warn" enum:"error,warn,info,debug" help:"What is logged: error, warn, info or debug."`
}

func (demoCmd) Help() string {
	return `Serves on 127.0.0.1 only, until SIGTERM or Ctrl-C. Accounts are u1@demo.test, u2@demo.test and so on, their
password is "pass", and the login may leave out @demo.test. Logins need no TLS, and nothing is rate-limited: it is
for trying and for tests, not for mail that matters.

Examples:
  restante demo --sample
  restante demo --dir /tmp/mail --base-port 20000 --accounts 1000
  curl imap://127.0.0.1:10143/INBOX -u u1:pass`
}

func (c *demoCmd) Validate() error {
	const highest = 995 // of the standard ports
	if c.BasePort < 0 || c.BasePort+highest > 65535 {
		return fmt.Errorf("--base-port %d is not between 0 and %d", c.BasePort, 65535-highest)
	}
	if c.Accounts < 0 || c.Accounts > 100_000 {
		return fmt.Errorf("--accounts %d is not between 0 and 100000", c.Accounts)
	}
	return nil
}

func (c *demoCmd) Run(ctx context.Context, con *console) error {
	log, _, err := con.logger(&config.Log{Level: c.Log})
	if err != nil {
		return err
	}
	// Its terminal was closed: nobody sees it any more.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	clock := time.Now
	if c.TimeOffset != "" {
		ahead, err := retention.ParseKeep(c.TimeOffset)
		if err != nil || ahead == retention.KeepForever {
			return fmt.Errorf("--time-offset %s: it is a period such as 31d", c.TimeOffset)
		}
		clock = func() time.Time { return time.Now().Add(time.Duration(ahead)) }
	}
	return app.Demo(ctx, app.DemoOptions{
		Options: app.Options{Version: con.version, Log: log, Clock: clock, Fatal: con.fatal},
		Dir:     c.Dir, BasePort: c.BasePort, Accounts: c.Accounts, Sample: c.Sample, Out: con.out,
	})
}

type versionCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *versionCmd) Run(con *console) error {
	if c.JSON {
		return con.json(struct {
			Version  string `json:"version"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
		}{con.version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
	}
	con.print("restante %s, %s, %s/%s\n", con.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
