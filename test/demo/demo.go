// Package demo runs the real server ("restante demo") for tests and
// measurements: as its own process, on ports of its own, in a folder of its own,
// so that it can be stopped and killed like on a bad day.
package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The standard ports; a server's own are Base plus these.
const (
	LMTP  = 24
	SMTP  = 25
	POP3  = 110
	IMAP  = 143
	IMAPS = 993
	POP3S = 995

	Submission  = 587
	Submissions = 465
)

// Password is that of every account; the accounts are u1, u2 ... at Domain.
const (
	Password = "pass"
	Domain   = "demo.test"
)

// Options say what to run.
type Options struct {
	Bin      string // the server's binary
	Dir      string // its data folder
	Accounts int    // 0: as many as it makes by itself
	Args     []string
}

// Server is a running server. Its methods are for one goroutine at a time,
// but Addr.
type Server struct {
	o    Options
	base int
	cmd  *exec.Cmd
	log  string
	// Startup is how long it took to say that it is ready.
	Startup time.Duration
}

// Bin returns the binary under test. Without one the test is skipped: the tests
// that drive it are run by make, which builds it first.
func Bin(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("RESTANTE_BIN")
	if bin == "" {
		t.Skip("RESTANTE_BIN is not set: run this by make scenario, interop or crash")
	}
	return bin
}

// Start runs a server for the length of a test, in a new folder. When the test
// fails, the end of the server's log is shown.
func Start(t testing.TB, accounts int) *Server {
	t.Helper()
	s, err := Launch(Options{Bin: Bin(t), Dir: t.TempDir(), Accounts: accounts})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log ends:\n%s", s.LogTail())
		}
	})
	return s
}

// Launch runs a server and waits until it is ready.
func Launch(o Options) (*Server, error) {
	base, err := freeBase()
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, base: base, log: filepath.Join(o.Dir, "demo.log")}
	return s, s.Restart()
}

// freeBase looks for a base port whose ports are all free.
func freeBase() (int, error) {
	for range 100 {
		base := 12000 + rand.IntN(18000) // below what the kernel gives to clients
		if portsFree(base) {
			return base, nil
		}
	}
	return 0, errors.New("no base port is free")
}

func portsFree(base int) bool {
	for _, port := range []int{24, 25, 80, 110, 143, 443, 465, 587, 993, 995, 4190} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// Restart runs the server again in the same folder and on the same ports, after
// Stop or Kill.
func (s *Server) Restart() error {
	args := []string{"demo", "--dir", s.o.Dir, "--base-port", strconv.Itoa(s.base)}
	if s.o.Accounts > 0 {
		args = append(args, "--accounts", strconv.Itoa(s.o.Accounts))
	}
	s.cmd = exec.Command(s.o.Bin, append(args, s.o.Args...)...)
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd.Stderr = log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	go func() { // owner: Wait closes stdout, which ends it
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.TrimSpace(lines.Text()) == "ready" {
				ready <- true
			}
		}
		close(ready)
	}()
	select {
	case ok := <-ready:
		if ok {
			s.Startup = time.Since(begin)
			return nil
		}
		s.Kill()
		return fmt.Errorf("%s ended before it was ready:\n%s", s.cmd, s.LogTail())
	case <-time.After(30 * time.Second):
		s.Kill()
		return fmt.Errorf("%s is not ready after 30 s:\n%s", s.cmd, s.LogTail())
	}
}

// Later stops the server and runs it again with its clock so far ahead: a period such as "31d".
func (s *Server) Later(ahead string) error {
	if err := s.Stop(); err != nil {
		return err
	}
	args := s.o.Args
	s.o.Args = append(args[:len(args):len(args)], "--time-offset", ahead)
	err := s.Restart()
	s.o.Args = args
	return err
}

// Addr is where the server speaks a protocol.
func (s *Server) Addr(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.base+port))
}

// Port is the number in Addr.
func (s *Server) Port(port int) string { return strconv.Itoa(s.base + port) }

// Dir is the data folder.
func (s *Server) Dir() string { return s.o.Dir }

// Pid is that of the process.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Stop asks the server to end (SIGTERM) and waits for it, 10 seconds at most.
// A server that has ended is left alone.
func (s *Server) Stop() error {
	if s.cmd.ProcessState != nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	err := s.cmd.Wait()
	if !late.Stop() {
		return errors.New("the server did not end within 10 s of SIGTERM")
	}
	return err
}

// Kill ends the server as a power cut does, but for what the kernel holds.
func (s *Server) Kill() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

// LogTail returns the end of the server's log.
func (s *Server) LogTail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	if n := len(text) - 4000; n > 0 {
		text = text[n:]
	}
	return string(text)
}

// Run runs a verb of the binary on the server's folder ("verify --dir DIR").
// It returns all output.
func (s *Server) Run(ctx context.Context, verb ...string) (string, error) {
	out, err := exec.CommandContext(ctx, s.o.Bin, append(verb, "--dir", s.o.Dir)...).CombinedOutput()
	return string(out), err
}
