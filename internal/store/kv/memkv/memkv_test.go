package memkv

import (
	"errors"
	"testing"

	"restante/internal/store/kv"
	"restante/internal/store/kv/kvtest"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kv.Engine { return New() })
}

// TestUnguarded: writing a required key without requiring it is found out.
func TestUnguarded(t *testing.T) {
	e := New()
	set := new(kv.Batch)
	set.Put([]byte("account"), []byte("1"))
	if err := e.Commit(t.Context(), set, kv.Durable); err != nil {
		t.Fatalf("before anybody required it: %v", err)
	}
	req := new(kv.Batch)
	req.RequireValue([]byte("account"), []byte("1"))
	req.Put([]byte("account"), []byte("2"))
	if err := e.Commit(t.Context(), req, kv.Durable); err != nil {
		t.Fatalf("required: %v", err)
	}
	del := new(kv.Batch)
	del.Remove([]byte("account"))
	for _, b := range []*kv.Batch{set, del} {
		if err := e.Commit(t.Context(), b, kv.Durable); !errors.Is(err, kv.ErrUnguarded) {
			t.Errorf("%+v: %v, want ErrUnguarded", b, err)
		}
	}
}

// TestScribbles: a slice kept beyond the function of a Scan or View is visibly not
// valid.
func TestScribbles(t *testing.T) {
	e := New()
	b := new(kv.Batch)
	b.Put([]byte("key"), []byte("value"))
	if err := e.Commit(t.Context(), b, kv.Durable); err != nil {
		t.Fatal(err)
	}
	var kept []byte
	err := e.Scan(t.Context(), kv.Range{}, func(_, v []byte) (bool, error) {
		kept = v
		return true, nil
	})
	if err != nil || string(kept) == "value" {
		t.Errorf("kept from a scan %q, %v", kept, err)
	}
	err = e.View(t.Context(), []byte("key"), func(v []byte) error {
		kept = v
		return nil
	})
	if err != nil || string(kept) == "value" {
		t.Errorf("kept from a view %q, %v", kept, err)
	}
}
