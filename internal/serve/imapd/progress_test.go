package imapd_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/store"
	"restante/internal/store/kv"
	"restante/internal/store/kv/memkv"
)

// slowEngine takes its time to read a value, once it is told to.
type slowEngine struct {
	kv.Engine
	slow time.Duration
}

func (e *slowEngine) View(ctx context.Context, key []byte, fn func([]byte) error) error {
	time.Sleep(e.slow)
	return e.Engine.View(ctx, key, fn)
}

func (e *slowEngine) Get(ctx context.Context, key []byte) ([]byte, error) {
	time.Sleep(e.slow)
	return e.Engine.Get(ctx, key)
}

func (e *slowEngine) Scan(ctx context.Context, r kv.Range, fn func(k, v []byte) (bool, error)) error {
	return e.Engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		time.Sleep(e.slow)
		return fn(k, v)
	})
}

// TestProgress has a search take a minute: the client hears of it now and then (RFC 9585), and of a quick one nothing.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		engine := &slowEngine{Engine: memkv.New()}
		o := plain()
		o.engine = engine
		h := newHouse(t, o)
		defer h.stop()
		var texts []string
		for i := range n {
			texts = append(texts, fmt.Sprintf("Subject: %d\r\n\r\n", i))
		}
		h.putMany("u1", "INBOX", store.AddOptions{}, texts...)
		c := h.login("u1")
		defer c.close()
		c.ok("SELECT INBOX")
		if all := c.ok("SEARCH HEADER Subject nowhere"); strings.Contains(raw(all), "INPROGRESS") {
			t.Errorf("a quick search: %s", raw(all))
		}
		engine.slow = time.Minute / n
		all := c.ok("SEARCH HEADER Subject nowhere")
		var codes []string
		for _, res := range all {
			if res.Code != "" {
				codes = append(codes, res.Code)
			}
		}
		tag := all[len(all)-1].Tag
		if len(codes) < 3 || len(codes) > 6 || !slices.IsSorted(codes) || !strings.HasPrefix(codes[0], fmt.Sprintf("INPROGRESS (%q ", tag)) ||
			!strings.HasSuffix(codes[0], fmt.Sprintf(" %d)", n)) {
			t.Errorf("a slow search: %v", codes)
		}
		engine.slow = 0
	})
}
