package rpc

import (
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics count calls. Labels are procedures and codes, so their number is
// bounded and they show no names or keys.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  *prometheus.GaugeVec
	waits    prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "conclave_rpc_requests_total",
			Help: "Calls that ended, by procedure and code.",
		}, []string{"procedure", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "conclave_rpc_duration_seconds",
			Help: "How long calls other than streams took, waits included.",
			Buckets: []float64{
				.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600,
			},
		}, []string{"procedure"}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "conclave_rpc_open_streams",
			Help: "Streams that are open now, by procedure.",
		}, []string{"procedure"}),
		waits: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "conclave_rpc_open_waits",
			Help: "Calls that wait in a line or for news now.",
		}),
	}
	if registry != nil {
		registry.MustRegister(m.requests, m.seconds, m.streams, m.waits)
	}
	return m
}

func (m *metrics) unaryEnded(procedure string, began time.Time, code string) {
	m.requests.WithLabelValues(procedure, code).Inc()
	m.seconds.WithLabelValues(procedure).Observe(time.Since(began).Seconds())
}

// streamBegan returns what to call when the stream ends.
func (m *metrics) streamBegan(procedure string) func(error) {
	open := m.streams.WithLabelValues(procedure)
	open.Inc()
	return func(err error) {
		open.Dec()
		m.requests.WithLabelValues(procedure, codeName(err)).Inc()
	}
}

func codeName(err error) string {
	if err == nil {
		return "ok"
	}
	return connect.CodeOf(err).String()
}
