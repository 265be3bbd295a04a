package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"time"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

// aDay has the server hold what is sent (RFC 4865): how fast it goes on is another measure,
// go test -bench Send ./internal/app.
const aDay = "HOLDFOR=86400"

// send measures what becomes durable in the queue, with a copy in Sent, and a server whose queue is long.
func send(o options, l *limits, t table) error {
	const accounts = 100
	s, err := o.launch(accounts)
	if err != nil {
		return err
	}
	defer discard(s)
	pool := letters(512)
	for _, c := range []struct{ connections, messages int }{{1, 500}, {8, 2000}, {64, 6000}} {
		r, err := submitAll(s, c.connections, accounts, o.n(c.messages), func(i int) []byte { return pool[i%len(pool)] })
		if err != nil {
			return err
		}
		t.row(fmt.Sprintf("submission, %d connections", c.connections), r.rate(),
			fmt.Sprintf("p50 %s, p99 %s; %.2f ms of a processor a message; %.0f %% of the sequential write",
				ms(quantile(r.times, .5)), ms(quantile(r.times, .99)), 1e3*r.cpu.Seconds()/float64(r.messages), 100*float64(r.octets)/1e6/r.took.Seconds()/l.writeMB))
	}
	n := o.n(60_000) // an account sends a thousand a day
	r, err := submitAll(s, 64, accounts, n, func(i int) []byte { return corpus.Text(fmt.Sprintf("queued %d", i), 3000, uint64(i)) })
	if err != nil {
		return err
	}
	t.row("submission of 3 KB, 64 connections", r.rate(), fmt.Sprintf("%.2f ms of a processor a message", 1e3*r.cpu.Seconds()/float64(r.messages)))
	if err := s.Stop(); err != nil {
		return err
	}
	if err := s.Restart(); err != nil {
		return err
	}
	settle()
	octets, err := memory(s.Pid())
	if err != nil {
		return err
	}
	t.row(fmt.Sprintf("server with %d messages in the queue", n), fmt.Sprintf("%.0f MB resident", float64(octets)/1e6), "ready after "+ms(s.Startup))
	return nil
}

// submitAll sends n messages through connections that have logged in to accounts of their own.
func submitAll(s *demo.Server, connections, accounts, n int, message func(i int) []byte) (sending, error) {
	run := time.Now().UnixNano()
	return load{
		connections: connections, n: n,
		dial: func(c int) (*client.Mailer, error) {
			m, err := client.DialSMTP(s.Addr(demo.Submission))
			if err != nil {
				return nil, err
			}
			login := base64.StdEncoding.EncodeToString([]byte("\x00" + account(c%accounts) + "\x00" + demo.Password))
			if r, err := m.Command("AUTH PLAIN " + login); err != nil || !r.OK() {
				m.Close()
				return nil, fmt.Errorf("login: %v %w", r, err)
			}
			return m, nil
		},
		envelope: func(c, _ int) client.Envelope {
			return client.Envelope{From: account(c % accounts), With: aDay, To: []string{"friend@elsewhere.example"}}
		},
		message: func(i int) []byte {
			// Without From, which is somebody else: the server adds it. And each is another message, or Sent would have it already.
			_, text, _ := bytes.Cut(message(i), []byte("\r\n"))
			return bytes.Replace(text, []byte(".made@"), fmt.Appendf(nil, ".%d.%d@", run, i), 1)
		},
	}.run(s)
}
