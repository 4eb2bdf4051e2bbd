package conclave_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// rebirth is a namespace that a client reaches through a cutter, and that is
// deleted and created again.
type rebirth struct {
	t       *testing.T
	name    string
	between *cutter
	far     *conclave.Client // through the cutter
	near    *conclave.Client // of the namespace that is there now, without it
}

func newRebirth(t *testing.T, opts ...conclave.Option) *rebirth {
	r := &rebirth{t: t, name: strings.ToLower(rand.Text()), between: newCutter(t, endpoints[0])}
	r.create()
	opts = append(opts, conclave.WithNamespace(r.name))
	far, err := conclave.Dial(t.Context(), []string{r.between.url()}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	r.far = far
	return r
}

func (r *rebirth) create() {
	r.t.Helper()
	if _, err := dial(r.t).CreateNamespace(r.t.Context(), r.name); err != nil {
		r.t.Fatal(err)
	}
	r.near = dial(r.t, conclave.WithNamespace(r.name))
}

func (r *rebirth) again() {
	r.t.Helper()
	if err := dial(r.t).DeleteNamespace(r.t.Context(), r.name); err != nil {
		r.t.Fatal(err)
	}
	r.create()
}

func (r *rebirth) put(c *conclave.Client, keys ...string) {
	r.t.Helper()
	for _, key := range keys {
		if _, err := c.Put(r.t.Context(), key, ""); err != nil {
			r.t.Fatal(err)
		}
	}
}

// A watch that resumes does not go on in another namespace.
//
// Promise D4
func TestWatchAcrossNamespaces(t *testing.T) {
	for name, opts := range map[string][]conclave.Option{
		"shared stream": nil,
		"own stream":    {conclave.WithoutPipeline()},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			r := newRebirth(t, opts...)
			r.put(r.near, "old/2", "old/3", "old/4")
			var told []string
			var end error
			for event, err := range r.far.Watch(ctx, "", conclave.WithPrefix(), conclave.FromRevision(1)) {
				if end = err; err != nil {
					break
				}
				if told = append(told, event.KV.Key); len(told) == 3 {
					r.between.close()
					r.again()
					r.put(r.near, "new/2", "new/3", "new/4", "new/5", "new/6", "new/7")
					r.between.open()
				}
			}
			if want := []string{"old/2", "old/3", "old/4"}; !slices.Equal(told, want) {
				t.Errorf("told %v, want %v", told, want)
			}
			if !errors.Is(end, conclave.ErrNamespaceNotFound) {
				t.Errorf("it ended with %v", end)
			}
		})
	}
}

// The answer of a write is lost with its namespace. The write is sent again.
//
// Promise D5
func TestRetryAcrossNamespaces(t *testing.T) {
	for name, opts := range map[string][]conclave.Option{
		"pipeline": nil,
		"unary":    {conclave.WithoutPipeline()},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRebirth(t, opts...)
			r.put(r.far, "warm") // what it is sent over is open
			r.between.answers.close()
			done := make(chan error, 1)
			go func() {
				_, err := r.far.Put(t.Context(), "k", "v")
				done <- err
			}()
			for event, err := range r.near.Watch(t.Context(), "k", conclave.FromRevision(1)) {
				if err != nil {
					t.Fatal(err)
				}
				if event.KV.Key == "k" {
					break
				}
			}
			r.again()
			r.between.cut()
			r.between.answers.open()
			if err := <-done; !errors.Is(err, conclave.ErrNamespaceNotFound) {
				t.Errorf("it ended with %v", err)
			}
			if kv, err := r.near.Get(t.Context(), "k"); !errors.Is(err, conclave.ErrKeyNotFound) {
				t.Errorf("it took effect in another namespace: %+v, %v", kv, err)
			}
		})
	}
}

// A write is on its way while its namespace is deleted and created again.
//
// Promise D5
func TestLateWriteAcrossNamespaces(t *testing.T) {
	for name, opts := range map[string][]conclave.Option{
		"pipeline": nil,
		"unary":    {conclave.WithoutPipeline()},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRebirth(t, opts...)
			r.put(r.far, "warm")
			r.between.requests.close()
			done := make(chan error, 1)
			go func() {
				_, err := r.far.Put(t.Context(), "k", "v")
				done <- err
			}()
			<-r.between.requests.held
			r.again()
			r.between.requests.open()
			if err := <-done; !errors.Is(err, conclave.ErrNamespaceNotFound) {
				t.Errorf("it ended with %v", err)
			}
			if kv, err := r.near.Get(t.Context(), "k"); !errors.Is(err, conclave.ErrKeyNotFound) {
				t.Errorf("it took effect in another namespace: %+v, %v", kv, err)
			}
		})
	}
}

// A session does not live on as one of another namespace that has its id, and what
// it holds is not taken for what somebody holds there with the same token.
//
// Promises T5 and R3
func TestSessionAcrossNamespaces(t *testing.T) {
	r := newRebirth(t)
	ctx := t.Context()
	const id = 4711
	lock := func(c *conclave.Client) (*conclave.Session, *conclave.Hold) {
		s := open(t, c, conclave.WithLeaseID(id), conclave.WithTTL(3*time.Second))
		hold, err := s.Mutex("m").Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return s, hold
	}
	old, oldHold := lock(r.far)
	r.between.close()
	r.again()
	fresh, freshHold := lock(r.near)
	if oldHold.Token() != freshHold.Token() {
		t.Fatalf("tokens %d and %d: the test proves nothing", oldHold.Token(), freshHold.Token())
	}
	r.between.open()

	select {
	case <-old.Context().Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the session goes on")
	}
	if err := context.Cause(old.Context()); !errors.Is(err, conclave.ErrSessionLost) {
		t.Errorf("it ended with %v", err)
	}
	if err := r.far.ReleaseMutex(ctx, "m", oldHold.Token()); !errors.Is(err, conclave.ErrNamespaceNotFound) {
		t.Errorf("a release ended with %v", err)
	}
	if _, err := r.far.Txn().If(oldHold.Guard()).Then(conclave.OpPut("k", "v")).Commit(ctx); !errors.Is(err, conclave.ErrNamespaceNotFound) {
		t.Errorf("a guarded write ended with %v", err)
	}
	if m, err := r.near.GetMutex(ctx, "m"); err != nil || m.Hold == nil || m.Hold.Token != freshHold.Token() {
		t.Errorf("the other hold: %+v, %v", m, err)
	}
	if fresh.Context().Err() != nil {
		t.Errorf("the other session: %v", context.Cause(fresh.Context()))
	}
}

// All streams end with their namespace, and all calls of its client.
func TestStreamsAcrossNamespaces(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r := newRebirth(t)
	s := open(t, r.far, conclave.WithTTL(30*time.Second))
	if _, err := s.Register(ctx, conclave.Instance{Service: "web", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{}, 2)
	streams := map[string]func() error{
		"Observe": func() error {
			for _, err := range r.far.Election("e").Observe(ctx) {
				if err != nil {
					return err
				}
				began <- struct{}{}
			}
			return nil
		},
		"WatchInstances": func() error {
			for _, err := range r.far.WatchInstances(ctx, "web") {
				if err != nil {
					return err
				}
				began <- struct{}{}
			}
			return nil
		},
	}
	var running sync.WaitGroup
	for name, stream := range streams {
		running.Go(func() {
			if err := stream(); !errors.Is(err, conclave.ErrNamespaceNotFound) {
				t.Errorf("%s ended with %v", name, err)
			}
		})
	}
	for range streams {
		<-began
	}
	r.between.close()
	r.again()
	r.between.open()
	running.Wait()
	for i := range 3 {
		if _, err := r.far.Get(ctx, fmt.Sprint(i)); !errors.Is(err, conclave.ErrNamespaceNotFound) {
			t.Errorf("call %d of the old client ended with %v", i, err)
		}
	}
}

// A client learns once which namespace it is in, also when many calls begin at a
// time, and not before there is one.
func TestNamespaceAddress(t *testing.T) {
	ctx := t.Context()
	name := strings.ToLower(rand.Text())
	c := dial(t, conclave.WithNamespace(name))
	if _, err := c.Put(ctx, "k", ""); !errors.Is(err, conclave.ErrNamespaceNotFound) {
		t.Errorf("before it is made: %v", err)
	}
	made, err := c.CreateNamespace(ctx, name)
	if err != nil || made.ID == 0 || made.Address() != fmt.Sprintf("%s@%d", name, made.ID) {
		t.Fatalf("%+v, %v", made, err)
	}
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			if _, err := c.Put(ctx, fmt.Sprint(i), ""); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	same := dial(t, conclave.WithNamespace(made.Address()))
	if kv, err := same.Get(ctx, "7"); err != nil || same.Namespace() != made.Address() {
		t.Errorf("by its address: %+v, %v, %s", kv, err, same.Namespace())
	}
	other := dial(t, conclave.WithNamespace(fmt.Sprintf("%s@%d", name, made.ID+1)))
	if _, err := other.Get(ctx, "7"); !errors.Is(err, conclave.ErrNamespaceNotFound) {
		t.Errorf("by the address of another one: %v", err)
	}
}
