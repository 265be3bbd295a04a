package imapd_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"restante/internal/proto/imapwire"
)

// kept is a search that a client keeps up to date by what it is told (RFC 5267 4.3).
type kept struct {
	tag, command string
	uid, sorted  bool
	list         []uint32
}

// numbers reads a sequence-set in its order.
func numbers(t *testing.T, set string) (out []uint32) {
	for _, r := range strings.Split(set, ",") {
		a, b, isRange := strings.Cut(r, ":")
		if !isRange {
			b = a
		}
		lo, err := strconv.Atoi(a)
		hi, err2 := strconv.Atoi(b)
		if err != nil || err2 != nil || lo > hi {
			t.Fatalf("set %q", set)
		}
		for n := lo; n <= hi; n++ {
			out = append(out, uint32(n))
		}
	}
	return out
}

// hear does what a response asks for.
func (k *kept) hear(t *testing.T, res *imapwire.Response) {
	switch {
	case res.Name == "EXPUNGE" && !k.uid:
		if slices.Contains(k.list, res.Num) {
			t.Fatalf("%s: %d was expunged before it was removed", k.command, res.Num)
		}
		for i := range k.list {
			if k.list[i] > res.Num {
				k.list[i]--
			}
		}
	case res.Name == "ESEARCH" && res.Values[0].List[1].Text == k.tag:
		for i, v := range res.Values {
			if v.Text == "ADDTO" || v.Text == "REMOVEFROM" {
				pairs := res.Values[i+1].List
				for j := 0; j+1 < len(pairs); j += 2 {
					at, _ := strconv.Atoi(pairs[j].Text)
					k.update(t, v.Text == "ADDTO", at, numbers(t, pairs[j+1].Text), res.Raw)
				}
			}
		}
	}
}

func (k *kept) update(t *testing.T, add bool, at int, set []uint32, raw string) {
	if (at > 0) != k.sorted {
		t.Fatalf("%s: %s", k.command, raw)
	}
	switch {
	case at > len(k.list)+1, !add && at > 0 && !slices.Equal(k.list[at-1:min(at-1+len(set), len(k.list))], set):
		t.Fatalf("%s has %v: %s", k.command, k.list, raw)
	case at > 0 && add:
		k.list = slices.Insert(k.list, at-1, set...)
	case at > 0:
		k.list = slices.Delete(k.list, at-1, at-1+len(set))
	default:
		for _, n := range set {
			i, there := slices.BinarySearch(k.list, n)
			if there == add {
				t.Fatalf("%s has %v: %s", k.command, k.list, raw)
			}
			if add {
				k.list = slices.Insert(k.list, i, n)
			} else {
				k.list = slices.Delete(k.list, i, i+1)
			}
		}
	}
}

// all is what an ESEARCH response says after ALL.
func all(t *testing.T, list []*imapwire.Response) []uint32 {
	for _, res := range list {
		for i, v := range res.Values {
			if res.Name == "ESEARCH" && v.Text == "ALL" {
				return numbers(t, res.Values[i+1].Text)
			}
		}
	}
	return nil
}

// TestLive: whatever two others do, a client that does as it is told has what a new search finds.
func TestLive(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { live(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func live(t *testing.T, r *rand.Rand) {
	h := newHouse(t, plain())
	watcher, other := h.login("u1"), h.login("u1")
	defer watcher.close()
	defer other.close()
	message := func() string {
		text := fmt.Sprintf("Subject: %c%c\r\nDate: 1 Jan 2001 00:%02d Z\r\n\r\n%c", 'a'+r.IntN(5), 'A'+r.IntN(3), r.IntN(60), 'x'+r.IntN(3))
		return fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text)
	}
	for range 10 {
		other.ok("%s", message())
	}
	watcher.ok("SELECT INBOX")
	other.ok("SELECT INBOX")
	searches := []*kept{
		{command: "SEARCH RETURN (%sALL) FLAGGED"},
		{command: "UID SEARCH RETURN (%sALL) UNSEEN BODY x", uid: true},
		{command: "SEARCH RETURN (%sALL) OR SUBJECT b SEEN"},
		{command: "UID SORT RETURN (%sALL) (SUBJECT REVERSE DATE) UTF-8 ALL", uid: true, sorted: true},
		{command: "SORT RETURN (%sALL) (REVERSE SUBJECT) UTF-8 UNFLAGGED", sorted: true},
		{command: "SORT RETURN (%sALL) (DATE) UTF-8 SEEN", sorted: true},
	}
	hear := func(list []*imapwire.Response) []*imapwire.Response {
		for _, res := range list {
			for _, k := range searches {
				if k.tag != "" && res.Tag == "*" {
					k.hear(t, res)
				}
			}
		}
		return list
	}
	for i, k := range searches {
		tag := fmt.Sprintf("k%d", i)
		watcher.send("%s %s\r\n", tag, fmt.Sprintf(k.command, "UPDATE "))
		k.list = all(t, watcher.until(tag))
		k.tag = tag
	}
	flags := []string{`\Flagged`, `\Seen`, `\Deleted`, "word"}
	silent := false
	for step := range 120 {
		who := watcher
		if r.IntN(3) > 0 {
			who = other
		}
		var list []*imapwire.Response
		n := len(all(t, hear2(hear, who == watcher, who.ok("UID SEARCH RETURN (ALL) ALL"))))
		switch k := r.IntN(10); {
		case k < 3:
			list = who.ok("%s", message())
		case k < 8 && n > 0:
			list = who.ok("UID STORE %d:%d %cFLAGS (%s)", 1+r.IntN(n), 1+r.IntN(2*n), "+-"[r.IntN(2)], flags[r.IntN(len(flags))])
		case k == 8:
			list = who.ok("EXPUNGE")
		default:
			list = watcher.ok("%s", map[bool]string{true: "NOTIFY NONE", false: "NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))"}[!silent])
			silent = !silent
			hear(list)
			continue
		}
		if who == watcher {
			hear(list)
		}
		if silent || step%3 > 0 {
			continue
		}
		hear(watcher.ok("NOOP"))
		for _, k := range searches {
			answer := watcher.ok("%s", fmt.Sprintf(k.command, ""))
			hear(answer)
			if want := all(t, answer); !slices.Equal(k.list, want) {
				t.Fatalf("%s is %v, want %v", k.command, k.list, want)
			}
		}
	}
}

// hear2 hears only what the watcher is told.
func hear2(hear func([]*imapwire.Response) []*imapwire.Response, mine bool, list []*imapwire.Response) []*imapwire.Response {
	if mine {
		hear(list)
	}
	return list
}
