package system

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// LiveHeap is how many bytes the nodes need on their heaps, together. Each runs a
// full garbage collection and is asked right after. What it allocates while it
// collects counts, because no collector can tell that from what is needed.
func (c *Cluster) LiveHeap(ctx context.Context) (int64, error) {
	if !c.profiled {
		return 0, errors.New("the cluster does not serve profiles")
	}
	var sum int64
	for _, n := range c.nodes {
		_, profiles := c.system.Profiles(n)
		bytes, err := liveHeap(ctx, profiles, n.ClientURL)
		if err != nil {
			return 0, err
		}
		sum += bytes
	}
	return sum, nil
}

// liveHeap is that of the process that serves profiles and metrics at these URLs.
func liveHeap(ctx context.Context, profiles, metrics string) (int64, error) {
	// The answer is a profile, which is of no interest.
	if err := read(ctx, profiles+"/debug/pprof/heap?gc=1", io.Discard); err != nil {
		return 0, err
	}
	var text strings.Builder
	if err := read(ctx, metrics+"/metrics", &text); err != nil {
		return 0, err
	}
	const name = "go_memstats_heap_alloc_bytes"
	for lines := bufio.NewScanner(strings.NewReader(text.String())); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			bytes, err := strconv.ParseFloat(value, 64)
			return int64(bytes), err
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s", metrics, name)
}

// read copies what is answered at a URL.
func read(ctx context.Context, url string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	_, err = io.Copy(to, res.Body)
	return err
}
