package server

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/conclavehq/conclave/cluster"
)

// newRegistry makes a registry of the node's own, with what the process and the
// shards tell about themselves.
func newRegistry(c *cluster.Cluster) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		shardMetrics{c},
	)
	return registry
}

func metricsHandler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// shardMetrics reads the shards' state when it is asked.
type shardMetrics struct {
	cluster *cluster.Cluster
}

var (
	appliedDesc = prometheus.NewDesc("conclave_shard_applied_index",
		"Index of the last log entry that this node's replica has applied.", []string{"shard"}, nil)
	termDesc = prometheus.NewDesc("conclave_shard_term",
		"Raft term of the shard as this node knows it.", []string{"shard"}, nil)
	leadsDesc = prometheus.NewDesc("conclave_shard_is_leader",
		"1 when this node leads the shard.", []string{"shard"}, nil)
	hasLeaderDesc = prometheus.NewDesc("conclave_shard_has_leader",
		"1 when this node knows a leader of the shard.", []string{"shard"}, nil)
)

// Describe sends the descriptions of all metrics.
func (m shardMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{appliedDesc, termDesc, leadsDesc, hasLeaderDesc} {
		descs <- desc
	}
}

// Collect sends the current values.
func (m shardMetrics) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range m.cluster.Status().Shards {
		shard := strconv.FormatUint(s.Shard, 10)
		gauge := func(desc *prometheus.Desc, value float64) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, shard)
		}
		gauge(appliedDesc, float64(s.Applied))
		gauge(termDesc, float64(s.Term))
		gauge(leadsDesc, truth(s.IsLeader))
		gauge(hasLeaderDesc, truth(s.Leader != ""))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
