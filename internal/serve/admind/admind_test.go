package admind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"restante/internal/directory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers with what it was asked, and with err if that is set.
type fake struct {
	DeviceBackend // none of them is called
	TransferBackend
	QueueBackend
	CertificateBackend
	RulesBackend
	asked []string
	err   error
	many  int // accounts in a list, before err
}

var _ Backend = (*fake)(nil)

func (f *fake) Trace(_ context.Context, r TraceRequest) iter.Seq2[Trace, error] {
	return some(f.note("trace", r.Query), Trace{ID: "0000000000001", To: []string{"a@a.test"}, State: "delivered"})
}

func (f *fake) DMARCReports(_ context.Context, r ReportsRequest) (DMARCReports, error) {
	return DMARCReports{Messages: 12, Sources: []DMARCSource{{IP: "203.0.113.5"}}}, f.note("reports dmarc", r.Domain)
}

func (f *fake) TLSReports(_ context.Context, r ReportsRequest) (TLSReports, error) {
	return TLSReports{Failures: 3}, f.note("reports tls", r.Domain)
}

func (f *fake) note(args ...any) error {
	f.asked = append(f.asked, strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
	return f.err
}

func (f *fake) Status(context.Context) (Status, error) {
	return Status{Version: "v", PID: 7, Listeners: []Listener{{"imap", "127.0.0.1:143"}}}, f.note("status")
}
func (f *fake) AddDomain(_ context.Context, name string) error { return f.note("add domain", name) }
func (f *fake) RemoveDomain(_ context.Context, name string) error {
	return f.note("remove domain", name)
}
func (f *fake) Domains(context.Context) iter.Seq2[directory.Domain, error] {
	return some(f.note("domains"), directory.Domain{Name: "a.test"}, directory.Domain{Name: "b.test", Closing: true})
}
func (f *fake) AddAccount(_ context.Context, a NewAccount) (directory.Account, error) {
	return directory.Account{Login: a.Address, ID: 3, Access: directory.NoLogin}, f.note("add account", a)
}
func (f *fake) Account(_ context.Context, address string) (AccountDetail, error) {
	return AccountDetail{Account: directory.Account{Login: address}, Used: 17, Mailboxes: []MailboxDetail{{Path: "INBOX"}}}, f.note("account", address)
}
func (f *fake) Accounts(_ context.Context, domain string) iter.Seq2[directory.Account, error] {
	list := make([]directory.Account, f.many)
	for i := range list {
		list[i].Login = fmt.Sprintf("u%d@%s", i, domain)
	}
	return some(f.note("accounts", domain), list...)
}
func (f *fake) SetHash(_ context.Context, address, hash string) error {
	return f.note("hash", address, hash)
}
func (f *fake) SetPassword(_ context.Context, address, password string) error {
	return f.note("password", address, password)
}
func (f *fake) SetAccess(_ context.Context, address string, access directory.Access) error {
	return f.note("access", address, access)
}
func (f *fake) RemoveAccount(_ context.Context, address string) error {
	return f.note("remove account", address)
}
func (f *fake) AddAlias(_ context.Context, address string, n NewAlias) (directory.Alias, error) {
	return directory.Alias{Address: address, Targets: n.Targets}, f.note("add alias", address, n)
}
func (f *fake) RemoveAlias(_ context.Context, address string) error {
	return f.note("remove alias", address)
}
func (f *fake) Aliases(_ context.Context, domain string) iter.Seq2[directory.Alias, error] {
	return some(f.note("aliases", domain), directory.Alias{Address: "x@a.test", Targets: []string{"y@a.test"}})
}
func (f *fake) SetQuota(_ context.Context, address string, q Quota) error {
	return f.note("quota", address, q)
}
func (f *fake) Verify(_ context.Context, bodies bool) (Verified, error) {
	return Verified{Total: 1, Findings: []Finding{{3, "mailbox 1", "is gone"}}}, f.note("verify", bodies)
}
func (f *fake) Reload(context.Context) error { return f.note("reload") }

func (f *fake) Reindex(_ context.Context, address string) iter.Seq2[Reindexed, error] {
	return some(f.note("reindex", address), Reindexed{Account: address, Done: 1, Total: 2}, Reindexed{Account: address, Done: 2, Total: 2})
}

func (f *fake) Backup(_ context.Context, to string) iter.Seq2[BackupProgress, error] {
	return some(f.note("backup", to), BackupProgress{Doing: "copying", Done: 1, Total: 2}, BackupProgress{Made: &BackupMade{To: to, Size: 7}})
}

func (f *fake) BringBack(_ context.Context, r BackupRequest) iter.Seq2[BroughtBack, error] {
	return some(f.note("bring back", r), BroughtBack{Snapshot: "x", Mailbox: "INBOX", UIDL: "u", Size: 3, From: "backup", Subject: "s"})
}

func (f *fake) Storage(_ context.Context, r StorageRequest) (Storage, error) {
	return Storage{Used: 9, Helps: []StorageHelp{{Kind: "empty", Name: "Trash", Sum: Sum{1, 2}}}, Releases: []StorageRelease{{Day: "2026-06-02"}}}, f.note("storage", r)
}

func (f *fake) History(_ context.Context, r HistoryRequest) iter.Seq2[History, error] {
	return some(f.note("history", r), History{ID: "x", Events: []HistoryEvent{{Kind: "taken", Text: "taken"}}, Outlook: []string{"is in INBOX"}})
}

func some[T any](err error, list ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// ask calls every method of a Backend and writes down the answers.
func ask(ctx context.Context, b Backend) (answers []string) {
	note := func(v any, err error) { answers = append(answers, fmt.Sprintf("%+v, %v", v, err)) }
	s, err := b.Status(ctx)
	note(s, err)
	note("", b.AddDomain(ctx, "a.test"))
	note("", b.RemoveDomain(ctx, "a.test"))
	a, err := b.AddAccount(ctx, NewAccount{Address: "u@a.test", Password: "pässword", Quota: Quota{Octets: 5, Messages: 6, Mailboxes: 7}})
	note(a, err)
	d, err := b.Account(ctx, "u@a.test")
	note(d, err)
	note("", b.SetPassword(ctx, "u@a.test", "geheim"))
	note("", b.SetHash(ctx, "u@a.test", "$6$x$y"))
	note("", b.SetAccess(ctx, "u@a.test", directory.Closed))
	note("", b.SetQuota(ctx, "u@a.test", Quota{Octets: 8, Messages: 9, Mailboxes: 10}))
	note("", b.RemoveAccount(ctx, "u@a.test"))
	alias, err := b.AddAlias(ctx, "@a.test", NewAlias{Targets: []string{"u@a.test", "v@a.test"}, Force: true})
	note(alias, err)
	note("", b.RemoveAlias(ctx, "@a.test"))
	note("", b.SetForward(ctx, "u@a.test", []string{"u@b.test"}, true))
	fw, err := b.Forward(ctx, "u@a.test")
	note(fw, err)
	v, err := b.Verify(ctx, true)
	note(v, err)
	note("", b.Reload(ctx))
	for d, err := range b.Domains(ctx) {
		note(d, err)
	}
	for a, err := range b.Accounts(ctx, "a.test") {
		note(a, err)
	}
	for r, err := range b.Reindex(ctx, "u@a.test") {
		note(r, err)
	}
	for p, err := range b.Backup(ctx, "/backup") {
		made := p.Made
		p.Made = nil
		note(p, err)
		if made != nil {
			note(*made, nil)
		}
	}
	for m, err := range b.BringBack(ctx, BackupRequest{From: "/backup", Address: "u@a.test", Mailbox: "m", Into: "i", Do: true}) {
		note(m, err)
	}
	st, err := b.Storage(ctx, StorageRequest{Address: "u@a.test", Top: 3})
	note(st, err)
	for h, err := range b.History(ctx, HistoryRequest{Address: "u@a.test", ID: "i", MessageID: "m", Mailbox: "b", UID: 4}) {
		note(h, err)
	}
	for a, err := range b.Aliases(ctx, "") {
		note(a, err)
	}
	dmarc, err := b.DMARCReports(ctx, ReportsRequest{Domain: "a.test"})
	note(dmarc, err)
	tls, err := b.TLSReports(ctx, ReportsRequest{Domain: "a.test"})
	note(tls, err)
	askSigning(ctx, b, note)
	askSuppressed(ctx, b, note)
	return answers
}

// dial serves b and returns a client of it.
func dial(t *testing.T, b Backend) (*Client, string) {
	t.Helper()
	dir := t.TempDir()
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- Serve(ctx, ln, b, slog.New(slog.DiscardHandler)) }()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c, dir
}

// The other end of the socket must be what the backend is: every operation,
// every value, every error.
func TestClientIsTheBackend(t *testing.T) {
	for _, failing := range []error{nil, errors.New("the disk is full"), directory.ErrExists} {
		direct, far := &fake{err: failing, many: 3}, &fake{err: failing, many: 3}
		c, _ := dial(t, far)
		want, got := ask(t.Context(), direct), ask(t.Context(), c)
		if failing != nil { // values beside an error do not come over
			for i := range want {
				if v, err, _ := strings.Cut(want[i], ", "+failing.Error()); v != want[i] {
					got[i] = v + got[i][strings.LastIndex(got[i], ", "+failing.Error()):]
					want[i] = v + ", " + failing.Error() + err
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: answers: %s", failing, diff)
		}
		if diff := cmp.Diff(direct.asked, far.asked); diff != "" {
			t.Errorf("%v: questions: %s", failing, diff)
		}
	}
}

func TestErrorsAreTheSameAgain(t *testing.T) {
	f := &fake{}
	c, _ := dial(t, f)
	for _, e := range codes() {
		f.err = fmt.Errorf("u1@a.test: %w", e.err)
		err := c.AddDomain(t.Context(), "a.test")
		if !errors.Is(err, e.err) || err.Error() != f.err.Error() {
			t.Errorf("%s: %v", e.code, err)
		}
		for _, other := range codes() {
			if other != e && errors.Is(err, other.err) {
				t.Errorf("%s is %s too", e.code, other.code)
			}
		}
	}
}

func TestLongListsAndEarlyEnds(t *testing.T) {
	f := &fake{many: 5_000}
	c, _ := dial(t, f)
	n := 0
	for _, err := range c.Accounts(t.Context(), "a.test") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != f.many {
		t.Errorf("%d accounts, want %d", n, f.many)
	}
	for a, err := range c.Accounts(t.Context(), "a.test") {
		if err != nil || a.Login != "u0@a.test" {
			t.Error(a, err)
		}
		break
	}
	f.err = directory.ErrNotLocal
	n = 0
	for _, err := range c.Accounts(t.Context(), "a.test") {
		if n++; n == f.many+1 != (err != nil) || err != nil && !errors.Is(err, directory.ErrNotLocal) {
			t.Fatalf("item %d: %v", n, err)
		}
	}
}

func TestSocketIsTheOwnersOnly(t *testing.T) {
	_, dir := dial(t, &fake{})
	fi, err := os.Stat(filepath.Join(dir, socketName))
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

func TestNobodyThere(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no socket: %v", err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close() // what a crash leaves
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("dead socket: %v", err)
	}
	again, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := Listen("/" + strings.Repeat("long", 25)); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

func TestBadRequests(t *testing.T) {
	c, _ := dial(t, &fake{})
	for _, body := range []string{"", "{", "[]", `{"domain": 7}`, `{"domian": "a.test"}`, `{"domain": "` + strings.Repeat("x", maxRequest) + `"}`} {
		resp, err := c.http.Post("http://control/v1/domain-add", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), `"code":"bad-request"`) {
			t.Errorf("%.20q: %s %s %v", body, resp.Status, text, err)
		}
	}
	if err := c.do(t.Context(), "no-such-thing", nothing{}); err == nil || !strings.Contains(err.Error(), "version") {
		t.Error(err)
	}
}

// slow is a backend whose check lasts as long as its request.
type slow struct {
	fake
	begun, ended chan struct{}
}

func (s *slow) Verify(ctx context.Context, _ bool) (Verified, error) {
	close(s.begun)
	<-ctx.Done()
	close(s.ended)
	return Verified{}, ctx.Err()
}

// The store closes after Serve has returned: nothing may still use it then.
func TestServeWaitsForItsRequests(t *testing.T) {
	dir := t.TempDir()
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &slow{begun: make(chan struct{}), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- Serve(ctx, ln, b, slog.New(slog.DiscardHandler)) }()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	asked := make(chan error)
	go func() {
		_, err := c.Verify(t.Context(), true)
		asked <- err
	}()
	<-b.begun
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	select {
	case <-b.ended:
	default:
		t.Error("the check goes on")
	}
	if err := <-asked; err == nil {
		t.Error("the client was told that all is well")
	}
}

func TestMonitor(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var sick error
	served := make(chan error)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "numbers") })
	go func() {
		served <- Monitor(ctx, ln, metrics, func(context.Context) error { return sick }, slog.New(slog.DiscardHandler))
	}()
	client := &http.Client{Timeout: time.Minute}
	get := func(path string) string {
		t.Helper()
		resp, err := client.Get("http://" + ln.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(text)))
	}
	for path, want := range map[string]string{"/metrics": "200 numbers", "/healthz": "200 ok", "/": "404 404 page not found"} {
		if got := get(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	sick = errors.New("store has stopped")
	if got := get("/healthz"); got != "503 store has stopped" {
		t.Errorf("sick: %q", got)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
