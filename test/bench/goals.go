package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/test/client"
	"restante/test/demo"
)

// A goal is a command on a mailbox of 100,000 messages, and what it should reach: so
// many messages a second, or so little time.
type goal struct {
	command  string
	messages int           // a command is about; 0: it is the time that counts
	rate     float64       // messages a second
	time     time.Duration // median
	times    int           // how often it is done
}

const headerFields = "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To"

// readingGoals leave the mailbox as it is. The figures are those that the best of other
// servers reached on a machine of two cores, times what this one is to be better.
func readingGoals(n int) []goal {
	return []goal{
		{"UID FETCH 1:* (UID FLAGS)", n, 2.4e6, 0, 5},
		{"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (" + headerFields + ")])", n, 314e3, 0, 5},
		{"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", n, 296e3, 0, 5},
		{"UID SORT (SUBJECT) UTF-8 ALL", 0, 0, 33 * time.Millisecond, 5},
		{"UID THREAD REFERENCES UTF-8 ALL", 0, 0, 116 * time.Millisecond, 5},
		{`UID SEARCH SUBJECT "small 777"`, 0, 0, 5 * time.Millisecond, 5},
		{`UID SEARCH BODY "nobody reads"`, 0, 0, 5 * time.Millisecond, 5},
		{`LIST "" "box-*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))`, 0, 0, 470 * time.Microsecond, 20},
	}
}

// goals measures what the project has set itself, row by row, beside the goal.
func goals(o options, _ *limits, t table) error {
	n := o.n(100_000)
	s, err := o.launch(1)
	if err != nil {
		return err
	}
	defer discard(s)
	if err := fill(s, n); err != nil {
		return err
	}
	c, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range 100 {
		if _, err := c.Do("CREATE box-%d", i); err != nil {
			return err
		}
	}
	if _, err := c.Do("SELECT INBOX"); err != nil {
		return err
	}
	for _, g := range readingGoals(n) {
		if err := g.measure(s, c, t); err != nil {
			t.row(g.name(), "not measured", err.Error()) // not offered, say
		}
	}
	return errors.Join(changingGoals(o, s, c, t), resyncGoal(s, c, t))
}

// name is the command, as far as it has room in a column.
func (g goal) name() string {
	short := strings.NewReplacer("UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ("+headerFields+")]", "14 header fields",
		"UID FLAGS INTERNALDATE RFC822.SIZE ", "", ` RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))`, " RETURN (STATUS ...)")
	return short.Replace(g.command)
}

// measure does the command once unmeasured, then for the median.
func (g goal) measure(s *demo.Server, c *client.IMAP, t table) error {
	run := func() error { return c.Each(ignore, "%s", g.command) }
	if g.times > 1 {
		if err := run(); err != nil {
			return err
		}
	}
	before, err := cpu(s.Pid())
	if err != nil {
		return err
	}
	times, err := timed(g.times, run)
	if err != nil {
		return err
	}
	after, _ := cpu(s.Pid())
	took := quantile(times, .5)
	if g.messages == 0 {
		t.row(g.name(), ms(took), "goal "+ms(g.time))
		return nil
	}
	each := float64((after - before).Microseconds()) / float64(g.messages*g.times)
	t.row(g.name(), fmt.Sprintf("%.0f msg/s", float64(g.messages)/took.Seconds()), fmt.Sprintf("goal %.0f; %.2f us CPU a message", g.rate, each))
	return nil
}

// changingGoals are the bulk operations. Each step works on what the one before left.
func changingGoals(o options, s *demo.Server, c *client.IMAP, t table) error {
	n, many := o.n(100_000), o.n(10_000)
	for _, step := range []struct {
		before []string
		goal   goal
	}{
		{nil, goal{`STORE 1:* +FLAGS.SILENT (\Flagged)`, n, 2.2e6, 0, 1}},
		{nil, goal{`STORE 1:* -FLAGS.SILENT (\Flagged)`, n, 2.2e6, 0, 1}},
		{[]string{"CREATE copies", "CREATE moved"}, goal{fmt.Sprintf("COPY 1:%d copies", many), many, 102e3, 0, 1}},
		{[]string{"SELECT copies"}, goal{"MOVE 1:* moved", many, 102e3, 0, 1}},
		{[]string{"SELECT moved", `STORE 1:* +FLAGS.SILENT (\Deleted)`}, goal{"EXPUNGE", many, 213e3, 0, 1}},
	} {
		for _, command := range step.before {
			if _, err := c.Do("%s", command); err != nil {
				return err
			}
		}
		if err := step.goal.measure(s, c, t); err != nil {
			return fmt.Errorf("%s: %w", step.goal.command, err)
		}
	}
	return nil
}

// resyncGoal is a client that comes back after a hundred changes.
func resyncGoal(s *demo.Server, c *client.IMAP, t table) error {
	known, err := c.Do("SELECT INBOX")
	if err != nil {
		return err
	}
	validity, modseq := int64(-1), int64(-1)
	for _, r := range known {
		validity = max(validity, r.Number("UIDVALIDITY"))
		modseq = max(modseq, r.Number("HIGHESTMODSEQ"))
	}
	for i := range 100 {
		if _, err := c.Do(`UID STORE %d +FLAGS.SILENT (\Answered)`, 1+i*7); err != nil {
			return err
		}
	}
	var took []time.Duration
	for range 10 {
		back, err := client.DialIMAP(s.Addr(demo.IMAP), "u1", demo.Password)
		if err != nil {
			return err
		}
		if _, err = back.Do("ENABLE QRESYNC"); err == nil {
			var one []time.Duration
			one, err = timed(1, func() error { _, err := back.Do("SELECT INBOX (QRESYNC (%d %d))", validity, modseq); return err })
			took = append(took, one...)
		}
		back.Close()
		if err != nil {
			return err
		}
	}
	t.row("SELECT with QRESYNC, 100 changes", ms(quantile(took, .5)), "goal "+ms(3*time.Millisecond))
	return nil
}
