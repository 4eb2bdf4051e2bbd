package server

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/conclavehq/conclave/cluster"
)

// newRegistry makes a registry of the node's own, with what the process and the
// shards tell about themselves.
func newRegistry(c *cluster.Cluster, d *door) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		shardMetrics{c},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "conclave_client_connections", Help: "Connections of clients that are open now.",
		}, func() float64 { return float64(d.open.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "conclave_client_connections_refused_total", Help: "Connections of clients that were turned away, because there were too many.",
		}, func() float64 { return float64(d.turned.Load()) }),
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
	diskFreeDesc = prometheus.NewDesc("conclave_disk_free_bytes",
		"Bytes that are free on the disk of the data directory, without what waits in memory to be written.", nil, nil)
	diskLeastDesc = prometheus.NewDesc("conclave_disk_least_bytes",
		"Bytes that have to stay free (--min-free-space).", nil, nil)
	noSpaceDesc = prometheus.NewDesc("conclave_no_space",
		"1 for each node whose disk is nearly full: the cluster refuses what makes its state larger.", []string{"member"}, nil)
)

// Describe sends the descriptions of all metrics.
func (m shardMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{appliedDesc, termDesc, leadsDesc, hasLeaderDesc, diskFreeDesc, diskLeastDesc, noSpaceDesc} {
		descs <- desc
	}
}

// Collect sends the current values.
func (m shardMetrics) Collect(metrics chan<- prometheus.Metric) {
	status := m.cluster.Status()
	if room := m.cluster.DiskRoom(); room.Least > 0 {
		metrics <- prometheus.MustNewConstMetric(diskFreeDesc, prometheus.GaugeValue, float64(room.Free))
		metrics <- prometheus.MustNewConstMetric(diskLeastDesc, prometheus.GaugeValue, float64(room.Least))
	}
	for _, node := range status.Members {
		short := slices.Contains(status.NoSpace, node.GetName())
		metrics <- prometheus.MustNewConstMetric(noSpaceDesc, prometheus.GaugeValue, truth(short), node.GetName())
	}
	for _, s := range status.Shards {
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
