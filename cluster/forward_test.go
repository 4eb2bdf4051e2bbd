package cluster

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"connectrpc.com/connect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	peerv1 "github.com/conclavehq/conclave/proto/gen/conclave/peer/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/peer/v1/peerv1connect"
)

// fakePeer is a peer whose Propose is up to the test.
type fakePeer struct {
	peerv1connect.UnimplementedPeerServiceHandler
	propose func(*connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse]) error
}

func (f *fakePeer) Propose(_ context.Context, s *connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse]) error {
	return f.propose(s)
}

// newForwarderTo runs a forwarder to a server that serves f.
func newForwarderTo(t *testing.T, f *fakePeer) *forwarder {
	t.Helper()
	_, handler := peerv1connect.NewPeerServiceHandler(f)
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	client := newPeerClient(identity{ClusterID: 1, Name: "a"}, &Config{Dial: dialPeer})
	url := server.URL
	if f.propose == nil {
		server.Close() // nobody there
	}
	forwarder := newForwarder(func() peerv1connect.PeerServiceClient { return peerService(client, url) })
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { forwarder.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		client.CloseIdleConnections()
		server.Close()
	})
	return forwarder
}

// answerWith greets and gives the outcomes of each message in reverse order.
func answerWith(outcome func(*peerv1.Proposal) *peerv1.Outcome) *fakePeer {
	return &fakePeer{propose: func(s *connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse]) error {
		if err := s.Send(&peerv1.ProposeResponse{}); err != nil {
			return err
		}
		for {
			request, err := s.Receive()
			if err != nil {
				return err
			}
			answer := &peerv1.ProposeResponse{}
			for _, p := range request.GetProposals() {
				answer.Outcomes = append([]*peerv1.Outcome{outcome(p)}, answer.Outcomes...)
			}
			if err := s.Send(answer); err != nil {
				return err
			}
		}
	}}
}

// forward has the peer propose one command that may be tried again.
func forward(f *forwarder, command []byte, lost <-chan struct{}) (*logv1.Result, error) {
	group, err := f.propose(context.Background(), 2, []submission{{command: command, repeatable: true}}, lost)
	if err != nil {
		return nil, err
	}
	return group.calls[0].result, group.calls[0].err
}

// Answers find their callers in any order.
func TestForward(t *testing.T) {
	f := newForwarderTo(t, answerWith(func(p *peerv1.Proposal) *peerv1.Outcome {
		result, err := (&logv1.Result{Revision: int64(len(p.GetCommand()))}).MarshalVT()
		if err != nil {
			t.Error(err)
		}
		return &peerv1.Outcome{CallId: p.GetCallId(), Status: peerv1.Outcome_STATUS_OK, Result: result}
	}))
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			result, err := forward(f, make([]byte, i), nil)
			if err != nil || result.GetRevision() != int64(i) {
				t.Errorf("call %d: %v, %v", i, result, err)
			}
		})
	}
	callers.Wait()
}

// A caller that stops waiting does not know the outcome.
func TestForwardGiveUp(t *testing.T) {
	arrived, hold := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hold) })
	f := newForwarderTo(t, answerWith(func(*peerv1.Proposal) *peerv1.Outcome {
		close(arrived)
		<-hold
		return &peerv1.Outcome{}
	}))
	if _, err := forward(f, []byte("command"), arrived); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("error %v, want %v", err, ErrOutcomeUnknown)
	}
}

// Each way in which a peer does not apply a command says whether a retry is
// safe.
func TestForwardFailures(t *testing.T) {
	status := func(s peerv1.Outcome_Status) *fakePeer {
		return answerWith(func(p *peerv1.Proposal) *peerv1.Outcome {
			return &peerv1.Outcome{CallId: p.GetCallId(), Status: s}
		})
	}
	for _, c := range []struct {
		name string
		peer *fakePeer
		want error
	}{
		{"not the leader", status(peerv1.Outcome_STATUS_NOT_LEADER), errNotApplied},
		{"overloaded", status(peerv1.Outcome_STATUS_OVERLOADED), ErrOverloaded},
		{"unknown to the peer", status(peerv1.Outcome_STATUS_UNKNOWN), ErrOutcomeUnknown},
		{"nobody there", &fakePeer{}, errNotApplied},
		{"gone before it greets", &fakePeer{propose: func(
			*connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse],
		) error {
			return errors.New("no")
		}}, errNotApplied},
		{"gone with the command", &fakePeer{propose: func(
			s *connect.BidiStream[peerv1.ProposeRequest, peerv1.ProposeResponse],
		) error {
			if err := s.Send(&peerv1.ProposeResponse{}); err != nil {
				return err
			}
			_, err := s.Receive()
			return errors.Join(err, errors.New("gone"))
		}}, ErrOutcomeUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForwarderTo(t, c.peer)
			if _, err := forward(f, []byte("command"), nil); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			f.stop()
			if _, err := forward(f, nil, nil); !errors.Is(err, ErrStopped) {
				t.Errorf("after the stop: %v", err)
			}
		})
	}
}
