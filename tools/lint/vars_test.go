package lint

import (
	"cmp"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// checkPackageVars refuses package variables that change. Sentinel errors,
// compiled patterns and tables are fine: nobody writes them.
func checkPackageVars(files []*source) []finding {
	vars := map[string]finding{}
	for _, s := range files {
		if s.support() {
			continue
		}
		for _, d := range s.file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, spec := range g.Specs {
					packageVar(s, g, spec.(*ast.ValueSpec), vars)
				}
			}
		}
	}
	var out []finding
	for _, s := range files {
		if !s.test {
			out = append(out, writes(s, vars)...)
		}
	}
	for _, f := range vars {
		if f.text != "" {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b finding) int { return cmp.Or(strings.Compare(a.path, b.path), a.line-b.line) })
	return out
}

// packageVar notes the variables of a declaration; those that can only be
// meant to change (no value, locks, channels) get a text at once.
func packageVar(s *source, g *ast.GenDecl, spec *ast.ValueSpec, vars map[string]finding) {
	embedded := strings.Contains(directives(g.Doc)+directives(spec.Doc), "//go:embed")
	for i, name := range spec.Names {
		if name.Name == "_" || embedded {
			continue
		}
		f := s.at(name, name.Name, "")
		state := len(spec.Values) == 0 && !isArrayTable(spec)
		if i < len(spec.Values) {
			state = holdsState(spec.Values[i])
		}
		if state {
			f.text = name.Name + " is package state: make it a field of what New returns"
		}
		vars[name.Name] = f
	}
}

// isArrayTable is for zero arrays used as padding ("var zeros [64]byte").
func isArrayTable(spec *ast.ValueSpec) bool {
	a, ok := spec.Type.(*ast.ArrayType)
	return ok && a.Len != nil
}

func directives(doc *ast.CommentGroup) string {
	var out string
	if doc != nil {
		for _, c := range doc.List {
			out += c.Text + "\n"
		}
	}
	return out
}

// holdsState says whether a value is made to change.
func holdsState(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.UnaryExpr:
		return holdsState(x.X)
	case *ast.CompositeLit:
		sel, ok := x.Type.(*ast.SelectorExpr)
		return ok && (isIdent(sel.X, "sync") || isIdent(sel.X, "atomic")) && sel.Sel.Name != "Pool"
	case *ast.CallExpr:
		return isIdent(x.Fun, "make") || isIdent(x.Fun, "new")
	}
	return false
}

// writes finds statements that change a package variable.
func writes(s *source, vars map[string]finding) []finding {
	var out []finding
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		local := locals(f)
		check := func(x ast.Expr) {
			id := base(x)
			if id == nil || local[id.Name] {
				return
			}
			if _, ok := vars[id.Name]; ok {
				out = append(out, s.at(id, id.Name, id.Name+" is a package variable and is written here: make it a field of what New returns"))
			}
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, x := range n.Lhs {
						check(x)
					}
				}
			case *ast.IncDecStmt:
				check(n.X)
			case *ast.CallExpr:
				if (isIdent(n.Fun, "delete") || isIdent(n.Fun, "clear") || isIdent(n.Fun, "copy")) && len(n.Args) > 0 {
					check(n.Args[0])
				}
			}
			return true
		})
	}
	return out
}

// base is the variable that an expression reaches into.
func base(x ast.Expr) *ast.Ident {
	for {
		switch y := x.(type) {
		case *ast.IndexExpr:
			x = y.X
		case *ast.SliceExpr:
			x = y.X
		case *ast.SelectorExpr:
			x = y.X
		case *ast.StarExpr:
			x = y.X
		case *ast.ParenExpr:
			x = y.X
		case *ast.Ident:
			return y
		default:
			return nil
		}
	}
}

// locals are the names that a function declares: they shadow the package's.
func locals(f *ast.FuncDecl) map[string]bool {
	out := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, x := range n.Lhs {
					if id, ok := x.(*ast.Ident); ok {
						out[id.Name] = true
					}
				}
			}
		case *ast.RangeStmt:
			for _, x := range []ast.Expr{n.Key, n.Value} {
				if id, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					out[id.Name] = true
				}
			}
		case *ast.Field:
			for _, id := range n.Names {
				out[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				out[id.Name] = true
			}
		}
		return true
	})
	return out
}
