package rpc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/conclavehq/conclave/cluster"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// administered is a cluster with hashes and problems.
type administered struct {
	*fake
	hashes   []cluster.NodeHash
	transfer error
}

func (a administered) Hash(context.Context, uint64) (uint64, []cluster.NodeHash, error) {
	return 9, a.hashes, nil
}

func (a administered) TransferLeader(context.Context, uint64, string) error { return a.transfer }

func TestCompareHashes(t *testing.T) {
	for _, test := range []struct {
		name   string
		hashes []cluster.NodeHash
		equal  bool
	}{
		{"equal", []cluster.NodeHash{{Node: "a", Hash: "x"}, {Node: "b", Hash: "x"}}, true},
		{"different", []cluster.NodeHash{{Node: "a", Hash: "x"}, {Node: "b", Hash: "y"}}, false},
		{"one is missing", []cluster.NodeHash{{Node: "a", Hash: "x"}, {Node: "b", Err: errors.New("not reached")}}, false},
		{"none", nil, false},
	} {
		f, c, _ := newFake()
		f.set(ledBy("a"))
		c.cluster = administered{fake: f, hashes: test.hashes}
		res, err := clusterHandler{core: c}.CompareHashes(t.Context(), &conclavev1.CompareHashesRequest{})
		if err != nil || len(res.GetShards()) != 1 || res.GetShards()[0].GetEqual() != test.equal {
			t.Errorf("%s: %v, %v", test.name, res, err)
		}
	}
}

func TestStatusTellsProblems(t *testing.T) {
	f, c, drain := newFake()
	f.set(ledBy(""))
	h := clusterHandler{core: c, problems: func() []string { return []string{"the disk is full"} }}
	drain()
	res, err := h.GetStatus(t.Context(), &conclavev1.GetStatusRequest{})
	want := "this node is stopping|shard 2 has no leader that this node knows; a majority of the nodes is needed|the disk is full"
	if got := strings.Join(res.GetProblems(), "|"); err != nil || got != want {
		t.Errorf("problems: %s, %v", got, err)
	}
}

// A leadership that did not move is not called a lost majority.
func TestMoveLeaderFails(t *testing.T) {
	f, c, _ := newFake()
	f.set(ledBy("a"))
	c.cluster = administered{fake: f, transfer: cluster.ErrUnavailable}
	_, err := clusterHandler{core: c}.MoveLeader(t.Context(), &conclavev1.MoveLeaderRequest{To: "b"})
	if err == nil || err.Error() != "b did not take the leadership in time; see whether it runs and has caught up" {
		t.Errorf("%v", err)
	}
}
