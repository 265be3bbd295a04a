package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// policy says which packages under internal/ may import which. What it does
// not allow is forbidden. ARCHITECTURE.md shows this text, word for word.
//
//	a < b       b may import a, and all that a may import
//	a only b c  nobody but b and c imports a
//	a apart b   packages below a do not import each other, except b
//
// A name stands for the package and those below it that have no line of their
// own; packages of one name may import each other.
const policy = `
proto, base < trust
proto, base < store/kv, store/keys < store/blob < store < store/search, directory < flow
trust < flow < serve, ops < app < cli < cmd
proto < config < app

store/kv, store/keys, store/blob only store app ops/verify
store/kv/pebblekv, store/kv/memkv only app
config only app cli
serve apart serve/listen
`

// lattice is the policy, read.
type lattice struct {
	below map[string][]string // name -> what it may import directly by the text
	only  map[string][]string
	apart map[string]string
}

// parsePolicy reads the text of policy.
func parsePolicy(text string) (*lattice, error) {
	l := &lattice{map[string][]string{}, map[string][]string{}, map[string]string{}}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case strings.Contains(line, "<"):
			groups := strings.Split(line, "<")
			for i, group := range groups {
				for _, name := range names(group) {
					l.below[name] = append(l.below[name], nil...)
					if i > 0 {
						l.below[name] = append(l.below[name], names(groups[i-1])...)
					}
				}
			}
		case strings.Contains(line, " only "):
			left, right, _ := strings.Cut(line, " only ")
			for _, name := range names(left) {
				l.only[name] = strings.Fields(right)
			}
		case len(words) == 3 && words[1] == "apart":
			l.apart[words[0]] = words[2]
		default:
			return nil, fmt.Errorf("policy: %q", line)
		}
	}
	return l, nil
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// node is the name of the policy that a package falls under, "" for none.
func (l *lattice) node(pkg string) string {
	for ; pkg != "."; pkg = path.Dir(pkg) {
		if _, ok := l.below[pkg]; ok {
			return pkg
		}
	}
	return ""
}

// reaches says whether to lies below from.
func (l *lattice) reaches(from, to string) bool {
	if slices.Contains(l.below[from], to) {
		return true
	}
	return slices.ContainsFunc(l.below[from], func(n string) bool { return l.reaches(n, to) })
}

// refuse says why from may not import to (both relative to internal/), or "".
func (l *lattice) refuse(from, to string) string {
	a, b := l.node(from), l.node(to)
	if a == "" || b == "" {
		return "one of them is not in the policy: give it a place there and in ARCHITECTURE.md"
	}
	for name, who := range l.only {
		if under(to, name) && !under(from, name) && !slices.ContainsFunc(who, func(w string) bool { return under(from, w) }) {
			return fmt.Sprintf("only %s may: use what %s offers", strings.Join(who, ", "), who[0])
		}
	}
	for group, shared := range l.apart {
		if under(from, group) && under(to, group) && !under(to, shared) && !sameBranch(group, from, to) {
			return "packages under " + group + " do not know each other: move what both need down"
		}
	}
	if a == b || l.reaches(a, b) {
		return ""
	}
	return fmt.Sprintf("%s is not below %s: imports go down only; move the code, or take what you need as an interface", b, a)
}

// sameBranch says whether two packages share the element after group.
func sameBranch(group, a, b string) bool {
	first := func(p string) string {
		p, _, _ = strings.Cut(strings.TrimPrefix(p, group+"/"), "/")
		return p
	}
	return first(a) == first(b)
}

// relative cuts the module's internal/ off an import path.
func relative(imported string) (string, bool) {
	return strings.CutPrefix(imported, module+"/internal/")
}

// testSupport says whether tests may import a package from anywhere: fakes,
// conformance suites, the engine in memory, and the check that holds every
// record against the others.
func testSupport(pkg string) bool {
	return strings.HasSuffix(pkg, "test") || slices.Contains([]string{"store/kv", "store/kv/memkv", "store/blob/kvblob", "ops/verify"}, pkg)
}

// TestLattice holds every import inside the module to the policy.
func TestLattice(t *testing.T) {
	l, err := parsePolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range load(t) {
		for _, spec := range s.file.Imports {
			to, ok := relative(strings.Trim(spec.Path.Value, `"`))
			if !ok {
				continue
			}
			from, internal := strings.CutPrefix(s.dir, "internal/")
			switch {
			case s.test && under(to, from):
				continue // its own tests, from outside
			case s.support() && testSupport(to) && internal:
				continue
			case under(s.dir, "tools"), under(s.dir, "test"):
				if under(to, "proto") || under(to, "store/keys") || s.test && strings.HasSuffix(to, "test") {
					continue // drivers speak protocols; generators read tables; fakes are for all tests
				}
				from = s.dir
			case !internal:
				from = s.dir // cmd/...
			}
			if why := l.refuse(strings.TrimSuffix(from, "_test"), to); why != "" {
				f := s.at(spec, "", "")
				t.Errorf("%s:%d: %s may not import %s: %s", f.path, f.line, from, to, why)
			}
		}
	}
}

// TestPolicyIsShown holds ARCHITECTURE.md to the policy.
func TestPolicyIsShown(t *testing.T) {
	if !strings.Contains(read(t, "ARCHITECTURE.md"), "```\n"+strings.TrimSpace(policy)+"\n```") {
		t.Error("ARCHITECTURE.md does not show the import policy of tools/lint/lattice_test.go word for word: copy it there")
	}
}

// TestPolicyReads pins down what the policy means.
func TestPolicyReads(t *testing.T) {
	l, err := parsePolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"store", "proto/mime", true},
		{"store", "store/kv", true},
		{"store/blob", "store/keys", true},
		{"store/keys", "proto/mime", true},
		{"store/kv/pebblekv", "store/kv", true},
		{"serve/imapd", "store", true},
		{"serve/imapd", "serve/listen", true},
		{"serve/imapd", "flow/deliver", true},
		{"serve/imapd/transcript", "serve/imapd", true},
		{"app", "store/kv/pebblekv", true},
		{"app", "config", true},
		{"ops/verify", "store/keys", true},
		{"cli", "config", true},
		{"cmd/restante", "cli", true},
		{"flow/inbound", "trust/spf", true},

		{"proto/mime", "base/bus", false},
		{"base/bus", "proto/mime", false},
		{"store", "directory", false},
		{"store", "trust/spf", false},
		{"directory", "store/kv", false},
		{"flow/deliver", "store/keys", false},
		{"serve/imapd", "store/kv", false},
		{"serve/imapd", "serve/pop3d", false},
		{"serve/imapd", "config", false},
		{"serve/listen", "serve/imapd", false},
		{"ops/verify", "store/kv/pebblekv", false},
		{"ops/transfer", "store/keys", false},
		{"cli", "store/kv/pebblekv", false},
		{"store/kv", "store", false},
		{"nowhere", "proto/mime", false},
	} {
		if why := l.refuse(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s imports %s: got %q, want allowed = %v", c.from, c.to, why, c.ok)
		}
	}
}
