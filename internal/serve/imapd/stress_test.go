package imapd_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestStress lets sessions work on the same mailboxes at the same time. What becomes of the messages is left open; but no session may be
// told what it must not be told, and in the end all know the same.
func TestStress(t *testing.T) {
	h := newHouse(t, plain())
	const workers, steps = 6, 120
	all := make([]*worker, workers)
	var wg sync.WaitGroup
	for i := range all {
		w := &worker{rand: rand.New(rand.NewPCG(1, uint64(i)))}
		w.model = &model{t: inGoroutine{t}, sessions: []*modelSession{{c: h.login("u1")}}}
		w.modelSession = w.sessions[0]
		all[i] = w
		wg.Go(func() {
			w.selectSome()
			for range steps {
				w.step()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	// Nobody changes anything any more: after two NOOPs (the first may tell of new messages) all must know the same as somebody who comes now.
	for _, name := range boxNames() {
		fresh := &worker{model: &model{t: inGoroutine{t}, sessions: []*modelSession{{c: h.login("u1")}}}}
		fresh.modelSession = fresh.sessions[0]
		fresh.choose("EXAMINE", name)
		for i, w := range all {
			if w.box.name != name {
				continue
			}
			w.run(w.modelSession, "NOOP")
			w.learn(w.modelSession)
			if got, want := w.summary(), fresh.summary(); !slices.Equal(got, want) {
				t.Errorf("%s: session %d knows\n%v\nwant\n%v", name, i, got, want)
			}
		}
		fresh.c.close()
	}
	for _, w := range all {
		w.c.close()
	}
}

func boxNames() []string { return []string{"INBOX", "Sent"} }

// inGoroutine is a testing.T for goroutines: Fatalf ends them.
type inGoroutine struct{ *testing.T }

func (t inGoroutine) Logf(string, ...any) {}

func (t inGoroutine) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// worker is a session that does random things.
type worker struct {
	*model
	*modelSession
	rand *rand.Rand
}

func (w *worker) choose(verb, name string) {
	w.box, w.known = &modelBox{name: name}, nil
	w.run(w.modelSession, "%s %s", verb, name)
	w.learn(w.modelSession)
}

func (w *worker) selectSome() { w.choose("SELECT", boxNames()[w.rand.IntN(2)]) }

// summary is what the session knows.
func (w *worker) summary() (out []string) {
	for i, k := range w.known {
		out = append(out, fmt.Sprintf("%d: %d %s", i+1, k.uid, flagNames(k.flags)))
	}
	return out
}

func (w *worker) step() {
	n := len(w.known)
	lo, hi := 0, 0
	if n > 0 {
		a, b := w.rand.IntN(n), w.rand.IntN(n)
		lo, hi = min(a, b)+1, max(a, b)+1
	}
	flags := w.rand.IntN(32)
	switch op := w.rand.IntN(10); {
	case op < 2 || n == 0:
		w.run(w.modelSession, "APPEND %s %s {4+}\r\nx: y", boxNames()[w.rand.IntN(2)], flagNames(flags))
	case op < 4:
		w.storeSome(lo, hi, flags)
	case op == 4:
		w.run(w.modelSession, "EXPUNGE")
	case op == 5:
		w.run(w.modelSession, "%s %d:%d %s", []string{"COPY", "MOVE"}[w.rand.IntN(2)], lo, min(hi, lo+1), boxNames()[w.rand.IntN(2)])
	case op == 6:
		w.run(w.modelSession, "FETCH %d:%d BODY[]", lo, min(hi, lo+2))
	case op == 7:
		w.run(w.modelSession, "UID FETCH 1:* FLAGS")
	case op == 8:
		w.run(w.modelSession, "SEARCH SEEN")
	default:
		w.selectSome()
	}
	w.learn(w.modelSession)
}

// storeSome changes flags; when silently, the client reckons what they are.
func (w *worker) storeSome(lo, hi, flags int) {
	mode := []string{"", "+", "-"}[w.rand.IntN(3)]
	if w.rand.IntN(2) == 0 {
		w.run(w.modelSession, "STORE %d:%d %sFLAGS %s", lo, hi, mode, flagNames(flags))
		return
	}
	for _, k := range w.known[lo-1 : hi] {
		switch mode {
		case "":
			k.flags = flags
		case "+":
			k.flags |= flags
		default:
			k.flags &^= flags
		}
	}
	w.run(w.modelSession, "STORE %d:%d %sFLAGS.SILENT %s", lo, hi, mode, flagNames(flags))
}
