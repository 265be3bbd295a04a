package smtpwire

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

var update = flag.Bool("update", false, "write the golden files again")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		flag.Set("rewrite", "true") // datadriven's name for it
	}
	os.Exit(m.Run())
}

// every extension that brings a parameter
const all = Pipelining | Size | EightBitMIME | SMTPUTF8 | Chunking | BinaryMIME | EnhancedCodes |
	StartTLS | Auth | DSN | LimitsExt | DeliverBy | MTPriority | RequireTLS | FutureRelease

// TestGolden runs testdata/golden/*: each line of a case is one input, after
// "go:" in Go quotes where it holds what a text file cannot show. In "reply" the
// whole case is one reply.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "reply" || d.Cmd == "ehlo" {
				return runReply(d)
			}
			offered := all
			if d.HasArg("plain") {
				offered = 0
			}
			if d.HasArg("mx") {
				offered = Size | EightBitMIME | SMTPUTF8 | Chunking
			}
			var out strings.Builder
			for line := range strings.SplitSeq(d.Input, "\n") {
				in := line
				if s, ok := strings.CutPrefix(line, "go:"); ok {
					var err error
					if in, err = strconv.Unquote(s); err != nil {
						t.Fatalf("%s: %v", line, err)
					}
				}
				fmt.Fprintf(&out, "%s\n    %s\n", line, runCommand(in, offered))
			}
			return out.String()
		})
	})
}

func runCommand(in string, offered Extensions) string {
	c, err := ParseCommand([]byte(in))
	if err != nil {
		return fmt.Sprintf("%s: %s", fault(err), err)
	}
	var v any
	switch c.Verb {
	case EHLO, HELO, LHLO:
		v, err = ParseHello(c.Arg)
	case MAIL:
		var m Mail
		m, err = ParseMail(c.Arg, offered)
		v = fmt.Sprintf("%s%s", m.AppendTo(nil, all), nonASCII(m.NonASCII))
	case RCPT:
		var r Rcpt
		r, err = ParseRcpt(c.Arg, offered)
		v = fmt.Sprintf("%s%s", r.AppendTo(nil, all), nonASCII(r.NonASCII))
	case BDAT:
		var n int64
		var last bool
		n, last, err = ParseBdat(c.Arg)
		v = fmt.Sprint(n, last)
	case AUTH:
		var mech, initial string
		mech, initial, err = ParseAuth(c.Arg)
		v = fmt.Sprintf("%s %q", mech, initial)
	default:
		v = fmt.Sprintf("%q", c.Arg)
	}
	if err != nil {
		return fmt.Sprintf("%s %s: %s", c.Verb, fault(err), err)
	}
	return fmt.Sprintf("%s %s", c.Verb, strings.ReplaceAll(fmt.Sprint(v), "\r\n", ""))
}

func nonASCII(b bool) string {
	if b {
		return " (path needs SMTPUTF8)"
	}
	return ""
}

func fault(err error) string {
	return [...]string{"", "500", "501", "501 address", "501 parameter", "555"}[err.(*SyntaxError).Fault]
}

func runReply(d *datadriven.TestData) string {
	in := d.Input
	if s, ok := strings.CutPrefix(in, "go:"); ok {
		in, _ = strconv.Unquote(s)
	} else {
		in = strings.ReplaceAll(in+"\n", "\n", "\r\n")
	}
	r, err := ReadReply(bufio.NewReader(strings.NewReader(in)))
	if err != nil {
		return "error: " + err.Error()
	}
	if d.Cmd == "ehlo" {
		c := ParseCapabilities(r)
		return fmt.Sprintf("%+v\n%s", c, strings.Join(c.Lines(), "\n"))
	}
	return fmt.Sprintf("%d %s %q\n%s\n%s", r.Code, r.Enhanced, r.Text, r,
		strings.ReplaceAll(string(r.AppendTo(nil)), "\r\n", "\n"))
}
