package conclave

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// A client asks which namespace it is in once, before the first call, and not at
// all where there can be no other.
func TestNamespaceIsAskedForOnce(t *testing.T) {
	for _, c := range []struct {
		given, named string
		id           uint32
		asked        int32
	}{
		{"", "", 1, 0},
		{"default", "default", 1, 0},
		{"billing@3", "billing@3", 7, 0},
		{"billing", "billing@7", 7, 1},
		{"billing", "billing", 0, 1}, // the node is older and tells no id
	} {
		var asked atomic.Int32
		node := &fakeNode{
			spaces: func(req *conclavev1.ListNamespacesRequest) (*conclavev1.ListNamespacesResponse, error) {
				asked.Add(1)
				if req.GetName() != c.given {
					t.Errorf("asked for %q, want %q", req.GetName(), c.given)
				}
				return &conclavev1.ListNamespacesResponse{Namespaces: []*conclavev1.Namespace{
					{Name: "billing", Id: 6, State: "deleting"},
					{Name: "another", Id: 5, State: "active"},
					{Name: "billing", Id: c.id, State: "active"},
				}}, nil
			},
			put: func(req *conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
				if req.GetNamespace() != c.named {
					t.Errorf("the namespace is named %q, want %q", req.GetNamespace(), c.named)
				}
				return &conclavev1.PutResponse{}, nil
			},
		}
		client := dial(t, []string{node.serve(t)}, WithNamespace(c.given))
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				if _, err := client.Put(t.Context(), "k", ""); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if asked.Load() != c.asked {
			t.Errorf("%q: asked %d times, want %d", c.given, asked.Load(), c.asked)
		}
	}
}

// While nobody says which namespace it is, calls fail as others do, and nothing has
// happened; the next one asks again.
func TestNamespaceIsNotThereYet(t *testing.T) {
	var there atomic.Bool
	node := &fakeNode{
		spaces: func(*conclavev1.ListNamespacesRequest) (*conclavev1.ListNamespacesResponse, error) {
			if !there.Load() {
				return &conclavev1.ListNamespacesResponse{}, nil
			}
			return &conclavev1.ListNamespacesResponse{Namespaces: []*conclavev1.Namespace{{Name: "a", Id: 2, State: "active"}}}, nil
		},
		put: func(*conclavev1.PutRequest) (*conclavev1.PutResponse, error) {
			if !there.Load() {
				t.Error("a write was sent to no namespace in particular")
			}
			return &conclavev1.PutResponse{}, nil
		},
	}
	c := dial(t, []string{node.serve(t)}, WithNamespace("a"))
	if _, err := c.Put(t.Context(), "k", ""); !errors.Is(err, ErrNamespaceNotFound) {
		t.Error(err)
	}
	there.Store(true)
	if _, err := c.Put(t.Context(), "k", ""); err != nil {
		t.Error(err)
	}
}
