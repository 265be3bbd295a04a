package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const reference = "../../docs/operators/config.md"

// TestReference holds docs/operators/config.md against the comments in
// config.go; -update rewrites it.
func TestReference(t *testing.T) {
	docs := comments(t)
	var b strings.Builder
	b.WriteString("# The configuration file\n\n")
	b.WriteString("<!-- Generated from internal/config/config.go by `go test ./internal/config -update`. -->\n\n")
	b.WriteString("TOML. Keys that are not listed here are errors. `kill -HUP` makes a running server read the file again; what is\n" +
		"marked with *restart* waits for the next start. `dist/restante.toml` is a file to begin with.\n")
	section(&b, docs, "Config", "", reflect.ValueOf(*Default()))
	want := b.String()
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what config.go says; go test ./internal/config -update. %s", reference, diff)
	}
	for name, text := range docs {
		if text == "" {
			t.Errorf("%s has no comment", name)
		}
	}
}

func section(b *strings.Builder, docs map[string]string, name, prefix string, v reflect.Value) {
	type nested struct {
		name, prefix string
		v            reflect.Value
		many         bool
	}
	var later []nested
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := prefix + f.Tag.Get("toml")
		switch {
		case f.Type.Kind() == reflect.Struct:
			later = append(later, nested{f.Type.Name(), key + ".", v.Field(i), false})
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			later = append(later, nested{f.Type.Elem().Name(), key + ".", reflect.Zero(f.Type.Elem()), true})
		default:
			fmt.Fprintf(b, "\n- `%s = %s`", f.Tag.Get("toml"), shown(v.Field(i)))
			if f.Tag.Get("restart") != "" {
				b.WriteString(" (*restart*)")
			}
			fmt.Fprintf(b, "\n  %s\n", strings.ReplaceAll(docs[name+"."+f.Name], "\n", "\n  "))
		}
	}
	for _, n := range later {
		header := "[" + strings.TrimSuffix(n.prefix, ".") + "]"
		if n.many {
			header = "[" + header + "]"
		}
		fmt.Fprintf(b, "\n## %s\n\n%s\n", header, docs[n.name])
		section(b, docs, n.name, n.prefix, n.v)
	}
}

// shown writes a default as TOML.
func shown(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case string:
		return fmt.Sprintf("%q", x)
	case []string:
		quoted := []string{}
		for _, a := range x {
			quoted = append(quoted, fmt.Sprintf("%q", a))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case []Address:
		quoted := []string{}
		for _, a := range x {
			quoted = append(quoted, fmt.Sprintf("%q", a))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case fmt.Stringer:
		return fmt.Sprintf("%q", x)
	}
	return fmt.Sprint(v.Interface())
}

// comments are those of the structs of this package, and of their
// fields, by "Struct" and "Struct.Field".
func comments(t *testing.T) map[string]string {
	t.Helper()
	docs := make(map[string]string)
	var decls []ast.Decl
	for _, name := range []string{"config.go", "send.go", "check.go", "guard.go", "milter.go", "trace.go", "acme.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		decls = append(decls, file.Decls...)
	}
	for _, decl := range decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		docs[spec.Name.Name] = strings.TrimSpace(gen.Doc.Text())
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			if _, plain := f.Type.(*ast.Ident); plain || f.Doc != nil {
				if f.Doc == nil && ast.IsExported(f.Type.(*ast.Ident).Name) {
					continue // a section: its struct has the comment
				}
				docs[spec.Name.Name+"."+f.Names[0].Name] = strings.TrimSpace(f.Doc.Text())
			}
		}
	}
	return docs
}
