package system

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The garbage is collected before the heap is read, or there is no figure at all.
func TestLiveHeap(t *testing.T) {
	var heap int
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/heap", func(_ http.ResponseWriter, r *http.Request) {
		if r.FormValue("gc") == "1" {
			heap = 1 << 20
		}
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE go_memstats_heap_alloc_bytes gauge\ngo_memstats_heap_alloc_bytes %e\n", float64(heap))
	})
	node := httptest.NewServer(mux)
	defer node.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()

	heap = 5 << 20
	if got, err := liveHeap(t.Context(), node.URL, node.URL); err != nil || got != 1<<20 {
		t.Errorf("got %d, %v; want %d", got, err, 1<<20)
	}
	for _, urls := range [][2]string{{other.URL, node.URL}, {node.URL, other.URL}} {
		if got, err := liveHeap(t.Context(), urls[0], urls[1]); err == nil {
			t.Errorf("got %d where nothing is served", got)
		}
	}
	if _, err := new(Cluster).LiveHeap(t.Context()); err == nil {
		t.Error("got a live heap without profiles")
	}
}
