package pebblekv

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/internal/store/kv"
	"restante/internal/store/kv/kvtest"
)

func TestConformance(t *testing.T) {
	for name, o := range map[string]Options{
		"disk":        {LowMemory: true},
		"default":     {FS: vfs.NewMem()},
		"wholeValues": {FS: vfs.NewMem(), WholeValues: true},
		"lowMemory":   {FS: vfs.NewMem(), LowMemory: true},
	} {
		t.Run(name, func(t *testing.T) {
			kvtest.Run(t, func(t *testing.T) kv.Engine {
				o.Dir = t.TempDir()
				return open(t, o)
			})
		})
	}
}

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
