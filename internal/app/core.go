package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"restante/internal/base/bus"
	"restante/internal/base/dns"
	"restante/internal/base/limit"
	"restante/internal/base/metrics"
	"restante/internal/config"
	"restante/internal/directory"
	"restante/internal/flow/domainquota"
	"restante/internal/flow/notice"
	"restante/internal/flow/signing"
	"restante/internal/flow/submission"
	"restante/internal/flow/trace"
	"restante/internal/proto/addr"
	"restante/internal/serve/imapd"
	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/pebblekv"
	"restante/internal/store/retention"
	"restante/internal/store/search"
)

// Options are what a Core and a Server are made with, beside the configuration.
type Options struct {
	Version string
	Log     *slog.Logger // nil drops it
	// Level, if set, follows log.level at a reload.
	Level *slog.LevelVar
	// ConfigFile is read again at a reload; empty: there is nothing to read.
	ConfigFile string
	// Grace is how long sessions may go on after the end; 0 is 10 s.
	Grace time.Duration
	// Clock tells the time to everything that keeps mail; nil is time.Now.
	Clock func() time.Time
	// Resolver asks the DNS; nil is the one that the configuration says.
	Resolver dns.Resolver
	// AtHome sends nothing to other hosts: who writes to their people gets it back.
	AtHome bool
	// Fatal is called when the store has failed for good. It must end the process
	// and not return. Nil panics.
	Fatal func(error)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Grace == 0 {
		o.Grace = 10 * time.Second
	}
	return o
}

// Core is an open store with its directory. It is safe for concurrent use.
type Core struct {
	opts      Options
	config    *config.Config
	metrics   *metrics.Registry
	resolver  dns.Resolver
	engine    kv.Engine
	store     *store.Store
	search    textIndex
	backups   backups
	guard     *limit.Guard
	directory current
	rules     rules
	totals    *domainquota.Totals
	signing   *signing.Keys
	reports
	keys keyWatch

	suppressed *submission.Suppressions // nil: nobody is
	domains    directory.Hosted         // shared by every directory, before and after a reload
	hints      bus.Bus                  // of changed credentials, to sessions: of every directory, before and after a reload
	trace      *trace.Recorder          // nil: nothing is remembered
}

// ErrInUse means that another process has the data folder.
var ErrInUse = errors.New("another process has the data folder")

// OpenCore opens the store in the configured data folder, making it when there
// is none. The caller closes it. ErrInUse when a server runs on it.
func OpenCore(ctx context.Context, c *config.Config, opts Options) (*Core, error) {
	core := &Core{opts: opts.withDefaults(), config: c, metrics: metrics.New()}
	core.resolver = core.openResolver()
	cache := int64(c.Store.Cache)
	engine, err := pebblekv.Open(pebblekv.Options{
		Dir:        filepath.Join(c.Data, "store"),
		CacheBytes: cache / 4 * 3,
		// Three of them stay after a burst. Bigger ones were no faster.
		MemTableBytes: min(cache/8, 32<<20),
		LowMemory:     cache <= lowMemory,
		Logger:        core.opts.Log,
		OnFatal:       core.fatal,
	})
	var locked *pebblekv.LockedError
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	if err != nil {
		return nil, err
	}
	core.engine = engine
	core.openBackups()
	if err := core.open(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return core, nil
}

// annotations are those of the server, by entry.
func annotations(c *config.Config) map[string]string {
	list := make(map[string]string, len(c.Annotations))
	for _, a := range c.Annotations {
		list[a.Entry] = a.Value
	}
	return list
}

// lowMemory is the cache at and below which all of the engine is kept small.
const lowMemory = 32 << 20

func (c *Core) open(ctx context.Context) error {
	if err := imapd.CheckMetadata(annotations(c.config)); err != nil {
		return fmt.Errorf("annotation: %w", err)
	}
	recovery := time.Duration(c.config.Store.Recovery)
	if recovery == 0 {
		recovery = -1 // the store's 0 is its default
	}
	var err error
	c.rules.retained, c.rules.changed = make(map[retained]time.Duration), make(chan struct{}, 1)
	c.totals = domainquota.New(&c.directory, c.opts.Clock)
	c.search.news = search.NewNews(bus.New())
	c.store, err = store.Open(ctx, c.engine, store.Options{
		Bus:        c.search.news,
		Log:        c.opts.Log,
		MaxMessage: int64(c.config.Limits.Message),
		CacheBytes: int64(c.config.Store.Cache) / 4,
		Recovery:   recovery,
		Clock:      c.opts.Clock,
		POPDevices: c.directory.POPDevices,
		Retention:  c.retention,
		Warn:       c.warn,
		Room:       c.totals.Room,
		Used:       c.totals.Used,
	})
	if err != nil {
		return err
	}
	c.suppressed = c.suppressions()
	if err := c.openTrace(ctx); err != nil {
		return err
	}
	c.signing = signing.New(signing.Options{Store: c.store, Clock: c.opts.Clock})
	c.openReports()
	if c.config.Login.Guard {
		c.guard = limit.NewGuard(limit.GuardOptions{})
	}
	c.hints = bus.New()
	d, err := c.openDirectory(ctx, c.config)
	if err != nil {
		return err
	}
	c.directory.Store(d)
	if err := c.totals.Recount(ctx, c.store); err != nil {
		return err
	}
	return d.FinishErasures(ctx)
}

// warn tells an owner that the quota is nearly used up.
func (c *Core) warn(ctx context.Context, w store.Warning) error {
	return notice.New(notice.Options{Store: c.store, Directory: &c.directory, Host: c.config.Host, Clock: c.opts.Clock}).Quota(ctx, w)
}

// openDirectory makes a directory of a configuration that has been checked.
func (c *Core) openDirectory(ctx context.Context, conf *config.Config) (*directory.Directory, error) {
	opts := directory.Options{
		MinPassword: conf.Login.MinPassword,
		Remember:    time.Duration(conf.Login.Remember),
		Guard:       c.guard,
		POP:         retention.Rule(conf.POP),
		Junk:        time.Duration(conf.Retain.Junk),
		Trash:       time.Duration(conf.Retain.Trash),
		Each:        directory.Limits{Octets: uint64(conf.Quota.Account)},
		Clock:       c.opts.Clock,
		Log:         c.opts.Log,
		Metrics:     c.metrics,
		Erased:      c.trace.Forget,
	}
	if _, err := opts.POP.Apply(retention.Default()); err != nil {
		return nil, fmt.Errorf("pop: %w", err)
	}
	opts.Hints, opts.Hosted = c.hints, &c.domains
	if opts.Remember == 0 {
		opts.Remember = -1 // the directory's 0 is its default
	}
	if err := c.logins(conf, &opts); err != nil {
		return nil, err
	}
	var err error
	if conf.DefaultDomain != "" {
		if opts.DefaultDomain, err = addr.ParseDomain(conf.DefaultDomain); err != nil {
			return nil, fmt.Errorf("default_domain: %w", err)
		}
	}
	if conf.Postmaster != "" {
		if opts.Postmaster, err = addr.Parse(conf.Postmaster); err != nil {
			return nil, fmt.Errorf("postmaster: %w", err)
		}
	}
	return directory.Open(ctx, c.store, opts)
}

// fatal is the engine's last word.
func (c *Core) fatal(err error) {
	if c.opts.Fatal == nil {
		panic(err)
	}
	c.opts.Fatal(err)
}

// Close closes the store. Nothing may use the Core any more.
func (c *Core) Close() error {
	c.trace.Flush(context.Background())
	return errors.Join(c.search.close(), c.store.Close(), c.engine.Close())
}

// Sweep does what is due in the store: it erases what was removed long ago,
// collects bodies, and finishes the removal of accounts.
func (c *Core) Sweep(ctx context.Context) error {
	if err := c.settle(ctx); err != nil {
		c.opts.Log.Error("accounts not looked at after a change of rules", "error", err)
	}
	swept, err := c.store.Sweep(ctx)
	if x := c.search.index; x != nil {
		x.Erased(swept.Accounts)
	}
	c.opts.Log.Debug("swept", "result", fmt.Sprintf("%+v", swept))
	return errors.Join(err, c.trace.Sweep(ctx), c.watchDomains(ctx), c.directory.Load().FinishErasures(ctx))
}

// Healthy says why the store cannot be used, nil when it can.
func (c *Core) Healthy(ctx context.Context) error {
	if _, err := c.store.Row(ctx, store.DomainRows, "health.invalid"); err != nil && !errors.Is(err, store.ErrNoRow) {
		return errors.New("the store cannot be read")
	}
	return nil
}
