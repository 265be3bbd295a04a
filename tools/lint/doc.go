// Package lint holds the tree to the house rules that a compiler does not
// know: what may import what, how long files and functions get, what every
// package and exported name must say of itself, and which constructions are
// not used here.
//
// It is all tests (go test ./tools/lint), so that it runs wherever tests run
// and needs nothing installed. A failure names the place and says what to do
// instead. Exceptions stand in testdata/exempt, each with its reason; one that
// is no longer needed fails, so the list can only shrink.
//
// The rules read syntax and not types: they are heuristics that catch habits.
// What needs types is go vet's work and that of tools/vet.
package lint
