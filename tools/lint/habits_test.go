package lint

import (
	"go/ast"
	"slices"
	"strings"
)

// checkInit refuses init functions: they hide wiring and order.
func checkInit(s *source) []finding {
	var out []finding
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			out = append(out, s.at(f, "init", "init(): build the value in New(Options), or as a table that is never written"))
		}
	}
	return out
}

// checkSleep refuses tests that sleep: slow when the machine is fast, wrong when it
// is slow. Inside testing/synctest time is not real, and sleeping is fine.
func checkSleep(s *source) []finding {
	if !s.support() || slices.Contains(s.imports(), "testing/synctest") {
		return nil
	}
	return selectors(s, "time", func(name string) string {
		if name != "Sleep" {
			return ""
		}
		return "time.Sleep in a test: use testing/synctest, or wait for an event (a channel, a line of output, a reply)"
	})
}

// checkBareGo refuses goroutines that nobody waits for. What it accepts: a
// literal that ends by Done or close (or a send that is awaited), or a comment
// "owner: ..." at the statement that says who waits.
func checkBareGo(s *source) []finding {
	var out []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		g, ok := n.(*ast.GoStmt)
		if ok && !owned(g) && !ownerComment(s, g) {
			out = append(out, s.at(g, "", "bare go: use WaitGroup.Go or errgroup so that somebody waits for it, or say who does in a comment \"owner: ...\""))
		}
		return true
	})
	return out
}

// owned says whether a goroutine tells somebody that it ended.
func owned(g *ast.GoStmt) bool {
	lit, ok := g.Call.Fun.(*ast.FuncLit)
	if !ok || len(lit.Body.List) == 0 {
		return false
	}
	for _, stmt := range lit.Body.List {
		d, ok := stmt.(*ast.DeferStmt)
		if !ok {
			continue
		}
		if signals(d.Call) {
			return true
		}
	}
	switch last := lit.Body.List[len(lit.Body.List)-1].(type) {
	case *ast.SendStmt:
		return true
	case *ast.ExprStmt:
		call, ok := last.X.(*ast.CallExpr)
		return ok && signals(call)
	}
	return false
}

// signals says whether a call is x.Done() or close(x).
func signals(call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name == "close"
	case *ast.SelectorExpr:
		return fun.Sel.Name == "Done"
	}
	return false
}

// ownerComment says whether a comment on the statement's line or the one above
// names the owner.
func ownerComment(s *source, n ast.Node) bool {
	line := s.fset.Position(n.Pos()).Line
	for _, group := range s.file.Comments {
		first, last := s.fset.Position(group.Pos()).Line, s.fset.Position(group.End()).Line
		if (first == line || last == line-1) && strings.Contains(group.Text(), "owner:") {
			return true
		}
	}
	return false
}

// checkContextField refuses contexts in structs: a context is the first
// argument of what may block.
func checkContextField(s *source) []finding {
	var out []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		st, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, field := range st.Fields.List {
			if isSelector(field.Type, "context", "Context") {
				out = append(out, s.at(field, "", "context in a struct: pass it as the first argument of what may block"))
			}
		}
		return true
	})
	return out
}

// checkLookup keeps name resolution in base/dns, where it can be faked, bounded
// and asked for DNSSEC.
func checkLookup(s *source) []finding {
	if under(s.dir, "internal/base/dns") {
		return nil
	}
	return selectors(s, "net", func(name string) string {
		if strings.HasPrefix(name, "Lookup") || name == "Resolver" || name == "DefaultResolver" {
			return "net." + name + ": names are resolved by internal/base/dns alone"
		}
		return ""
	})
}

// checkPure keeps grammars and evidence free of clock, network, files and logs:
// they take now, limits and readers as arguments.
func checkPure(s *source) []finding {
	if s.support() || !under(s.dir, "internal/proto") && !under(s.dir, "internal/trust") {
		return nil
	}
	out := selectors(s, "time", func(name string) string {
		switch name {
		case "Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep":
			return "time." + name + " in a grammar: take the time as an argument"
		}
		return ""
	})
	for _, spec := range s.file.Imports {
		switch name := strings.Trim(spec.Path.Value, `"`); name {
		case "os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "syscall":
			out = append(out, s.at(spec, "", name+" in a grammar: it does no I/O and writes no log; return values and errors"))
		}
	}
	return out
}

// checkPrint keeps output in the command line and logs in slog.
func checkPrint(s *source) []finding {
	if s.support() || under(s.dir, "cmd") || under(s.dir, "internal/cli") {
		return nil
	}
	out := selectors(s, "fmt", func(name string) string {
		if strings.HasPrefix(name, "Print") {
			return "fmt." + name + ": only internal/cli writes to standard output; log with the *slog.Logger you were given"
		}
		return ""
	})
	return append(out, selectors(s, "os", func(name string) string {
		if name == "Exit" {
			return "os.Exit: return an error; cmd/restante exits"
		}
		return ""
	})...)
}

// selectors finds uses of pkg.Name for which judge returns a text.
func selectors(s *source, pkg string, judge func(name string) string) []finding {
	var out []finding
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !isIdent(sel.X, pkg) {
			return true
		}
		if text := judge(sel.Sel.Name); text != "" {
			out = append(out, s.at(sel, sel.Sel.Name, text))
		}
		return true
	})
	return out
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

func isSelector(x ast.Expr, pkg, name string) bool {
	sel, ok := x.(*ast.SelectorExpr)
	return ok && isIdent(sel.X, pkg) && sel.Sel.Name == name
}
