package keys

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestSizesPage holds a page against a map.
func TestSizesPage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p SizesPage
		want := make(map[MessageID]Sized)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			msg := MessageID(128 + rapid.Uint64Range(0, 63).Draw(t, "msg"))
			s := Sized{rapid.Uint64().Draw(t, "size"), SenderID(rapid.Uint64().Draw(t, "sender"))}
			was, there := want[msg]
			var old Sized
			var had bool
			if rapid.Bool().Draw(t, "take") {
				old, had = p.Take(msg)
				delete(want, msg)
			} else {
				old, had = p.Put(msg, s)
				want[msg] = s
			}
			if had != there || old != was {
				t.Fatalf("message %d: was %v %v, is said to have been %v %v", msg, was, there, old, had)
			}
		}
		got := make(map[MessageID]Sized)
		again, err := DecodeSizesPage(p.Encode())
		if err != nil {
			t.Fatal(err)
		}
		for msg := MessageID(128); msg < 192; msg++ {
			if i, ok := again.index(msg); ok {
				got[msg] = again.Sizes[i]
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}
