// Command vet runs the analysers that "go vet" leaves out because they are
// slower: values that are nil for certain, writes that nobody reads. Run it as
//
//	go vet -vettool=bin/vet ./...
package main

import (
	"golang.org/x/tools/go/analysis/passes/nilness"
	"golang.org/x/tools/go/analysis/passes/unusedwrite"
	"golang.org/x/tools/go/analysis/passes/waitgroup"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() {
	unitchecker.Main(nilness.Analyzer, unusedwrite.Analyzer, waitgroup.Analyzer)
}
