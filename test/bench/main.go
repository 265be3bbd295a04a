// Command bench measures the real server from outside, over real sockets, and
// prints what it does beside what the machine can do at all: a rate means
// little without the disk's. Run it by make bench; nothing else should be
// running. It needs about 4 GB of disk and a few minutes.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"text/tabwriter"

	"restante/test/demo"
)

// options are what the command line says.
type options struct {
	bin, dir string
	scale    float64 // of all numbers of messages and sessions
	growth   bool
}

// n scales a number of messages or sessions.
func (o options) n(full int) int { return max(10, int(float64(full)*o.scale)) }

// launch runs a server in a new folder.
func (o options) launch(accounts int) (*demo.Server, error) {
	dir, err := os.MkdirTemp(o.dir, "bench")
	if err != nil {
		return nil, err
	}
	return demo.Launch(demo.Options{Bin: o.bin, Dir: dir, Accounts: accounts})
}

// discard ends a server and removes its folder.
func discard(s *demo.Server) {
	s.Kill()
	os.RemoveAll(s.Dir())
}

// table collects the rows of the result.
type table struct{ *tabwriter.Writer }

// row prints a result and what stands beside it.
func (t table) row(name, value, beside string) {
	fmt.Fprintf(t, "%s\t%s\t%s\n", name, value, beside)
	t.Flush() // as it comes: a run takes minutes
}

// measure is one part of the run.
type measure struct {
	name string
	run  func(options, *limits, table) error
}

func measures() []measure {
	return []measure{
		{"footprint", footprint},
		{"deliver", deliver},
		{"send", send},
		{"mailbox", mailbox},
		{"fetch", fetch},
		{"idle", idle},
		{"goals", goals},
	}
}

func main() {
	var o options
	var only string
	var names []string
	for _, m := range measures() {
		names = append(names, m.name)
	}
	flag.StringVar(&o.bin, "bin", "bin/restante", "the server's binary")
	flag.StringVar(&o.dir, "dir", "", "folder for data, on the disk to be measured (default: the system's temporary folder)")
	flag.Float64Var(&o.scale, "scale", 1, "make all numbers of messages and sessions smaller or bigger")
	flag.BoolVar(&o.growth, "growth", false, "measure nothing but how the cost of single operations grows with a mailbox, up to a million messages")
	flag.StringVar(&only, "run", "", "measure only what matches this pattern, of "+strings.Join(names, ", "))
	flag.Parse()
	if err := run(o, only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options, only string) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	t := table{tabwriter.NewWriter(os.Stdout, 44, 0, 2, ' ', 0)}
	fmt.Printf("%d cores, %s, %s/%s\n\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	l, err := measureLimits(o, t)
	if err != nil {
		return err
	}
	if o.growth {
		return growth(o, l, t)
	}
	for _, m := range measures() {
		if !pattern.MatchString(m.name) {
			continue
		}
		fmt.Fprintln(t)
		if err := m.run(o, l, t); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
