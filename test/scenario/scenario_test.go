// Package scenario runs stories about the real binary: each file under testdata
// is one, and its name is what it shows. Beside the commands of testscript they have
//
//	serve ARGS...   run the server in the background with these arguments
//	await ADDR      wait until something listens there
//	ready           wait until the server has said "ready"
//	end SIGNAL      send TERM or KILL and wait; after TERM it must end well, in 2 s
//	hup             send HUP
//	expand FILE     put the values of variables into a file
//
// and addresses that nobody uses in $SMTP, $LMTP, $POP3, $POP3S, $IMAP, $IMAPS
// and $METRICS.
package scenario

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"restante/test/demo"
)

func TestScenarios(t *testing.T) {
	bin := demo.Bin(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(bin)+string(os.PathListSeparator)+env.Getenv("PATH"))
			s := new(server)
			env.Values["server"] = s
			env.Defer(s.stop)
			return freeAddresses(env, "SMTP", "LMTP", "POP3", "POP3S", "IMAP", "IMAPS", "METRICS")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "await": await, "ready": ready, "end": end, "hup": hup, "expand": expand,
		},
	})
}

// freeAddresses sets variables to addresses that are free now.
func freeAddresses(env *testscript.Env, names ...string) error {
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // at the end, so that all are different
		env.Setenv(name, l.Addr().String())
	}
	return nil
}

// server is the process in the background.
type server struct {
	cmd *exec.Cmd
	out output
}

// output is what it wrote.
type output struct {
	sync.Mutex
	text    bytes.Buffer
	written chan struct{} // closed and replaced at each write
}

func (o *output) Write(p []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	if o.written != nil {
		close(o.written)
	}
	o.written = make(chan struct{})
	return o.text.Write(p)
}

// has says whether a line was written, and what is closed when there is more.
func (o *output) has(line string) (bool, <-chan struct{}) {
	o.Lock()
	defer o.Unlock()
	if o.written == nil {
		o.written = make(chan struct{})
	}
	return strings.Contains("\n"+o.text.String(), "\n"+line+"\n"), o.written
}

func (s *server) stop() {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

func of(ts *testscript.TestScript) *server { return ts.Value("server").(*server) }

func serve(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	s.stop()
	s.out.Lock()
	s.out.text.Reset()
	s.out.Unlock()
	s.cmd = exec.Command(os.Getenv("RESTANTE_BIN"), args...)
	s.cmd.Dir = ts.Getenv("WORK")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	ts.Check(s.cmd.Start())
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
		c, err := net.Dial("tcp", args[0])
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nothing listens on %s; the server wrote:\n%s", args[0], of(ts).out.text.String())
		}
	}
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	late := time.After(10 * time.Second)
	for {
		ok, more := of(ts).out.has("ready")
		if ok {
			return
		}
		select {
		case <-more:
		case <-late:
			ts.Fatalf("not ready after 10 s; the server wrote:\n%s", of(ts).out.text.String())
		}
	}
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	s := of(ts)
	signal := syscall.SIGTERM
	if args[0] == "KILL" {
		signal = syscall.SIGKILL
	}
	begin := time.Now()
	ts.Check(s.cmd.Process.Signal(signal))
	err := s.cmd.Wait()
	if took := time.Since(begin); signal == syscall.SIGTERM && (err != nil || took > 2*time.Second) {
		ts.Fatalf("ended after %v: %v; it wrote:\n%s", took, err, s.out.text.String())
	}
}

func hup(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(of(ts).cmd.Process.Signal(syscall.SIGHUP))
}

func expand(ts *testscript.TestScript, neg bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
