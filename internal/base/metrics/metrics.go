// Package metrics counts what the server does, and serves the counts in the
// Prometheus text format. It is the one adapter around client_golang; none of
// that library's types leave it.
//
// Each part of the server registers its own metrics, once, at construction,
// with a fixed and small set of label values known in advance (a listener's
// name, a command, a result). Never a label whose values come from outside:
// no addresses, no accounts, no domains.
//
// Every method of every type works on a nil receiver: without a registry the
// same code runs and counts nothing.
package metrics

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Label is one name=value of a metric.
type Label struct{ Name, Value string }

// Registry holds metrics. It is safe for concurrent use.
type Registry struct{ reg *prometheus.Registry }

// New returns a Registry that already holds the Go runtime's and the
// process's metrics.
func New() *Registry {
	r := &Registry{reg: prometheus.NewRegistry()}
	r.reg.MustRegister(collectors.NewGoCollector())
	r.reg.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler serves the metrics.
func (r *Registry) Handler() http.Handler {
	if r == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(r.reg, promhttp.HandlerOpts{})
}

// Counter returns the counter of that name and labels, made at the first call.
// Names end in _total. A bad or clashing name is a bug and panics.
func (r *Registry) Counter(name, help string, labels ...Label) *Counter {
	if r == nil {
		return nil
	}
	return &Counter{register(r, prometheus.NewCounter(prometheus.CounterOpts{
		Name: name, Help: help, ConstLabels: pairs(labels),
	}))}
}

// Gauge returns the gauge of that name and labels, made at the first call.
func (r *Registry) Gauge(name, help string, labels ...Label) *Gauge {
	if r == nil {
		return nil
	}
	return &Gauge{register(r, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: pairs(labels),
	}))}
}

// GaugeFunc registers a gauge whose value is read by f at each scrape. f must
// be safe for concurrent use and return soon.
func (r *Registry) GaugeFunc(name, help string, f func() float64, labels ...Label) {
	if r == nil {
		return
	}
	register(r, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: pairs(labels),
	}, f))
}

// CounterFunc registers a counter whose value, which only grows, is read by f at
// each scrape. f must be safe for concurrent use and return soon.
func (r *Registry) CounterFunc(name, help string, f func() float64, labels ...Label) {
	if r == nil {
		return
	}
	register(r, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: name, Help: help, ConstLabels: pairs(labels),
	}, f))
}

// Histogram returns the histogram of that name and labels, made at the first
// call. buckets are upper bounds in ascending order; see Seconds and Octets.
func (r *Registry) Histogram(name, help string, buckets []float64, labels ...Label) *Histogram {
	if r == nil {
		return nil
	}
	return &Histogram{register(r, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, ConstLabels: pairs(labels), Buckets: buckets,
	}))}
}

// Seconds are buckets for durations from 1 ms to half a minute.
func Seconds() []float64 { return prometheus.ExponentialBucketsRange(0.001, 30, 12) }

// Octets are buckets for message sizes from 1 KB to 64 MB.
func Octets() []float64 { return prometheus.ExponentialBuckets(1024, 4, 9) }

// Counter only grows.
type Counter struct{ c prometheus.Counter }

// Inc adds 1.
func (c *Counter) Inc() {
	if c != nil {
		c.c.Inc()
	}
}

// Add adds n, which must not be negative.
func (c *Counter) Add(n int64) {
	if c != nil {
		c.c.Add(float64(n))
	}
}

// Gauge goes up and down.
type Gauge struct{ g prometheus.Gauge }

// Add adds n, which may be negative.
func (g *Gauge) Add(n int64) {
	if g != nil {
		g.g.Add(float64(n))
	}
}

// Set sets the value.
func (g *Gauge) Set(v float64) {
	if g != nil {
		g.g.Set(v)
	}
}

// Histogram counts observations in buckets.
type Histogram struct{ h prometheus.Histogram }

// Observe adds one observation, in the unit of the buckets.
func (h *Histogram) Observe(v float64) {
	if h != nil {
		h.h.Observe(v)
	}
}

func pairs(labels []Label) prometheus.Labels {
	m := make(prometheus.Labels, len(labels))
	for _, l := range labels {
		m[l.Name] = l.Value
	}
	return m
}

// register returns the collector that already has c's name and labels, or c.
func register[C prometheus.Collector](r *Registry, c C) C {
	err := r.reg.Register(c)
	if err == nil {
		return c
	}
	var twice prometheus.AlreadyRegisteredError
	if errors.As(err, &twice) {
		if old, ok := twice.ExistingCollector.(C); ok {
			return old
		}
	}
	panic(fmt.Sprintf("metrics: %v", err))
}
