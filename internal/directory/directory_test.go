package directory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/store"
	"restante/internal/store/kv/memkv"
)

// cheap is a cost that tests can bear.
var cheap = directory.Cost{Memory: 64, Time: 1, Iterations: 4096}

var peer = netip.MustParseAddr("192.0.2.1")

// house is a directory and what is under it.
type house struct {
	*directory.Directory
	store *store.Store
	opts  directory.Options
}

func newHouse(t testing.TB, opts directory.Options) *house {
	t.Helper()
	engine := memkv.New()
	s, err := store.Open(t.Context(), engine, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		engine.Close()
	})
	if opts.Cost == (directory.Cost{}) {
		opts.Cost = cheap
	}
	if opts.DefaultDomain == "" {
		opts.DefaultDomain = "demo.test"
	}
	h := &house{store: s, opts: opts}
	h.reopen(t, opts)
	return h
}

func (h *house) reopen(t testing.TB, opts directory.Options) {
	t.Helper()
	var err error
	if h.Directory, err = directory.Open(t.Context(), h.store, opts); err != nil {
		t.Fatal(err)
	}
}

// add makes an account in demo.test.
func (h *house) add(t testing.TB, local, password string) directory.Account {
	t.Helper()
	if err := h.AddDomain(t.Context(), "demo.test"); err != nil && !errors.Is(err, directory.ErrExists) {
		t.Fatal(err)
	}
	c, err := h.Derive(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.CreateAccount(t.Context(), address(t, local+"@demo.test"), directory.NewAccount{Credential: c})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func address(t testing.TB, s string) addr.Address {
	t.Helper()
	if domain, ok := strings.CutPrefix(s, "@"); ok {
		d, err := addr.ParseDomain(domain)
		if err != nil {
			t.Fatal(err)
		}
		return directory.CatchAll(d)
	}
	if !strings.Contains(s, "@") {
		return addr.Address{Local: s}
	}
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestScenes runs the files of testdata/scenes: one command a line.
func TestScenes(t *testing.T) {
	datadriven.Walk(t, "testdata/scenes", func(t *testing.T, path string) {
		clock := func() time.Time { return time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC) }
		h := newHouse(t, directory.Options{Clock: clock, Postmaster: address(t, "u1@demo.test"), MinPassword: 4})
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.SplitSeq(td.Input, "\n") {
				fmt.Fprintln(&out, h.scene(t, td.Cmd, strings.Fields(line)))
			}
			return out.String()
		})
	})
}

// scene does one line of a scene.
func (h *house) scene(t *testing.T, cmd string, args []string) string {
	ctx := t.Context()
	switch cmd {
	case "add-domain":
		return result("ok", h.AddDomain(ctx, addr.Domain(args[0])))
	case "remove-domain":
		return result("ok", h.RemoveDomain(ctx, addr.Domain(args[0])))
	case "add-account":
		a, err := h.CreateAccount(ctx, address(t, args[0]), directory.NewAccount{})
		return result(fmt.Sprintf("%s is %d", a.Login, a.ID), err)
	case "password":
		c, err := h.Derive(ctx, args[1])
		if err == nil {
			err = h.SetPassword(ctx, address(t, args[0]), c)
		}
		return result("ok", err)
	case "access":
		var a directory.Access
		if err := a.UnmarshalText([]byte(args[1])); err != nil {
			return result("", err)
		}
		return result("ok", h.SetAccess(ctx, address(t, args[0]), a))
	case "remove-account":
		return result("ok", h.RemoveAccount(ctx, address(t, args[0])))
	case "add-alias":
		var n directory.NewAlias
		for _, s := range args[1:] {
			switch s {
			case "force":
				n.Force = true
				continue
			case "here", "members":
				n.Senders = directory.Senders(s)
				continue
			}
			n.Targets = append(n.Targets, address(t, s))
		}
		_, err := h.AddAlias(ctx, address(t, args[0]), n)
		return result("ok", err)
	case "forward":
		var to []addr.Address
		only := args[len(args)-1] == "only"
		if only {
			args = args[:len(args)-1]
		}
		for _, s := range args[1:] {
			to = append(to, address(t, s))
		}
		return result("ok", h.SetForward(ctx, address(t, args[0]), to, only))
	case "admits":
		to, err := h.Lookup(ctx, address(t, args[0]))
		if err != nil {
			return result("", err)
		}
		var b strings.Builder
		for id := range store.AccountID(4) {
			fmt.Fprintf(&b, "%d:%v ", id, to.Admits(id))
		}
		return b.String()
	case "may-send":
		who, err := h.Account(ctx, address(t, args[0]))
		if err != nil {
			return result("", err)
		}
		may, err := h.MaySend(ctx, directory.Identity{Login: who.Login, Account: who.ID}, address(t, args[1]))
		return result(fmt.Sprint(may), err)
	case "remove-alias":
		return result("ok", h.RemoveAlias(ctx, address(t, args[0])))
	case "lookup":
		to, err := h.Lookup(ctx, address(t, args[0]))
		text := fmt.Sprintf("%+v", to.Recipients)
		if len(to.Outside) > 0 {
			text += fmt.Sprintf(" outside %s by %s", to.Outside, to.Name)
		}
		if len(to.Copies) > 0 {
			text += fmt.Sprintf(" copies %s", to.Copies)
		}
		return result(text, err)
	case "login":
		id, err := h.Authenticate(ctx, args[0], args[1], peer)
		who := fmt.Sprintf("%s, account %d, device %d", id.Login, id.Account, id.Device)
		if id.Folder != "" {
			who += fmt.Sprintf(", folder %q", id.Folder)
		}
		return result(who, err)
	case "list":
		return h.list(ctx, append(args, "")[0])
	}
	return "unknown command"
}

func (h *house) list(ctx context.Context, domain string) string {
	var b strings.Builder
	show(&b, h.Domains(ctx), func(d directory.Domain) string { return string(d.Name) })
	show(&b, h.Accounts(ctx, addr.Domain(domain)), func(a directory.Account) string {
		return fmt.Sprintf("%s %d %s", a.Login, a.ID, a.Access)
	})
	show(&b, h.Aliases(ctx, addr.Domain(domain)), func(a directory.Alias) string {
		return fmt.Sprintf("%s -> %s", a.Address, strings.Join(append(a.Targets, a.Outside...), ", "))
	})
	return strings.TrimSuffix(b.String(), "\n")
}

func show[T any](b *strings.Builder, list iter.Seq2[T, error], text func(T) string) {
	for v, err := range list {
		fmt.Fprintln(b, result(text(v), err))
	}
}

func result(ok string, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return ok
}
