package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/internal/app/sample"
	"restante/internal/config"
	"restante/internal/directory"
	"restante/internal/proto/addr"
)

// DemoOptions are the settings of a demo; the zero value works.
type DemoOptions struct {
	Options
	Dir      string // data folder; empty: a temporary one, removed at the end
	BasePort int    // added to each standard port; 0: the kernel chooses
	Accounts int    // u1 to uN
	Sample   bool   // deliver sample mail to u1, if it has none
	Out      io.Writer
}

const (
	demoDomain   = "demo.test"
	demoHost     = "mail.demo.test"
	demoPassword = "pass"
)

// demoPorts are the standard ports, in the order of the table.
func demoPorts() []struct {
	port int
	list func(*config.Listen) *[]config.Address
} {
	type entry = struct {
		port int
		list func(*config.Listen) *[]config.Address
	}
	return []entry{
		{25, func(l *config.Listen) *[]config.Address { return &l.SMTP }},
		{24, func(l *config.Listen) *[]config.Address { return &l.LMTP }},
		{587, func(l *config.Listen) *[]config.Address { return &l.Submission }},
		{465, func(l *config.Listen) *[]config.Address { return &l.Submissions }},
		{110, func(l *config.Listen) *[]config.Address { return &l.POP3 }},
		{995, func(l *config.Listen) *[]config.Address { return &l.POP3S }},
		{143, func(l *config.Listen) *[]config.Address { return &l.IMAP }},
		{993, func(l *config.Listen) *[]config.Address { return &l.IMAPS }},
	}
}

// Demo runs a server on loopback addresses that lets everybody try it, until ctx
// ends: accounts with a known password, logins without TLS, no rate limits. It
// writes a table of addresses and the line "ready" to Out once all is served.
func Demo(ctx context.Context, o DemoOptions) (err error) {
	o.Options = o.withDefaults()
	o.AtHome = true
	o.Grace = min(o.Grace, time.Second)
	temporary := o.Dir == ""
	if temporary {
		if o.Dir, err = os.MkdirTemp("", "restante-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	s, err := Start(ctx, demoConfig(&o), o.Options)
	if err != nil {
		return err
	}
	if err := s.furnish(ctx, &o); err != nil {
		return errors.Join(err, s.Close())
	}
	s.invite(&o, temporary)
	return s.Run(ctx)
}

func demoConfig(o *DemoOptions) *config.Config {
	c := config.Default()
	c.Host, c.Data = demoHost, o.Dir
	c.DefaultDomain, c.Postmaster = demoDomain, "u1@"+demoDomain
	for _, p := range demoPorts() {
		port := 0
		if o.BasePort != 0 {
			port = o.BasePort + p.port
		}
		*p.list(&c.Listen) = []config.Address{config.Address(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))}
	}
	c.Login.Cleartext, c.Login.Guard, c.Login.MinPassword = true, false, 1
	c.Limits.Connections, c.Limits.ConnectionsPerAddress = 100_000, 0
	c.Limits.Recipients = 1000
	c.Send.MessagesPerDay, c.Send.StrangersPerDay = 0, 0
	return c
}

// furnish makes the domain and the accounts that are not there yet. They share
// one credential, and are made many at a time, so that they share syncs.
func (s *Server) furnish(ctx context.Context, o *DemoOptions) error {
	d := s.directory.Load()
	if err := d.AddDomain(ctx, demoDomain); err != nil && !errors.Is(err, directory.ErrExists) {
		return err
	}
	missing, err := s.missing(ctx, o.Accounts)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		credential, err := d.Derive(ctx, demoPassword)
		if err != nil {
			return err
		}
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(64)
		for _, a := range missing {
			g.Go(func() error {
				_, err := d.CreateAccount(ctx, a, directory.NewAccount{Credential: credential})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	if o.Sample && o.Accounts > 0 {
		return s.fill(ctx, demoAddress(1))
	}
	return nil
}

func (s *Server) missing(ctx context.Context, n int) ([]addr.Address, error) {
	there := make(map[string]bool)
	for a, err := range s.directory.Load().Accounts(ctx, demoDomain) {
		if err != nil {
			return nil, err
		}
		there[a.Login] = true
	}
	var list []addr.Address
	for i := range n {
		if a := demoAddress(i + 1); !there[a.String()] {
			list = append(list, a)
		}
	}
	return list, nil
}

func demoAddress(n int) addr.Address {
	return addr.Address{Local: "u" + strconv.Itoa(n), Domain: demoDomain}
}

// fill puts the sample mail into an account that has no mail at all.
func (s *Server) fill(ctx context.Context, a addr.Address) error {
	account, err := s.directory.Load().Account(ctx, a)
	if err != nil {
		return err
	}
	h, err := s.store.Account(ctx, account.ID)
	if err != nil {
		return err
	}
	defer h.Close()
	if h.View().Used().Messages > 0 {
		return nil
	}
	return sample.Deliver(ctx, s.store, h, s.opts.Clock())
}

// invite writes what a newcomer needs to know.
func (s *Server) invite(o *DemoOptions, temporary bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "Restante %s, demo. Everything is on this machine only.\n\n", o.Version)
	for _, l := range s.Listeners() {
		fmt.Fprintf(&b, "  %-11s %s\n", l.Protocol, l.Address)
	}
	last := ""
	if o.Accounts > 1 {
		last = fmt.Sprintf(" to u%d", o.Accounts)
	}
	kept := "kept for the next demo"
	if temporary {
		kept = "removed at the end; --dir keeps it"
	}
	fmt.Fprintf(&b, "\n  accounts     u1%s@%s, password %q; the login may leave out @%s\n", last, demoDomain, demoPassword, demoDomain)
	fmt.Fprintf(&b, "  data         %s (%s)\n", s.config.Data, kept)
	fmt.Fprintf(&b, "  certificate  %s\n\nready\n", filepath.Join(s.config.Data, "tls", "self-signed.pem"))
	_, _ = io.WriteString(o.Out, b.String()) // a closed standard output is no reason to end
}
