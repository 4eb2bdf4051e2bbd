package rpc

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Config says what a Server serves.
type Config struct {
	// Cluster is what the calls are carried out with. Required.
	Cluster Cluster

	// Version is this program's version, for /version and the status.
	Version string

	// Versions is what else /version tells.
	Versions map[string]string

	// Registry receives the server's own metrics; nil: nobody does.
	Registry prometheus.Registerer

	// Metrics answers /metrics; nil: there is no such path.
	Metrics http.Handler

	// Also mounts what else the client port answers; nil: nothing.
	Also func(*http.ServeMux)

	// AlsoServices are the gRPC services among that, for who asks by reflection.
	AlsoServices []string

	// Limits bound what all clients together have in progress.
	Limits Limits

	// Problems says in sentences what else is wrong with this node, beside
	// shards without a leader. They show in the status and make the node not
	// ready. nil: nothing ever is.
	Problems func() []string

	// Log receives failures of the server itself. What clients do wrong is told
	// to them, and logged at debug level only. The zero value drops it all.
	Log zerolog.Logger
}

// Limits on what goes over the wire in one message.
const (
	// maxReadBytes bounds a request after decompression.
	maxReadBytes = 4 << 20
	// maxSendBytes bounds a response: 8 MiB of jobs, in base64 at worst.
	maxSendBytes = 32 << 20
	// compressFrom is the size above which compressing saves more than it costs.
	compressFrom = 16 << 10
)
