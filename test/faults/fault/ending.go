package fault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conclavehq/conclave/test/faults/rig"
)

// attempt is how the start of a node went whose data may be no good.
type attempt struct {
	node  *rig.Node
	began time.Time
	ready bool
	end   *rig.End // nil when the process has not ended by itself
}

// try starts a node and waits until it serves, has ended, or patience is over. The
// error is one of the harness.
func (s *Scene) try(ctx context.Context, n *rig.Node) (*attempt, error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := &attempt{node: n, began: time.Now()}
	if err := n.Start(within); err != nil {
		return nil, err
	}
	a.ready = n.WaitReady(within) == nil
	s.look(a)
	return a, ctx.Err()
}

// readAll has a node that serves read its whole state, so that it meets what is damaged
// there now and not at any later time.
func (s *Scene) readAll(ctx context.Context, a *attempt) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	go func() {
		select {
		case <-a.node.Exited():
			cancel()
		case <-within.Done():
		}
	}()
	_, _ = s.Cluster.Hashes(within) // whether they are equal is looked at when the run is over
	s.look(a)
	return ctx.Err()
}

// look notes whether the process has ended.
func (s *Scene) look(a *attempt) {
	ends := s.Cluster.Ends()
	for _, end := range slices.Backward(ends) {
		if end.Node == a.node.Name() && !end.At.Before(a.began) {
			a.ready, a.end = false, &end
			return
		}
	}
}

// wrongEnd tells what is wrong with how a node met data that it cannot use: it has to
// end by itself, with a sentence. It is "" when nothing is.
func (a *attempt) wrongEnd() string {
	switch {
	case a.end == nil:
		return "it neither serves nor ends"
	case a.end.Panicked:
		return fmt.Sprintf("it panicked (%s): %s", a.end.State, a.end.Said)
	case !a.end.Explained:
		return fmt.Sprintf("it ended without a sentence (%s): %s", a.end.State, a.end.Said)
	}
	return ""
}

// refusal is in the sentence of a node that found, or was told, that its data is not
// what it had.
const refusal = "was lost or this is the wrong data directory"

// wrongRefusal tells what is wrong with how a node met data that is not what it had:
// it has to end with the sentence that says so. It is "" when nothing is.
func (a *attempt) wrongRefusal() string {
	if a.ready {
		return "it serves"
	}
	if wrong := a.wrongEnd(); wrong != "" {
		return wrong
	}
	if !strings.Contains(a.end.Said, refusal) {
		return "it ended for another reason: " + a.end.Said
	}
	return ""
}
