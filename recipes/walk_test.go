package recipes_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
	"github.com/conclavehq/conclave/recipes/model"
)

// TestRandomWalk runs random commands on few names and few sessions, and checks
// after each what must always be true. A failure prints its seed; the same seed
// walks the same way.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &walker{
				T:       t,
				rand:    rand.New(rand.NewPCG(seed, 1)),
				state:   model.New(),
				granted: map[string]int64{},
				ended:   map[int64]bool{},
				kinds:   map[string]int{},
				sent:    map[string]*logv1.Command{},
			}
			for range 3000 {
				w.step(w.command())
			}
			w.clearAway()
			w.checkReach()
		})
	}
}

const (
	walkNamespace = keys.Namespace(1)
	walkSessions  = 7
)

type walker struct {
	*testing.T
	rand  *rand.Rand
	state *model.State
	clock recipes.Clock

	granted map[string]int64 // newest token of each name
	ended   map[int64]bool   // tickets whose end was told
	kinds   map[string]int   // how often each thing happened
	tickets []int64
	sent    map[string]*logv1.Command // last one of each client
	tokens  []int64
}

// command makes a random command. Most of them are refused or change little;
// that is what happens at the edges.
func (w *walker) command() *logv1.Command {
	lease := w.rand.Int64N(walkSessions) + 1
	name := string(rune('a' + w.rand.IntN(2)))
	wait := []int64{0, -1, w.rand.Int64N(2000)}[w.rand.IntN(3)]
	cmd := &logv1.Command{NamespaceId: uint32(walkNamespace)}
	switch w.rand.IntN(32) {
	case 0, 1:
		cmd.Body = &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{LeaseId: lease, TtlMs: 500 + w.rand.Int64N(6000)}}
	case 2:
		cmd.Body = &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: lease}}
	case 3, 4, 5, 6, 7, 8:
		cmd.Body = &logv1.Command_RenewLease{RenewLease: &logv1.RenewLease{LeaseId: lease}}
	case 9, 10, 11, 12, 13, 14, 15:
		cmd.Body = &logv1.Command_AcquireMutex{AcquireMutex: &logv1.AcquireMutex{
			Name: name, LeaseId: lease, WaitMs: wait, Reentrant: w.rand.IntN(4) == 0, LockDelayMs: w.rand.Int64N(3) * 400,
		}}
	case 16, 17:
		cmd.Body = &logv1.Command_ReleaseMutex{ReleaseMutex: &logv1.ReleaseMutex{Name: name, Token: w.pick(w.tokens)}}
	case 18, 19:
		cmd.Body = &logv1.Command_CancelAcquire{CancelAcquire: &logv1.CancelAcquire{Name: name, Ticket: w.pick(w.tickets), LeaseId: lease}}
	case 20:
		cmd.Body = &logv1.Command_BreakMutex{BreakMutex: &logv1.BreakMutex{Name: name, Token: w.pick(w.tokens) * w.rand.Int64N(2)}}
	case 21, 22, 23, 24, 25:
		cmd.Body = &logv1.Command_Campaign{Campaign: &logv1.Campaign{
			Name: name, LeaseId: lease, WaitMs: wait, Priority: int32(w.rand.IntN(3)) - 1,
			Card: &logv1.Card{Identity: fmt.Sprint(lease)},
		}}
	case 26, 27:
		cmd.Body = &logv1.Command_Resign{Resign: &logv1.Resign{Name: name, Term: w.pick(w.tokens), To: []string{"", "3"}[w.rand.IntN(2)]}}
	case 28, 29:
		cmd.Body = &logv1.Command_CancelCampaign{CancelCampaign: &logv1.CancelCampaign{Name: name, Ticket: w.pick(w.tickets), LeaseId: lease}}
	case 30:
		cmd.Body = &logv1.Command_HandOver{HandOver: &logv1.HandOver{Name: name, Reason: "walk", Actor: "test"}}
	case 31:
		cmd.Body = &logv1.Command_Proclaim{Proclaim: &logv1.Proclaim{Name: name, Term: w.pick(w.tokens), Value: []byte("v")}}
	}
	return w.identified(cmd)
}

// identified gives some commands a request id, and now and then sends the last
// one of a client again instead.
func (w *walker) identified(cmd *logv1.Command) *logv1.Command {
	client := fmt.Sprint("client-", w.rand.IntN(3))
	last := w.sent[client]
	switch w.rand.IntN(6) {
	case 0:
		if last != nil {
			return last
		}
	case 1, 2:
		sequence := last.GetRequestId().GetSequence() + 1
		cmd.RequestId = &logv1.RequestId{Client: client, Sequence: sequence, DoneBelow: max(sequence, 3) - 2}
		w.sent[client] = cmd
	}
	return cmd
}

// pick returns one of the last few numbers, or one that was never given.
func (w *walker) pick(from []int64) int64 {
	if len(from) == 0 || w.rand.IntN(10) == 0 {
		return 1 << 40
	}
	last := from[max(0, len(from)-6):]
	return last[w.rand.IntN(len(last))]
}

// step applies a command, now and then after some time, and lets the leader
// expire what is due, but not always at once and not always all of it.
func (w *walker) step(cmd *logv1.Command) {
	w.Helper()
	w.clock += recipes.Clock(w.rand.Int64N(120))
	w.apply(cmd)
	if due, found := recipes.NextDue(w.state.Reader(walkNamespace)); found && due <= w.clock && w.rand.IntN(3) > 0 {
		w.apply(&logv1.Command{NamespaceId: uint32(walkNamespace), Body: &logv1.Command_ExpireTimers{
			ExpireTimers: &logv1.ExpireTimers{Limit: w.rand.Int32N(3)},
		}})
	}
	if w.rand.IntN(50) == 0 {
		w.state.Reopen(walkNamespace)
	}
}

func (w *walker) apply(cmd *logv1.Command) *logv1.Result {
	w.Helper()
	before := w.state.Reader(walkNamespace).Revision()
	result, events := w.state.Apply(cmd, w.clock, int64(w.clock))
	after := recipes.Revision(result.GetRevision())
	if !result.GetReplayed() && (after < before || after > before+1) {
		w.Fatalf("%v took the revision from %d to %d", cmd, before, after)
	}
	if result.GetRefusal() != nil && len(events) > 0 {
		w.Fatalf("%v was refused and told %v", cmd, events)
	}
	if !result.GetReplayed() {
		w.noteResult(result)
	}
	w.noteEvents(events)
	w.checkMutexes()
	w.checkElections()
	w.checkPossessions()
	return result
}

func (w *walker) noteResult(result *logv1.Result) {
	for _, ticket := range []int64{result.GetAcquireMutex().GetTicket(), result.GetCampaign().GetTicket()} {
		if ticket != 0 {
			w.tickets = append(w.tickets, ticket)
		}
	}
}

// noteEvents checks what subscribers are told.
func (w *walker) noteEvents(events []*logv1.Event) {
	w.Helper()
	for _, event := range events {
		name, _ := bodyOf(event)
		w.kinds[string(name)+" "+event.GetLost().GetCause()]++
		if event.GetTicket() != nil {
			w.kinds[event.GetTicket().GetOutcome().String()]++
		}
		switch body := event.GetBody().(type) {
		case *logv1.Event_Mutex:
			w.noteGrant("mutex "+body.Mutex.GetName(), body.Mutex.GetHold().GetToken())
		case *logv1.Event_Election:
			if leader := body.Election.GetLeader(); leader.GetRevision() == leader.GetTerm() {
				w.noteGrant("election "+body.Election.GetName(), leader.GetTerm())
			}
		case *logv1.Event_Ticket:
			// Guarantee M5: a wait ends in exactly one way.
			if w.ended[body.Ticket.GetTicket()] {
				w.Fatalf("ticket %d ended twice: %v", body.Ticket.GetTicket(), body.Ticket)
			}
			w.ended[body.Ticket.GetTicket()] = true
		}
	}
}

// noteGrant checks promise R2: each token is larger than the one before.
func (w *walker) noteGrant(name string, token int64) {
	w.Helper()
	if token == 0 {
		return
	}
	if token <= w.granted[name] {
		w.Fatalf("%s was granted with token %d after %d", name, token, w.granted[name])
	}
	w.granted[name] = token
	w.tokens = append(w.tokens, token)
}

// clearAway ends all sessions and lets two days pass: then nothing is stored.
// What were left would be left for ever.
func (w *walker) clearAway() {
	w.Helper()
	for lease := range int64(walkSessions) {
		w.apply(&logv1.Command{NamespaceId: uint32(walkNamespace), Body: &logv1.Command_RevokeLease{
			RevokeLease: &logv1.RevokeLease{LeaseId: lease + 1},
		}})
	}
	for range 4 {
		w.clock += 12 * 60 * 60 * 1000
		w.apply(&logv1.Command{NamespaceId: uint32(walkNamespace), Body: &logv1.Command_ExpireTimers{
			ExpireTimers: &logv1.ExpireTimers{Limit: 1_000_000},
		}})
	}
	for table := range keys.Table(0xFF) {
		for _, rec := range w.state.Records(walkNamespace, table) {
			w.Errorf("table %#x still has %x", table, rec.Key)
		}
	}
	for _, ticket := range w.tickets {
		if !w.ended[ticket] {
			w.Errorf("ticket %d never ended", ticket)
		}
	}
}

// checkReach fails a walk that did not come by what it is there for.
func (w *walker) checkReach() {
	w.Helper()
	for _, kind := range []string{
		"TICKET_OUTCOME_GRANTED", "TICKET_OUTCOME_TIMED_OUT", "TICKET_OUTCOME_CANCELED",
		"TICKET_OUTCOME_SESSION_LOST", "lost broken", "lost handed over", "lost session expired", "lost session closed",
	} {
		if w.kinds[kind] == 0 {
			w.Errorf("the walk met no %q: %v", kind, w.kinds)
		}
	}
}
