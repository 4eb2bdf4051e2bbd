package rpc

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// elected is an election whose leader the test changes.
type elected struct {
	*fake
	core   *core
	leader atomic.Pointer[logv1.Leader]
}

func newElected() *elected {
	f, core, _ := newFake()
	e := &elected{fake: f, core: core}
	f.query = func(context.Context, cluster.ReadOptions, *logv1.Query) (*logv1.Answer, error) {
		return &logv1.Answer{Revision: e.at(), Body: &logv1.Answer_GetElection{GetElection: &logv1.GetElectionResult{
			Election: &logv1.ElectionInfo{Name: "e", Leader: e.leader.Load()},
		}}}, nil
	}
	return e
}

func (f *fake) at() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision
}

// lead makes somebody the leader; an empty value: nobody.
func (e *elected) lead(value string) {
	var leader *logv1.Leader
	if value != "" {
		leader = &logv1.Leader{Term: e.at() + 1, Revision: e.at() + 1, Value: []byte(value)}
	}
	e.leader.Store(leader)
	e.publish(&logv1.Event{Body: &logv1.Event_Election{Election: &logv1.ElectionEvent{Name: "e", Leader: leader}}})
}

// An observer hears of the current leader first, then of each change, and after
// a gap of the current one again.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElected()
		e.lead("one")
		var told []string
		go func() {
			_ = electionHandler{e.core}.observe(t.Context(), &conclavev1.ObserveElectionRequest{Name: "e"},
				func(m *conclavev1.ObserveElectionResponse) error {
					told = append(told, fmt.Sprintf("%d:%s", m.GetRevision(), m.GetLeader().GetValue().GetText()))
					return nil
				})
		}()
		synctest.Wait()
		e.lead("")
		synctest.Wait()
		e.lead("two")
		e.lead("three")
		synctest.Wait()
		e.leader.Store(&logv1.Leader{Value: []byte("four")})
		e.feed.Reset(nil, 9)
		synctest.Wait()
		if got := strings.Join(told, " "); got != "1:one 2: 3:two 4:three 4:four" {
			t.Errorf("told %s", got)
		}
	})
}

// What the first answer shows is not told again.
func TestObserveDropsWhatWasShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElected()
		query := e.query
		e.query = func(ctx context.Context, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
			e.lead("one") // between the subscription and the answer
			return query(ctx, read, q)
		}
		told := 0
		go func() {
			_ = electionHandler{e.core}.observe(t.Context(), &conclavev1.ObserveElectionRequest{Name: "e"},
				func(*conclavev1.ObserveElectionResponse) error { told++; return nil })
		}()
		synctest.Wait()
		if told != 1 {
			t.Errorf("told %d times, want once", told)
		}
	})
}

func TestPollElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newElected()
		poll := func(after int64) (string, time.Duration) {
			began := time.Now()
			res, err := electionHandler{e.core}.GetElection(t.Context(), &conclavev1.GetElectionRequest{
				Name: "e", AfterRevision: after, Wait: durationpb.New(time.Minute),
			})
			if err != nil {
				t.Fatal(err)
			}
			return res.GetElection().GetLeader().GetValue().GetText(), time.Since(began)
		}
		e.lead("one")
		for _, test := range []struct {
			name   string
			after  int64
			change func()
			leader string
			took   time.Duration
		}{
			{"news", 0, nil, "one", 0},
			{"no news", 1, nil, "one", time.Minute},
			{"news while waiting", 1, func() { e.lead("two") }, "two", 10 * time.Second},
			{"other news", 2, func() { e.publish(put("a", "1")) }, "two", time.Minute},
			{"no news since other news", 2, nil, "two", time.Minute},
			{"nobody leads while waiting", 3, func() { e.lead("") }, "", 10 * time.Second},
			{"nobody leads, and that may be news", 3, nil, "", time.Second},
			{"nobody leads, and that is known", 4, nil, "", time.Minute},
		} {
			if test.change != nil {
				time.AfterFunc(10*time.Second, test.change)
			}
			if leader, took := poll(test.after); leader != test.leader || took != test.took {
				t.Errorf("%s: %q after %v, want %q after %v", test.name, leader, took, test.leader, test.took)
			}
		}
	})
}

func changed(id string, removed bool) *logv1.Event {
	return &logv1.Event{Body: &logv1.Event_Instance{Instance: &logv1.InstanceEvent{
		Instance: &logv1.Instance{Service: "web", Id: id}, Removed: removed,
	}}}
}

// Guarantee G3: a watcher gets a snapshot, then changes, together what happens together, and
// after a gap a new snapshot.
func TestWatchInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		f.publish(changed("1", false))
		f.query = func(_ context.Context, _ cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
			list := &logv1.ListInstancesResult{Instances: []*logv1.Instance{{Service: "web", Id: "1"}}, More: true}
			if q.GetListInstances().GetAfterId() == "1" { // the second page
				list = &logv1.ListInstancesResult{Instances: []*logv1.Instance{{Service: "web", Id: "2"}}}
			}
			return &logv1.Answer{Revision: f.at(), Body: &logv1.Answer_ListInstances{ListInstances: list}}, nil
		}
		var told []string
		next := make(chan struct{}, 10)
		go func() {
			_ = registryHandler{c}.watchInstances(t.Context(), &conclavev1.WatchInstancesRequest{Service: "web"},
				func(m *conclavev1.WatchInstancesResponse) error {
					line := fmt.Sprintf("%d %v", m.GetRevision(), m.GetSnapshot())
					for _, change := range m.GetChanges() {
						line += fmt.Sprintf(" %s/%v", change.GetInstance().GetId(), change.GetRemoved())
					}
					told = append(told, line)
					<-next
					return nil
				})
		}()
		synctest.Wait()
		f.publish(changed("2", false)) // while the snapshot is on its way
		f.publish(changed("3", false))
		f.publish(changed("2", true))
		next <- struct{}{}
		synctest.Wait()
		f.feed.Reset(nil, 9)
		next <- struct{}{}
		next <- struct{}{}
		synctest.Wait()
		want := "1 true 1/false 2/false\n4 false 3/false 2/true\n4 true 1/false 2/false"
		if got := strings.Join(told, "\n"); got != want {
			t.Errorf("told\n%s\nwant\n%s", got, want)
		}
	})
}

// A session hears of what it loses, and of its own end last.
func TestWatchLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := newFake()
		exists := true
		f.query = func(context.Context, cluster.ReadOptions, *logv1.Query) (*logv1.Answer, error) {
			if !exists {
				return &logv1.Answer{Refusal: &logv1.Refusal{Reason: logv1.Reason_REASON_LEASE_NOT_FOUND}}, nil
			}
			return &logv1.Answer{Revision: f.at()}, nil
		}
		watch := func() (<-chan *conclavev1.WatchLeaseResponse, <-chan error) {
			told, ended := make(chan *conclavev1.WatchLeaseResponse, 10), make(chan error, 1)
			go func() {
				ended <- c.watchLease(t.Context(), &conclavev1.WatchLeaseRequest{LeaseId: 5},
					func(m *conclavev1.WatchLeaseResponse) error { told <- m; return nil })
			}()
			return told, ended
		}

		told, ended := watch()
		if first := <-told; len(first.GetLost()) != 0 {
			t.Errorf("the first message is %v, want an empty one", first)
		}
		f.publish(&logv1.Event{Body: &logv1.Event_Lost{Lost: &logv1.LostEvent{
			Kind: logv1.LostEvent_KIND_MUTEX, Name: "m", Token: 3, LeaseId: 5, Cause: "broken", Reason: "stuck", Actor: "ops",
		}}})
		if lost := (<-told).GetLost()[0]; lost.GetKind() != conclavev1.Lost_KIND_MUTEX || lost.GetReason() != "stuck" || lost.GetToken() != 3 {
			t.Errorf("lost %v", lost)
		}
		f.publish(&logv1.Event{Body: &logv1.Event_Lease{Lease: &logv1.LeaseEvent{LeaseId: 5, Cause: "expired"}}})
		if lost := (<-told).GetLost()[0]; lost.GetKind() != conclavev1.Lost_KIND_UNSPECIFIED || lost.GetCause() != "session expired" {
			t.Errorf("lost %v", lost)
		}
		if err := <-ended; err != nil {
			t.Errorf("ended with %v, want nothing", err)
		}

		told, ended = watch()
		<-told
		f.feed.Reset(nil, 9)
		if err := <-ended; reasonOf(err) != "RESYNC" || explain(err).info.GetRevision() != f.at() {
			t.Errorf("after a gap: %v", err)
		}
		told, ended = watch()
		<-told
		exists = false
		f.feed.Reset(nil, 10)
		if lost := (<-told).GetLost(); len(lost) != 1 || <-ended != nil {
			t.Errorf("after a gap in which the session ended: %v", lost)
		}
		_, ended = watch()
		if err := <-ended; reasonOf(err) != "LEASE_NOT_FOUND" {
			t.Errorf("no such lease: %v", err)
		}
	})
}
