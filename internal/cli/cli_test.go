package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"restante": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, "1.0-test")) },
	})
}

// TestScripts runs the command line as an operator would, in processes of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			servers := make(map[string]*server)
			e.Values["servers"] = servers
			e.Defer(func() {
				for _, s := range servers {
					s.cmd.Process.Kill()
					<-s.done
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "stop": stop, "hup": hup, "say": say, "same": same,
		},
	})
}

// patience is how long a script waits for what must come; a loaded machine is slow.
const patience = time.Minute

// server is a process that a script has started.
type server struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	done   chan struct{} // closed when it has ended
	err    error
}

// start runs "start NAME args...": a server, until it tells that it is ready as it
// tells systemd. Its addresses are in $NAME_imap and so on, what it printed in
// the file NAME.out.
func start(ts *testscript.TestScript, neg bool, args []string) {
	name, args := args[0], args[1:]
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: ts.MkAbs(name + ".notify")})
	ts.Check(err)
	defer notify.Close()
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()

	s := &server{cmd: exec.Command("restante", args...), done: make(chan struct{})}
	s.cmd.Dir = ts.Getenv("WORK")
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify.LocalAddr().String(), "TMPDIR="+ts.Getenv("WORK"))
	s.cmd.Stdout, s.cmd.Stderr = out, &s.stderr
	ts.Check(s.cmd.Start())
	ts.Value("servers").(map[string]*server)[name] = s
	go func() { // owner: stop, or the end of the script
		defer close(s.done)
		s.err = s.cmd.Wait()
		notify.Close()
	}()
	ts.Check(notify.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 100)
	n, err := notify.Read(b)
	if err != nil {
		<-s.done
		if neg {
			ts.Logf("[stderr]\n%s", &s.stderr)
			return
		}
		ts.Fatalf("it ended: %v\n%s", s.err, &s.stderr)
	}
	if neg {
		ts.Fatalf("it started")
	}
	if string(b[:n]) != "READY=1" {
		ts.Fatalf("it told %q", b[:n])
	}
	setAddresses(ts, name, args)
}

// setAddresses asks the server where it is.
func setAddresses(ts *testscript.TestScript, name string, args []string) {
	var where []string
	for i, a := range args {
		if a == "--dir" || a == "--config" {
			where = args[i : i+2]
		}
	}
	if where == nil {
		return
	}
	cmd := exec.Command("restante", append([]string{"status", "--json"}, where...)...)
	cmd.Dir = ts.Getenv("WORK")
	b, err := cmd.Output()
	ts.Check(err)
	var status struct {
		Listeners []struct{ Protocol, Address string }
	}
	ts.Check(json.Unmarshal(b, &status))
	for _, l := range status.Listeners {
		ts.Setenv(name+"_"+l.Protocol, l.Address)
	}
}

// stop runs "stop NAME": SIGTERM, and it must end well and soon.
func stop(ts *testscript.TestScript, _ bool, args []string) {
	servers := ts.Value("servers").(map[string]*server)
	s := servers[args[0]]
	delete(servers, args[0])
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.done:
	case <-time.After(patience):
		s.cmd.Process.Kill()
		<-s.done
		ts.Fatalf("it did not end")
	}
	if s.err != nil {
		ts.Fatalf("%v\n%s", s.err, &s.stderr)
	}
}

// hup runs "hup NAME": SIGHUP.
func hup(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Value("servers").(map[string]*server)[args[0]].cmd.Process.Signal(syscall.SIGHUP))
}

// say runs "say ADDRESS OUT line...": it sends lines, reads a line after each and
// one before the first, and writes these to the file OUT. Nothing is read after a
// line that is given with a "|" before it.
func say(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := net.Dial("tcp", args[0])
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	r := bufio.NewReader(conn)
	var out strings.Builder
	for i := 1; i < len(args); i++ {
		if i > 1 {
			text, quiet := strings.CutPrefix(args[i], "|")
			_, err := fmt.Fprintf(conn, "%s\r\n", text)
			ts.Check(err)
			if quiet {
				continue
			}
		}
		line, err := r.ReadString('\n')
		ts.Check(err)
		out.WriteString(strings.TrimRight(line, "\r\n") + "\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out.String()), 0o644))
}

// same runs "same FILE FILE": they must be equal but for times and numbers.
func same(ts *testscript.TestScript, _ bool, args []string) {
	if a, b := steady(ts.ReadFile(args[0])), steady(ts.ReadFile(args[1])); a != b {
		ts.Fatalf("%s:\n%s\n%s:\n%s", args[0], a, args[1], b)
	}
}

func steady(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, s)
}

func TestPasswordLine(t *testing.T) {
	for in, want := range map[string]string{
		"geheim\n": "geheim", "geheim": "geheim", "geheim\r\nmore": "geheim", " a b \n": " a b ",
		"": "", "\n": "", "\r\n": "", "\nx": "",
	} {
		got, err := passwordLine(strings.NewReader(in))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	r := strings.NewReader("one\ntwo\n")
	for _, want := range []string{"one", "two"} {
		if got, err := passwordLine(r); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if _, err := passwordLine(strings.NewReader(strings.Repeat("x", 1<<20))); err != nil {
		t.Error(err)
	}
}
