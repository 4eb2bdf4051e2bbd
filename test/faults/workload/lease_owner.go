package workload

import (
	"context"
	"strconv"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// leaseOwner has one lease after the other.
type leaseOwner struct {
	*client
	rig *leaseRig
}

// live grants a lease and lets it end in one way or another.
func (o *leaseOwner) live() {
	lease, ttl, ok := o.grant()
	if !ok {
		return
	}
	key := "lease/" + strconv.FormatInt(lease, 36)
	attach := history.Record{Then: []history.Op{put(key, o.load.value())}}
	attach.Then[0].Lease = lease
	if !o.do(&attach) {
		return // it ends by itself, and nothing is known of its key
	}
	s := o.rig.add(lease, key, ttl)
	for range o.rand.IntN(8) {
		wait := o.between(ttl/6, ttl/2)
		if o.chance(8) {
			wait = o.between(ttl*7/10, ttl*13/10) // maybe too late
		}
		if !o.rest(wait) || !o.renew(lease, ttl) {
			return
		}
		o.rig.renewed(s, ttl)
	}
	if o.chance(3) {
		o.revoke(lease)
		o.rig.renewed(s, 0)
	}
}

func (o *leaseOwner) grant() (lease int64, ttl time.Duration, ok bool) {
	ttl = o.between(leaseShortest, leaseLongest).Truncate(time.Millisecond)
	if o.etcd != nil {
		ttl = o.between(2*time.Second, leaseLongest).Truncate(time.Second) // it knows whole seconds, and two at least
	}
	r := o.begin(history.LeaseGranted)
	r.TTL = ttl
	ctx, cancel := o.deadline()
	defer cancel()
	if o.etcd != nil {
		res, err := o.etcd.Grant(ctx, int64(ttl/time.Second))
		if err == nil {
			r.Lease, r.TTL = int64(res.ID), time.Duration(res.TTL)*time.Second
		}
		o.changed(&r, err)
		return r.Lease, r.TTL, r.Outcome == history.OK
	}
	opts := []conclave.SessionOption{conclave.WithTTL(ttl)}
	if o.chance(2) {
		r.Lease = leaseFirstID + o.load.unique()
		opts = append(opts, conclave.WithLeaseID(conclave.LeaseID(r.Lease)))
	}
	id, err := o.sdk.GrantLease(ctx, opts...)
	if err == nil {
		r.Lease = int64(id)
	}
	o.changed(&r, err)
	return r.Lease, r.TTL, r.Outcome == history.OK
}

// renew asks once for a renewal. It reports whether the lease may still live.
func (o *leaseOwner) renew(lease int64, ttl time.Duration) bool {
	r := o.begin(history.LeaseRenewed)
	r.Lease, r.TTL = lease, ttl
	ctx, cancel := o.deadline()
	defer cancel()
	var err error
	if o.etcd != nil {
		err = o.renewEtcd(ctx, lease)
	} else {
		at := o.choose(o.rig.singles)
		r.Node = at.url
		err = at.renew(ctx, o.namespace, lease)
	}
	o.changed(&r, err)
	return r.Reason != "LEASE_NOT_FOUND"
}

// renewEtcd makes one renewal by a stream of its own: KeepAliveOnce would repeat it.
func (o *leaseOwner) renewEtcd(ctx context.Context, lease int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	stream, err := pb.NewLeaseClient(o.etcd.ActiveConnection()).LeaseKeepAlive(ctx)
	if err != nil {
		return err
	}
	if err = stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}); err != nil {
		return err
	}
	res, err := stream.Recv()
	if err == nil && res.GetTTL() <= 0 {
		return &conclave.Error{Reason: "LEASE_NOT_FOUND", Message: "the answer has no TTL"}
	}
	return err
}

func (o *leaseOwner) revoke(lease int64) {
	r := o.begin(history.LeaseRevoked)
	r.Lease = lease
	ctx, cancel := o.deadline()
	defer cancel()
	var err error
	if o.etcd != nil {
		_, err = o.etcd.Revoke(ctx, clientv3.LeaseID(lease))
	} else {
		_, err = o.sdk.RevokeLease(ctx, conclave.LeaseID(lease), "the workload is done with it")
	}
	o.changed(&r, err)
}
