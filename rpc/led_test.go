package rpc

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func ledBy(leader string) cluster.Status {
	return cluster.Status{Name: "a", Shards: []cluster.ShardStatus{{Shard: 2, Leader: leader, IsLeader: leader == "a"}}}
}

// A node that is cut off sends its waits and streams away, and takes them again
// when it is back. An election is no reason to.
func TestLeaderless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		l.set(ledBy("b"))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go l.core.leaders.run(ctx)

		done := l.acquire(t.Context())
		_, ended := watching(t.Context(), l.core, &conclavev1.WatchRequest{Span: allKeys, StartRevision: 2})
		lose := func(d time.Duration) {
			l.set(ledBy(""))
			<-time.After(d)
			synctest.Wait()
		}
		lose(leaderlessFor - leaderlessCheck)
		l.set(ledBy("c"))
		<-time.After(time.Minute)
		select {
		case got := <-done:
			t.Fatalf("ended by an election: %v", got.err)
		default:
		}
		lose(leaderlessFor + 2*leaderlessCheck)
		if got := reasonOf((<-done).err); got != "NO_QUORUM" {
			t.Errorf("the wait ended with %s", got)
		}
		if got := reasonOf(<-ended); got != "NO_QUORUM" {
			t.Errorf("the watch ended with %s", got)
		}

		l.set(ledBy("b"))
		<-time.After(2 * leaderlessCheck)
		done = l.acquire(t.Context())
		synctest.Wait()
		l.ends(logv1.TicketOutcome_TICKET_OUTCOME_GRANTED)
		if got := <-done; got.err != nil {
			t.Errorf("after the leader is back: %v", got.err)
		}
	})
}
