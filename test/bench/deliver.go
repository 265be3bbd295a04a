package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

// letters makes messages as mail has them: sizes lognormal with a median of
// 12 KB and a mean of 75 KB, a third of the octets hard to compress.
func letters(n int) [][]byte {
	random := rand.New(rand.NewPCG(7, 7))
	out := make([][]byte, n)
	for i := range out {
		size := int(12_000 * math.Exp(1.9*random.NormFloat64()))
		size = min(max(size, 800), 5<<20)
		if i%3 == 0 {
			out[i] = corpus.Noise(fmt.Sprintf("letter %d", i), size, uint64(i))
		} else {
			out[i] = corpus.Text(fmt.Sprintf("letter %d", i), size, uint64(i))
		}
	}
	return out
}

// sending is the outcome of deliverAll.
type sending struct {
	messages, octets int64
	took, cpu, own   time.Duration // own: what this program used of the processors
	written          int64
	times            []time.Duration // of each message, from MAIL to the last reply
}

// rate is how much came through, for a table.
func (r *sending) rate() string {
	return fmt.Sprintf("%.0f msg/s, %.1f MB/s", float64(r.messages)/r.took.Seconds(), float64(r.octets)/1e6/r.took.Seconds())
}

// load is n messages through connections at once.
type load struct {
	connections, n int
	dial           func(connection int) (*client.Mailer, error)
	envelope       func(connection, i int) client.Envelope
	message        func(i int) []byte
}

// deliverAll sends n messages through LMTP connections to the accounts in turn.
// message returns the i-th.
func deliverAll(s *demo.Server, connections, accounts, n int, message func(i int) []byte) (sending, error) {
	return load{
		connections: connections, n: n, message: message,
		dial: func(int) (*client.Mailer, error) { return client.DialLMTP(s.Addr(demo.LMTP)) },
		envelope: func(_, i int) client.Envelope {
			return client.Envelope{From: "sender@example.org", With: "BODY=8BITMIME", To: []string{account(i % accounts)}}
		},
	}.run(s)
}

// account is the address of the i-th account, from 0.
func account(i int) string { return fmt.Sprintf("u%d@%s", i+1, demo.Domain) }

// run sends all of it.
func (l load) run(s *demo.Server) (sending, error) {
	var out sending
	var next atomic.Int64
	var mu sync.Mutex
	var group errgroup.Group
	cpu0, err := cpu(s.Pid())
	if err != nil {
		return out, err
	}
	written0, err := written(s.Pid())
	if err != nil {
		return out, err
	}
	begin, own0 := time.Now(), ownCPU()
	for c := range l.connections {
		group.Go(func() error {
			m, err := l.dial(c)
			if err != nil {
				return err
			}
			defer m.Close()
			for {
				i := int(next.Add(1)) - 1
				if i >= l.n {
					return nil
				}
				text := l.message(i)
				sent := time.Now()
				replies, err := m.Transact(l.envelope(c, i), text)
				if err != nil {
					return err
				}
				if !replies[0].OK() {
					return fmt.Errorf("refused: %v", replies[0])
				}
				mu.Lock()
				out.times = append(out.times, time.Since(sent))
				out.octets += int64(len(text))
				mu.Unlock()
			}
		})
	}
	err = group.Wait()
	out.took, out.messages = time.Since(begin), int64(l.n)
	cpu1, _ := cpu(s.Pid())
	written1, _ := written(s.Pid())
	out.cpu, out.own, out.written = cpu1-cpu0, ownCPU()-own0, written1-written0
	return out, err
}

// deliver measures durable delivery: every message is answered after its sync.
func deliver(o options, l *limits, t table) error {
	const accounts = 100
	s, err := o.launch(accounts)
	if err != nil {
		return err
	}
	defer discard(s)
	pool := letters(512)
	for _, c := range []struct{ connections, messages int }{{1, 1000}, {8, 4000}, {64, 12000}} {
		r, err := deliverAll(s, c.connections, accounts, o.n(c.messages), func(i int) []byte {
			// Each is another message: the same octets twice would be kept once.
			return append(fmt.Appendf(nil, "X-Serial: %d.%d\r\n", c.connections, i), pool[i%len(pool)]...)
		})
		if err != nil {
			return err
		}
		mb := float64(r.octets) / 1e6
		name := fmt.Sprintf("LMTP delivery, %d connections", c.connections)
		t.row(name, r.rate(),
			fmt.Sprintf("p50 %s, p99 %s; %.0f MB a CPU-second, %.1f cores (client %.1f); disk wrote %.2f of it; %.0f %% of the sequential write",
				ms(quantile(r.times, .5)), ms(quantile(r.times, .99)), mb/r.cpu.Seconds(), r.cpu.Seconds()/r.took.Seconds(), r.own.Seconds()/r.took.Seconds(),
				float64(r.written)/float64(r.octets), 100*mb/r.took.Seconds()/l.writeMB))
	}
	return nil
}

// fill puts n small messages into the first account.
func fill(s *demo.Server, n int) error {
	_, err := deliverAll(s, 64, 1, n, func(i int) []byte {
		return corpus.Text(fmt.Sprintf("small %d", i), 600+i%1500, uint64(i))
	})
	return err
}
