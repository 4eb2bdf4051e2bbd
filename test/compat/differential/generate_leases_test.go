package differential

import (
	"math"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// maxTTL is the longest that etcd grants, in seconds.
const maxTTL = 9_000_000_000

func (g *generator) grant() {
	r := &pb.LeaseGrantRequest{TTL: some[int64](g, 600, 3600, 86400, maxTTL)}
	if g.one(5) {
		r.TTL = some[int64](g, 0, -1, 1, 2, 3, 59, math.MinInt64, maxTTL+1, math.MaxInt64)
	}
	if g.one(2) {
		r.ID = some(g, explicitLeases...)
	}
	g.grantLease(operation{request: r})
}

func (g *generator) expiringLease() {
	g.grantLease(operation{request: &pb.LeaseGrantRequest{TTL: 1}, expires: true})
}

func (g *generator) grantLease(o operation) {
	if o.request.(*pb.LeaseGrantRequest).GetID() == 0 {
		o.lease = g.slots
		g.slots++
	}
	g.addTo(o)
}
