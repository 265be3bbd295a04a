package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/config"
	"restante/internal/directory"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

const settings = `
host = "mail.example.org"
data = "data"
[listen]
smtp = ["127.0.0.1:0"]
submission = ["127.0.0.1:0"]
submissions = ["127.0.0.1:0"]
lmtp = ["unix:%s/lmtp"]
pop3 = ["127.0.0.1:0"]
pop3s = ["127.0.0.1:0"]
imap = ["127.0.0.1:0"]
imaps = ["127.0.0.1:0"]
metrics = ["127.0.0.1:0"]
[login]
cleartext = true
min_password = 4
[store]
cache = "8MiB"
`

// journal is a log that tests can read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// house is a server that runs for a test.
type house struct {
	*Server
	file string // its configuration
	log  *journal
	stop func() error // ends it, and says how that went
}

func configFile(t *testing.T, dir, more string) string {
	t.Helper()
	file := filepath.Join(dir, "restante.toml")
	if err := os.WriteFile(file, []byte(more+fmt.Sprintf(settings, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func start(t *testing.T, dir string) *house {
	t.Helper()
	return startWith(t, configFile(t, dir, ""))
}

func startWith(t *testing.T, file string) *house { return startAt(t, file, nil) }

// startAt does the same with another clock.
func startAt(t *testing.T, file string, clock func() time.Time) *house {
	t.Helper()
	h := &house{file: file, log: new(journal)}
	c, err := config.Load(h.file)
	if err != nil {
		t.Fatal(err)
	}
	level := new(slog.LevelVar)
	h.Server, err = Start(t.Context(), c, Options{
		Version: "1.0", ConfigFile: h.file, Level: level, Grace: 5 * time.Second, Clock: clock,
		Log:   slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: level})),
		Fatal: func(err error) { panic(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var result error
	go func() { // owner: stop
		defer close(ended)
		result = h.Run(ctx)
	}()
	h.stop = func() error {
		cancel()
		<-ended
		return result
	}
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return h
}

func (h *house) address(protocol string) string {
	for _, l := range h.Listeners() {
		if l.Protocol == protocol {
			return l.Address
		}
	}
	return ""
}

// furnished has example.org and anna, whose password is "geheim".
func (h *house) furnished(t *testing.T) *house {
	t.Helper()
	if err := h.AddDomain(t.Context(), "example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddAccount(t.Context(), admind.NewAccount{Address: "anna@example.org", Password: "geheim"}); err != nil {
		t.Fatal(err)
	}
	return h
}

// talk sends lines and returns the line that answers each, and the one before.
func talk(t *testing.T, conn net.Conn, lines ...string) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReaderSize(conn, 1) // not a line more
	var got []string
	for i := 0; ; i++ {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, strings.TrimSpace(line))
		if i == len(lines) {
			return strings.Join(got, "\n")
		}
		if _, err := fmt.Fprintf(conn, "%s\r\n", lines[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (h *house) pop3(t *testing.T, lines ...string) string {
	t.Helper()
	conn := dial(t, "tcp", h.address("pop3"))
	defer conn.Close()
	return talk(t, conn, lines...)
}

func TestMailComesInAndGoesOutByEveryDoor(t *testing.T) {
	dir := t.TempDir()
	h := start(t, dir).furnished(t)
	smtp := dial(t, "tcp", h.address("smtp"))
	talk(t, smtp, "HELO me.test", "MAIL FROM:<a@elsewhere.test>", "RCPT TO:<anna@example.org>", "DATA")
	fmt.Fprint(smtp, "Subject: one\r\n\r\none\r\n.\r\n")
	lmtp := dial(t, "unix", filepath.Join(dir, "lmtp"))
	fmt.Fprint(lmtp, "LHLO me.test\r\n")
	for r := bufio.NewReader(lmtp); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "250 ") {
			break
		}
	}
	got := talk2(t, lmtp, "MAIL FROM:<>", "RCPT TO:<anna@example.org>", "DATA", "Subject: two\r\n\r\ntwo\r\n.")
	if !strings.Contains(got, "250 2.1.5 <anna@example.org> delivered") {
		t.Errorf("LMTP: %s", got)
	}
	if got := talk2(t, smtp, "NOOP"); !strings.HasPrefix(got, "250 2.0.0") {
		t.Errorf("SMTP: %s", got)
	}
	for _, protocol := range []string{"pop3", "pop3s", "imap", "imaps"} {
		conn := dial(t, "tcp", h.address(protocol))
		if strings.HasSuffix(protocol, "s") {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		}
		if strings.HasPrefix(protocol, "pop3") {
			got = talk(t, conn, "USER anna@example.org", "PASS geheim", "STAT", "QUIT")
			got, _, _ = strings.Cut(got[strings.LastIndex(got, "+OK 2"):], "\n")
		} else {
			got = talk(t, conn, "a LOGIN anna@example.org geheim", "b STATUS INBOX (MESSAGES)")
			got = got[strings.LastIndex(got, "\n")+1:]
		}
		if !strings.Contains(got, "+OK 2 ") && !strings.Contains(got, "MESSAGES 2") {
			t.Errorf("%s: %s", protocol, got)
		}
	}
}

// talk2 is talk in the middle of a conversation.
func talk2(t *testing.T, conn net.Conn, lines ...string) string {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%s\r\n", lines[0]); err != nil {
		t.Fatal(err)
	}
	return talk(t, conn, lines[1:]...)
}

func TestSessionsGetTheirFarewell(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	pop, imap := dial(t, "tcp", h.address("pop3")), dial(t, "tcp", h.address("imap"))
	talk(t, pop, "USER anna@example.org", "PASS geheim")
	talk(t, imap, "a LOGIN anna@example.org geheim")
	begin := time.Now()
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	for _, conn := range []net.Conn{pop, imap} {
		rest, err := io.ReadAll(conn)
		if err != nil || !bytes.HasSuffix(rest, []byte("\r\n")) {
			t.Errorf("it was left with %q, %v", rest, err)
		}
	}
	if _, err := os.Stat(filepath.Join(h.config.Data, "restante.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pid file: %v", err)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	h := start(t, dir).furnished(t)
	if got := h.pop3(t, "USER anna", "PASS geheim"); !strings.Contains(got, "-ERR") {
		t.Errorf("before: %s", got)
	}
	configFile(t, dir, `default_domain = "example.org"`)
	if err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.pop3(t, "USER anna", "PASS geheim", "STAT"); !strings.HasSuffix(got, "+OK 0 0") {
		t.Errorf("after: %s", got)
	}

	// What is wrong changes nothing; what needs a restart is told.
	file, err := os.ReadFile(h.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"colour = 1", "[[tls]]\ncert = 'none'\nkey = 'none'\n"} {
		if err := os.WriteFile(h.file, []byte(string(file)+bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := h.Reload(t.Context()); err == nil {
			t.Errorf("%q was taken", bad)
		}
		if got := h.pop3(t, "USER anna", "PASS geheim", "STAT"); !strings.HasSuffix(got, "+OK 0 0") {
			t.Errorf("%q: %s", bad, got)
		}
	}
	changed := strings.Replace(string(file), "cleartext = true", "cleartext = false", 1) + "\n[log]\nlevel = \"debug\"\n"
	if err := os.WriteFile(h.file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(h.log.String(), "keys=login.cleartext") {
		t.Errorf("nothing is told of the restart that is needed: %s", h.log)
	}
	if h.opts.Level.Level() != slog.LevelDebug {
		t.Errorf("the level is %v", h.opts.Level)
	}
}

func TestSwitchesAreReloaded(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	capabilities := func() string {
		t.Helper()
		return talk(t, dial(t, "tcp", h.address("imap")), "a LOGIN anna@example.org geheim")
	}
	if got := capabilities(); !strings.Contains(got, " IDLE ") {
		t.Error(got)
	}
	file, err := os.ReadFile(h.file)
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]string{
		"[imap]\ndisable = [\"IDLE\"]\n": "",
		"[imap]\ndisable = [\"IDEL\"]\n": `"IDEL" is no capability`,
	} {
		if err := os.WriteFile(h.file, []byte(string(file)+more), 0o600); err != nil {
			t.Fatal(err)
		}
		err := h.Reload(t.Context())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", more, err)
		}
		if got := capabilities(); want == "" && strings.Contains(got, " IDLE ") {
			t.Error(got)
		}
	}
}

// A reload makes a new directory; sessions that the old one let in still end with their password.
func TestSessionsEndWithTheirPassword(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	imap, pop := dial(t, "tcp", h.address("imap")), dial(t, "tcp", h.address("pop3"))
	talk(t, imap, "a LOGIN anna@example.org geheim")
	talk(t, pop, "USER anna@example.org", "PASS geheim")
	if err := h.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := h.SetPassword(t.Context(), "anna@example.org", "geheimer"); err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{imap, pop} {
		rest, err := io.ReadAll(conn)
		if err != nil || (conn == imap) != bytes.Contains(rest, []byte("* BYE [EXPIRED]")) {
			t.Errorf("%q, %v", rest, err)
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCertificateIsReplacedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	h := start(t, dir)
	names := func() []string {
		t.Helper()
		conn, err := tls.Dial("tcp", h.address("imaps"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames
	}
	if got := names(); got[0] != "mail.example.org" {
		t.Errorf("%q", got)
	}
	other := start(t, t.TempDir()) // has made a certificate of its own
	pem := filepath.Join(other.config.Data, "tls", "self-signed.pem")
	c := *h.config
	c.TLS = []config.TLS{{Cert: pem, Key: pem}}
	if err := h.certs.reload(&c); err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", h.address("imaps"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want, err := other.certs.Load().GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	if !conn.ConnectionState().PeerCertificates[0].Equal(want.Leaf) {
		t.Error("the old certificate is still shown")
	}
}

func TestMetricsAndHealth(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	h.pop3(t, "USER anna@example.org", "PASS geheim", "QUIT")
	get := func(path string) string {
		t.Helper()
		resp, err := http.Get("http://" + h.address("metrics") + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Status + "\n" + string(b)
	}
	if got := get("/healthz"); got != "200 OK\nok\n" {
		t.Errorf("%q", got)
	}
	all := get("/metrics")
	for _, want := range []string{
		`restante_logins_total{result="ok"} 1`, `restante_connections_total{listener="pop3"} 1`,
		"restante_store_commits_total ", "restante_certificate_expiry_seconds ", "restante_password_hashes_total 2", "process_resident_memory_bytes",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(all, "anna") || strings.Contains(all, "example.org") {
		t.Error("somebody's name is in the metrics")
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := config.Default()
	c.Host, c.Data = "mail.example.org", filepath.Join(t.TempDir(), "data")
	c.Listen = config.Listen{SMTP: []config.Address{"127.0.0.1:0"}, IMAP: []config.Address{config.Address(ln.Addr().String())}}
	_, err = Start(t.Context(), c, Options{})
	if err == nil || !strings.Contains(err.Error(), "listen.imap: "+ln.Addr().String()+" is in use") {
		t.Error(err)
	}
	if _, err := os.Stat(c.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder: %v", err)
	}
}

func TestOneServerADataFolder(t *testing.T) {
	h := start(t, t.TempDir())
	if _, err := OpenCore(t.Context(), h.config, Options{}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
}

func TestVerifyComparesTheDirectory(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	v, err := h.Verify(t.Context(), true)
	if err != nil || v.Total != 0 || v.Accounts != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	orphan, err := h.store.CreateAccount(t.Context(), store.AccountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	anna, err := h.Account(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.EraseAccount(t.Context(), anna.ID); err != nil {
		t.Fatal(err)
	}
	v, err = h.Verify(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint32]string{uint32(orphan): "no login", uint32(anna.ID): "anna@example.org has no account"}
	for _, f := range v.Findings {
		if !strings.Contains(f.What, want[f.Account]) {
			t.Errorf("%+v", f)
		}
		delete(want, f.Account)
	}
	if len(want) > 0 || v.Total != 2 {
		t.Errorf("not found: %v in %+v", want, v)
	}
}

// TestVerifyLeavesTheIndexAsItIs: an index that cannot be opened is told of, and is not made anew by that.
func TestVerifyLeavesTheIndexAsItIs(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	verify := func() admind.Verified {
		t.Helper()
		c, err := OpenCore(t.Context(), h.config, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		v, err := c.Verify(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := verify(); v.Total != 0 {
		t.Errorf("a sound index: %+v", v.Findings)
	}
	dir := filepath.Join(h.config.Data, "search")
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal("no index", err)
	}
	for _, name := range manifests {
		if err := os.WriteFile(name, []byte("not what was written"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v := verify(); v.Total != 1 || v.Findings[0].Where != "text index" {
		t.Errorf("an index that cannot be opened: %+v", v.Findings)
	}
	if _, err := os.Stat(manifests[0]); err != nil {
		t.Error("verify threw the index away:", err)
	}
}

func TestSweepFinishesErasures(t *testing.T) {
	h := start(t, t.TempDir()).furnished(t)
	if err := h.RemoveAccount(t.Context(), "anna@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if v, err := h.Verify(t.Context(), true); err != nil || v.Total != 0 || v.Accounts != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestDemoMakesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{3, 2, 5} {
		ctx, cancel := context.WithCancel(t.Context())
		out, w := io.Pipe()
		ended := make(chan error, 1)
		go func() { // owner: the receive below
			ended <- Demo(ctx, DemoOptions{Dir: dir, Accounts: n, Sample: n == 3, Out: w})
		}()
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		}
		c, err := admind.Dial(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, err := range c.Accounts(t.Context(), "") {
			if count++; err != nil {
				t.Fatal(err)
			}
		}
		u1, err := c.Account(t.Context(), "u1@demo.test")
		if count != max(n, 3) || err != nil || u1.Messages != 36 || u1.Access != directory.Active {
			t.Errorf("with %d: %d accounts, %+v, %v", n, count, u1, err)
		}
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
