package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/base/metrics"
)

func scrape(r *metrics.Registry) string {
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestScrape(t *testing.T) {
	r := metrics.New()
	imap := metrics.Label{Name: "listener", Value: "imap"}
	pop3 := metrics.Label{Name: "listener", Value: "pop3"}
	r.Counter("restante_connections_total", "Connections accepted.", imap).Inc()
	r.Counter("restante_connections_total", "Connections accepted.", imap).Add(2)
	r.Counter("restante_connections_total", "Connections accepted.", pop3).Inc()
	r.Gauge("restante_open", "Open.").Add(5)
	r.Gauge("restante_open", "Open.").Add(-1)
	r.GaugeFunc("restante_func", "Func.", func() float64 { return 1.5 })
	r.Histogram("restante_took_seconds", "Took.", metrics.Seconds()).Observe(0.5)

	got := scrape(r)
	for _, want := range []string{
		`restante_connections_total{listener="imap"} 3`,
		`restante_connections_total{listener="pop3"} 1`,
		"restante_open 4",
		"restante_func 1.5",
		"restante_took_seconds_count 1",
		"go_goroutines ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in the scrape", want)
		}
	}
}

func TestNilRegistryCountsNothing(t *testing.T) {
	var r *metrics.Registry
	r.Counter("a", "").Inc()
	r.Counter("a", "").Add(1)
	r.Gauge("b", "").Add(1)
	r.Gauge("b", "").Set(1)
	r.GaugeFunc("c", "", nil)
	r.Histogram("d", "", nil).Observe(1)
	if got := scrape(r); !strings.Contains(got, "404") {
		t.Errorf("a nil registry serves %q", got)
	}
}

func TestClashPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a counter and a gauge share a name without a panic")
		}
	}()
	r := metrics.New()
	r.Counter("x", "X.")
	r.Gauge("x", "X.")
}
