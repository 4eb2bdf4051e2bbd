package etcd_test

import (
	"context"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// faulty is a node that answers some commands with errors.
type faulty struct {
	*site
	mu sync.Mutex
	// fault is asked before each command: whether it is carried out, and with which
	// error it is answered.
	fault func(cmd *logv1.Command) (done bool, err error)
}

func (f *faulty) Propose(ctx context.Context, shard uint64, cmd *logv1.Command) (*logv1.Result, error) {
	f.mu.Lock()
	done, err := f.fault(cmd)
	f.mu.Unlock()
	if err == nil {
		return f.site.Propose(ctx, shard, cmd)
	}
	if done {
		if _, err := f.site.Propose(ctx, shard, cmd); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// joins and withdraws say what a command does to a line.
func joins(cmd *logv1.Command) bool {
	ops := cmd.GetTxn().GetSuccess()
	return len(ops) == 2 && ops[1].GetPut() != nil
}

func withdraws(cmd *logv1.Command) bool {
	ops := cmd.GetTxn().GetSuccess()
	return len(ops) == 1 && ops[0].GetDeleteRange() != nil
}

// A place is given back when that is possible again, not only if it is at once.
func TestWithdrawGoesOn(t *testing.T) {
	s := newSite(t)
	attempts := 0
	conn := serveOver(t, &faulty{site: s, fault: func(cmd *logv1.Command) (bool, error) {
		if withdraws(cmd) {
			if attempts++; attempts <= 3 {
				return false, cluster.ErrOverloaded
			}
		}
		return false, nil
	}})
	lock(t, s.native, "l", grant(t, s.native, 0, 60).GetID())
	ctx, cancel := context.WithCancel(within(t))
	waiting := lockLater(ctx, conn, "l", grant(t, s.native, 0, 60).GetID())
	waitLine(t, s.native, "l", 2)
	cancel()
	if _, err := take(t, waiting); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	waitLine(t, s.native, "l", 1)
}

// Whose place was taken although nobody could say so has it.
func TestJoinIsCertain(t *testing.T) {
	s := newSite(t)
	attempts := 0
	conn := serveOver(t, &faulty{site: s, fault: func(cmd *logv1.Command) (bool, error) {
		if joins(cmd) {
			if attempts++; attempts%2 == 1 {
				return true, cluster.ErrOutcomeUnknown
			}
		}
		return false, nil
	}})
	first := campaign(t, conn, "e", "one", grant(t, s.native, 0, 60).GetID())
	next := campaignLater(within(t), conn, "e", "two", grant(t, s.native, 0, 60).GetID())
	line := waitLine(t, s.native, "e", 2)
	if line[0].GetCreateRevision() != first.GetRev() || attempts < 4 {
		t.Errorf("%v leads after %d attempts, and the line is %v", first, attempts, line)
	}
	waits(t, next)
	resign(t, conn, first)
	elected, err := take(t, next)
	if err != nil || elected.GetLeader().GetRev() != line[1].GetCreateRevision() {
		t.Errorf("%v %v, want %v", elected, err, line[1])
	}
}

// What goes wrong before there is a place leaves nothing behind.
func TestJoinFails(t *testing.T) {
	s := newSite(t)
	conn := serveOver(t, &faulty{site: s, fault: func(cmd *logv1.Command) (bool, error) {
		if joins(cmd) {
			return false, cluster.ErrTooLarge
		}
		return false, nil
	}})
	_, err := take(t, lockLater(within(t), conn, "l", 0))
	if status.Convert(err).Message() != "etcdserver: request is too large" {
		t.Error(err)
	}
	if left := leases(t, s.native); len(left) > 0 {
		t.Errorf("leases %v are left", left)
	}
}
