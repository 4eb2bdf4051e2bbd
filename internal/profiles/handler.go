// Package profiles serves what the Go runtime can tell about the process. Only
// programs import it: net/http/pprof, which it stands on, also registers itself with
// http.DefaultServeMux, and a program that embeds a node may serve that to anybody.
package profiles

import (
	"net/http"
	"net/http/pprof"
)

// Handler serves the profiles under /debug/pprof/, where `go tool pprof` looks for
// them. It asks nobody who they are.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
