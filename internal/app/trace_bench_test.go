package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/config"
	"restante/internal/flow/trace"
	"restante/internal/serve/admind"
	"restante/internal/store"
)

// remembering is a Core with a month of n lives.
func remembering(b *testing.B, n int) (*Core, []store.QueueID) {
	b.Helper()
	c := config.Default()
	c.Host, c.Data, c.Trace.Size = "mail.example.org", b.TempDir(), 1<<40
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	core, err := OpenCore(b.Context(), c, Options{Clock: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { core.Close() })
	ids := make([]store.QueueID, n)
	for i := range ids {
		ids[i] = core.store.NewQueueID()
		core.trace.Add(ordinary(ids[i], i))
		if i%256 == 0 {
			core.trace.Flush(b.Context())
		}
		now = now.Add(30 * 24 * time.Hour / time.Duration(n))
	}
	core.trace.Flush(b.Context())
	return core, ids
}

// ordinary is an ordinary arrival.
func ordinary(id store.QueueID, i int) trace.Event {
	return trace.Event{
		Queue: id, Stage: trace.Arrived, From: fmt.Sprintf("list-bounces+%d@example.com", i), Size: 73000, Outcome: "accepted",
		Client: &trace.Client{Address: "192.0.2.1", Name: "mx1.example.com", Hello: "mx1.example.com", With: "ESMTPS", TLS: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"},
		To:     []trace.Recipient{{Address: fmt.Sprintf("u%d@example.org", i%5000)}}, MessageID: fmt.Sprintf("%d.4711@mx1.example.com", i),
		Checks: []trace.Check{
			{Method: "iprev", Result: "pass", About: []string{"192.0.2.1", "mx1.example.com"}},
			{Method: "spf", Result: "pass", About: []string{"list-bounces@example.com"}, Reason: "matched ip"},
			{Method: "dkim", Result: "pass", About: []string{"example.com", "s1"}},
			{Method: "dmarc", Result: "pass", About: []string{"example.com", "p=reject"}},
		},
		Copies: []trace.Copy{{Account: store.AccountID(i%5000 + 1), Login: fmt.Sprintf("u%d@example.org", i%5000), Message: store.MessageID(i)}},
	}
}

// BenchmarkTraceFind looks for things in a million lives of 30 days.
func BenchmarkTraceFind(b *testing.B) {
	const n = 1_000_000
	core, ids := remembering(b, n)
	for _, c := range []struct {
		name string
		q    func(i int) trace.Query
	}{
		{"queue-id", func(i int) trace.Query { return trace.Query{Text: store.FormatQueueID(ids[i*7919%n])} }},
		{"message-id", func(i int) trace.Query { return trace.Query{Text: fmt.Sprintf("%d.4711@mx1.example.com", i*7919%n)} }},
		{"recipient", func(i int) trace.Query { return trace.Query{Text: fmt.Sprintf("u%d@example.org", i%5000)} }},
		{"domain", func(i int) trace.Query { return trace.Query{Text: "example.com"} }},
		{"stranger", func(i int) trace.Query { return trace.Query{Text: fmt.Sprintf("nobody%d@example.net", i)} }},
		{"latest", func(i int) trace.Query { return trace.Query{} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for i := range b.N {
				if err := core.trace.Find(b.Context(), c.q(i), func(trace.Life) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTraceAdd is what a message costs, with its share of the writing; cpu-us/op is what this process takes.
func BenchmarkTraceAdd(b *testing.B) {
	core, _ := remembering(b, 1)
	b.ReportAllocs()
	before := used(b)
	for i := range b.N {
		core.trace.Add(ordinary(core.store.NewQueueID(), i))
		if i%256 == 0 {
			core.trace.Flush(b.Context())
		}
	}
	core.trace.Flush(b.Context())
	b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// traceMonth is what trace.keep is by default.
const traceMonth = config.Duration(30 * 24 * time.Hour)

// BenchmarkReceive takes messages of 12 KB in by SMTP over four connections, with and without a trace. What cpu-us/op says is of the client, too.
func BenchmarkReceive(b *testing.B) {
	b.Run("traced", func(b *testing.B) { benchmarkReceive(b, traceMonth) })
	b.Run("untraced", func(b *testing.B) { benchmarkReceive(b, 0) })
}

func benchmarkReceive(b *testing.B, keep config.Duration) {
	c := config.Default()
	c.Host, c.Data, c.Trace.Keep, c.Search.Enabled = "mail.example.org", b.TempDir(), keep, false
	c.Listen = config.Listen{SMTP: []config.Address{"127.0.0.1:0"}}
	s, err := Start(b.Context(), c, Options{Version: "1.0"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // owner: below
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	if err := s.AddDomain(ctx, "example.org"); err != nil {
		b.Fatal(err)
	}
	const connections = 4
	for i := range connections {
		if _, err := s.AddAccount(ctx, admind.NewAccount{Address: fmt.Sprintf("u%d@example.org", i)}); err != nil {
			b.Fatal(err)
		}
	}
	line := strings.Repeat("the quick brown fox jumps over the lazy dog ", 2)[:74] + "\r\n"
	text := "Message-ID: <1@example.com>\r\n\r\n" + strings.Repeat(line, 12<<10/76) + ".\r\n"
	before := used(b)
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			if err := bring(s.Listeners()[0].Address, fmt.Sprintf("u%d@example.org", i), text, b.N/connections); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// bring sends a message n times.
func bring(address, to, text string, n int) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(lines string, replies int) error {
		if _, err := io.WriteString(conn, lines); err != nil {
			return err
		}
		for replies > 0 {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			if line[0] > '3' {
				return errors.New(line)
			}
			if line[3] == ' ' {
				replies--
			}
		}
		return nil
	}
	if err := say("", 1); err != nil {
		return err
	}
	if err := say("EHLO client.example\r\n", 1); err != nil {
		return err
	}
	for range n {
		if err := say("MAIL FROM:<bob@example.com>\r\nRCPT TO:<"+to+">\r\nDATA\r\n", 3); err != nil {
			return err
		}
		if err := say(text, 1); err != nil {
			return err
		}
	}
	return nil
}
