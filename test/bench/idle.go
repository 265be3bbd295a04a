package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

// settle waits for a server's garbage to be gone.
func settle() { <-time.After(5 * time.Second) }

// footprint measures an idle server with few accounts, and how fast one with many
// starts.
func footprint(o options, _ *limits, t table) error {
	for _, accounts := range []int{50, o.n(1000)} {
		s, err := o.launch(accounts)
		if err != nil {
			return err
		}
		settle()
		octets, err := memory(s.Pid())
		discard(s)
		if err != nil {
			return err
		}
		t.row(fmt.Sprintf("idle server with %d accounts", accounts), fmt.Sprintf("%.0f MB resident", float64(octets)/1e6),
			"ready after "+ms(s.Startup))
	}
	return nil
}

// idle measures what IMAP sessions in IDLE cost, and how soon each hears of new
// mail.
func idle(o options, _ *limits, t table) error {
	const accounts = 100
	n := o.n(5000)
	s, err := o.launch(accounts)
	if err != nil {
		return err
	}
	defer discard(s)
	if _, err := deliverAll(s, 8, accounts, accounts, func(int) []byte { return corpus.Text("first", 2000, 1) }); err != nil {
		return err
	}
	settle()
	before, err := memory(s.Pid())
	if err != nil {
		return err
	}
	begin := time.Now()
	sessions, err := idlers(s, n, accounts)
	for _, c := range sessions {
		defer c.Close()
	}
	if err != nil {
		return err
	}
	logins := float64(n) / time.Since(begin).Seconds()
	settle()
	after, err := memory(s.Pid())
	if err != nil {
		return err
	}
	t.row(fmt.Sprintf("%d IMAP sessions in IDLE", n), fmt.Sprintf("%.1f KB each", float64(after-before)/1e3/float64(n)),
		fmt.Sprintf("%.0f MB resident in all; %.0f logins/s", float64(after)/1e6, logins))
	return pushes(s, sessions, accounts, t)
}

// idlers logs sessions in, spread over the accounts, and has them idle.
func idlers(s *demo.Server, n, accounts int) ([]*client.IMAP, error) {
	sessions := make([]*client.IMAP, n)
	var group errgroup.Group
	group.SetLimit(32)
	for i := range sessions {
		group.Go(func() error {
			c, err := client.DialIMAP(s.Addr(demo.IMAP), fmt.Sprintf("u%d", i%accounts+1), demo.Password)
			if err != nil {
				return err
			}
			sessions[i] = c
			if _, err := c.Do("SELECT INBOX"); err != nil {
				return err
			}
			return c.Idle()
		})
	}
	err := group.Wait()
	if err != nil {
		for _, c := range sessions {
			if c != nil {
				c.Close()
			}
		}
		return nil, err
	}
	return sessions, nil
}

// pushes delivers one message to each account and measures how long until each
// session has heard of it.
func pushes(s *demo.Server, sessions []*client.IMAP, accounts int, t table) error {
	sent := make([]chan time.Time, accounts) // closed by who delivered
	for i := range sent {
		sent[i] = make(chan time.Time, len(sessions))
	}
	var mu sync.Mutex
	var times []time.Duration
	var group errgroup.Group
	for i, c := range sessions {
		group.Go(func() error {
			for {
				r, err := c.Next()
				if err != nil {
					return err
				}
				if strings.HasSuffix(r.Text, " EXISTS") {
					break
				}
			}
			heard := time.Now()
			delivered := <-sent[i%accounts]
			mu.Lock()
			times = append(times, max(0, heard.Sub(delivered)))
			mu.Unlock()
			return nil
		})
	}
	m, err := client.DialLMTP(s.Addr(demo.LMTP))
	if err != nil {
		return err
	}
	defer m.Close()
	for user := range accounts {
		replies, err := m.Send("sender@example.org", []string{fmt.Sprintf("u%d@%s", user+1, demo.Domain)}, corpus.Text("push", 2000, 2))
		if err != nil || !replies[0].OK() {
			return fmt.Errorf("delivery: %v %w", replies, err)
		}
		now := time.Now()
		for range len(sessions) {
			sent[user] <- now
		}
		<-time.After(20 * time.Millisecond)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	t.row("push to IDLE after the 250", "p50 "+ms(quantile(times, .5)), fmt.Sprintf("p99 %s, of %d sessions", ms(quantile(times, .99)), len(times)))
	return nil
}
