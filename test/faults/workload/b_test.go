package workload

import (
	"testing"
	"time"

	"github.com/conclavehq/conclave/test/faults/history"
)

func TestB(t *testing.T) {
	node := serve(t)
	records := record(t, Config{Endpoints: node.Endpoints(), EtcdEndpoints: node.EtcdEndpoints(), Seed: 1,
		Only: []history.Workload{history.Leases, history.Mutexes, history.Guarded, history.Elections, history.Queues, history.Registry}},
		func(*Load) { after(8 * time.Second) })
	validate(t, records)
	survey(t, records)
}
