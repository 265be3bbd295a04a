// Package kvtest is the conformance suite of kv.Engine: one test for each promise
// that package kv makes, run by the tests of every engine.
//
//	func TestConformance(t *testing.T) {
//		kvtest.Run(t, func(t *testing.T) kv.Engine { return memkv.New() })
//	}
//
// It checks what one process can see. What survives a crash is tested beside
// the engine that has a disk to lose.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"restante/internal/store/kv"
)

// Run tests the engines that open returns; each test takes a new, empty one and
// closes it.
func Run(t *testing.T, open func(t *testing.T) kv.Engine) {
	tests := []struct {
		name string
		run  func(*testing.T, kv.Engine)
	}{
		{"Get", testGet},
		{"CopiesValues", testCopiesValues},
		{"Scan", testScan},
		{"ScanStops", testScanStops},
		{"ScanReadsInside", testScanReadsInside},
		{"ScanIsOneState", testScanIsOneState},
		{"OrderInBatch", testOrderInBatch},
		{"DeleteRange", testDeleteRange},
		{"Requirements", testRequirements},
		{"SendAgain", testSendAgain},
		{"Barrier", testBarrier},
		{"Limits", testLimits},
		{"LargestBatch", testLargestBatch},
		{"Snapshot", testSnapshot},
		{"SnapshotOutlivesCompact", testSnapshotOutlivesCompact},
		{"Cancelled", testCancelled},
		{"Close", testClose},
		{"CloseUnderLoad", testCloseUnderLoad},
		{"Counters", testCounters},
		{"TwoLocks", testTwoLocks},
		{"SharedRequirement", testSharedRequirement},
		{"FencedDeleteRange", testFencedDeleteRange},
		{"Atomic", testAtomic},
		{"OrderSeen", testOrderSeen},
		{"Stats", testStats},
		{"Model", testModel},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := open(t)
			defer func() {
				if err := e.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			test.run(t, e)
		})
	}
}

// commit applies b, which must work.
func commit(t testing.TB, e kv.Engine, b *kv.Batch) {
	t.Helper()
	if err := e.Commit(t.Context(), b, kv.Lazy); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// put sets pairs, given as key, value, key, value.
func put(t testing.TB, e kv.Engine, pairs ...string) {
	t.Helper()
	b := new(kv.Batch)
	for i := 0; i < len(pairs); i += 2 {
		b.Put([]byte(pairs[i]), []byte(pairs[i+1]))
	}
	commit(t, e, b)
}

// read collects what a scan gives, as key=value.
func read(t testing.TB, r kv.Reader, rng kv.Range) []string {
	t.Helper()
	var got []string
	err := r.Scan(context.WithoutCancel(t.Context()), rng, func(k, v []byte) (bool, error) {
		got = append(got, fmt.Sprintf("%s=%s", k, v))
		return true, nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return got
}

// readers are all ways to read r, each giving the error of doing so.
func readers(t testing.TB, ctx context.Context, r kv.Reader) map[string]error {
	_, get := r.Get(ctx, key("a"))
	never := func([]byte) error { t.Error("view called its function"); return nil }
	return map[string]error{
		"get":  get,
		"view": r.View(ctx, key("a"), never),
		"scan": r.Scan(ctx, kv.Range{}, func(_, v []byte) (bool, error) { return true, never(v) }),
	}
}

// want compares a scan of everything.
func want(t testing.TB, r kv.Reader, pairs ...string) {
	t.Helper()
	if diff := cmp.Diff(pairs, read(t, r, kv.Range{})); diff != "" {
		t.Errorf("all pairs, -want +got:\n%s", diff)
	}
}

// wantErr checks the sentinel.
func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error %v, want %v", what, got, want)
	}
}

func key(s string) []byte { return []byte(s) }
