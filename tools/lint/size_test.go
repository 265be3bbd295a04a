package lint

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
)

const (
	maxFileLines = 800
	maxFuncLines = 100
)

// checkFileSize refuses long files: one file, one subject.
func checkFileSize(s *source) []finding {
	if s.lines <= maxFileLines || s.generated() {
		return nil
	}
	return []finding{{s.path, 1, "", fmt.Sprintf("%d lines, %d are allowed: split the file by subject", s.lines, maxFileLines)}}
}

// checkFuncSize refuses functions that no screen shows whole. Tables in tests
// count too: they belong into testdata or a variable of their own.
func checkFuncSize(s *source) []finding {
	if s.generated() {
		return nil
	}
	var out []finding
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > maxFuncLines {
			out = append(out, s.at(f, f.Name.Name, fmt.Sprintf("%s has %d lines, %d are allowed: split it by phase", f.Name.Name, n, maxFuncLines)))
		}
	}
	return out
}

// checkPackageName refuses drawers.
func checkPackageName(s *source) []finding {
	switch name := strings.TrimSuffix(path.Base(s.dir), "s"); name {
	case "util", "utilitie", "common", "helper", "const", "constant", "type", "misc", "shared", "lib", "base":
		if name == "base" && s.dir != "internal/base" {
			return nil
		}
		return []finding{s.at(s.file.Name, "", "package "+path.Base(s.dir)+" is a drawer: name it by what it is about, or put the code where it is used")}
	}
	return nil
}

// checkPackageDoc wants every package to say what it is.
func checkPackageDoc(files []*source) []finding {
	var main *source
	for _, s := range files {
		if s.test {
			continue
		}
		if main == nil {
			main = s
		}
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command "
		}
		if doc := s.file.Doc.Text(); strings.HasPrefix(doc, want) {
			return nil
		}
	}
	if main == nil {
		return nil // tests only: their subject documents itself
	}
	return []finding{main.at(main.file.Name, "", "package "+main.file.Name.Name+" has no doc comment: say what it is, its model, its invariants and what it does not do")}
}

// wellKnown are methods whose name says all: they fulfil interfaces of the
// standard library.
var wellKnown = map[string]bool{
	"Error": true, "String": true, "Unwrap": true, "Is": true, "As": true, "Temporary": true, "Timeout": true,
	"Len": true, "Less": true, "Swap": true, "Push": true, "Pop": true,
	"Read": true, "Write": true, "Close": true, "ReadByte": true, "UnreadByte": true, "WriteByte": true, "WriteString": true,
	"ReadFrom": true, "WriteTo": true, "Seek": true, "ReadAt": true,
	"MarshalText": true, "UnmarshalText": true, "MarshalJSON": true, "UnmarshalJSON": true, "UnmarshalTOML": true,
	"LogValue": true, "ServeHTTP": true, "Handle": true, "Enabled": true, "WithAttrs": true, "WithGroup": true,
	"Describe": true, "Collect": true, "GoString": true, "Format": true,
}

// checkExportedDoc wants a comment on every exported name: units, zero value,
// who closes, safe for concurrent use or not, which errors.
func checkExportedDoc(s *source) []finding {
	if s.test || s.generated() || s.file.Name.Name == "main" {
		return nil
	}
	var out []finding
	missing := func(n ast.Node, name string) {
		out = append(out, s.at(n, name, name+" is exported and has no comment: say what a caller must know"))
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Doc != nil || !d.Name.IsExported() || !exportedReceiver(d) || d.Recv != nil && wellKnown[name] {
				continue
			}
			missing(d, name)
		case *ast.GenDecl:
			if d.Doc != nil {
				continue
			}
			for _, spec := range d.Specs {
				if name := undocumented(spec); name != "" {
					missing(spec, name)
				}
			}
		}
	}
	return out
}

// exportedReceiver says whether a function is one, or a method of an exported
// type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// undocumented returns the exported name of a declaration without comment.
func undocumented(spec ast.Spec) string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil {
			return spec.Name.Name
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && spec.Doc == nil && spec.Comment == nil {
				return name.Name
			}
		}
	}
	return ""
}
