package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

// growthSource is how many messages are really delivered; bigger mailboxes are made of copies of these.
const growthSource = 10_000

// growth measures what single operations cost in mailboxes of a thousand, ten
// thousand, a hundred thousand and a million messages: it should be the same.
func growth(o options, _ *limits, t table) error {
	s, err := o.launch(1)
	if err != nil {
		return err
	}
	defer discard(s)
	source := o.n(growthSource)
	if err := fill(s, source); err != nil {
		return err
	}
	sizes := []int{o.n(1000), o.n(10_000), o.n(100_000), o.n(1_000_000)}
	for _, n := range sizes {
		if err := multiply(s, source, n); err != nil {
			return fmt.Errorf("%d messages: %w", n, err)
		}
	}
	t.row("one mailbox of", "SELECT first after a restart / new session / same", "UID FETCH, UID STORE, APPEND of one; IDLE hears of an APPEND")
	for _, n := range sizes {
		if err := grown(s, n, t); err != nil {
			return fmt.Errorf("%d messages: %w", n, err)
		}
	}
	return nil
}

func grownName(n int) string { return fmt.Sprintf("grown-%d", n) }

// multiply makes a mailbox of n messages out of copies of INBOX's.
func multiply(s *demo.Server, source, n int) error {
	c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Do("CREATE %s", grownName(n)); err != nil {
		return err
	}
	if _, err := c.Do("SELECT INBOX"); err != nil {
		return err
	}
	for left := n; left > 0; left -= source {
		if _, err := c.Do("COPY 1:%d %s", min(left, source), grownName(n)); err != nil {
			return err
		}
	}
	// All but the last messages are seen, as they are where people keep many; so the first
	// unseen one is far from the beginning.
	if _, err := c.Do("SELECT %s", grownName(n)); err != nil {
		return err
	}
	_, err = c.Do(`STORE 1:%d +FLAGS.SILENT (\Seen)`, max(1, n-50))
	return err
}

// grown measures the mailbox of n messages, from a fresh start.
func grown(s *demo.Server, n int, t table) error {
	name, rng := grownName(n), rand.New(rand.NewPCG(1, 2))
	var cold []time.Duration
	for range 5 {
		if err := errors.Join(s.Stop(), s.Restart()); err != nil {
			return err
		}
		first, err := freshSelects(s, name, 1)
		if err != nil {
			return err
		}
		cold = append(cold, first)
	}
	c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	do := func(times int, command string, args ...func() any) (time.Duration, error) {
		took, err := timed(times, func() error {
			values := make([]any, len(args))
			for i := range args {
				values[i] = args[i]()
			}
			_, err := c.Do(command, values...)
			return err
		})
		return quantile(took, .5), err
	}
	someUID := func() any { return 1 + rng.IntN(n) }
	same, err1 := do(50, "SELECT "+name)
	fetch, err2 := do(200, "UID FETCH %d (FLAGS ENVELOPE)", someUID)
	flag, err3 := do(50, `UID STORE %d +FLAGS.SILENT (\Flagged)`, someUID)
	fresh, err4 := freshSelects(s, name, 20)
	wake, add, err5 := wakes(s, c, name)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	t.row(fmt.Sprint(n), strings.Join([]string{us(quantile(cold, .5)), us(fresh), us(same)}, " / "), strings.Join([]string{us(fetch), us(flag), us(add), us(wake)}, ", "))
	return nil
}

// us writes a time in microseconds.
func us(d time.Duration) string { return fmt.Sprintf("%.0f us", float64(d)/1e3) }

// freshSelects is how long the first SELECT of a new session takes, the median of so many.
func freshSelects(s *demo.Server, name string, sessions int) (time.Duration, error) {
	var took []time.Duration
	for range sessions {
		c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
		if err != nil {
			return 0, err
		}
		one, err := timed(1, func() error { _, err := c.Do("SELECT %s", name); return err })
		c.Close()
		if err != nil {
			return 0, err
		}
		took = append(took, one...)
	}
	return quantile(took, .5), nil
}

// wakes is how long an APPEND takes, and how long after its OK an idle session has heard
// of the message; less than nothing counts as nothing.
func wakes(s *demo.Server, c *client.IMAP, name string) (wake, add time.Duration, err error) {
	idler, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return 0, 0, err
	}
	defer idler.Close()
	if _, err := idler.Do("SELECT %s", name); err != nil {
		return 0, 0, err
	}
	if err := idler.Idle(); err != nil {
		return 0, 0, err
	}
	var heard, added []time.Duration
	for i := range 30 {
		begin := time.Now()
		if err := c.Append(name, `\Seen`, corpus.Text("grown", 1000, uint64(i))); err != nil {
			return 0, 0, err
		}
		done := time.Now()
		added = append(added, done.Sub(begin))
		for {
			r, err := idler.Next()
			if err != nil {
				return 0, 0, err
			}
			if strings.HasSuffix(r.Text, " EXISTS") {
				break
			}
		}
		heard = append(heard, max(0, time.Since(done)))
	}
	return quantile(heard, .5), quantile(added, .5), nil
}
