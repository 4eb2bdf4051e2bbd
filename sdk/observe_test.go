package conclave

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
)

// briefElection ends each stream after what it has to tell in it.
type briefElection struct {
	conclavev1connect.UnimplementedElectionServiceHandler
	streams [][]*conclavev1.Leader
	opened  int
}

func (b *briefElection) ObserveElection(_ context.Context, _ *conclavev1.ObserveElectionRequest, stream *connect.ServerStream[conclavev1.ObserveElectionResponse]) error {
	if b.opened == len(b.streams) {
		return refusal(connect.CodeNotFound, &conclavev1.ErrorInfo{Reason: conclavev1.ErrorReason_ERROR_REASON_NAMESPACE_NOT_FOUND})
	}
	b.opened++
	for _, leader := range b.streams[b.opened-1] {
		if err := stream.Send(&conclavev1.ObserveElectionResponse{Revision: int64(b.opened), Leader: leader}); err != nil {
			return err
		}
	}
	return nil
}

// What the beginning of another stream tells again is no change.
func TestObserveTellsChanges(t *testing.T) {
	leads := func(term int64, value string) *conclavev1.Leader {
		return &conclavev1.Leader{Term: term, Value: &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: value}}}
	}
	fake := &briefElection{streams: [][]*conclavev1.Leader{
		{nil}, {nil, leads(3, "a")}, {leads(3, "a")}, {leads(3, "b"), leads(5, "b")}, {leads(5, "b"), nil}, {nil},
	}}
	mux := http.NewServeMux()
	mux.Handle(conclavev1connect.NewElectionServiceHandler(fake))
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()

	var got []string
	for leader, err := range dial(t, []string{server.URL}).Election("e").Observe(t.Context()) {
		if err != nil {
			break
		}
		got = append(got, fmt.Sprintf("%d %s", leader.Term, leader.Value))
	}
	if want := []string{"0 ", "3 a", "3 b", "5 b", "0 "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
