package spf

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/base/dns/dnstest"
	"restante/internal/proto/addr"
)

// TestFiles runs the cases of testdata: NN-name.dns is what the DNS says, NN-name.result has lines of an address, a greeting, a reverse-path ("<>" for the
// null one) and the status that must come, or several with "|" between them. RESTANTE_SPF_SUITE names another folder of such files.
func TestFiles(t *testing.T) {
	folders := []string{"testdata"}
	if more := os.Getenv("RESTANTE_SPF_SUITE"); more != "" {
		folders = append(folders, more)
	}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.dns"))
		if err != nil || len(files) == 0 {
			t.Fatal("no cases", err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".dns"), func(t *testing.T) { runFile(t, file) })
		}
	}
}

func runFile(t *testing.T, file string) {
	zone, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	results, err := os.ReadFile(strings.TrimSuffix(file, "dns") + "result")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(results)) {
		words := strings.Fields(line)
		if len(words) < 4 || words[0] == "#" {
			continue
		}
		q := Query{IP: netip.MustParseAddr(words[0]), Hello: words[1]}
		if words[2] != "<>" {
			if q.From, err = addr.Parse(words[2]); err != nil {
				t.Log(line, err) // no such path gets this far
				continue
			}
		}
		got := Check(t.Context(), dnstest.New(t, string(zone)), q)
		if !strings.Contains("|"+words[3]+"|", "|"+string(got.Status)+"|") {
			t.Errorf("%s: %s (%s), want %s", strings.Join(words[:3], " "), got.Status, got.Reason, strings.Join(words[3:], " "))
		}
	}
}

// However a record is made, what it asks is bounded.
func TestBounds(t *testing.T) {
	var zone strings.Builder
	fmt.Fprintln(&zone, "a.example TXT v=spf1 ptr"+strings.Repeat(" mx", 9)+" include:a.example")
	for i := range 10 {
		fmt.Fprintf(&zone, "a.example MX 1 mx%d.a.example\nmx%d.a.example A 192.0.2.%d\n1.2.0.192.in-addr.arpa PTR p%d.a.example\n", i, i, 100+i, i)
	}
	z := dnstest.New(t, zone.String())
	got := Check(t.Context(), z, Query{IP: netip.MustParseAddr("192.0.2.1"), Hello: "x", From: addr.Address{Local: "me", Domain: "a.example"}})
	if n := len(z.Asked()); got.Status != PermError || n > MaxQuestions {
		t.Errorf("%d questions, %+v", n, got)
	}
}

// FuzzCheck: a record of any kind ends with a status that there is.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"v=spf1 -all", "v=spf1 a:%{d}.%{ir}.%{v} ~all", "v=spf1 redirect=a.example", "v=spf1 ip4:192.0.2.0/33 ip6:::/0", "v=spf1 exists:%{l1r+-}._spf.%{d} ?all"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, record string) {
		if strings.ContainsAny(record, "\r\n#\"") {
			return
		}
		zone, err := dnstest.Parse("a.example TXT " + record)
		if err != nil {
			return
		}
		got := Check(t.Context(), zone, Query{IP: netip.MustParseAddr("192.0.2.1"), Hello: "x.example", From: addr.Address{Local: "a.b", Domain: "a.example"}})
		switch got.Status {
		case None, Neutral, Pass, Fail, SoftFail, PermError, TempError:
		default:
			t.Errorf("%q: %+v", record, got)
		}
	})
}
