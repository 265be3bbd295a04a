package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/internal/base/logging"
	"restante/internal/config"
	"restante/internal/serve/admind"
	"restante/internal/serve/imapd"
)

// Server is a Core with its doors open.
type Server struct {
	*Core
	certs   *reloadable
	imap    *imapd.Server
	doors   []door
	control door
	sending *sending
	started time.Time
}

var _ admind.Backend = (*Server)(nil)

// sweepEvery is how often what is due is looked for.
const sweepEvery = 5 * time.Minute

// Start opens the sockets, then the store. Run serves them and closes them;
// without it, Close does.
func Start(ctx context.Context, c *config.Config, opts Options) (*Server, error) {
	sockets, err := bind(ctx, &c.Listen)
	if err != nil {
		return nil, err
	}
	core, err := OpenCore(ctx, c, opts)
	if err != nil {
		closeAll(sockets)
		return nil, err
	}
	s := &Server{Core: core, started: time.Now()}
	if err := s.open(ctx, sockets); err != nil {
		closeAll(sockets)
		return nil, errors.Join(err, core.Close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context, sockets []bound) error {
	if err := s.openCertificates(ctx); err != nil {
		return err
	}
	if s.config.Search.Enabled {
		if err := s.openIndex(); err != nil {
			return err
		}
	}
	sw, err := switches(s.config)
	if err != nil {
		return err
	}
	p := s.protocols(s.certs)
	s.imap = p.imap
	s.imap.SetSwitches(sw)
	for _, b := range sockets {
		d, err := p.door(b)
		if err != nil {
			return err
		}
		s.doors = append(s.doors, d)
	}
	if err := s.openSending(); err != nil {
		return err
	}
	s.observe()
	s.observeBackups()
	s.observeCertificates()
	ln, err := admind.Listen(s.config.Data)
	if err != nil {
		return err
	}
	s.control = door{protocol: "control", ln: ln}
	if err := s.writePID(); err != nil {
		ln.Close()
		return err
	}
	return nil
}

// Close closes a Server that was not run.
func (s *Server) Close() error {
	for _, d := range append(s.doors, s.control) {
		d.ln.Close()
	}
	return errors.Join(os.Remove(s.pidFile()), s.Core.Close())
}

// Run serves until ctx ends or a socket fails; then it drains and closes
// everything. SIGHUP reloads, where there is a file to read.
func (s *Server) Run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	if s.opts.ConfigFile != "" {
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range s.doors {
		g.Go(func() error { return d.serve(ctx, d.ln) })
	}
	g.Go(func() error { return admind.Serve(ctx, s.control.ln, s, s.opts.Log) })
	g.Go(func() error { return s.housekeep(ctx, hup) })
	if s.config.Backup.To != "" {
		g.Go(func() error { return s.keepBackups(ctx) })
	}
	if x := s.search.index; x != nil {
		g.Go(func() error { return x.Run(ctx) })
	}
	g.Go(func() error { return s.send(ctx) })
	if k := s.certs.acme; k != nil {
		g.Go(func() error { return k.Run(ctx) })
	}
	if s.config.DKIM.Automatic && !s.opts.AtHome {
		g.Go(func() error { return s.keepKeys(ctx) })
	}
	g.Go(func() error { s.trace.Run(ctx); return nil })
	g.Go(func() error { return s.courier.Run(ctx) })
	if s.sending.policies != nil {
		g.Go(func() error { return s.keepPolicies(ctx) })
	}
	s.opts.Log.Info("serving", "version", s.opts.Version, "data", s.config.Data, "listeners", len(s.doors))
	notifySystemd("READY=1")
	g.Go(func() error {
		<-ctx.Done()
		notifySystemd("STOPPING=1")
		s.opts.Log.Info("stopping")
		return nil
	})
	err := g.Wait()
	return errors.Join(err, os.Remove(s.pidFile()), s.Core.Close())
}

// housekeep sweeps and reloads until ctx ends.
func (s *Server) housekeep(ctx context.Context, hup <-chan os.Signal) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var rest restful
	s.sweep(ctx) // what became due while the server was down
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			if err := s.Reload(ctx); err != nil {
				s.opts.Log.Error("not reloaded, what was stays", "error", err)
			}
		case <-s.store.Due():
			s.sweep(ctx)
		case <-s.rules.changed:
			s.sweep(ctx)
		case <-tick.C:
			s.sweep(ctx)
			rest.look(s.engine.Stats().Commits)
		}
	}
}

func (s *Server) sweep(ctx context.Context) {
	if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
		s.opts.Log.Error("sweep failed", "error", err)
	}
	if err := s.archive.Sweep(ctx); err != nil && ctx.Err() == nil {
		s.opts.Log.Error("old reports stay", "error", err)
	}
}

// restful gives the memory of a burst back to the machine once the burst is over:
// the runtime by itself keeps twice of what was in use.
type restful struct {
	commits uint64 // when it last looked
	given   bool
}

// busyCommits is how many commits between two looks are more than rest.
const busyCommits = 100

func (r *restful) look(commits uint64) {
	busy := commits-r.commits > busyCommits
	r.commits = commits
	if !busy && !r.given {
		debug.FreeOSMemory()
	}
	r.given = !busy
}

// Status implements admind.Backend.
func (s *Server) Status(ctx context.Context) (admind.Status, error) {
	signed, err := s.signingStatus(ctx)
	return admind.Status{
		Version: s.opts.Version, PID: os.Getpid(), Started: s.started, Data: s.config.Data, Listeners: s.Listeners(),
		Backup: s.backupStatus(), Queue: s.queueStatus(ctx), Signing: signed, Certificates: s.certificateStatus(),
	}, err
}

// Listeners are the addresses that are served, as they were bound.
func (s *Server) Listeners() []admind.Listener {
	list := make([]admind.Listener, len(s.doors))
	for i, d := range s.doors {
		list[i] = admind.Listener{Protocol: d.protocol, Address: d.ln.Addr().String()}
	}
	return list
}

// Reload implements admind.Backend: it builds all that the new configuration
// changes, and then puts it into its place; with an error nothing changes.
func (s *Server) Reload(ctx context.Context) error {
	next := s.config
	if s.opts.ConfigFile != "" {
		var err error
		if next, err = config.Load(s.opts.ConfigFile); err != nil {
			return err
		}
	}
	d, err := s.openDirectory(ctx, next)
	if err != nil {
		return err
	}
	sw, err := switches(next)
	if err != nil {
		return err
	}
	if err := s.certs.reload(next); err != nil {
		return err
	}
	s.directory.Store(d)
	s.forgetRules()
	s.lookSoon()
	if s.certs.acme != nil {
		s.certs.acme.Look()
	}
	s.imap.SetSwitches(sw)
	if s.opts.Level != nil {
		_ = logging.SetLevel(s.opts.Level, next.Log.Level) // config has checked it
	}
	if keys := config.NeedsRestart(s.config, next); len(keys) > 0 {
		s.opts.Log.Warn("changed in the configuration, but only after a restart", "keys", strings.Join(keys, " "))
	}
	s.opts.Log.Info("reloaded", "certificates_expire", s.certificateStatus().Until)
	return nil
}

func (s *Server) pidFile() string { return filepath.Join(s.config.Data, "restante.pid") }

// writePID writes the file whole: whoever waits for it must not read half.
func (s *Server) writePID() error {
	tmp := s.pidFile() + ".new"
	if err := os.WriteFile(tmp, strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o644); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if err := os.Rename(tmp, s.pidFile()); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}
