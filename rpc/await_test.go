package rpc

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/statemachine/feed"
)

const ticket = 7

// line is a mutex with one place in line, whose end the test decides.
type line struct {
	*fake
	core    *core
	drain   context.CancelFunc
	outcome logv1.TicketOutcome
	asked   []cluster.ReadOptions
}

func newLine() *line {
	f, core, drain := newFake()
	l := &line{fake: f, core: core, drain: drain, outcome: logv1.TicketOutcome_TICKET_OUTCOME_WAITING}
	f.propose = func(context.Context, *logv1.Command) (*logv1.Result, error) {
		return &logv1.Result{Index: 40, Body: &logv1.Result_AcquireMutex{
			AcquireMutex: &logv1.AcquireMutexResult{Ticket: ticket, Position: 1},
		}}, nil
	}
	f.query = func(_ context.Context, read cluster.ReadOptions, q *logv1.Query) (*logv1.Answer, error) {
		l.asked = append(l.asked, read)
		return &logv1.Answer{Body: &logv1.Answer_GetTicket{GetTicket: l.end()}}, nil
	}
	return l
}

func (l *line) end() *logv1.TicketEvent {
	end := &logv1.TicketEvent{Ticket: ticket, Outcome: l.outcome}
	if l.outcome == logv1.TicketOutcome_TICKET_OUTCOME_GRANTED {
		end.Token = 9
	}
	return end
}

// acquire waits in line, in a goroutine of its own.
func (l *line) acquire(ctx context.Context) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		res, err := mutexHandler{l.core}.AcquireMutex(ctx, &conclavev1.AcquireMutexRequest{
			Name: "m", LeaseId: 5, WaitForever: true,
		})
		done <- outcome{res, err}
	}()
	return done
}

type outcome struct {
	res *conclavev1.AcquireMutexResponse
	err error
}

func (l *line) ends(with logv1.TicketOutcome) {
	l.outcome = with
	l.publish(&logv1.Event{Body: &logv1.Event_Ticket{Ticket: l.end()}})
}

// Promise R1: the grant reaches the call that waits.
func TestAwaitGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		done := l.acquire(t.Context())
		synctest.Wait()
		l.ends(logv1.TicketOutcome_TICKET_OUTCOME_GRANTED)
		got := <-done
		if got.err != nil || got.res.GetToken() != 9 || got.res.GetTicket() != ticket || got.res.GetCount() != 1 {
			t.Fatalf("%v, %v", got.res, got.err)
		}
		if len(l.asked) != 1 || l.asked[0] != (cluster.ReadOptions{Serializable: true, MinIndex: 40}) {
			t.Errorf("the ticket was asked for with %+v; want a local read that has seen the command", l.asked)
		}
	})
}

// A grant between the command and the subscription is found in the state.
func TestAwaitGrantedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		l.outcome = logv1.TicketOutcome_TICKET_OUTCOME_GRANTED
		if got := <-l.acquire(t.Context()); got.res.GetToken() != 9 {
			t.Fatalf("%v, %v", got.res, got.err)
		}
	})
}

// Every other end has a reason of its own.
func TestAwaitOtherEnds(t *testing.T) {
	for end, reason := range map[logv1.TicketOutcome]string{
		logv1.TicketOutcome_TICKET_OUTCOME_TIMED_OUT:    "WAIT_TIMEOUT",
		logv1.TicketOutcome_TICKET_OUTCOME_CANCELED:     "WAIT_CANCELED",
		logv1.TicketOutcome_TICKET_OUTCOME_SESSION_LOST: "SESSION_LOST",
		logv1.TicketOutcome_TICKET_OUTCOME_UNKNOWN:      "TICKET_NOT_FOUND",
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine()
			done := l.acquire(t.Context())
			synctest.Wait()
			l.ends(end)
			if got := reasonOf((<-done).err); got != reason {
				t.Errorf("%v gives %s, want %s", end, got, reason)
			}
		})
	}
}

// What the feed dropped is found in the state: after a reset as after a lag.
func TestAwaitReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		done := l.acquire(t.Context())
		synctest.Wait()
		l.feed.Reset(nil, 90) // nothing has changed for the ticket
		synctest.Wait()
		l.outcome = logv1.TicketOutcome_TICKET_OUTCOME_GRANTED
		l.feed.Reset(nil, 95)
		if got := <-done; got.res.GetToken() != 9 {
			t.Fatalf("%v, %v", got.res, got.err)
		}
		if len(l.asked) != 3 {
			t.Errorf("the ticket was asked for %d times, want once and after each reset", len(l.asked))
		}
	})
}

// Promise R4: a call that ends gives nothing up, and the same request waits on.
func TestAwaitEndsWithoutCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		proposed := 0
		propose := l.propose
		l.propose = func(ctx context.Context, cmd *logv1.Command) (*logv1.Result, error) {
			if cmd.GetAcquireMutex() == nil {
				t.Errorf("proposed %v; the place is not the call's to give up", cmd)
			}
			proposed++
			return propose(ctx, cmd)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := (<-l.acquire(ctx)).err
		if reasonOf(err) != "OUTCOME_UNKNOWN" || connectError(err).Code() != connect.CodeDeadlineExceeded {
			t.Errorf("after a minute: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		done := l.acquire(gone)
		synctest.Wait()
		leave()
		if err := (<-done).err; connectError(err).Code() != connect.CodeCanceled {
			t.Errorf("after leaving: %v", err)
		}

		done = l.acquire(t.Context())
		synctest.Wait()
		l.ends(logv1.TicketOutcome_TICKET_OUTCOME_GRANTED)
		if got := <-done; got.res.GetToken() != 9 || proposed != 3 {
			t.Errorf("%v, %v after %d proposals", got.res, got.err, proposed)
		}
	})
}

// A server that drains, or a replica that closes, sends waits elsewhere.
func TestAwaitDrain(t *testing.T) {
	for name, stop := range map[string]func(*line){
		"drain": func(l *line) { l.drain() },
		"close": func(l *line) { l.feed.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLine()
				done := l.acquire(t.Context())
				synctest.Wait()
				stop(l)
				if got := reasonOf((<-done).err); got != "SHUTTING_DOWN" {
					t.Errorf("reason %s", got)
				}
				if got := reasonOf((<-l.acquire(t.Context())).err); got != "SHUTTING_DOWN" {
					t.Errorf("reason of a wait that begins later: %s", got)
				}
			})
		})
	}
}

// The events of other tickets do not concern a wait.
func TestAwaitOtherTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine()
		done := l.acquire(t.Context())
		synctest.Wait()
		l.publish(&logv1.Event{Body: &logv1.Event_Ticket{Ticket: &logv1.TicketEvent{Ticket: ticket + 1, Outcome: logv1.TicketOutcome_TICKET_OUTCOME_GRANTED}}})
		synctest.Wait()
		select {
		case got := <-done:
			t.Fatalf("%v, %v", got.res, got.err)
		default:
		}
		l.ends(logv1.TicketOutcome_TICKET_OUTCOME_GRANTED)
		<-done
	})
}

var _ feed.History = (*fake)(nil)
