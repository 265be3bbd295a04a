package main

import (
	"fmt"
	"time"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

// mailbox measures a mailbox of 100,000 messages.
func mailbox(o options, _ *limits, t table) error {
	n := o.n(100_000)
	s, err := o.launch(1)
	if err != nil {
		return err
	}
	defer discard(s)
	begin := time.Now()
	if err := fill(s, n); err != nil {
		return err
	}
	t.row(fmt.Sprintf("filling a mailbox with %d small messages", n), fmt.Sprintf("%.0f msg/s", float64(n)/time.Since(begin).Seconds()), "64 LMTP connections into one account")
	if err := s.Stop(); err != nil {
		return err
	}
	if err := s.Restart(); err != nil {
		return err
	}
	if err := selects(s, t); err != nil {
		return err
	}
	if err := polls(s, n, t); err != nil {
		return err
	}
	c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Do("SELECT INBOX"); err != nil {
		return err
	}
	for _, command := range []string{"FETCH 1:* (UID FLAGS)", "FETCH 1:* (UID ENVELOPE)", "FETCH 1:* (UID BODY.PEEK[HEADER])"} {
		times, err := timed(3, func() error { return c.Each(ignore, "%s", command) })
		if err != nil {
			return err
		}
		took := quantile(times, .5)
		t.row(command, fmt.Sprintf("%.0f msg/s", float64(n)/took.Seconds()), "in all "+ms(took))
	}
	return searches(c, t)
}

func ignore(client.Response) error { return nil }

// selects measures SELECT after a restart, in a new session and in the same.
func selects(s *demo.Server, t table) error {
	c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	open := func() error { _, err := c.Do("SELECT INBOX"); return err }
	cold, err := timed(1, open)
	if err != nil {
		return err
	}
	same, err := timed(100, open)
	if err != nil {
		return err
	}
	var fresh []time.Duration
	for range 20 {
		if c, err = client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password); err != nil {
			return err
		}
		one, err := timed(1, open)
		c.Close()
		if err != nil {
			return err
		}
		fresh = append(fresh, one...)
	}
	t.row("SELECT, warm", ms(quantile(same, .5)), fmt.Sprintf("p99 %s; new session %s; first after a restart %s",
		ms(quantile(same, .99)), ms(quantile(fresh, .5)), ms(cold[0])))
	return nil
}

// polls measures POP3: login and STAT, then LIST and UIDL. The goals are a third and a half of what the best of other servers needed, of
// 100,000 messages on a machine of two cores.
func polls(s *demo.Server, want int, t table) error {
	var stats, uidls, lists []time.Duration
	for range 10 {
		begin := time.Now()
		p, err := client.DialPOP3(s.Addr(demo.POP3), "u1", demo.Password)
		if err != nil {
			return err
		}
		n, _, err := p.Stat()
		if err != nil || n != want {
			return fmt.Errorf("STAT: %d messages, want %d (%v)", n, want, err)
		}
		stats = append(stats, time.Since(begin))
		begin = time.Now()
		if _, err := p.Text("UIDL"); err != nil {
			return err
		}
		uidls = append(uidls, time.Since(begin))
		begin = time.Now()
		if _, err := p.Text("LIST"); err != nil {
			return err
		}
		lists = append(lists, time.Since(begin))
		if err := p.Quit(); err != nil {
			return err
		}
	}
	t.row("POP3 login + STAT", ms(quantile(stats, .5)), "goal "+ms(5700*time.Microsecond)+"; p99 "+ms(quantile(stats, .99)))
	for _, l := range []struct {
		command string
		took    []time.Duration
	}{{"UIDL", uidls}, {"LIST", lists}} {
		half := quantile(l.took, .5)
		t.row("POP3 "+l.command, ms(half), fmt.Sprintf("goal %s; %.0f lines/s", ms(30*time.Millisecond), float64(want)/half.Seconds()))
	}
	return nil
}

// searches measures SEARCH over the mailbox that c has selected.
func searches(c *client.IMAP, t table) error {
	for _, key := range []string{"UNSEEN", "SINCE 1-Jan-2026", `SUBJECT "small 7"`, `FROM "anna"`, `BODY "nobody reads"`, `TEXT "not to be found"`} {
		times, err := timed(3, func() error { _, err := c.Do("SEARCH %s", key); return err })
		if err != nil {
			return err
		}
		t.row("SEARCH "+key, ms(quantile(times, .5)), "")
	}
	return nil
}

// fetch measures reading all bodies of 20,000 messages.
func fetch(o options, l *limits, t table) error {
	n := o.n(20_000)
	s, err := o.launch(1)
	if err != nil {
		return err
	}
	defer discard(s)
	pool := make([][]byte, 256)
	for i := range pool {
		pool[i] = corpus.Text(fmt.Sprintf("letter %d", i), 2000+i*150, uint64(i))
	}
	if _, err := deliverAll(s, 64, 1, n, func(i int) []byte { return pool[i%len(pool)] }); err != nil {
		return err
	}
	c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Do("SELECT INBOX"); err != nil {
		return err
	}
	for _, command := range []string{"FETCH 1:* BODY.PEEK[]", "FETCH 1:* BODY.PEEK[]<0.1000>"} {
		var octets int64
		cpu0, err := cpu(s.Pid())
		if err != nil {
			return err
		}
		begin := time.Now()
		err = c.Each(func(r client.Response) error {
			for _, text := range r.Literals {
				octets += int64(len(text))
			}
			return nil
		}, "%s", command)
		if err != nil {
			return err
		}
		took := time.Since(begin)
		cpu1, _ := cpu(s.Pid())
		mb := float64(octets) / 1e6
		t.row(fmt.Sprintf("%s of %d", command, n), fmt.Sprintf("%.0f MB/s, %.0f msg/s", mb/took.Seconds(), float64(n)/took.Seconds()),
			fmt.Sprintf("%.0f MB a CPU-second; %.0f %% of loopback", mb/(cpu1-cpu0).Seconds(), 100*mb/took.Seconds()/l.loopbackM))
	}
	return nil
}
