package lint

import (
	"regexp"
	"strings"
	"testing"
)

// maxDirect bounds the modules that go.mod requires directly.
const maxDirect = 30

// adapters names the one package of the server that may import a module; ""
// stands for tests alone. golang.org/x is the standard library's annexe: its
// packages may be imported where they are needed. Why a module is there at
// all stands beside it in go.mod.
func adapters() map[string]string {
	return map[string]string{
		"blitiri.com.ar/go/spf":               "internal/trust/spf",
		"github.com/BurntSushi/toml":          "internal/config",
		"github.com/alecthomas/kong":          "internal/cli",
		"github.com/cockroachdb/pebble/v2":    "internal/store/kv/pebblekv",
		"github.com/emersion/go-msgauth":      "",
		"github.com/miekg/dns":                "internal/base/dns",
		"github.com/klauspost/compress/flate": "internal/proto/deflate",
		"github.com/klauspost/compress":       "internal/store/blob",
		"github.com/zeebo/blake3":             "internal/store",
		"github.com/coreos/go-oidc/v3":        "internal/base/oauth",
		"github.com/maypok86/otter/v2":        "internal/directory",
		"github.com/pires/go-proxyproto":      "internal/base/proxyheader",
		"github.com/mholt/acmez/v3":           "internal/base/certs/acme",
		"github.com/letsencrypt/pebble/v2":    "",
		"github.com/prometheus/client_golang": "internal/base/metrics",
		"github.com/xdg-go/scram":             "",
		"github.com/emersion/go-imap/v2":      "",
		"github.com/emersion/go-sasl":         "",
		"github.com/cockroachdb/datadriven":   "",
		"github.com/emersion/go-milter":       "",
		"github.com/google/go-cmp":            "",
		"github.com/rogpeppe/go-internal":     "",
		"go.uber.org/goleak":                  "",
		"pgregory.net/rapid":                  "",
	}
}

// TestModules keeps each third-party module behind one package of ours, so that
// its types stay inside and it can be replaced there.
func TestModules(t *testing.T) {
	allowed := adapters()
	for _, s := range load(t) {
		for _, spec := range s.file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(imported, "golang.org/x/") || s.support() {
				continue
			}
			place := s.at(spec, "", "")
			name := moduleOf(imported, allowed)
			switch home, known := allowed[name]; {
			case !known:
				t.Errorf("%s:%d: %s is a new dependency: write it ourselves, or give it one adapter package in tools/lint/modules_test.go and a reason in go.mod", place.path, place.line, imported)
			case home == "":
				t.Errorf("%s:%d: %s is for tests only", place.path, place.line, imported)
			case s.dir != home:
				t.Errorf("%s:%d: %s is imported by %s alone: use what that package offers", place.path, place.line, imported, home)
			}
		}
	}
}

// moduleOf finds the module that an import path belongs to, or the part of one that has an adapter of its own.
func moduleOf(imported string, modules map[string]string) (module string) {
	for name := range modules {
		if under(imported, name) && len(name) > len(module) {
			module = name
		}
	}
	return module
}

// TestGoMod wants a reason beside every direct requirement, and few of them.
func TestGoMod(t *testing.T) {
	requirement := regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+/\S+) v\S+(.*)$`)
	direct := 0
	for _, m := range requirement.FindAllStringSubmatch(read(t, "go.mod"), -1) {
		name, comment := m[1], strings.TrimSpace(m[2])
		if strings.HasPrefix(comment, "// indirect") {
			continue
		}
		direct++
		if len(strings.TrimPrefix(comment, "//")) < 10 {
			t.Errorf("go.mod: %s has no reason beside it: say in a comment what it is for and who imports it", name)
		}
		if _, known := adapters()[name]; !known && !strings.HasPrefix(name, "golang.org/x/") {
			t.Errorf("go.mod: %s is not in tools/lint/modules_test.go: name the one package that may import it", name)
		}
	}
	if direct > maxDirect {
		t.Errorf("go.mod requires %d modules directly, %d are allowed", direct, maxDirect)
	}
	if direct == 0 {
		t.Error("go.mod: no requirement was understood")
	}
}
