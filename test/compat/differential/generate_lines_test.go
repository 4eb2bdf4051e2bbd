package differential

import (
	"fmt"

	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
)

// Locks and elections of etcd are lines of keys: NAME/LEASE, the oldest first.
// Other operations may put keys there too, and delete them.

func (g *generator) lineName() []byte { return []byte(some(g, "lock", "lock", "a", "")) }

// lineLease is an id that is the same on both systems, since it is in a key. Not
// 0: then the server makes a lease that only it knows.
func (g *generator) lineLease() int64 {
	if g.one(20) {
		return 99 // there is none
	}
	return some(g, explicitLeases...)
}

func lineKey(name []byte, lease int64) []byte { return fmt.Appendf(nil, "%s/%x", name, lease) }

// line adds an operation of the services Lock and Election.
func (g *generator) line() {
	name, lease := g.lineName(), g.lineLease()
	switch g.IntN(10) {
	case 0, 1:
		g.addTo(operation{request: &v3lockpb.LockRequest{Name: name, Lease: lease}, withdraws: g.one(3)})
	case 2, 3:
		key := lineKey(name, lease)
		if g.one(5) {
			key = g.key()
		}
		g.add(&v3lockpb.UnlockRequest{Key: key})
	case 4, 5:
		r := &v3electionpb.CampaignRequest{Name: name, Lease: lease, Value: g.value()}
		g.addTo(operation{request: r, withdraws: g.one(3), leader: g.leaders})
		g.leaders++
	case 6:
		g.add(&v3electionpb.LeaderRequest{Name: name})
	case 7, 8:
		g.add(&v3electionpb.ProclaimRequest{Leader: g.leaderKey(name, lease), Value: g.value()})
	default:
		g.add(&v3electionpb.ResignRequest{Leader: g.leaderKey(name, lease)})
	}
}

// leaderKey is one that was elected, perhaps, or none.
func (g *generator) leaderKey(name []byte, lease int64) *v3electionpb.LeaderKey {
	if g.one(20) {
		return nil
	}
	key := &v3electionpb.LeaderKey{Name: name, Key: lineKey(name, lease), Lease: lease, Rev: g.revision()}
	if g.leaders > 0 && !g.one(5) {
		key.Rev = leaderSlot + int64(max(0, g.leaders-1-g.IntN(4)))
	}
	return key
}
