// Package profiles serves what the Go runtime can tell about the process. Only
// programs import it: net/http/pprof, which it stands on, also registers itself with
// http.DefaultServeMux, and a program that embeds a node may serve that to anybody.
package profiles

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
)

// Handler serves the profiles under /debug/pprof/, where `go tool pprof` looks for
// them. It asks nobody who they are, but answers only who asks for this machine by
// address or as localhost: a name of a web page's choice may lead here, too.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && host != "localhost" {
			http.Error(w, "ask for an address, not for a name", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
