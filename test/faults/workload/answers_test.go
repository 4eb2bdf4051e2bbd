package workload

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

func TestAlarming(t *testing.T) {
	for _, err := range []error{
		&conclave.Error{Reason: "INTERNAL"}, &conclave.Error{Reason: "UNIMPLEMENTED"},
		status.Error(codes.Internal, "conclave: the server failed"), status.Error(codes.DataLoss, "x"), status.Error(codes.Unimplemented, "x"),
	} {
		if !alarming(err) {
			t.Errorf("%v may be told", err)
		}
	}
	for _, err := range []error{
		nil, errors.New("x"), context.Canceled, &conclave.Error{Reason: "NO_QUORUM"}, &conclave.Error{Reason: "OUTCOME_UNKNOWN"},
		status.Error(codes.Internal, "stream terminated by RST_STREAM with error code: INTERNAL_ERROR"), status.Error(codes.Unavailable, "x"),
	} {
		if alarming(err) {
			t.Errorf("%v may not be told", err)
		}
	}
}

// begun is a load without workloads beside a node, and what it has recorded when read
// is called.
func begun(t *testing.T, endpoints []string) (l *Load, read func() []history.Record) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history")
	w, err := history.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	l, err = Start(t.Context(), Config{Endpoints: endpoints, History: w, Only: []history.Workload{history.Harness}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, func() []history.Record {
		t.Helper()
		l.Close()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		records, err := history.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		return records
	}
}

// That a handler failed inside is a complaint, by each client one, whether the call was
// a read or not.
func TestComplaints(t *testing.T) {
	l, read := begun(t, []string{"http://127.0.0.1:1"})
	for range 2 {
		c, err := l.patient(history.Queues)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r := c.begin(history.Txn)
			c.read(&r, &conclave.Error{Reason: "INTERNAL", Message: "its log says how"})
			c.changed(&r, &conclave.Error{Reason: "NO_QUORUM"})
		}
	}
	var said []history.Record
	for _, r := range read() {
		if r.Kind == history.Complaint {
			said = append(said, r)
		}
	}
	if len(said) != 2 || said[0].Workload != history.Queues || !strings.Contains(said[0].Reason, "its log says how") {
		t.Errorf("%+v", said)
	}
}

// What is asked last is asked until it is answered, and an error says when it is not.
func TestLastly(t *testing.T) {
	asked := 0
	err := lastly(t.Context(), func() error {
		if asked++; asked < 3 {
			return &conclave.Error{Reason: "NO_QUORUM"}
		}
		return nil
	})
	if err != nil || asked != 3 {
		t.Errorf("%v after %d times", err, asked)
	}
	refused := &conclave.Error{Reason: "NAMESPACE_NOT_FOUND"}
	if err := lastly(t.Context(), func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v, and it was refused", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lastly(over, func() error { return context.Canceled }); err == nil {
		t.Error("nothing was answered, and that is no error")
	}
}

// The last reads fail when nobody answers.
func TestLastReadsFail(t *testing.T) {
	l, _ := begun(t, []string{"http://127.0.0.1:1"})
	for name, start := range map[string]func(*Load) finish{"the leader": elections, "the instances": registry} {
		last := start(l)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if err := last(ctx); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

// A namespace is deleted only when its log has everything.
func TestIncompleteNamespaceStays(t *testing.T) {
	l, _ := begun(t, serve(t).Endpoints())
	c, err := l.dial(history.Namespaces, history.SDK, everyNode, "default", l.rng(history.Namespaces, 0))
	if err != nil {
		t.Fatal(err)
	}
	o := &namespaceOwner{client: c}
	for i, whole := range []bool{true, false} {
		o.names = i
		space := o.name() + "#1"
		if !o.insist(history.Created, space) {
			t.Fatalf("%s was not created", space)
		}
		log := l.truth(space, 1, nil)
		if !whole {
			l.pool.forget(o.name()) // the log ends early
			<-log.ended
		}
		if got := o.complete(space, log); got != whole {
			t.Errorf("%s: complete %v, want %v", space, got, whole)
		}
	}
}
