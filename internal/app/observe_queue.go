package app

import (
	"context"
	"math"
	"sync"
	"time"

	"restante/internal/store"
)

// queueGauges are numbers of the queue. They are read off the store, at most twice a minute.
type queueGauges struct {
	sync.Mutex
	at      time.Time
	waiting float64
	oldest  float64 // seconds
}

const queueGaugesEvery = 30 * time.Second

// observeQueue registers the queue's numbers.
func (s *Server) observeQueue() {
	g := new(queueGauges)
	s.metrics.GaugeFunc("restante_queue_messages", "Messages that wait to be sent.", func() float64 {
		waiting, _ := g.read(s.store)
		return waiting
	})
	s.metrics.GaugeFunc("restante_queue_oldest_seconds", "How long the oldest message in the queue has been there.", func() float64 {
		_, oldest := g.read(s.store)
		return oldest
	})
}

func (g *queueGauges) read(s *store.Store) (waiting, oldest float64) {
	g.Lock()
	defer g.Unlock()
	now := time.Now()
	if now.Sub(g.at) < queueGaugesEvery {
		return g.waiting, g.oldest
	}
	g.at, g.waiting, g.oldest = now, 0, 0
	ctx := context.Background()
	ever := time.UnixMilli(math.MaxInt64 - 1)
	const page = 1000
	for _, class := range []store.QueueClass{store.QueueUrgent, store.QueueNormal, store.QueueBulk} {
		var after store.QueueItem
		for {
			list, err := s.QueueDue(ctx, class, after, ever, page)
			g.waiting += float64(len(list))
			if err != nil || len(list) < page {
				break
			}
			after = list[len(list)-1]
		}
	}
	_ = s.Queue(ctx, 0, func(q *store.Queued) error { // ids grow with time
		g.oldest = now.Sub(q.Accepted).Seconds()
		return store.ErrStop
	})
	return g.waiting, g.oldest
}
